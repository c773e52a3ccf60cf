"""What the table holds at one instant, as values: the input of the roll-up and of the signals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.domain.readings import ClusterReading, HdfsReading, NodeReading, RemoteReading
from agent.domain.roles import Role as Role
from agent.domain.stages import RemainingWork


@dataclass(frozen=True, slots=True)
class Instance:
    """One live JVM that reports, with its last values."""

    role: Role
    app: str
    """Application id; empty for a standalone master or worker, whose lines carry no identity."""
    id: str
    """Executor id, `driver`, or for a daemon its sink prefix or peer address."""
    peer: str
    """Address that its last report came from."""
    first_seen: float
    last_seen: float
    """Arrival of its first and last report, Unix seconds."""
    values: Mapping[str, float]
    """By recognised name as Spark sends it, without identity: `jvm.heap.used`, `executor.cpuTime.count`.

    Finite values only; sentinels (a maximum of −1) and an `ExecutorMetrics` before its first heartbeat are absent.
    """


@dataclass(frozen=True, slots=True)
class MemoryDeath:
    """An executor that died of memory: it counts as full until the hold is over, never as relief."""

    app: str
    executor: str
    at: float
    heap_max_bytes: float
    how: str
    """The evidence: its last report's share of the heap, or Spark's own removal reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    at: float
    instances: tuple[Instance, ...]
    memory_deaths: tuple[MemoryDeath, ...]
    """Those whose hold is not over."""
    executors_lost: int
    """Executors that fell silent while their application went on, since the agent's start; only grows."""
    cluster: ClusterReading | None
    hdfs: HdfsReading | None
    node: NodeReading | None
    counts: Mapping[str, int]
    """The agent's own counters since its start."""
    shuffle: Mapping[str, float] = field(default_factory=dict)
    """By host: bytes that the unfinished applications of which it is known have written for later stages."""
    remote: Mapping[str, RemoteReading] = field(default_factory=dict)
    """By signal: what was last heard of it, whatever its age."""
    remaining: RemainingWork | None = None
    """What running applications still have to do; None while one of them has not told."""
    new_after: float = math.inf
    """An instance first seen later than this is new, so its counters count from zero: the agent had then listened for
    two report periods. One first seen earlier, or that comes back after it fell silent, may have a past that is not
    this period's."""
