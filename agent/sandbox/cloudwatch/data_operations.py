"""The operations on metrics and their data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.sandbox.cloudwatch.alarm_operations import moment
from agent.sandbox.cloudwatch.functions import ExpressionError, Value
from agent.sandbox.cloudwatch.metrics import Metric, MetricStat, metric_of, sample_of
from agent.sandbox.cloudwatch.model import Model, Operation, page
from agent.sandbox.cloudwatch.queries import Plan, check_statistic, plan_of
from agent.sandbox.cloudwatch.refusals import bad_combination, bad_value, invalid, missing
from agent.sandbox.cloudwatch.statistics import percentile_of, statistic

MAX_DATA = 1000
"""MetricDatum entries of one PutMetricData."""
MAX_VALUES = 150
"""Distinct values of one entry."""
MAX_VALUE = 2.0**360
MAX_DATAPOINTS = 1440
"""That GetMetricStatistics answers."""
METRICS_PAGE = 500
Request = Mapping[str, Any]


def put_metric_data(model: Model, request: Request) -> None:
    namespace = request["Namespace"]
    if namespace.startswith("AWS/"):
        raise bad_value("The value AWS/ for parameter Namespace is invalid.")
    data = [*request.get("MetricData", ())]
    for entity in request.get("EntityMetricData", ()):
        data.extend(entity.get("MetricData", ()))
    if not data:
        raise missing("The parameter MetricData is required.")
    if len(data) > MAX_DATA:
        raise bad_value(f"The collection MetricData must not have a size greater than {MAX_DATA}.")
    for number, datum in enumerate(data, 1):
        _check_datum(datum, f"MetricData.member.{number}")
    metrics = [metric_of(namespace, datum["MetricName"], datum.get("Dimensions", ())) for datum in data]
    now = model.clock()
    for metric, datum in zip(metrics, data, strict=True):
        model.metrics.put(metric, sample_of(datum, now))
    model.received.data(metrics, now)


def _check_datum(datum: Mapping[str, Any], path: str) -> None:
    forms = [form for form in ("Value", "Values", "StatisticValues") if datum.get(form) not in (None, [])]
    if not forms:
        raise missing(f"At least one of the parameters {path}.Value, Values and StatisticValues must be specified.")
    if len(forms) > 1:
        raise bad_combination(f"The parameters {path}.{forms[0]} and {path}.{forms[1]} are mutually exclusive.")
    _check_values(datum, path)
    _check_dimensions(datum.get("Dimensions", ()), path)


def _check_values(datum: Mapping[str, Any], path: str) -> None:
    values, counts = datum.get("Values", ()), datum.get("Counts", ())
    if len(values) > MAX_VALUES:
        raise bad_value(f"The collection {path}.Values must not have a size greater than {MAX_VALUES}.")
    if counts and len(counts) != len(values):
        raise bad_value(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    for number in _numbers(datum):
        if not math.isfinite(number) or abs(number) > MAX_VALUE:
            raise bad_value(f"The value {number} for parameter {path} is invalid.")
    if any(count < 0 for count in counts) or datum.get("StatisticValues", {}).get("SampleCount", 1) <= 0:
        raise bad_value(f"The counts of {path} must be positive.")


def _check_dimensions(dimensions: Sequence[Mapping[str, str]], path: str) -> None:
    names = [dimension["Name"] for dimension in dimensions]
    if len(set(names)) < len(names):
        raise bad_value(f"No Dimension name of {path} may be specified twice.")
    for dimension in dimensions:
        if not (dimension["Name"] + dimension["Value"]).isascii():
            raise bad_value(f"The dimension {dimension['Name']} of {path} must have only ASCII characters.")


def _numbers(datum: Mapping[str, Any]) -> Iterator[float]:
    if "Value" in datum:
        yield datum["Value"]
    yield from datum.get("Values", ())
    yield from datum.get("Counts", ())
    yield from datum.get("StatisticValues", {}).values()


def get_metric_statistics(model: Model, request: Request) -> Mapping[str, Any]:
    plain, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if not plain and not extended:
        raise bad_combination("Must specify either Statistics or ExtendedStatistics")
    for name in (*plain, *extended):
        check_statistic(name)
    begin, end, period = request["StartTime"], request["EndTime"], request["Period"]
    if begin >= end:
        raise bad_value("The parameter StartTime must be less than the parameter EndTime.")
    begins = _begins(begin, end, period)
    if len(begins) > MAX_DATAPOINTS:
        raise bad_combination(
            f"You have requested up to {len(begins)} datapoints, which exceeds the limit of {MAX_DATAPOINTS}."
        )
    metric = metric_of(request["Namespace"], request["MetricName"], request.get("Dimensions", ()))
    source = MetricStat(metric, "Average", request.get("Unit"))
    points = (_datapoint(model, source, at, at + period, (*plain, *extended)) for at in begins)
    return {"Label": metric.name, "Datapoints": [point for point in points if point]}


def _datapoint(
    model: Model, source: MetricStat, begin: float, end: float, names: Sequence[str]
) -> Mapping[str, Any] | None:
    samples = model.metrics.samples(source, begin, end)
    if not samples:
        return None
    values = {name: value for name in names if (value := statistic(samples, name)) is not None}
    point: dict[str, Any] = {name: value for name, value in values.items() if percentile_of(name) is None}
    extended = {name: value for name, value in values.items() if percentile_of(name) is not None}
    unit = samples[0].unit or "None"
    return {"Timestamp": moment(begin), "Unit": unit, **point, **({"ExtendedStatistics": extended} if extended else {})}


def _begins(begin: float, end: float, period: float) -> Sequence[float]:
    first = begin // period * period
    return [first + number * period for number in range(math.ceil((end - first) / period))]


def get_metric_data(model: Model, request: Request) -> Mapping[str, Any]:
    begin, end = request["StartTime"], request["EndTime"]
    if begin >= end:
        raise invalid("The parameter EndTime must be greater than StartTime.")
    if len(request["MetricDataQueries"]) > 500:
        raise invalid("A GetMetricData request can have at most 500 queries.")
    plan = plan_of(request["MetricDataQueries"])
    shared = max(plan.periods.values(), default=60)
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results: list[Mapping[str, Any]] = []
    for name in plan.returned:
        period = plan.periods.get(name, shared)
        try:
            value = plan.values(model.metrics, _begins(begin, end, period), period)[name]
        except ExpressionError as error:
            raise invalid(f"Error in expression: {error}") from error
        results.extend(_results(plan, name, value, newest_first))
    return {"MetricDataResults": results}


def _results(plan: Plan, name: str, value: Value, newest_first: bool) -> Iterator[Mapping[str, Any]]:
    default = plan.metrics[name].metric.name if name in plan.metrics else name
    for series in value if isinstance(value, list) else [value]:
        assert isinstance(series, Mapping), "the plan was checked"
        points = sorted(series.items(), reverse=newest_first)
        yield {
            "Id": name,
            "Label": plan.labels.get(name, default),
            "Timestamps": [moment(at) for at, _ in points],
            "Values": [one for _, one in points],
            "StatusCode": "Complete",
        }


def list_metrics(model: Model, request: Request) -> Mapping[str, Any]:
    found = [metric for metric in model.metrics.metrics() if _listed(metric, request)]
    shown, token = page(found, METRICS_PAGE, request.get("NextToken"))
    metrics = [
        {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
        }
        for metric in shown
    ]
    return {"Metrics": metrics, **({"NextToken": token} if token else {})}


def _listed(metric: Metric, request: Request) -> bool:
    has = dict(metric.dimensions)
    return (
        request.get("Namespace", metric.namespace) == metric.namespace
        and request.get("MetricName", metric.name) == metric.name
        and all(
            one["Name"] in has and one.get("Value", has[one["Name"]]) == has[one["Name"]]
            for one in request.get("Dimensions", ())
        )
    )


OPERATIONS: Mapping[str, Operation] = {
    "GetMetricData": get_metric_data,
    "GetMetricStatistics": get_metric_statistics,
    "ListMetrics": list_metrics,
    "PutMetricData": put_metric_data,
}
