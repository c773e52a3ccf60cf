"""What is to be done so that CloudWatch has the alarms that the settings ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.alarms.alarm import AnyAlarm, Subject
from agent.alarms.found import Found
from agent.alarms.requests import request

UNCOMPARED = frozenset({"Tags"})
"""DescribeAlarms does not tell them, and an update does not change them."""
DEFAULTS: Mapping[str, Any] = {"ReturnData": True}
"""What CloudWatch may leave out of its answer."""


class Step(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    NONE = "unchanged"
    TAKEN = "name taken"
    """An alarm of that name is there which somebody else has made: it is left alone."""
    LEFT_OVER = "not in the settings"
    """One of ours that the settings do not ask for."""


@dataclass(frozen=True, slots=True)
class Planned:
    step: Step
    name: str
    alarm: AnyAlarm | None
    """None for one that is left over."""
    found: Found | None
    differs: tuple[str, ...] = ()
    """The fields that a change is about."""


def plan(wanted: Iterable[AnyAlarm], there: Iterable[Found], subjects: Iterable[Subject]) -> tuple[Planned, ...]:
    """A step for each alarm that is wanted, in their order, and then for each of ours that is not."""
    by_name = {one.name: one for one in there}
    steps = [_step(alarm, by_name.pop(alarm.name, None)) for alarm in wanted]
    ours = (one for one in by_name.values() if any(one.made_for(subject) for subject in subjects))
    return (*steps, *(Planned(Step.LEFT_OVER, one.name, None, one) for one in sorted(ours, key=lambda one: one.name)))


def _step(alarm: AnyAlarm, found: Found | None) -> Planned:
    if found is None:
        return Planned(Step.CREATE, alarm.name, alarm, None)
    if not found.made_for(alarm.subject):
        return Planned(Step.TAKEN, alarm.name, alarm, found)
    asked = request(alarm)
    compared = (asked.keys() | (found.described.keys() & COMPARED)) - UNCOMPARED
    differs = tuple(sorted(key for key in compared if _plain(asked.get(key)) != _plain(found.described.get(key))))
    return Planned(Step.CHANGE if differs else Step.NONE, alarm.name, alarm, found, differs)


COMPARED = frozenset(
    {
        "ActionsSuppressor",
        "Dimensions",
        "EvaluateLowSampleCountPercentile",
        "ExtendedStatistic",
        "MetricName",
        "Metrics",
        "Namespace",
        "Period",
        "Statistic",
        "ThresholdMetricId",
        "Unit",
    }
)
"""Fields that another hand may have set and that our request leaves out: it takes them away."""


def _plain(value: Any) -> Any:
    """Without order where order means nothing, and without what is only a default."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items() if key not in DEFAULTS or part != DEFAULTS[key]}
    if isinstance(value, list):
        return sorted(map(_plain, value), key=repr) or None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
