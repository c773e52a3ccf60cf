"""What runs on a cluster, as far as the cost depends on it."""

from __future__ import annotations

from dataclasses import dataclass

HOURS_A_MONTH = 730.0
"""365 days of 24 hours, by twelve."""
DAYS_A_MONTH = HOURS_A_MONTH / 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    applications: int = 1
    """Of different names, in an hour."""
    executors: int = 100
    """At once, over all applications."""
    hours_per_day: float = 24.0
    """One cluster that is there for so long each day. Each hour in which a metric got data is billed whole."""
    shadows: int = 0
    """Shadow policies."""
    reasons: int = 5
    """Different reasons of refusals, losses and failures that occur in an hour. An assumption: nobody knows before."""
    streaming: bool = False
    process_tree: bool = False
    """Spark's `spark.executor.processTreeMetrics.enabled`."""
    dynamic_allocation: bool = True
    dashboards: int = 0

    @property
    def billed_hours(self) -> float:
        """A month, of a metric that gets data while the cluster is there."""
        whole = float(-(-self.hours_per_day // 1))
        return min(24.0, whole) * DAYS_A_MONTH
