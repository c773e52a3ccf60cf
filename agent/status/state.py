"""All that the status page tells, as data: made once a turn, written as `/state.json` field by field.

Times are Unix seconds, ages seconds. What is not known is None, never zero. `docs/status.md` is held to this module.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
"""Of the shape. A field may be added within a version; one that goes or changes its meaning makes another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How far what is told here can be relied on."""

    at: float
    """When it was true."""
    age_s: float
    """At the time of the state."""
    stale: bool
    """Too old to be acted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A decision."""

    says: str
    """hold, resize or terminate."""
    current: int | None
    """Of a resize: units before, and after."""
    target: int | None
    on_demand: int | None
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one policy said in the last turn."""

    policy: str
    shadow: bool
    """Judged beside the others; it never acts."""
    differs: bool
    """It would have done something else than what was decided."""
    decision: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision in the order of time. A hold is one entry for as long as its reasons stay the same."""

    began: float
    until: float
    """The last turn in which it was decided so."""
    turns: int
    decision: Said
    """Of a hold, as it was said last."""
    outcome: str
    """none, applied, refused, failed, postponed, dry run."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    name: str
    silent_s: float
    """Since it last came round."""
    limit_s: float
    """Silent for longer, the process is ended and started again."""
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    version: str
    cluster_id: str
    cluster_name: str
    """The stable name of the settings; empty without one."""
    region: str
    actuator: str
    policy: str
    started_at: float
    turns: int
    """Since the start."""
    turn_period_s: float
    loops: tuple[Loop, ...]
    cpu_percent: float | None
    """Of one core, all of its processes."""
    memory_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """As EMR tells of it."""

    seen: Age
    id: str
    name: str
    state: str
    collection: str
    created_at: float
    termination_protected: bool
    foreign_scaler: str | None
    """A scaler of EMR's own, beside which the agent only watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    id: str
    name: str
    """As its owner called it: any text."""
    state: str
    memory_used_bytes: float
    containers: int | None
    remaining_s: float | None
    """Work that is left in its active stages, in container-seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """The cluster manager's last answer."""

    seen: Age
    manager: str
    leader: bool
    memory_total_bytes: float
    memory_available_bytes: float
    memory_pending_bytes: float | None
    containers_pending: int | None
    nodes_active: int | None
    nodes_draining: int | None
    nodes_lost: int | None
    applications: tuple[Application, ...]
    """Unfinished ones, those that hold most first; at most 20."""
    applications_total: int | None
    unheard: tuple[str, ...]
    """Running Spark applications of which nothing reports; at most 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """Work that is left in the active stages of running applications."""

    seen: Age
    total_s: float | None
    """Container-seconds; None while some of it is not measured."""
    mean_task_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdfs:
    seen: Age
    total_load: int
    live_data_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Executors:
    seen: Age
    reporting: int
    heap: tuple[int, ...]
    """How many have so much of their heap in use: under 10 %, under 20 %, … the last one from 90 %. One that died of
    memory counts as full."""
    heap_p50: float | None
    heap_p90: float | None
    heap_max: float | None
    """Percent."""
    memory_deaths_held: int
    """Died of memory lately, and still counted as full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published metric as it stands."""

    name: str
    unit: str
    over: str
    seen: Age
    value: float
    """Its last value; of a distribution the average."""
    minimum: float
    maximum: float
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    id: str
    state: str
    on_demand: bool
    target: int
    provisioned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The task capacity, in capacity units."""

    seen: Age
    id: str | None
    """None while the cluster has no task fleet."""
    state: str
    target: int
    target_on_demand: int
    target_spot: int
    provisioned: int
    provisioned_on_demand: int
    provisioned_spot: int
    shortfall: int
    settled: bool
    in_flight: str | None
    """What it is still about to do."""
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    min_units: int
    max_units: int
    max_usd_per_hour: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What the spot market does not fill, or did not fill lately."""

    short_since: float | None
    """Since when fewer units were there than asked for."""
    answered_at: float | None
    """When the agent last made do with less, or bought elsewhere."""
    in_a_row: int
    moved_units: int
    """On-demand units bought in the place of spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    probe: str
    busy: bool
    detail: str
    seen: Age


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    enabled: bool
    idle: bool | None
    """None while the watchdog is off."""
    idle_since: float | None
    after_s: float
    probes: tuple[Probe, ...]
    ends_at: float | None
    """When the cluster ends if nothing changes, the notice included."""
    deadline_at: float | None
    """The hard deadline, whatever is busy."""
    notified_at: float | None
    terminate_sent_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What the task capacity costs: provisioned units times the dearest unit of their market, EMR's fee included."""

    usd: float | None
    """Since the agent's start, over the time in which it was known; None when it never was."""
    known_s: float
    unknown_s: float
    """How long capacity or prices were not known: that time is not in `usd`."""
    usd_per_hour: float | None
    """Now; None while it is not known."""
    spot_unit_usd_per_hour: float | None
    on_demand_unit_usd_per_hour: float | None
    prices_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One of the agent's own counters since its start, by reason where there are reasons."""

    name: str
    meaning: str
    count: int
    reasons: tuple[tuple[str, int], ...]
    """The most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    counts: tuple[Count, ...]
    """Data that was lost on its way, and what else failed: those that are not zero."""
    executors_lost: int
    capacity_lost_at: float | None
    """When units were last seen to be gone that nobody gave back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A right that AWS has denied."""

    capability: str
    action: str
    text: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    until: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody outside the agent asks for, and what the last turn made of it."""

    id: str
    source: str
    """by hand, alarm."""
    name: str
    """The alarm, or who asked."""
    why: str
    asked_at: float
    expires_at: float
    fate: str | None
    """waiting, applied, met, refused, failed, dry run, expired, superseded; None while no turn has judged it."""
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """EC2's word about the primary itself."""

    action: str
    at: float | None
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The last hours, one column a point in time: at most 360, at least as far apart as the turns."""

    at: tuple[float, ...]
    target: tuple[int | None, ...]
    provisioned: tuple[int | None, ...]
    available_percent: tuple[float | None, ...]
    heap_p90: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the agent knows at the end of a turn."""

    version: int
    at: float
    """The turn's time."""
    agent: Agent
    now: Entry
    """The last decision."""
    decisions: tuple[Entry, ...]
    """Those before it and itself, the newest first."""
    voices: tuple[Voice, ...]
    advice: tuple[Reason, ...]
    """What no number of nodes cures."""
    cluster: Cluster | None
    manager: Manager | None
    executors: Executors | None
    remaining: Remaining | None
    hdfs: Hdfs | None
    fleet: Fleet | None
    limits: Limits
    shortage: Shortage
    idle: Idle
    money: Money
    losses: Losses
    missing: tuple[Missing, ...]
    paused: Paused | None
    """While a pause is in force."""
    interruption: Interruption | None
    requests: tuple[Request, ...]
    """Those that the last turn saw; at most 20."""
    figures: tuple[Figure, ...]
    """Every metric that has a value."""
    series: Series
