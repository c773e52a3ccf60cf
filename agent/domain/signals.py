"""Signals: numbers that a policy may act on, with the time at which they were true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from agent.domain.datums import Distribution

ITERATOR_AGE = "KinesisIteratorAge"
REMOTE_SIGNALS = frozenset({ITERATOR_AGE})
"""Those that come from CloudWatch, minutes after they were true."""
REMOTE_AGE_S = 300.0
"""How old these may be where a rule does not say otherwise: a minute's point comes one to three minutes after it."""


class Statistic(StrEnum):
    """How a distribution becomes one number; the names are CloudWatch's."""

    AVERAGE = "Average"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"
    SUM = "Sum"
    P50 = "p50"
    P90 = "p90"
    P99 = "p99"


@dataclass(frozen=True, slots=True)
class Signal:
    """The statistics of one metric at one time. All of `Statistic` are present."""

    at: float
    values: Mapping[Statistic, float]

    @classmethod
    def of(cls, at: float, distribution: Distribution) -> Self:
        return cls(
            at,
            {
                Statistic.AVERAGE: distribution.average,
                Statistic.MINIMUM: distribution.minimum,
                Statistic.MAXIMUM: distribution.maximum,
                Statistic.SUM: distribution.sum,
                Statistic.P50: distribution.percentile(50),
                Statistic.P90: distribution.percentile(90),
                Statistic.P99: distribution.percentile(99),
            },
        )

    def rounded(self) -> Self:
        """The same signal with six significant digits, as the journal keeps it: what is decided on is what is kept."""
        return replace(self, values={statistic: float(f"{value:.6g}") for statistic, value in self.values.items()})
