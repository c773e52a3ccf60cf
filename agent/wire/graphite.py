"""Graphite's plaintext protocol as Spark's GraphiteSink speaks it: bytes of one connection -> lines.

    line = name SP value SP epoch_seconds LF

Source: dropwizard/metrics, metrics-graphite, Graphite.java and GraphiteReporter.java: values are decimal integers,
decimals with two places, `NaN`, `Infinity` or `-Infinity`; white space inside names has become `-`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from agent.wire import refusals

MAX_REFUSALS = 1000
"""Lines of one report that may be refused or unknown before the rest is skipped: junk must stay cheap."""

MAX_LINES = 4096
"""Of one report; the rest is skipped. Spark's longest seen has 357 (a driver, unfiltered)."""

_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_NOT_FINITE = frozenset({b"nan", b"inf", b"-inf", b"+inf", b"infinity", b"-infinity", b"+infinity"})
LONGEST_STAMP = 11
LONGEST_NUMBER = 32
"""Spark's own longest is a sum of bytes with two decimals, some 26 characters; a table must not hold essays."""


class Line(NamedTuple):
    name: str
    value: float
    """May be NaN or infinite: whether that matters depends on the name."""
    text: bytes
    """The value as it was sent."""
    stamp: int
    """By the sender's clock, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one connection sent. `received` counts every line, refused ones included."""

    lines: tuple[Line, ...]
    rejected: Mapping[str, int]
    """By reason, see `agent.wire.refusals`."""
    received: int


def parse(raw: bytes, max_line_bytes: int) -> Report:
    """The sound lines of a report in their order. Never raises."""
    texts = raw.split(b"\n", MAX_LINES)
    unfinished = texts.pop()
    beyond = unfinished.count(b"\n")
    if beyond:
        unfinished = unfinished[unfinished.rindex(b"\n") + 1 :]
    rejected: Counter[str] = Counter()
    refused = 0
    lines: list[Line] = []
    for text in texts:
        line = _line(text, max_line_bytes)
        if isinstance(line, Line):
            lines.append(line)
            continue
        rejected[line] += 1
        refused += 1
        if refused >= MAX_REFUSALS:
            break
    if skipped := len(texts) + beyond - len(lines) - refused:
        rejected[refusals.SKIPPED] += skipped
    if unfinished:
        rejected[refusals.TRUNCATED] += 1
    return Report(tuple(lines), rejected, len(texts) + beyond + bool(unfinished))


def number(text: bytes) -> float | None:
    """The number that a value's text says, which may be NaN or infinite; None when it says none."""
    if len(text) > LONGEST_NUMBER:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    return math.nan if text.lower() in _NOT_FINITE else None


def _line(text: bytes, max_bytes: int) -> Line | str:
    """A line, or the reason why it is none."""
    if len(text) >= max_bytes:
        return refusals.TOO_LONG
    fields = text.split()
    if len(fields) != 3:
        return refusals.MALFORMED
    try:
        name = fields[0].decode()
    except UnicodeDecodeError:
        return refusals.NOT_UTF8
    if not name.isprintable():
        return refusals.BAD_NAME
    value = number(fields[1])
    if value is None:
        return refusals.BAD_NUMBER
    if not fields[2].isdigit() or len(fields[2]) > LONGEST_STAMP:
        return refusals.BAD_TIMESTAMP
    return Line(name, value, fields[1], int(fields[2]))
