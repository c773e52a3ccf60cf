"""What the demo sets up: its times, sizes and limits, and the settings file made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agent.settings import AwsSettings, ClusterSettings, IdleSettings, JournalSettings, PolicySettings, Settings
from agent.settings_actions import ActionsSettings
from agent.settings_fleet import FleetSettings, InstanceType, PriceSettings
from agent.settings_guards import GuardSettings
from agent.settings_policy import DataprocSettings, DemandSettings, PolicyKind
from agent.settings_rules import DEFAULT_RULES
from agent.settings_sinks import CloudWatchSettings, JsonlSettings, SinksSettings
from agent.settings_sources import ListenerSettings, SourcesSettings
from agent.settings_status import StatusSettings

INSTANCE_TYPE = "r6i.xlarge"
"""What the sandbox's instances are called; what they are is a Spark worker."""

PLACES = frozenset(
    {
        "cluster.id",
        "cluster.name",
        "aws.region",
        "aws.endpoint_url",
        "listener.port",
        "sources.standalone.url",
        "sinks.jsonl.path",
        "fleet.instance_types",
        "idle.isbusy_path",
        "journal.path",
        "policy.pause_path",
        "actions.request_path",
        "actions.ledger_path",
        "status.port",
    }
)
"""Settings that say what and where things are on this machine; every other difference is a time, a step, a limit or
something to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything about the demo that is a number."""

    policy: PolicyKind = PolicyKind.THRESHOLD
    job_passes: int = 2
    """The job's work: passes over its data, in which there is something to do for many executors."""
    job_work_s: float = 1.0
    """What each of the 24 tasks of a pass takes beside making its data: waiting, so that a slow machine does not decide
    how well more executors do."""
    job_partition_mb: int = 12
    """All of them together outgrow one executor."""
    job_tail_s: float = 30.0
    """Then one task works alone for so long."""
    executor_memory_mb: int = 640
    unit_memory_mb: int = 720
    """Memory of a worker, one capacity unit: one executor fits, and 11 % are left."""
    task_units: int = 2
    """What one scale out adds."""
    report_period_s: float = 1.0
    provisioning_s: float = 4.0
    drain_timeout_s: float = 20.0
    patience_s: float = 90.0
    """How long each stage may take after the one before."""
    within_s: Mapping[str, float] = field(default_factory=dict)
    """The same for single stages, by name."""
    spot_supply: int | None = None
    """How many units the spot market has; None for as many as asked."""
    sink: bool = True
    """Whether the application's metrics.properties has the sink of the agent."""
    job_ends: bool = True
    ends_cluster: bool = True
    """Whether the story goes on until the idle cluster has been terminated."""
    shuffle_service: bool = False
    """Whether NodeManagers run Spark's external shuffle service, if its jar could be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the demo's parts are on this machine."""

    cluster_id: str
    region: str
    endpoint_url: str
    listener_port: int
    status_port: int
    sources: SourcesSettings
    folder: Path


def settings(plan: Plan, places: Places) -> Settings:
    """The agent's settings in the demo: the defaults with shorter times, smaller steps and its own limits."""
    low, free = DEFAULT_RULES
    return Settings(
        cluster=ClusterSettings(id=places.cluster_id, name="demo"),
        aws=AwsSettings(region=places.region, endpoint_url=places.endpoint_url),
        listener=ListenerSettings(port=places.listener_port, report_period_s=plan.report_period_s),
        sources=places.sources,
        sinks=SinksSettings(
            cloudwatch=CloudWatchSettings(period_s=3.0, storage_resolution_s=1),
            jsonl=JsonlSettings(path=places.folder / "datums.jsonl"),
        ),
        prices=PriceSettings(watch=True),
        fleet=FleetSettings(
            max_capacity_units=plan.task_units,
            instance_types=(InstanceType(instance_type=INSTANCE_TYPE),),
            poll_period_s=15.0,
            settle_poll_period_s=4.0,
        ),
        policy=PolicySettings(
            kind=plan.policy,
            shadows=tuple(kind for kind in PolicyKind if kind is not plan.policy),
            turn_period_s=1.0,
            max_signal_age_s=10.0,
            memory_death_hold_s=20.0,
            pause_path=places.folder / "pause.json",
            guards=GuardSettings(capacity_lost_hold_s=10.0, min_life_s=10.0),
            dataproc=DataprocSettings(cooldown_s=20.0),
            demand=DemandSettings(provisioning_s=8.0, mean_s=5.0, spare_units=0.0),
            rules=(
                low.model_copy(update={"for_s": 6.0, "adjustment_units": plan.task_units, "cooldown_s": 10.0}),
                free.model_copy(update={"for_s": 8.0, "adjustment_units": -plan.task_units, "cooldown_s": 10.0}),
            ),
        ),
        idle=IdleSettings(
            after_s=20.0,
            grace_s=10.0,
            max_evidence_age_s=30.0,
            steps_period_s=8.0,
            isbusy_path=places.folder / "isbusy",
            notice_s=8.0,
        ),
        actions=ActionsSettings(
            request_path=places.folder / "request.json", ledger_path=places.folder / "requests.json"
        ),
        journal=JournalSettings(path=places.folder / "journal.jsonl"),
        status=StatusSettings(port=places.status_port),
    )


def differences(used: Settings) -> list[tuple[str, str, str]]:
    """Dotted path, default and used value of every setting that is not the default."""
    default = Settings(fleet=FleetSettings(max_capacity_units=1))
    flat = dict(_flat(default, ""))
    flat["fleet.max_capacity_units"] = "none: it must be given"
    return [(path, str(flat.get(path)), str(value)) for path, value in _flat(used, "") if flat.get(path) != value]


def _flat(model: BaseModel, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in model:
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, BaseModel):
            yield from _flat(value, path)
        elif path == "policy.rules":
            for rule in value:
                yield from _flat(rule, f"{path}.{rule.name}")
        elif isinstance(value, tuple):
            yield path, ", ".join(str(item) for item in value) or "none"
        else:
            yield path, value
