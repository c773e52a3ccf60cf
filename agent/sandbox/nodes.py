"""The seam between the sandbox's EMR and whatever makes its instances real: for example Spark workers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One instance of a sandbox cluster, from its launch to its end. Equal and hashable by all its fields."""

    id: str
    """EMR's instance id, `ci-…`; unique in the sandbox."""
    ec2_id: str
    """`i-…`."""
    cluster_id: str
    role: str
    """MASTER, CORE or TASK."""
    market: str
    """ON_DEMAND or SPOT."""
    instance_type: str
    units: int
    """Its weighted capacity; 1 in an instance group."""


class NodePhase(StrEnum):
    """How far the host is with a machine."""

    STARTING = "starting"
    READY = "ready"
    """It can take work: only now does EMR report the instance as RUNNING."""
    FAILED = "failed"
    """It will never be ready (as a bootstrap action that fails): EMR ends it and suspends its fleet or group."""
    DRAINING = "draining"
    """Decommissioned, and still has work or blocks to move."""
    GONE = "gone"
    """Nothing of it is left: only now does EMR report the instance as TERMINATED."""


class NodeHost(Protocol):
    """Makes machines real.

    Every method is called from one thread only, the sandbox's clock thread, and never under a lock. The clock
    stands still while a method runs, so each returns promptly (well under a second) and leaves the rest to
    `phase`. Nothing may be raised for the world's faults: a machine that cannot be made real is FAILED.
    """

    def launch(self, machine: Machine) -> str:
        """Begin to make it real. The answer is its private address (`127.0.1.x` for a process on this machine),
        which ListInstances reports from now on, also as the host part of its private DNS name when it is a name.
        """

    def phase(self, machine: Machine) -> NodePhase:
        """Asked at every tick (some twenty a second) of each launched machine that is not gone: keep it cheap."""

    def idle(self, machines: Collection[Machine]) -> frozenset[str]:
        """The ids of those that hold no work now. Asked only when a scale-in has to choose; empty when not known."""

    def decommission(self, machine: Machine) -> None:
        """Begin to drain it: no new work, the present work ends or moves. Its phase becomes GONE when that is over."""

    def terminate(self, machine: Machine) -> None:
        """End it now, drained or not, ready or not. Its phase becomes GONE soon after. May be called twice."""
