"""What was asked: hardware, spot prices, and what growth is bought as."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

STEP_S = 3600.0
"""The median is of the prices in force at such steps: a price that stood long counts more than one that did not."""

Place = tuple[str, str]
"""Instance type and availability zone."""
Changes = Iterable[tuple[float, float]]
"""Since when a price was in force, Unix seconds, and how much it was, USD an hour; in any order."""


@dataclass(frozen=True, slots=True)
class Hardware:
    memory_mb: int
    """MiB of the whole instance."""
    vcpus: int


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """USD an hour for one instance, without EMR's fee."""

    latest: float
    median: float
    """Over the time that was asked for, as far as it is known."""

    @classmethod
    def of(cls, changes: Changes, now: float, hours: float) -> Self | None:
        """None without any price that was in force by now."""
        known = sorted(change for change in changes if change[0] <= now)
        if not known:
            return None
        steps = (now - number * STEP_S for number in range(max(1, int(hours * 3600 / STEP_S))))
        return cls(known[-1][1], statistics.median(_in_force(known, steps)))


@dataclass(frozen=True, slots=True)
class Capacity:
    """What growth is bought as."""

    weights: Mapping[str, int]
    """Capacity units that one instance gives, by type."""
    zone: str | None
    """The cluster's; None while EMR has not said it."""


def _in_force(known: list[tuple[float, float]], steps: Iterable[float]) -> Iterator[float]:
    """The price at each step at which there was one; `known` is sorted. The first step is never without."""
    for at in steps:
        earlier = [usd for since, usd in known if since <= at]
        if not earlier:
            return
        yield earlier[-1]
