"""EMR's request quotas as token buckets: per account and Region, shared by every caller."""

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

QUOTAS: Mapping[str, Quota] = {
    ALL_CALLS: Quota(25, 5),
    "AddInstanceFleet": Quota(5, 0.5),
    "AddInstanceGroups": Quota(5, 0.2),
    "DescribeCluster": Quota(10, 1),
    "ListInstanceFleets": Quota(5, 0.5),
    "ListInstanceGroups": Quota(10, 1),
    "ListInstances": Quota(10, 0.5),
    "ListSteps": Quota(10, 0.5),
    "ModifyInstanceFleet": Quota(5, 0.5),
    "ModifyInstanceGroups": Quota(5, 0.5),
    "SetTerminationProtection": Quota(5, 0.2),
    "TerminateJobFlows": Quota(10, 0.5),
}
"""The defaults of Service Quotas for Amazon EMR; an operation that is not named shares only the common bucket."""

NO_QUOTAS: Mapping[str, Quota] = {}


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
