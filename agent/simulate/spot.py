"""A recorded spot market: how many units it gives, from when on."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator

COLUMNS = ("time_s", "available_units")


class NotSpotSeries(ValueError):
    """The text is no series of a spot market; says which line and why."""


def read(lines: Iterable[str]) -> tuple[tuple[float, int], ...]:
    """From CSV with the columns time_s (since the workload began, growing) and available_units; before its first time
    the market gives any number. Raises NotSpotSeries."""
    rows = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        there = ", ".join(rows.fieldnames or ()) or "nothing"
        raise NotSpotSeries(f"line 1 names {there}; the columns are {','.join(COLUMNS)}")
    found = tuple(_points(rows))
    if not found:
        raise NotSpotSeries("no line but the first: no time and no units")
    return found


def _points(rows: csv.DictReader[str]) -> Iterator[tuple[float, int]]:
    before = -math.inf
    for row in rows:
        at = _number(row, "time_s", rows.line_num)
        units = _number(row, "available_units", rows.line_num)
        if at < 0 or units < 0 or units != int(units):
            raise NotSpotSeries(f"line {rows.line_num}: {row['time_s']},{row['available_units']} is not a time from 0 "
                                "on and a whole number of units from 0 on")  # fmt: skip
        if at <= before:
            raise NotSpotSeries(f"line {rows.line_num}: {at:g} s is not after the {before:g} s of the line before")
        before = at
        yield at, int(units)


def _number(row: dict[str, str], name: str, line: int) -> float:
    text = row.get(name) or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise NotSpotSeries(f"line {line}: {name} {text!r} is no number")
    return value
