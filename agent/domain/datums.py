"""Numbers on their way out: distributions, units and datums, in CloudWatch's sense."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

Dimensions = tuple[tuple[str, str], ...]
"""Dimension names and values, in the order in which they are published."""


class Unit(StrEnum):
    """The units of CloudWatch that Tidemark publishes (StandardUnit of PutMetricData)."""

    PERCENT = "Percent"
    BYTES = "Bytes"
    COUNT = "Count"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    COUNT_PER_SECOND = "Count/Second"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class Distribution:
    """Distinct values in ascending order, each with how often it was seen (CloudWatch: Values and Counts).

    Never empty; every value is finite and every count at least 1.
    """

    values: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.values or len(self.values) != len(self.counts):
            raise ValueError(f"{len(self.values)} values against {len(self.counts)} counts")
        if not all(math.isfinite(value) for value in self.values) or min(self.counts) < 1:
            raise ValueError("values must be finite and counts at least 1")

    @classmethod
    def of(cls, samples: Iterable[float]) -> Self:
        """Every sample counted under its own value. Raises ValueError when there is none."""
        seen = sorted(Counter(samples).items())
        return cls(tuple(value for value, _ in seen), tuple(count for _, count in seen))

    @property
    def sample_count(self) -> int:
        return sum(self.counts)

    @property
    def sum(self) -> float:
        return math.fsum(value * count for value, count in zip(self.values, self.counts, strict=True))

    @property
    def minimum(self) -> float:
        return self.values[0]

    @property
    def maximum(self) -> float:
        return self.values[-1]

    @property
    def average(self) -> float:
        return self.sum / self.sample_count

    def percentile(self, percent: float) -> float:
        """The smallest value with at least `percent` of the samples at or below it (nearest rank)."""
        rank = math.ceil(self.sample_count * percent / 100)
        seen = 0
        for value, count in zip(self.values, self.counts, strict=True):
            seen += count
            if seen >= rank:
                return value
        return self.maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One metric of one period, for every sink. The namespace is the sink's own setting."""

    name: str
    unit: Unit
    dimensions: Dimensions
    at: float
    """Start of the period, Unix seconds."""
    distribution: Distribution
