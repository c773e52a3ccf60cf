"""The observation: all that a policy may look at, at one instant, history included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.domain.fleets import Cluster, Fleet
from agent.domain.orders import Orders
from agent.domain.prices import UnitPrices
from agent.domain.readings import ClusterReading, HdfsReading
from agent.domain.requests import Request
from agent.domain.rights import MissingRight
from agent.domain.signals import Signal
from agent.domain.stages import RemainingWork

REBALANCE = "rebalance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one probe says about busyness. A probe that failed is busy, and says so in `detail`."""

    probe: str
    """Constant name: applications, steps, resize, isbusy, tasks, rest."""
    busy: bool
    detail: str
    at: float
    """When it was true, Unix seconds."""
    of: tuple[str, ...] = ()
    """Ids of the applications that it speaks for, where it does so one by one."""


@dataclass(frozen=True, slots=True)
class MemoryBalance:
    """Pending less available memory over a span of time, in capacity units of the task fleet."""

    began: float
    until: float
    unit_seconds: float

    @property
    def lasted_s(self) -> float:
        return self.until - self.began


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What is remembered of orders that the spot market did not fill."""

    short_since: float | None = None
    """Since when fewer units were there than asked for, without a break."""
    undemanded_since: float | None = None
    """Since when what waits could not use all of what is still to come, without a break."""
    began: float | None = None
    """When the last shortage was answered; None once an order has been filled since."""
    times: int = 0
    """Shortages in a row."""
    moved_units: int = 0
    """On-demand units that were bought in the place of spot."""
    groups: Mapping[str, float] = field(default_factory=dict)
    """By id of the instance groups that were short: when that was last answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """The last resize that somebody outside asked for, and that was made."""

    at: float
    until: float
    """No policy resizes the other way before."""
    scales_out: bool
    by: str
    """Who or which alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What earlier turns left behind. A fresh one, as after a restart, means caution: as in cooldown, no end."""

    started_at: float
    """When this history began, Unix seconds: the agent's start."""
    observed_at: float | None = None
    """The last turn folded in; a long gap until the next one voids every `since` below."""
    breaching_since: Mapping[str, float] = field(default_factory=dict)
    """By rule name: since when its signal has been breaching without a break."""
    resized_at: Mapping[str, float] = field(default_factory=dict)
    """By rule name: when a resize that it asked for was last applied."""
    scaled_out_at: float | None = None
    scaled_in_at: float | None = None
    resize_sent_at: float | None = None
    """The last resize that EMR took or may have taken: a fleet read before then says nothing of its effect."""
    refused_at: float | None = None
    """When EMR last refused a call of ours, or left it unknown whether it took it."""
    unsettled_since: float | None = None
    """Since when every view of the fleet has said that it is not settled."""
    provisioned: int | None = None
    """Capacity units that were there in the last turn that knew."""
    capacity_lost_at: float | None = None
    """When units were last seen to be gone that nobody gave back: a spot interruption, a node that died."""
    instances: tuple[str, ...] = ()
    """EC2 ids of the task instances that were up in the last view of them."""
    nodes_lost: int | None = None
    """How many nodes YARN counted as lost the last time it told."""
    capacity_arrived_at: float | None = None
    """When more units were last seen than the turn before."""
    vetoed_since: Mapping[str, float] = field(default_factory=dict)
    """By reason code: since when that veto on scale in has stood without a break."""
    shuffle_since: Mapping[str, float] = field(default_factory=dict)
    """By host: since when it has held shuffle files and no container, without a break."""
    memory_death_at: float | None = None
    """When an executor was last seen to have died of memory."""
    leads_since: float | None = None
    """Since when this agent has been the one to act, of several; None with one alone, and while another does."""
    manager_answered_at: float | None = None
    """When the cluster manager first answered: the grace period starts here."""
    idle_since: float | None = None
    """Since when every probe has said idle, without a break."""
    unused_since: Mapping[str, float] = field(default_factory=dict)
    """By application id: since when it has held its containers without a task or a job, without a break."""
    queue_limited_since: float | None = None
    """Since when work has waited without a break although there was room for all of it."""
    growth_sent_at: float | None = None
    """When a scale out of ours was sent of which not all has been seen to have come."""
    provisioning_s: float | None = None
    """Running mean of how long EMR took to fill our scale outs; None until one has been seen."""
    measured_at: float | None = None
    """The last turn whose load went into the means below."""
    smoothed: Mapping[str, float] = field(default_factory=dict)
    """Running means of executor slots: `pending`, `free`, and `lasting`: what waits, over the time that a node takes to
    come. Empty where the load is not known."""
    task_s: float | None = None
    """Running mean of the time that a task takes; None until one has been measured."""
    work_unknown_since: float | None = None
    """Since when nobody has known how much work is left, without a break; None while it is known."""
    unit_memory_mb: float | None = None
    """What a unit of the task fleet gave out when one of its nodes was last there; None until then."""
    balance: MemoryBalance | None = None
    """The window that the pending-memory formula averages over; None while the fleet moves."""
    shortage: Shortage = Shortage()
    notified_of: float | None = None
    """The `idle_since` or deadline for which the notice of coming termination went out."""
    notified_at: float | None = None
    """When it went out."""
    terminate_sent_at: float | None = None
    core_seen: bool = False
    """Whether a core node has ever been seen."""
    coreless_since: float | None = None
    """Since when both YARN and HDFS have said without a break that no core node is there."""
    requested: Requested | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Somebody's will that nothing be changed for a while."""

    until: float
    """Unix seconds. A pause always ends."""
    why: str
    """Who wanted it, and for what, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """What EC2 has told of the node that this agent is on: an instance's metadata tells of that instance alone."""

    seen_at: float
    """When this agent first saw it, Unix seconds."""
    action: str
    """EC2's own word for what it does to it (`terminate`, `stop`, `hibernate`), or `rebalance`: it may do so soon."""
    at: float | None
    """When EC2 does it, or, of a recommendation, when it was given; None where that cannot be read."""

    @property
    def certain(self) -> bool:
        """A recommendation to rebalance may come to nothing."""
        return self.action != REBALANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    at: float
    signals: Mapping[str, Signal]
    """By metric name, as published. A metric without a current value is absent."""
    evidence: tuple[Evidence, ...]
    fleet: Fleet | None
    """None when EMR has not told yet, or could not be asked."""
    cluster: Cluster | None
    reading: ClusterReading | None
    """The cluster manager's last answer, whatever its age."""
    history: History
    prices: UnitPrices | None = None
    """As they were last asked for; None before that, and where nobody asks."""
    shuffle: Mapping[str, float] = field(default_factory=dict)
    """By host, lower case: bytes that unfinished applications wrote there for later stages to fetch."""
    paused: Pause | None = None
    """The pause that was asked for, whether or not it is over."""
    missing: tuple[MissingRight, ...] = ()
    """The rights that AWS has denied and not given since."""
    interruption: Interruption | None = None
    """EC2's last word on the primary itself; None while there is none, and off the spot market."""
    remaining: RemainingWork | None = None
    """What Spark still has to do, whatever its age."""
    requests: tuple[Request, ...] = ()
    """What somebody outside asks for and has not been settled, expired or not."""
    orders: Orders | None = None
    """What the lifecycle's table wants, whatever its age; None where the agent works without one."""
    hdfs: HdfsReading | None = None
    """The NameNode's last answer, whatever its age."""
