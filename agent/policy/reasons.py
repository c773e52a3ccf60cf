"""The codes of all reasons that policies and guards give. They are constant: count and filter by them."""

from __future__ import annotations

from enum import StrEnum

from agent.domain.decisions import Because


class Why(StrEnum):
    # what a rule says
    SIGNAL_MISSING = "signal-missing"
    SIGNAL_STALE = "signal-stale"
    NOT_BREACHING = "not-breaching"
    COUNTING_OUT = "counting-towards-scale-out"
    COUNTING_IN = "counting-towards-scale-in"
    BREACHED = "breached"
    NOTHING_LEFT = "nothing-left-to-remove"
    IDLE_HEADROOM = "idle-headroom"
    # what the policies of demand say
    AVERAGING = "averaging"
    BALANCED = "balanced"
    MEMORY_PENDING = "memory-pending"
    MEMORY_FREE = "memory-free"
    LOAD_UNKNOWN = "load-unknown"
    WORK_LEFT = "work-left"
    WORK_SHORT = "work-too-short"
    WORK_FITS = "work-fits"
    SLOTS_FREE = "slots-free"
    NO_DEMAND = "no-demand"
    # what requests say
    REQUESTED = "requested"
    REQUEST_MET = "request-met"
    # what the limits say
    BELOW_MINIMUM = "below-minimum"
    ABOVE_MAXIMUM = "above-maximum"
    # what the watchdog says
    GRACE = "grace-period"
    BUSY = "busy"
    IDLE_COUNTING = "counting-idle"
    IDLE = "idle"
    DEADLINE = "deadline"
    DEADLINE_AHEAD = "deadline-ahead"
    NOTICE_RUNNING = "notice-running"
    ZERO_CORE = "zero-core"
    ZERO_CORE_COUNTING = "counting-zero-core"
    ORDERED = "ordered"
    # what became of the other proposals
    NO_POLICY = "no-policy"
    BESIDE = "beside"
    OVERRULED = "overruled"
    # what guards add
    CLUSTER_UNKNOWN = "cluster-unknown"
    FOREIGN_SCALER = "foreign-scaler"
    NOT_LEADER = "not-leader"
    PRIMARY_INTERRUPTED = "primary-interrupted"
    UNHEARD = "unheard"
    PAUSED = "paused"
    ENDING = "termination-in-progress"
    NOT_RESIZABLE = "cluster-not-resizable"
    RIGHT_MISSING = "right-missing"
    FLEET_UNKNOWN = "fleet-unknown"
    FLEET_CHANGED = "fleet-changed"
    FLEET_STATE = "fleet-state"
    NOT_SETTLED = "not-settled"
    REFUSED = "refused-before"
    UNKNOWN_RULE = "unknown-rule"
    BLIND = "blind"
    QUEUE_LIMITED = "queue-limited"
    MEMORY_DEATHS = "memory-deaths"
    CAPACITY_LOST = "capacity-lost"
    MINIMUM_LIFE = "minimum-life"
    HDFS_TRANSFERS = "hdfs-transfers"
    HEAP_PRESSURE = "heap-pressure"
    COOLDOWN = "cooldown"
    WORK_UNKNOWN = "running-work-unknown"
    RUNNING_WORK = "running-work"
    APPLICATION_MASTER = "application-master"
    SHUFFLE_HELD = "shuffle-held"
    # what answers a spot market that does not fill
    SPOT_SHORTAGE = "spot-shortage"
    DEMAND_GONE = "demand-gone"
    OTHER_MARKET = "other-market"
    MONEY_CAP = "money-cap"
    PRICE_UNKNOWN = "price-unknown"
    NO_GROUP = "no-group"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    EMPTY_HISTORY = "empty-history"
    PROTECTED = "termination-protected"
    NOT_IDLE = "not-idle"
    CLAIMED = "claimed"
    ORDERS_UNKNOWN = "orders-unknown"
    # advice: what no number of nodes cures
    EXECUTORS_TOO_SMALL = "executors-too-small"
    EXECUTORS_TOO_LARGE = "executors-too-large"
    CONTAINERS_TOO_LARGE = "containers-too-large"


CONTEXT = frozenset({Why.BESIDE, Why.OVERRULED})
"""Codes of the reasons that another policy gave beside the one that won."""


def own(because: Because) -> Because:
    """The reasons of the decision itself, without what others said beside it."""
    return tuple(reason for reason in because if reason.code not in CONTEXT)


def text(because: Because) -> str:
    """The same in words, for a log line or a table."""
    return "; ".join(reason.text for reason in own(because))
