"""What PutMetricData takes (API reference: PutMetricData, MetricDatum, Dimension). It refuses a whole request for one
bad datum, so each is judged before it is sent."""

from __future__ import annotations

import math
import re

from agent.domain.datums import Datum, Dimensions

MAX_DATUMS = 1000
"""A request."""
MAX_BODY_BYTES = 900_000
"""A request before compression; the service takes 1 MB."""
MAX_VALUES = 150
MAX_DIMENSIONS = 30
MAX_NAME = 255
MAX_DIMENSION_VALUE = 1024
LARGEST = 2.0**360
SMALLEST = 2.0**-360
"""In magnitude, zero apart: a value nearer to zero is refused as too small."""
MAX_AGE_S = 14 * 86_400.0
MAX_AHEAD_S = 2 * 3_600.0
MARGIN_S = 60.0
"""Between our judgement and the service's there are a send and two clocks."""

_TEXT = re.compile(r"[ -~]*[!-~][ -~]*")


def fault_of(datum: Datum, now: float) -> str | None:
    """Why CloudWatch would refuse this datum at `now`, as a constant word; None when it would not."""
    if not _text(datum.name, MAX_NAME):
        return "name"
    return _fault_of_dimensions(datum.dimensions) or _fault_of_time(datum.at, now) or _fault_of_values(datum)


def _fault_of_dimensions(dimensions: Dimensions) -> str | None:
    if len(dimensions) > MAX_DIMENSIONS:
        return "dimensions"
    names = [name for name, _ in dimensions]
    if len(set(names)) < len(names):
        return "dimension_twice"
    if not all(_text(name, MAX_NAME) and not name.startswith(":") for name in names):
        return "dimension_name"
    return None if all(_text(value, MAX_DIMENSION_VALUE) for _, value in dimensions) else "dimension_value"


def _fault_of_time(at: float, now: float) -> str | None:
    if not math.isfinite(at):
        return "timestamp"
    if now - at > MAX_AGE_S - MARGIN_S:
        return "past"
    return "future" if at - now > MAX_AHEAD_S - MARGIN_S else None


def _fault_of_values(datum: Datum) -> str | None:
    values, counts = datum.distribution.values, datum.distribution.counts
    if not 1 <= len(values) <= MAX_VALUES or len(counts) != len(values):
        return "values"
    if not all(value == 0 or SMALLEST <= abs(value) <= LARGEST for value in values):
        return "range"
    return None if all(1 <= count <= LARGEST for count in counts) else "counts"


def _text(text: str, longest: int) -> bool:
    """Printable ASCII with something to see in it."""
    return len(text) <= longest and _TEXT.fullmatch(text) is not None
