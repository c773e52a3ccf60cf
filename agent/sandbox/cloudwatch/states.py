"""The state that datapoints give an alarm, by CloudWatch's documented rules. Pure.

Sources: "Configuring how CloudWatch alarms treat missing data" and "Avoiding premature transitions to alarm state" in
CloudWatch's user guide. The guide gives the evaluation range only by example: 5 datapoints for 3 evaluation periods.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

EXTRA_DATAPOINTS = 2
"""How many more datapoints are looked at than there are evaluation periods, after the guide's example."""


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


def state_of(
    points: Sequence[bool | None], *, to_alarm: int, periods: int, missing: MissingData, current: State
) -> State:
    """`points` are the datapoints of the evaluation range, the oldest first: breaching or not, None when there is
    none. `to_alarm` of `periods` datapoints must breach.
    """
    there = [point for point in points if point is not None]
    if len(there) >= periods:
        return _counted(sum(there[-periods:]), to_alarm)
    filled = periods - len(there)
    match missing:
        case MissingData.BREACHING:
            return _counted(sum(there) + filled, to_alarm)
        case MissingData.NOT_BREACHING:
            return _counted(sum(there), to_alarm)
    if sum(there) >= to_alarm:
        return State.ALARM
    if not all(there):
        return State.OK
    if missing is MissingData.IGNORE:
        return current
    return State.ALARM if _lasting(points, to_alarm) else State.INSUFFICIENT_DATA


def _counted(breaching: int, to_alarm: int) -> State:
    return State.ALARM if breaching >= to_alarm else State.OK


def _lasting(points: Sequence[bool | None], to_alarm: int) -> bool:
    """Nothing but breaching and missing data, and the oldest that breaches is `to_alarm` datapoints old: waiting for
    the datapoints that never come would keep the alarm silent."""
    oldest = next((age for age, point in zip(range(len(points), 0, -1), points, strict=True) if point), 0)
    return oldest >= to_alarm
