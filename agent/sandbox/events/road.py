"""The road that events take, with what can befall them on it: loss, doubles, delay and so another order. Pure."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadFaults:
    """EMR's events are delivered by best effort: some never come, some twice, some behind later ones."""

    seed: int = 0
    lost: float = 0.0
    """Fraction that never arrives."""
    doubled: float = 0.0
    """Fraction of which a second copy arrives, too."""
    late: float = 0.0
    """Fraction of the copies that are under way for a time, up to `late_s`: others overtake them."""
    late_s: float = 60.0


@dataclass(order=True)
class _Parcel(Generic[T]):
    due: float
    number: int
    item: T = field(compare=False)


class Road(Generic[T]):
    """Not thread-safe: its owner holds the lock."""

    def __init__(self, faults: RoadFaults = RoadFaults()) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)
        self._parcels: list[_Parcel[T]] = []
        self._number = 0
        self.lost = 0
        """How many never arrive."""
        self.doubled = 0

    def send(self, items: Iterable[T], now: float) -> None:
        for item in items:
            if self._random.random() < self._faults.lost:
                self.lost += 1
                continue
            self._put(item, now)
            if self._random.random() < self._faults.doubled:
                self.doubled += 1
                self._put(item, now)

    def arrived(self, now: float) -> list[T]:
        """What has come to its end by now, and was not taken before; in the order in which it comes."""
        taken = []
        while self._parcels and self._parcels[0].due <= now:
            taken.append(heapq.heappop(self._parcels).item)
        return taken

    @property
    def next_due(self) -> float | None:
        """When the next one arrives; None when nothing is under way."""
        return self._parcels[0].due if self._parcels else None

    def _put(self, item: T, now: float) -> None:
        late = self._random.random() < self._faults.late
        due = now + self._random.uniform(0, self._faults.late_s) if late else now
        self._number += 1
        heapq.heappush(self._parcels, _Parcel(due, self._number, item))
