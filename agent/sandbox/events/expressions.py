"""The expressions of EventBridge Scheduler: when one fires next. Pure.

Forms and time zones: EventBridge Scheduler User Guide, "Schedule types". A rate without a start date fires for the
first time at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, CroniterError, croniter

UNITS_S = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
PRECISION_S = 60.0
"""A one-time schedule whose time is longer past when it is made never fires: a guess, the guide does not say."""

_FORM = re.compile(r"(?P<kind>at|rate|cron)\((?P<inside>.*)\)")
_DAY_OF_WEEK = re.compile(r"(?<![#/\d])([1-7])(?!\d)")
_CRON_FIELDS = 6


class BadExpression(ValueError):
    """The text says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    expression: str
    zone: str = "UTC"
    made_at: float
    begin: float | None = None
    end: float | None = None

    @property
    def once(self) -> bool:
        return self.expression.startswith("at(")

    def following(self, after: float) -> float | None:
        """The first time later than `after` at which it fires; None when there is none. Raises BadExpression."""
        kind, inside = _parts(self.expression)
        found = _KINDS[kind](self, inside, after)
        return None if found is None or (self.end is not None and found > self.end) else found

    def _at(self, inside: str, after: float) -> float | None:
        zone = _zone(self.zone)
        try:
            when = datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).timestamp()
        except ValueError as error:
            raise BadExpression(f"at({inside}) should be at(yyyy-mm-ddThh:mm:ss)") from error
        return when if when > after and when > self.made_at - PRECISION_S else None

    def _rate(self, inside: str, after: float) -> float | None:
        count, _, unit = inside.partition(" ")
        period_s = UNITS_S.get(unit.removesuffix("s"), 0.0) * int(count if count.isascii() and count.isdigit() else 0)
        if not period_s:
            raise BadExpression(f"rate({inside}) should be a positive number and minutes, hours or days")
        base = self.made_at if self.begin is None else self.begin
        passed = max(0, int((after - base) // period_s) + 1) if after >= base else 0
        return base + passed * period_s

    def _cron(self, inside: str, after: float) -> float | None:
        since = max(after, self.made_at, -float("inf") if self.begin is None else self.begin - 1)
        begin, fields = datetime.fromtimestamp(since, _zone(self.zone)), _five_and_year(inside)
        try:
            found = croniter(fields, begin)
            return float(found.get_next(datetime).timestamp())
        except CroniterBadDateError:
            return None
        except (CroniterError, ValueError) as error:
            raise BadExpression(f"cron({inside}): {error}") from error


_KINDS: dict[str, Callable[[Timetable, str, float], float | None]] = {
    "at": Timetable._at,
    "rate": Timetable._rate,
    "cron": Timetable._cron,
}


def _parts(expression: str) -> tuple[str, str]:
    found = _FORM.fullmatch(expression.strip())
    if found is None:
        raise BadExpression(f"{expression!r} should be at(...), rate(...) or cron(...)")
    return found["kind"], found["inside"].strip()


def _five_and_year(inside: str) -> str:
    """In croniter's order, which has seconds before the year and counts the days of the week from 0."""
    fields = inside.split()
    if len(fields) != _CRON_FIELDS:
        raise BadExpression(f"cron({inside}) should have {_CRON_FIELDS} fields, the last one is the year")
    minute, hour, day, month, weekday, year = fields
    if "?" not in (day, weekday):
        raise BadExpression(f"cron({inside}) should have ? as day of the month or as day of the week")
    if "W" in day:
        raise BadExpression(f"cron({inside}): the sandbox knows no nearest weekday")
    weekday = _DAY_OF_WEEK.sub(lambda found: str(int(found[1]) - 1), weekday)
    last = re.fullmatch(r"(\d)L", weekday)
    weekday = f"L{last[1]}" if last else weekday
    return " ".join(("*" if field == "?" else field) for field in (minute, hour, day, month, weekday, "0", year))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadExpression(f"there is no time zone {name!r}") from error


def instant(value: object) -> float | None:
    """A timestamp of moto's: seconds, or a text."""
    if value is None or isinstance(value, (int, float)):
        return value
    found = datetime.fromisoformat(str(value))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
