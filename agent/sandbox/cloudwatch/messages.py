"""What CloudWatch publishes to an SNS topic when an alarm changes its state."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import botocore.session

from agent.sandbox.cloudwatch.alarms import Transition
from agent.sandbox.cloudwatch.definitions import MetricAlarm
from agent.sandbox.cloudwatch.evaluator import stamp

MAX_SUBJECT = 100


def subject(transition: Transition, region: str) -> str:
    return f'{transition.new}: "{transition.alarm}" in {region_name(region)}'[:MAX_SUBJECT]


def message(transition: Transition, region: str, account: str) -> str:
    """JSON, as an alarm's SNS action sends it."""
    request = transition.request
    common = {
        "AlarmName": transition.alarm,
        "AlarmDescription": request.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp(transition.updated_at),
        "NewStateValue": transition.new,
        "NewStateReason": transition.reason,
        "StateChangeTime": stamp(transition.at),
        "Region": region_name(region),
        "AlarmArn": transition.arn,
        "OldStateValue": transition.old,
        **{name: request.get(name, []) for name in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    return json.dumps({**common, **_kind(transition)})


def _kind(transition: Transition) -> Mapping[str, Any]:
    if isinstance(transition.definition, MetricAlarm):
        return {"Trigger": _trigger(transition.request, transition.definition)}
    children = [
        {"Arn": arn, "State": {"Value": state, "Timestamp": stamp(since)}} for arn, state, since in transition.children
    ]
    return {"AlarmRule": transition.request["AlarmRule"], "TriggeringChildren": children}


def _trigger(request: Mapping[str, Any], alarm: MetricAlarm) -> Mapping[str, Any]:
    watched = {"Metrics": [_query(one) for one in request["Metrics"]]} if "Metrics" in request else _metric(request)
    return {
        **watched,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.to_alarm,
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.missing,
        "EvaluateLowSampleCountPercentile": request.get("EvaluateLowSampleCountPercentile", ""),
    }


def _metric(request: Mapping[str, Any]) -> Mapping[str, Any]:
    extended = request.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
        if extended
        else {"StatisticType": "Statistic", "Statistic": _in_capitals(request["Statistic"])}
    )
    return {
        "MetricName": request["MetricName"],
        "Namespace": request["Namespace"],
        **statistic,
        "Unit": request.get("Unit"),
        "Dimensions": _dimensions(request.get("Dimensions", ())),
    }


def _query(query: Mapping[str, Any]) -> Mapping[str, Any]:
    made = {**query, "ReturnData": query.get("ReturnData", True)}
    if "MetricStat" in query:
        metric = query["MetricStat"]["Metric"]
        named = {**metric, "Dimensions": _dimensions(metric.get("Dimensions", ()))}
        made["MetricStat"] = {**query["MetricStat"], "Metric": named}
    return made


def _dimensions(dimensions: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """With small letters, unlike everywhere else in CloudWatch."""
    return [{"value": one["Value"], "name": one["Name"]} for one in dimensions]


def _in_capitals(statistic: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", statistic).upper()


@cache
def region_name(region: str) -> str:
    """`EU (Ireland)` for `eu-west-1`: the message has the name for people, not the code."""
    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    known = {code: known["description"] for one in partitions for code, known in one["regions"].items()}
    return str(known.get(region, region)).replace("Europe (", "EU (")
