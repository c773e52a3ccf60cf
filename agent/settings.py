"""One TOML file becomes frozen models; every fault is reported at once, with its dotted path."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from agent.domain.signals import Statistic
from agent.settings_base import Count, Model, Seconds, Units
from agent.settings_policy import SHORTAGE, DataprocSettings, DemandSettings, PolicyKind, ShortageSettings

Port = Annotated[int, Field(ge=0, le=65535)]

AUTO = "auto"
"""What a setting says that the node itself is asked for."""


class ClusterSettings(Model):
    """Which cluster this is."""

    id: str = Field("", description="EMR cluster id (`j-…`); empty: read from the node's `job-flow.json`.")
    name: str = Field(
        "",
        description="Stable name; adds the dimension set `{ClusterName}`. Empty: that set is not published.",
    )
    app_dimensions: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="How many applications get the dimension set `{ClusterId, AppName}`; the rest are `other`.",
    )


class AwsSettings(Model):
    """How AWS is reached."""

    region: str = Field("", description="Region; empty: from the node, then botocore's own chain.")
    endpoint_url: str | None = Field(
        None, description="One endpoint for every service: the sandbox. Unset on a real cluster."
    )
    connect_timeout_s: Seconds = Field(3.0, description="Time to connect; a private subnet without an endpoint hangs.")
    read_timeout_s: Seconds = Field(10.0, description="Time to wait for an answer.")
    max_attempts: Count = Field(3, description="Attempts a call, the first included.")


class ListenerSettings(Model):
    """Where Spark's GraphiteSink reports arrive, and the bounds on what may arrive."""

    host: str = Field(
        AUTO,
        description="Address to listen on. `auto`: on a node of EMR its private address, elsewhere 127.0.0.1.",
    )
    port: Port = Field(42003, description="TCP port; 0 lets the system choose and logs the choice.")
    backlog: Count = Field(4096, description="Accept queue asked for; the kernel caps it at `net.core.somaxconn`.")
    max_connections: Count = Field(4096, description="Open connections; past it the oldest one is closed.")
    max_line_bytes: Count = Field(1024, description="A longer line is refused.")
    max_connection_bytes: Count = Field(262_144, description="Bytes of one connection; the rest is read and dropped.")
    max_buffered_bytes: Count = Field(
        33_554_432, description="Bytes of all unfinished connections together; past it the oldest are closed."
    )
    idle_timeout_s: Seconds = Field(15.0, description="A connection that sends nothing for so long is closed.")
    max_applications: Count = Field(200, description="Applications known at once; reports of others are refused.")
    max_executors: Count = Field(20_000, description="Executors, drivers and daemons known at once.")
    max_names_per_source: Count = Field(64, description="Recognised names kept of one source of one executor.")
    report_period_s: Seconds = Field(10.0, description="The period that the Spark side reports with.")


class RestSettings(Model):
    """An HTTP endpoint on the cluster that is polled."""

    url: str = Field("", description="Base URL; empty: not polled.")
    period_s: Seconds = Field(10.0, description="Time between polls.")
    timeout_s: Seconds = Field(5.0, description="Time to wait for an answer.")
    other_urls: tuple[str, ...] = Field(
        (),
        description="With high availability the addresses of the others, asked when `url` is not the active one. "
        "`url` is the one on this node: while its ResourceManager is not active the agent only watches.",
    )
    ca_file: Path | None = Field(
        None, description="For https: PEM file of the authorities to trust instead of the system's."
    )
    verify_tls: bool = Field(True, description="For https: whether the certificate is checked at all.")


class HadoopSettings(RestSettings):
    """A daemon of Hadoop that is polled."""

    url: str = Field(
        AUTO,
        description="Base URL; empty: not polled. `auto`: this one and `other_urls` are read from Hadoop's "
        "configuration on this node, as soon as it is there.",
    )


