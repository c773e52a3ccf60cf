"""The states of EMR's service model that the sandbox uses, by their own names."""

from __future__ import annotations

from enum import StrEnum


class Market(StrEnum):
    ON_DEMAND = "ON_DEMAND"
    SPOT = "SPOT"


class Role(StrEnum):
    """InstanceRoleType and InstanceFleetType."""

    MASTER = "MASTER"
    CORE = "CORE"
    TASK = "TASK"


class ClusterState(StrEnum):
    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"

    @property
    def modifiable(self) -> bool:
        return self in {ClusterState.RUNNING, ClusterState.WAITING}

    @property
    def ended(self) -> bool:
        return self in {ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS}

    @property
    def ending(self) -> bool:
        return self is ClusterState.TERMINATING or self.ended


class PoolState(StrEnum):
    """InstanceFleetState; of InstanceGroupState the part that both have."""

    PROVISIONING = "PROVISIONING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    RESIZING = "RESIZING"
    RECONFIGURING = "RECONFIGURING"
    SUSPENDED = "SUSPENDED"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class SecondResize(StrEnum):
    """What becomes of a resize that arrives while another one goes on. Both have been reported of EMR."""

    MERGED = "merged"
    """It takes the place of the first at once."""
    QUEUED = "queued"
    """It is taken, and begins when the first has ended, met or timed out. Until then the first one's targets show;
    a third takes the place of the second."""


class ZoneChoice(StrEnum):
    """Which of several subnets EMR takes for a cluster. The guide says: the best fit, all instances in one zone."""

    SUPPLIED = "supplied"
    """The first in the request whose zone sells all that is asked for; the first one when none does."""
    FIRST = "first"
    """The first in the request, whatever its zone sells: a choice that turns out bad."""


class LostPrimary(StrEnum):
    """What becomes of a cluster whose only primary instance is gone. Both have been reported of EMR."""

    ENDS = "ends"
    STAYS = "stays"
    """It is shown as before, for ever."""


class TimeoutAction(StrEnum):
    """SpotProvisioningTimeoutAction."""

    SWITCH_TO_ON_DEMAND = "SWITCH_TO_ON_DEMAND"
    TERMINATE_CLUSTER = "TERMINATE_CLUSTER"


class InstanceState(StrEnum):
    PROVISIONING = "PROVISIONING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    TERMINATED = "TERMINATED"


class StepState(StrEnum):
    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def active(self) -> bool:
        return self in {StepState.PENDING, StepState.RUNNING, StepState.CANCEL_PENDING}
