"""What the simulated cluster is made of: sizes, delays, shortages, faults. Pure values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Shuffle(StrEnum):
    """Where shuffle output lives, and so what it pins."""

    SERVICE = "service"
    """On the node (the external shuffle service): executors go when idle, and a node that goes takes it along."""
    TRACKING = "tracking"
    """With the executor (`spark.dynamicAllocation.shuffleTracking.enabled`): it stays until its job ends."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `begins` until before `ends`, seconds since the workload began."""

    begins: float
    ends: float

    def covers(self, at: float) -> bool:
        return self.begins <= at < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong between the agent and the world."""

    work_factor: float | None = 1.0
    """What the remaining work is multiplied with before the agent hears of it; None: it never hears of it."""
    stale: Sequence[Span] = ()
    """While one lasts, the cluster manager and Spark say nothing new."""
    throttled_share: float = 0.0
    """Of all calls to EMR, how many are turned down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One capacity unit is one node. Times in seconds, memory in MB of 2**20 bytes."""

    core_nodes: int = 2
    node_memory_mb: float = 54_272.0
    """Memory that YARN gives out on a node; this is an r7g.2xlarge on EMR."""
    executor_memory_mb: float = 6_656.0
    executor_cores: int = 1
    """Tasks that an executor runs at once."""
    max_executors: int = 240
    """Of one job (`spark.dynamicAllocation.maxExecutors`)."""
    backlog_s: float = 1.0
    """`spark.dynamicAllocation.schedulerBacklogTimeout`: requests grow by 1, 2, 4, … executors so often."""
    idle_s: float = 60.0
    """`spark.dynamicAllocation.executorIdleTimeout`."""
    start_s: float = 3.0
    """From a container that is given out to an executor that takes tasks."""
    shuffle: Shuffle = Shuffle.SERVICE
    max_running_apps: int | None = None
    """What the queue lets run at once; the rest waits, whatever is free."""
    launch_s: float = 75.0
    """From an order to an instance that runs and is billed."""
    provisioning_s: float = 300.0
    """From an order to a node that takes containers; mean of a normal distribution."""
    provisioning_spread_s: float = 40.0
    leave_s: float = 60.0
    """From a node without containers that drains to the end of its bill."""
    drain_timeout_s: float = 3600.0
    """EMR ends a scale in after so long and kills what still runs."""
    notice_s: float = 120.0
    """Between the notice of a spot interruption and the end of the node."""
    spot_cap: Sequence[tuple[float, int]] = ()
    """From each time on, how many task nodes the market gives at most; empty: any number."""
    faults: Faults = Faults()
    turn_period_s: float = 30.0
    seed: int = 1

    @property
    def slots_per_node(self) -> int:
        return math.floor(self.node_memory_mb / self.executor_memory_mb)
