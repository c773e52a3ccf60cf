"""The cluster and its task capacity as EMR reports them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RUNNING = "RUNNING"
"""The one state of a fleet or group that is at rest (InstanceFleetState, InstanceGroupState)."""

RESIZING = "RESIZING"
"""A fleet or group in this state accepts another resize: EMR merges the two, or does one after the other."""


class Collection(StrEnum):
    """DescribeCluster's InstanceCollectionType: a cluster has fleets or groups, for its whole life."""

    FLEET = "INSTANCE_FLEET"
    GROUP = "INSTANCE_GROUP"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNode:
    """One instance of the task capacity that is not terminated."""

    hosts: tuple[str, ...]
    """Every name under which a cluster manager may know it: private DNS name, private address."""
    units: int
    """Its weighted capacity."""
    id: str = ""
    """EC2's instance id; empty while EC2 has given none, and where nobody asked."""
    group: str = ""
    """The id of its instance group; empty in a fleet."""
    on_demand: bool | None = None
    """Its market; None where nobody told."""
    running: bool = True
    """Whether EMR says that it is up; False while it is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroup:
    """One task instance group, in instances."""

    id: str
    state: str
    """EMR's own word (InstanceGroupState)."""
    on_demand: bool
    """Its market, for its whole life; otherwise spot."""
    target: int
    provisioned: int

    @property
    def usable(self) -> bool:
        """Whether it takes another size. ARRESTED, SUSPENDED, RECONFIGURING and unknown states do not."""
        return self.state in {RUNNING, RESIZING}

    @property
    def stopped(self) -> bool:
        """Whether EMR has given up on it, after bootstrap failures for example: it gets nothing more by itself."""
        return self.state in {"SUSPENDED", "ARRESTED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The task capacity of a cluster, in capacity units (weights, not instances); a group's unit is an instance.

    `id` is None when the cluster has no task fleet yet: the first scale out creates it.
    """

    at: float
    id: str | None
    collection: Collection
    state: str
    """EMR's own word; one that we do not know is kept as it is and is not settled."""
    target_on_demand: int
    target_spot: int
    provisioned_on_demand: int
    provisioned_spot: int
    largest_unit: int = 1
    """The largest weight of its instance types: EMR may overshoot a target by one less than this."""
    nodes: tuple[FleetNode, ...] | None = None
    """None when the instances were not listed; not the same as no instances."""
    groups: tuple[TaskGroup, ...] = ()
    """The task groups that it is the sum of, in the order in which they are filled; empty for a fleet. Of a stopped
    group the sum counts what it holds, as asked for and as there, unless all are stopped."""
    has_core: bool | None = None
    """Whether the cluster has a core fleet or group at all, by the same list; None where nobody told."""

    @property
    def target(self) -> int:
        return self.target_on_demand + self.target_spot

    @property
    def provisioned(self) -> int:
        return self.provisioned_on_demand + self.provisioned_spot

    @property
    def shortfall(self) -> int:
        """Units asked for and not there: information, not an error."""
        return max(0, self.target - self.provisioned)

    @property
    def draining(self) -> bool:
        """Whether more is there than asked for, and than weights explain: it is on its way out."""
        return self.provisioned - self.target >= self.largest_unit

    @property
    def settled(self) -> bool:
        """Whether it can take a new target and has reached the last one. Unknown states are not settled.

        The state alone does not tell: right after a resize it may still read RUNNING.
        """
        if self.id is None:
            return True
        overshoot = self.provisioned - self.target
        return self.state == RUNNING and 0 <= overshoot < self.largest_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """DescribeCluster and the policies of EMR's own that act on the same capacity."""

    at: float
    id: str
    name: str
    state: str
    created_at: float
    collection: Collection
    termination_protected: bool
    foreign_scaler: str | None
    """Why the agent must only observe: `managed scaling policy`, `automatic scaling policy`; None when neither."""
    terminate_at: float | None = None
    """Its hard deadline by its own tag, Unix seconds; None without one."""

    @property
    def resizable(self) -> bool:
        """ModifyInstanceFleet is refused in every other state."""
        return self.state in {"RUNNING", "WAITING"}

    @property
    def ending(self) -> bool:
        return self.state in {"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"}