class SourcesSettings(Model):
    """What is polled beside what Spark sends."""

    yarn: HadoopSettings = HadoopSettings(period_s=10.0)
    standalone: RestSettings = RestSettings(url="", period_s=10.0)
    hdfs: HadoopSettings = HadoopSettings(period_s=30.0)
    spark: RestSettings = Field(
        RestSettings(url="", period_s=15.0),
        description="Spark's REST API of running applications, for the work that is left in their stages and for why "
        "executors were removed; the URL comes from the cluster manager, `url` here only overrides it.",
    )
    node_period_s: Seconds = Field(10.0, description="Time between readings of this node (psutil).")

    @model_validator(mode="after")
    def _one_cluster_manager(self) -> SourcesSettings:
        if self.yarn.url not in {"", AUTO} and self.standalone.url:
            raise ValueError("yarn.url and standalone.url are both set: a cluster has one cluster manager")
        return self


class PriceSettings(Model):
    """What capacity costs, for `fleet.max_usd_per_hour`."""

    period_s: Seconds = Field(1800.0, description="Prices are asked for so often, while there is a cap.")
    max_age_s: Seconds = Field(10_800.0, description="Older prices count as unknown: the fleet does not grow.")
    on_demand_usd_per_hour: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="By instance type: the on-demand price of one instance. Types that are not named are asked of the "
        "Pricing API.",
    )
    emr_fee_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        25.0, description="EMR's own fee in percent of the on-demand price; it is the same for spot instances."
    )


class CloudWatchSettings(Model):
    """The CloudWatch sink."""

    enabled: bool = Field(True, description="Whether datums are sent to CloudWatch.")
    namespace: str = Field("Tidemark", min_length=1, max_length=255, description="Never one that starts with `AWS/`.")
    period_s: Seconds = Field(60.0, description="One roll-up is sent so often.")
    storage_resolution_s: Literal[1, 60] = Field(60, description="1 only together with a period under a minute.")
    max_retained_datums: Count = Field(
        20_000, description="Datums kept for retry; past it the oldest are lost, counted."
    )
    max_retained_s: Seconds = Field(600.0, description="Datums older than this are lost, counted.")

    @model_validator(mode="after")
    def _not_reserved(self) -> CloudWatchSettings:
        if self.namespace.startswith(("AWS/", ":")):
            raise ValueError(f"namespace {self.namespace!r} is reserved; choose one that does not begin with 'AWS/'")
        return self


class JsonlSettings(Model):
    """The same datums in a file, one JSON object each."""

    path: Path | None = Field(None, description="File to append to; unset: no file.")
    max_bytes: Count = Field(67_108_864, description="Past it the file is rotated once, to `<path>.1`.")


class SinksSettings(Model):
    cloudwatch: CloudWatchSettings = CloudWatchSettings()
    jsonl: JsonlSettings = JsonlSettings()


class ActuatorKind(StrEnum):
    AUTO = AUTO
    INSTANCE_FLEET = "instance_fleet"
    INSTANCE_GROUPS = "instance_groups"
    DRY_RUN = "dry_run"


class InstanceType(Model):
    """One instance type of a task fleet that the agent creates."""

    instance_type: str = Field(description="For example `r6i.2xlarge`.")
    weighted_capacity: Count = Field(1, description="Capacity units that one instance gives.")


