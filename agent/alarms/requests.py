"""Alarms in the shape of PutMetricAlarm and PutCompositeAlarm. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.alarms.alarm import CLUSTER_ID, MAKER, Alarm, AnyAlarm, Composite, Query
from agent.settings_rules import Comparison

COMPARISONS: Mapping[Comparison, str] = {
    Comparison.ABOVE: "GreaterThanThreshold",
    Comparison.AT_LEAST: "GreaterThanOrEqualToThreshold",
    Comparison.BELOW: "LessThanThreshold",
    Comparison.AT_MOST: "LessThanOrEqualToThreshold",
}
RESULT = "result"
"""The id of the expression's value."""


def request(alarm: AnyAlarm) -> dict[str, Any]:
    """The whole request: what it does not say, CloudWatch forgets on an update (PutMetricAlarm, API reference)."""
    common = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "ActionsEnabled": True,
        "AlarmActions": list(alarm.topics),
        "OKActions": list(alarm.topics),
        "InsufficientDataActions": [],
        "Tags": _tags(alarm),
    }
    return common | (_composite(alarm) if isinstance(alarm, Composite) else _metric(alarm))


def _metric(alarm: Alarm) -> dict[str, Any]:
    made = {
        "EvaluationPeriods": alarm.evaluated,
        "DatapointsToAlarm": alarm.breaching,
        "Threshold": float(alarm.bound),
        "ComparisonOperator": COMPARISONS[alarm.comparison],
        "TreatMissingData": str(alarm.missing_data),
    }
    if alarm.expression is not None:
        queries = [_stat(query, alarm) for query in alarm.queries]
        return made | {
            "Metrics": [
                *queries,
                {"Id": RESULT, "Expression": alarm.expression, "Label": alarm.what, "ReturnData": True},
            ]
        }
    (query,) = alarm.queries
    made |= {
        "Namespace": alarm.namespace,
        "MetricName": query.metric,
        "Dimensions": _dimensions(alarm),
        "Period": alarm.period_s,
    }
    if query.statistic.startswith("p"):
        # CloudWatch otherwise ignores a p90 of fewer than a hundred samples: that is of a hundred executors
        return made | {"ExtendedStatistic": str(query.statistic), "EvaluateLowSampleCountPercentile": "evaluate"}
    return made | {"Statistic": str(query.statistic)}


def _stat(query: Query, alarm: Alarm) -> dict[str, Any]:
    metric = {"Namespace": alarm.namespace, "MetricName": query.metric, "Dimensions": _dimensions(alarm)}
    stat = {"Metric": metric, "Period": alarm.period_s, "Stat": str(query.statistic)}
    return {"Id": query.id, "MetricStat": stat, "ReturnData": False}


def _dimensions(alarm: Alarm) -> list[dict[str, str]]:
    return [{"Name": alarm.subject.dimension, "Value": alarm.subject.value}]


def _composite(alarm: Composite) -> dict[str, Any]:
    return {"AlarmRule": " OR ".join(f'ALARM("{name}")' for name in alarm.of)}


def _tags(alarm: AnyAlarm) -> list[dict[str, str]]:
    """For people and for bills; CloudWatch takes them on creation only. A name may hold what a tag may not."""
    made = [{"Key": "MadeBy", "Value": MAKER}]
    if alarm.subject.dimension == CLUSTER_ID:
        made.append({"Key": CLUSTER_ID, "Value": alarm.subject.value})
    return made
