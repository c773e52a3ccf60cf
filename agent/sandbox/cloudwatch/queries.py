"""MetricDataQueries, of GetMetricData and of alarms: metrics and the expressions over them, in an order that works."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from agent.sandbox.cloudwatch.expressions import Expression, parse
from agent.sandbox.cloudwatch.functions import ExpressionError, Scope, Series, Value
from agent.sandbox.cloudwatch.metrics import MetricStat, MetricStore, metric_of
from agent.sandbox.cloudwatch.refusals import invalid, not_in_sandbox
from agent.sandbox.cloudwatch.statistics import STATISTICS, percentile_of

_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_OTHER_STATISTICS = re.compile(r"(?:tm|wm|tc|ts|TM|WM|TC|TS|PR|pr)[\d(].*|IQM")


@dataclass(frozen=True, slots=True)
class Plan:
    metrics: Mapping[str, MetricStat]
    expressions: Mapping[str, Expression]
    """Each after those that it speaks of."""
    returned: tuple[str, ...]
    """The ids whose data is wanted."""
    periods: Mapping[str, int]
    """Seconds, of each metric, and of the expressions that say one."""
    labels: Mapping[str, str]

    def values(self, store: MetricStore, begins: Sequence[float], period: float) -> Mapping[str, Value]:
        """Of every metric and expression over these periods, by id. Raises ExpressionError."""
        metrics = {name: store.series(source, begins, period) for name, source in self.metrics.items()}
        return self._evaluated(metrics, begins, period)

    def check(self) -> None:
        """Raises ExpressionError when an expression cannot be evaluated, or what is returned is a number."""
        values = self._evaluated({name: dict[float, float]() for name in self.metrics}, (), 60.0)
        for name in self.returned:
            if not isinstance(values[name], (Mapping, list)):
                raise ExpressionError(f"{self.expressions[name].text!r} is not a time series")

    def _evaluated(self, metrics: Mapping[str, Series], begins: Sequence[float], period: float) -> Mapping[str, Value]:
        done: dict[str, Value] = {}
        for name, expression in self.expressions.items():
            done[name] = expression.value(Scope(begins, period, metrics, done))
        return {**metrics, **done}


def plan_of(queries: Sequence[Mapping[str, Any]]) -> Plan:
    """Raises ServiceException for queries that CloudWatch would refuse, and for functions that are not known here."""
    ids = [query["Id"] for query in queries]
    for name in ids:
        if not _ID.fullmatch(name):
            raise invalid(f"The id {name!r} must start with a small letter and have only letters, digits and _.")
    if len(set(ids)) < len(ids):
        raise invalid("The values for parameter Id in MetricDataQueries are not unique.")
    for query in queries:
        if ("MetricStat" in query) == ("Expression" in query):
            raise invalid(f"Query {query['Id']} must have exactly one of MetricStat and Expression.")
    metrics = {query["Id"]: metric_stat_of(query["MetricStat"]) for query in queries if "MetricStat" in query}
    periods = {query["Id"]: query.get("Period") or query.get("MetricStat", {}).get("Period") for query in queries}
    plan = Plan(
        metrics=metrics,
        expressions=_ordered({query["Id"]: query["Expression"] for query in queries if "Expression" in query}, metrics),
        returned=tuple(query["Id"] for query in queries if query.get("ReturnData", True)),
        periods={name: period for name, period in periods.items() if period},
        labels={query["Id"]: query["Label"] for query in queries if query.get("Label")},
    )
    try:
        plan.check()
    except ExpressionError as error:
        raise invalid(f"Error in expression: {error}") from error
    return plan


def metric_stat_of(stat: Mapping[str, Any]) -> MetricStat:
    metric = stat["Metric"]
    check_statistic(stat["Stat"])
    if not metric.get("MetricName") or not metric.get("Namespace"):
        raise invalid("A metric must have a MetricName and a Namespace.")
    made = metric_of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions", ()))
    return MetricStat(made, stat["Stat"], stat.get("Unit"))


def check_statistic(name: str) -> None:
    if name in STATISTICS or percentile_of(name) is not None:
        return
    if _OTHER_STATISTICS.fullmatch(name):
        raise not_in_sandbox(f"The statistic {name}")
    raise invalid(f"The value {name} for the statistic is not supported.")


def _ordered(texts: Mapping[str, str], metrics: Mapping[str, MetricStat]) -> Mapping[str, Expression]:
    try:
        parsed = {name: parse(text) for name, text in texts.items()}
        for name, expression in parsed.items():
            unknown = sorted(expression.names() - metrics.keys() - parsed.keys())
            if unknown:
                raise ExpressionError(f"{name} speaks of {', '.join(unknown)}, which is not in the request")
        order = TopologicalSorter({name: expression.names() for name, expression in parsed.items()}).static_order()
        return {name: parsed[name] for name in order if name in parsed}
    except ExpressionError as error:
        raise invalid(f"Error in expression: {error}") from error
    except CycleError as error:
        raise invalid("Error in expression: the expressions speak of each other in a circle") from error