class FleetSettings(Model):
    """The task capacity and its limits."""

    actuator: ActuatorKind = Field(
        ActuatorKind.AUTO,
        description="`auto`: instance fleets or groups, whichever the cluster has; or one of the two; or `dry_run` of "
        "what the cluster has.",
    )
    min_capacity_units: Units = Field(
        0,
        description="Never below it, but for what the spot market does not fill in time; that is asked for again.",
    )
    max_capacity_units: Count = Field(
        description="Never above it. There is no default: it is what the bill is capped by."
    )
    max_usd_per_hour: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description="The task fleet does not grow past what this pays for, by `[prices]`; with an unknown price it "
        "does not grow at all. Unset: only `max_capacity_units` limits it.",
    )
    on_demand: bool = Field(False, description="Whether growth is bought on demand instead of on the spot market.")
    resize_timeout_minutes: Annotated[int, Field(ge=5, le=10080)] = Field(
        10, description="How long EMR tries to provision a resize (ResizeSpecifications)."
    )
    instance_types: tuple[InstanceType, ...] = Field(
        (), description="Types of the task fleet that is added when the cluster has none."
    )
    groups: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="Ids or names of the task instance groups to resize (`instance_groups`), in the order in which "
        "they are filled, whatever their markets. Empty: the only one; of several the first on the market that is "
        "bought on.",
    )
    poll_period_s: Seconds = Field(
        300.0, description="Fleet and cluster are described so often when nothing is in flight."
    )
    settle_poll_period_s: Seconds = Field(20.0, description="The same while a resize of ours is in flight.")
    max_age_s: Seconds = Field(900.0, description="An older fleet or cluster view is stale: hold.")

    @model_validator(mode="after")
    def _groups_are_unique(self) -> FleetSettings:
        if twice := sorted({name for name in self.groups if self.groups.count(name) > 1}):
            raise ValueError(f"groups are named twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> FleetSettings:
        if self.min_capacity_units > self.max_capacity_units:
            raise ValueError(
                f"min_capacity_units {self.min_capacity_units} is above max_capacity_units {self.max_capacity_units}"
            )
        if self.max_age_s < 2 * self.poll_period_s:
            raise ValueError(
                f"max_age_s {self.max_age_s:g} is below twice poll_period_s {self.poll_period_s:g}: "
                "a view would be stale before the next one"
            )
        return self


class Comparison(StrEnum):
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


class Rule(Model):
    """A threshold on a signal."""

    name: str = Field(min_length=1, description="Unique; appears in reasons and in the journal.")
    signal: str = Field(description="A published metric, see `docs/metrics.md`.")
    statistic: Statistic = Field(Statistic.AVERAGE, description="Which statistic of it.")
    comparison: Comparison
    bound: Annotated[float, Field(allow_inf_nan=False)]
    for_s: Annotated[float, Field(ge=0)] = Field(description="How long it must breach without a break.")
    adjustment_units: int | None = Field(None, description="Capacity units to add; negative removes.")
    adjustment_percent: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="Percent of the present target to add; negative removes. At least one unit."
    )
    cooldown_s: Annotated[float, Field(ge=0)] = Field(
        300.0,
        description="No resize by this rule for so long after its last one; a scale in also waits so long after "
        "any scale out.",
    )

    @model_validator(mode="after")
    def _one_adjustment(self) -> Rule:
        given = [a for a in (self.adjustment_units, self.adjustment_percent) if a is not None]
        if len(given) != 1 or given[0] == 0:
            raise ValueError("give exactly one of adjustment_units and adjustment_percent, and not zero")
        return self


DEFAULT_RULES = (
    Rule(
        name="memory-low",
        signal="MemoryAvailablePercent",
        comparison=Comparison.BELOW,
        bound=15,
        for_s=300,
        adjustment_units=5,
    ),
    Rule(
        name="memory-free",
        signal="MemoryAvailablePercent",
        comparison=Comparison.ABOVE,
        bound=75,
        for_s=180,
        adjustment_units=-3,
    ),
)


class GuardSettings(Model):
    """What forbids a scale in although nothing runs on what would go, and what advice rests on."""

    max_hold_s: Seconds = Field(
        1800.0,
        description="A veto by lost or fresh capacity, transfers, the heap or shuffle files stands no longer than this "
        "without a break.",
    )
    capacity_lost_hold_s: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Nothing is given back for so long after units were lost that nobody gave back."
    )
    min_life_s: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Nothing is given back for so long after units have arrived."
    )
    max_total_load_per_data_node: Annotated[float, Field(ge=0)] = Field(
        100.0,
        description="HDFS transfers at each DataNode (`HdfsTotalLoadPerDataNode`) above which nothing is given back.",
    )
    min_shuffle_bytes: Count = Field(
        67_108_864,
        description="A node without containers that holds so many shuffle bytes of an unfinished application is kept, "
        "for `max_hold_s` at most.",
    )
    max_live_set_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        85.0,
        description="Heap still in use after collections (`ExecutorLiveSetPercent`, p90) above which executors are too "
        "small and nothing is given back.",
    )
    max_gc_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        10.0,
        description="Share of their time that executors collect garbage in (`ExecutorGcTimePercent`, average) from "
        "which on the same holds.",
    )


