"""CloudWatch's statistics over what was received in a period. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One datum of PutMetricData: a value, values with counts, or a statistic set."""

    at: float
    count: float
    total: float
    minimum: float
    maximum: float
    values: tuple[tuple[float, float], ...] | None = None
    """Each value with how often it was seen; None when only a statistic set was sent."""
    unit: str | None = None


def of_values(at: float, values: Sequence[tuple[float, float]], unit: str | None = None) -> Sample:
    """From values with their counts, at least one."""
    count = sum(count for _, count in values)
    total = sum(value * count for value, count in values)
    seen = [value for value, _ in values]
    return Sample(at, count, total, min(seen), max(seen), tuple(values), unit)


def of_statistics(at: float, count: float, total: float, low: float, high: float, unit: str | None = None) -> Sample:
    """From a statistic set. One that can only be a single value gives percentiles too, as in CloudWatch."""
    values = ((low, count),) if low == high and count > 0 else None
    return Sample(at, count, total, low, high, values, unit)


def percentile_of(statistic: str) -> float | None:
    """90.0 for `p90`; None when it is not a percentile."""
    found = _PERCENTILE.fullmatch(statistic)
    return float(found[1]) if found else None


def sample_count(samples: Sequence[Sample]) -> float:
    return sum(sample.count for sample in samples)


def statistic(samples: Sequence[Sample], name: str) -> float | None:
    """None without samples, and for a percentile when a statistic set is among them or a value is negative
    (CloudWatch has no percentiles of those). A percentile is the smallest value with that share of the samples at
    or below it; CloudWatch's own differs from it by the width of its buckets. Raises KeyError for another name.
    """
    share = percentile_of(name)
    if not samples or sample_count(samples) <= 0:
        return None
    return PLAIN[name](samples) if share is None else _percentile(samples, share)


def _percentile(samples: Sequence[Sample], share: float) -> float | None:
    known = [sample.values for sample in samples if sample.values is not None]
    ordered = sorted(pair for values in known for pair in values)
    if len(known) < len(samples) or ordered[0][0] < 0:
        return None
    wanted, seen = share / 100 * sample_count(samples), 0.0
    for value, count in ordered:
        seen += count
        if seen >= wanted:
            return value
    return ordered[-1][0]


def _average(samples: Sequence[Sample]) -> float:
    return sum(sample.total for sample in samples) / sample_count(samples)


PLAIN: Mapping[str, Callable[[Sequence[Sample]], float]] = {
    "SampleCount": sample_count,
    "Average": _average,
    "Sum": lambda samples: sum(sample.total for sample in samples),
    "Minimum": lambda samples: min(sample.minimum for sample in samples),
    "Maximum": lambda samples: max(sample.maximum for sample in samples),
}
