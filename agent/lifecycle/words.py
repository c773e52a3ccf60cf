"""The words of the lifecycle: phases, states, and the reasons for which a cluster is ended."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Of a cluster, as EMR has it (ClusterState), and two of our own for one that EMR still calls alive."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"
    ZERO_MASTER = "ZERO_MASTER"
    ZERO_CORE = "ZERO_CORE"


ENDED = frozenset({State.TERMINATED, State.TERMINATED_WITH_ERRORS})
ENDING = ENDED | {State.TERMINATING}
LAUNCHING = frozenset({State.STARTING, State.BOOTSTRAPPING})
READY = frozenset({State.RUNNING, State.WAITING})


class Phase(StrEnum):
    """What we make of a cluster."""

    LAUNCHING = "LAUNCHING"
    WORKING = "WORKING"
    """It runs for one owner."""
    IDLE = "IDLE"
    """Of a pool, and free."""
    CLAIMED = "CLAIMED"
    """Of a pool, and given to a job."""
    ENDING = "ENDING"
    """We have decided to end it."""
    ENDED = "ENDED"


class EndReason(StrEnum):
    IDLE = "idle"
    SURPLUS = "surplus"
    """Of a pool that has more than it needs."""
    OWNER_DONE = "owner-done"
    OWNER_FAILED = "owner-failed"
    OWNER_GONE = "owner-gone"
    TERMINATE_AFTER = "terminate-after"
    ORPHAN = "orphan"
    """Nobody knows it: its launch is not ours any more."""
    TWIN = "twin"
    """A second cluster of one launch."""
    ZERO_CORE = "zero-core"
    ZERO_MASTER = "zero-master"
    HEARTBEAT_LOST = "heartbeat-lost"
    LAUNCH_TIMEOUT = "launch-timeout"
    BY_HAND = "by-hand"


PLANNED = frozenset({EndReason.IDLE, EndReason.SURPLUS, EndReason.OWNER_DONE})
"""Ends that are no failure."""
END_SHOWS_S = 120.0
"""After so long EMR shows that a cluster is TERMINATING, had it been asked."""
LOST = frozenset({EndReason.ZERO_CORE, EndReason.ZERO_MASTER, EndReason.HEARTBEAT_LOST, EndReason.LAUNCH_TIMEOUT})
"""Ends that are nobody's fault and worth another try."""


class LaunchState(StrEnum):
    ASKED = "ASKED"
    """Somebody wants a cluster; nobody has asked EMR in this attempt."""
    CLAIMED = "CLAIMED"
    """Somebody is asking EMR, or died while asking."""
    LAUNCHED = "LAUNCHED"
    ENDED = "ENDED"
    """Its cluster has ended, and there will be no other."""
    FAILED = "FAILED"
    """No cluster came of it."""
    CANCELLED = "CANCELLED"


class JobState(StrEnum):
    REJECTED = "REJECTED"
    QUEUED = "QUEUED"
    CLAIMED = "CLAIMED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


JOB_ENDED = frozenset({JobState.REJECTED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class Retry(StrEnum):
    """When a lost cluster is launched again."""

    START = "start"
    """Until it has been ready once: then its steps may have done something."""
    LOST = "lost"
    """Also afterwards. Its steps may run a second time."""
    NEVER = "never"