class PolicySettings(Model):
    """When to scale."""

    kind: PolicyKind = Field(PolicyKind.THRESHOLD, description="The policy that scales, see `docs/deciding.md`.")
    shadows: tuple[PolicyKind, ...] = Field(
        (), description="Policies that are judged beside it and journalled; they never act."
    )
    turn_period_s: Seconds = Field(10.0, description="Time between two turns.")
    max_signal_age_s: Seconds = Field(60.0, description="An older signal is stale: it neither breaches nor clears.")
    memory_death_hold_s: Seconds = Field(
        300.0,
        description="For so long after an executor died of memory it counts as full, and nothing is scaled in.",
    )
    pause_path: Path = Field(
        Path("/var/lib/tidemark/pause.json"),
        description="While this file says so nothing is resized and no idle cluster is ended; `tidemark pause` "
        "writes it. A hard deadline holds all the same.",
    )
    guards: GuardSettings = GuardSettings()
    shortage: ShortageSettings = ShortageSettings()
    dataproc: DataprocSettings = DataprocSettings()
    demand: DemandSettings = DemandSettings()
    rules: tuple[Rule, ...] = DEFAULT_RULES

    @property
    def rules_in_force(self) -> tuple[Rule, ...]:
        """The threshold rules while they scale; none under another policy."""
        return self.rules if self.kind is PolicyKind.THRESHOLD else ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> PolicySettings:
        if len(set(self.shadows)) < len(self.shadows):
            raise ValueError("each shadow policy is named once")
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rule names must be unique: {', '.join(twice)}")
        if taken := sorted(set(names) & {*PolicyKind, SHORTAGE}):
            raise ValueError(f"a rule may not have a policy's name: {', '.join(taken)}")
        return self


class IdleSettings(Model):
    """The idle watchdog and the hard deadline."""

    enabled: bool = Field(
        True,
        description="Whether an idle cluster is terminated; protection is respected. A deadline holds either way.",
    )
    after_s: Seconds = Field(3600.0, description="How long every probe must have said idle.")
    grace_s: Annotated[float, Field(ge=0)] = Field(
        900.0, description="Idleness is not judged for so long after the cluster manager first answers."
    )
    max_evidence_age_s: Seconds = Field(120.0, description="Older evidence counts as busy.")
    steps_period_s: Seconds = Field(300.0, description="Steps are listed so often while everything else is idle.")
    unused_application_after_s: Seconds | None = Field(
        None,
        description="A Spark application that has held its containers for so long without a task or a job, by the "
        "reports of its driver and all its executors, no longer counts as busy; `after_s` counts from then. Work that "
        "a driver does by itself is not seen. Unset: never.",
    )
    isbusy_path: Path = Field(
        Path("/emr/metricscollector/isbusy"), description="A file newer than `after_s` here means busy."
    )
    terminate_after_s: Seconds | None = Field(
        None, description="Hard deadline, counted from the cluster's creation. Unset: none."
    )
    notice_s: Annotated[float, Field(ge=0)] = Field(300.0, description="How long before the end a notice is sent.")
    notice_topic_arn: str | None = Field(None, description="SNS topic for that notice. Unset: only the log.")


class JournalSettings(Model):
    """One JSON line a turn."""

    path: Path = Field(Path("/var/lib/tidemark/journal.jsonl"), description="File to append to.")
    max_bytes: Count = Field(67_108_864, description="Past it the file is rotated once, to `<path>.1`.")


class LogSettings(Model):
    """The agent's log, which is always on standard error too."""

    path: Path | None = Field(None, description="File to append to; unset: standard error alone.")
    max_bytes: Count = Field(8_388_608, description="Past it the file is rotated, to `<path>.1` and so on.")
    files: Count = Field(4, description="Rotated files that are kept.")


