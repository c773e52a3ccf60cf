"""What PutMetricAlarm asks for, checked by CloudWatch's rules."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.sandbox.cloudwatch.metrics import MetricStat, metric_of
from agent.sandbox.cloudwatch.queries import Plan, check_statistic, plan_of
from agent.sandbox.cloudwatch.refusals import invalid, not_in_sandbox
from agent.sandbox.cloudwatch.states import MissingData
from agent.sandbox.cloudwatch.statistics import percentile_of

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""The operators of alarms with a fixed threshold, and how a reason words them."""

HIGH_RESOLUTION_PERIODS = (10, 20, 30)
DAY_S = 86_400
MAX_METRICS = 10
"""Metrics in the expression of one alarm."""
SINGLE = "m1"
"""The id that the metric of an alarm on one metric has here."""
_OF_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit")
_NOT_HERE = (
    "ThresholdMetricId",
    "EvaluationCriteria",
    "EvaluationInterval",
    "WarmUpConfiguration",
    "ActionConfiguration",
)
_ACTION = re.compile(r"arn:[\w-]+:[\w-]+:(?P<region>[\w-]*):[^:]*:.+")


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    plan: Plan
    watched: str
    """The id, in the plan, of what is compared with the threshold."""
    period: int
    """Seconds."""
    periods: int
    to_alarm: int
    comparison: str
    threshold: float
    missing: MissingData
    few_samples_ignored: bool
    """A percentile of too few samples leaves the state as it is."""

    def breaching(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)

    @property
    def statistic(self) -> str | None:
        """None when an expression is watched."""
        source = self.plan.metrics.get(self.watched)
        return None if source is None else source.statistic


def metric_alarm_of(request: Mapping[str, Any], region: str) -> MetricAlarm:
    """Raises ServiceException when CloudWatch would refuse it, and for what is not in the sandbox."""
    for name in _NOT_HERE:
        if name in request:
            raise not_in_sandbox(name)
    if "WallClockWindow" in request.get("EvaluationWindow", {}):
        raise not_in_sandbox("WallClockWindow")
    check_actions(request, region)
    plan, watched, period = _of_metrics(request) if "Metrics" in request else _of_one_metric(request)
    periods = request.get("EvaluationPeriods")
    if periods is None:
        raise invalid("The parameter EvaluationPeriods is required.")
    _check_times(period, periods)
    to_alarm = request.get("DatapointsToAlarm", periods)
    if to_alarm > periods:
        raise invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    comparison, threshold = _comparison(request)
    return MetricAlarm(
        plan, watched, period, periods, to_alarm, comparison, threshold, _missing(request), _few_ignored(request)
    )


def check_actions(request: Mapping[str, Any], region: str) -> None:
    for name in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        for action in request.get(name, ()):
            found = _ACTION.fullmatch(action)
            if found is None:
                raise invalid(f"Invalid arn syntax: {action}")
            if found["region"] not in (region, ""):
                raise invalid(f"Invalid region {found['region']} specified. Only {region} is supported.")


def _of_one_metric(request: Mapping[str, Any]) -> tuple[Plan, str, int]:
    for name in ("MetricName", "Namespace", "Period"):
        if name not in request:
            raise invalid(f"The parameter {name} is required.")
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise invalid("Must specify exactly one of Statistic and ExtendedStatistic.")
    statistic = request.get("Statistic") or request["ExtendedStatistic"]
    check_statistic(statistic)
    if "ExtendedStatistic" in request and percentile_of(statistic) is None:
        raise invalid(f"The value {statistic} for parameter ExtendedStatistic is not supported.")
    metric = metric_of(request["Namespace"], request["MetricName"], request.get("Dimensions", ()))
    source = MetricStat(metric, statistic, request.get("Unit"))
    return Plan({SINGLE: source}, {}, (SINGLE,), {SINGLE: request["Period"]}, {}), SINGLE, request["Period"]


def _of_metrics(request: Mapping[str, Any]) -> tuple[Plan, str, int]:
    for name in _OF_ONE_METRIC:
        if name in request:
            raise invalid(f"{name} must not be given together with Metrics.")
    plan = plan_of(request["Metrics"])
    if len(plan.returned) != 1:
        raise invalid("Exactly one element of the metrics list should return data.")
    if not plan.metrics:
        raise invalid("There must be at least one metric in the Metrics list.")
    if len(plan.metrics) > MAX_METRICS:
        raise invalid(f"An alarm can have at most {MAX_METRICS} metrics.")
    periods = set(plan.periods.values())
    if len(periods) != 1:
        raise invalid("All metrics of an alarm must have the same period.")
    return plan, plan.returned[0], periods.pop()


def _check_times(period: int, periods: int) -> None:
    if period not in HIGH_RESOLUTION_PERIODS and (period <= 0 or period % 60):
        raise invalid("Period must be 10, 20, 30 or a multiple of 60.")
    bound = 7 * DAY_S if period >= 3600 else DAY_S
    if period * periods > bound:
        raise invalid(
            f"Metrics cannot be checked across more than {bound // DAY_S} day(s) (EvaluationPeriods * Period)."
        )


def _comparison(request: Mapping[str, Any]) -> tuple[str, float]:
    comparison = request["ComparisonOperator"]
    if comparison not in COMPARISONS:
        raise not_in_sandbox(f"The comparison operator {comparison}, of anomaly detection,")
    if "Threshold" not in request:
        raise invalid("The parameter Threshold is required.")
    return comparison, request["Threshold"]


def _missing(request: Mapping[str, Any]) -> MissingData:
    try:
        return MissingData(request.get("TreatMissingData", "missing"))
    except ValueError as error:
        known = ", ".join(MissingData)
        raise invalid(f"TreatMissingData {request['TreatMissingData']} is none of {known}.") from error


def _few_ignored(request: Mapping[str, Any]) -> bool:
    option = request.get("EvaluateLowSampleCountPercentile", "evaluate")
    if option not in ("evaluate", "ignore"):
        raise invalid(
            f"Option {option} is not supported. "
            "Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore."
        )
    return bool(option == "ignore")
