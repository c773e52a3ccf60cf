"""One TOML file becomes frozen models; every fault is reported at once, with its dotted path."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from agent.domain.requests import is_of_request
from agent.settings_actions import ActionsSettings
from agent.settings_alarms import AlarmsSettings
from agent.settings_base import Count, Model, Seconds, WebUrl
from agent.settings_costs import CostsSettings
from agent.settings_faults import SettingsError as SettingsError
from agent.settings_faults import SettingsFault as SettingsFault
from agent.settings_faults import faults_of
from agent.settings_fleet import FleetSettings, PriceSettings
from agent.settings_guards import GuardSettings
from agent.settings_lifecycle import LifecycleSettings
from agent.settings_notices import NoticeSettings
from agent.settings_policy import SHORTAGE, DataprocSettings, DemandSettings, PolicyKind, ShortageSettings
from agent.settings_rules import DEFAULT_RULES, Rule
from agent.settings_sinks import SinksSettings
from agent.settings_sources import ListenerSettings, SourcesSettings
from agent.settings_status import StatusSettings


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
    endpoint_url: WebUrl | None = Field(
        None, description="One endpoint for every service: the sandbox. Unset on a real cluster."
    )
    connect_timeout_s: Seconds = Field(3.0, description="Time to connect; a private subnet without an endpoint hangs.")
    read_timeout_s: Seconds = Field(10.0, description="Time to wait for an answer.")
    max_attempts: Count = Field(3, description="Attempts a call, the first included.")


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
        if taken := sorted(name for name in names if is_of_request(name)):
            raise ValueError(f"a rule may not be named as what somebody asks for is: {', '.join(taken)}")
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
    notice_topic_arn: str | None = Field(
        None, description="The older place of `notices.topic_arn`, for the end of the cluster alone."
    )


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
    actions: ActionsSettings = ActionsSettings()
    idle: IdleSettings = IdleSettings()
    notices: NoticeSettings = NoticeSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    alarms: AlarmsSettings = AlarmsSettings()
    costs: CostsSettings = CostsSettings()
    journal: JournalSettings = JournalSettings()
    status: StatusSettings = StatusSettings()
    log: LogSettings = LogSettings()
    supervisor: SupervisorSettings = SupervisorSettings()

    @property
    def wants_prices(self) -> bool:
        """Whether the running agent asks what capacity costs."""
        return self.prices.watch or self.fleet.max_usd_per_hour is not None


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
        raise SettingsError(source, tuple(faults_of(error, Settings))) from error