class SupervisorSettings(Model):
    """The small parent process."""

    unresponsive_s: Seconds = Field(10.0, description="A child that does not answer for so long is killed.")
    restart_delay_s: Seconds = Field(5.0, description="Pause before it is started again.")
    stop_timeout_s: Seconds = Field(20.0, description="How long an ordered stop may take.")


class Settings(Model):
    """The whole settings file."""

    cluster: ClusterSettings = ClusterSettings()
    aws: AwsSettings = AwsSettings()
    listener: ListenerSettings = ListenerSettings()
    sources: SourcesSettings = SourcesSettings()
    sinks: SinksSettings = SinksSettings()
    prices: PriceSettings = PriceSettings()
    fleet: FleetSettings
    policy: PolicySettings = PolicySettings()
    idle: IdleSettings = IdleSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()
    supervisor: SupervisorSettings = SupervisorSettings()


@dataclass(frozen=True, slots=True)
class SettingsFault:
    path: str
    """Dotted path, list items by number: `policy.rules.0.bound`."""
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class SettingsError(Exception):
    """The file cannot be used. `faults` holds every fault found, in the file's order."""

    def __init__(self, source: str, faults: tuple[SettingsFault, ...]) -> None:
        super().__init__(f"{source}: {len(faults)} fault{'s' if len(faults) != 1 else ''}")
        self.source = source
        self.faults = faults


def load(path: Path) -> Settings:
    """The settings in the file. Raises SettingsError, also when the file cannot be read or is not TOML."""
    return of_table(table_in(path), source=str(path))


def table_in(path: Path) -> dict[str, Any]:
    """The file as it stands. Raises SettingsError when it cannot be read or is not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), (SettingsFault("", f"cannot be read: {error}"),)) from error
    return table_of(text, source=str(path))


def parse(text: str, source: str = "settings") -> Settings:
    """The settings in a TOML text. Raises SettingsError with all faults at once."""
    return of_table(table_of(text, source), source)


def table_of(text: str, source: str = "settings") -> dict[str, Any]:
    """A TOML text as it stands. Raises SettingsError when it is none."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(source, (SettingsFault("", f"is not TOML: {error}"),)) from error


def of_table(table: Mapping[str, Any], source: str = "settings") -> Settings:
    """The settings in a table. Raises SettingsError with all faults at once."""
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        raise SettingsError(source, tuple(_faults(error))) from error


def _faults(error: ValidationError) -> Iterator[SettingsFault]:
    for found in error.errors():
        where = ".".join(str(part) for part in found["loc"])
        yield SettingsFault(where, _text(found, [str(part) for part in found["loc"]]))


def _text(found: Mapping[str, Any], loc: list[str]) -> str:
    match found["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(loc[-1], _names_at(loc[:-1]), n=1, cutoff=0.5)
            return "is no setting" + (f"; did you mean {near[0]!r}?" if near else "")
        case "missing":
            field = _fields_at(loc[:-1]).get(loc[-1])
            return "is required" + (f": {field.description}" if field is not None and field.description else "")
        case "value_error":
            return str(found["ctx"]["error"])
        case "enum":
            given = found["input"]
            allowed = [part.strip(" '") for part in str(found["ctx"]["expected"]).replace(" or ", ",").split(",")]
            near = difflib.get_close_matches(str(given), allowed, n=1, cutoff=0.4)
            return f"{given!r} is not one of {', '.join(allowed)}" + (f"; did you mean {near[0]!r}?" if near else "")
        case _:
            return f"{found['msg']} (given: {found['input']!r})"


def _fields_at(path: list[str]) -> Mapping[str, Any]:
    """The fields of the model that a dotted path leads to; empty when it leads to none."""
    model: Any = Settings
    for part in path:
        if part.isdigit():
            continue
        field = model.model_fields.get(part)
        if field is None:
            return {}
        candidates = [field.annotation, *get_args(field.annotation)]
        models = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not models:
            return {}
        model = models[0]
    return dict(model.model_fields)


def _names_at(path: list[str]) -> list[str]:
    return list(_fields_at(path))
