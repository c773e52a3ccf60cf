"""Datums between the roll-up and their delivery: bounded in number and age, and none ends unaccounted for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import merge

from agent.domain.datums import Datum
from agent.telemetry import Telemetry

DELIVERED = "DatumsDelivered"
LOST = "DatumsLost"


@dataclass(frozen=True, slots=True)
class Held:
    key: int
    """Ascending with age: the oldest is the least."""
    since: float
    datum: Datum


class Retention:
    """Safe from every thread. Each datum is counted exactly once: delivered, or lost for a reason."""

    def __init__(self, max_datums: int, max_age_s: float, telemetry: Telemetry) -> None:
        self._max_datums = max_datums
        self._max_age_s = max_age_s
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._waiting: deque[Held] = deque()
        self._in_flight: dict[int, Held] = {}
        self._next_key = 0
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting) + len(self._in_flight)

    def add(self, datums: Sequence[Datum], now: float) -> None:
        """Keep them; where the bound is passed the oldest that are not in flight are lost."""
        with self._lock:
            if self._closed:
                self._lose(len(datums), "closed")
                return
            for datum in datums:
                self._waiting.append(Held(self._next_key, now, datum))
                self._next_key += 1
            excess = len(self._waiting) + len(self._in_flight) - self._max_datums
            dropped = min(max(0, excess), len(self._waiting))
            for _ in range(dropped):
                self._waiting.popleft()
            self._lose(dropped, "queue_full")

    def take(self, count: int, now: float) -> list[Held]:
        """The oldest, now in flight, until settled or put back; those that are too old by now are lost instead."""
        with self._lock:
            self._expire(now)
            taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
            self._in_flight.update((held.key, held) for held in taken)
            return taken

    def delivered(self, keys: Iterable[int]) -> None:
        with self._lock:
            self._telemetry.count(DELIVERED, self._settle(keys))

    def lost(self, keys: Iterable[int], reason: str) -> None:
        with self._lock:
            self._lose(self._settle(keys), reason)

    def put_back(self, keys: Iterable[int]) -> None:
        """To be tried again, before all that came later."""
        with self._lock:
            back = sorted((self._in_flight.pop(key) for key in keys if key in self._in_flight), key=_key)
            self._waiting = deque(merge(back, self._waiting, key=_key))

    def abandon(self) -> None:
        """All that is held, and all that still comes, is lost. What is in flight may have arrived: it is not known."""
        with self._lock:
            self._closed = True
            self._lose(len(self._waiting) + len(self._in_flight), "closed")
            self._waiting.clear()
            self._in_flight.clear()

    def _expire(self, now: float) -> None:
        expired = 0
        while self._waiting and now - self._waiting[0].since > self._max_age_s:
            self._waiting.popleft()
            expired += 1
        self._lose(expired, "too_old")

    def _settle(self, keys: Iterable[int]) -> int:
        return sum(self._in_flight.pop(key, None) is not None for key in keys)

    def _lose(self, count: int, reason: str) -> None:
        if count:
            self._telemetry.count(f"{LOST}.{reason}", count)


def _key(held: Held) -> int:
    return held.key
