"""The agent's own counters, by name. They enter the table like any sample."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Telemetry:
    """Counts that only grow. Safe to use from every thread; names are those of `docs/metrics.md`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, by: int = 1) -> None:
        with self._lock:
            self._counts[name] += by

    def counts(self) -> Mapping[str, int]:
        """A copy, by name."""
        with self._lock:
            return dict(self._counts)
