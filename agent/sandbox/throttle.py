"""Request quotas as token buckets: per account and Region, shared by every caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    burst: float
    """Bucket size, calls."""
    per_s: float
    """Refill, calls a second."""


ALL_CALLS = "*"


class Throttle:
    """Buckets that start full. Not thread-safe: its owner holds the lock."""

    def __init__(self, quotas: Mapping[str, Quota]) -> None:
        self._quotas = quotas
        self._levels: dict[str, tuple[float, float]] = {}

    def admit(self, operation: str, now: float) -> bool:
        """Take one token from the operation's bucket and one from the common one, or none from either."""
        names = [name for name in (operation, ALL_CALLS) if name in self._quotas]
        levels = {name: self._level(name, now) for name in names}
        admitted = all(level >= 1 for level in levels.values())
        for name, level in levels.items():
            self._levels[name] = (level - 1 if admitted else level, now)
        return admitted

    def _level(self, name: str, now: float) -> float:
        quota = self._quotas[name]
        level, at = self._levels.get(name, (quota.burst, now))
        return min(quota.burst, level + max(0.0, now - at) * quota.per_s)
