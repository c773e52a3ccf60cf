"""What the demo of the lifecycle sets up: its times, the profiles it puts, and the settings made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agent.settings import AwsSettings, ClusterSettings, IdleSettings, JournalSettings, PolicySettings, Settings
from agent.settings_actions import ActionsSettings
from agent.settings_fleet import FleetSettings
from agent.settings_lifecycle import LifecycleSettings
from agent.settings_sources import ListenerSettings, SourcesSettings
from agent.settings_status import StatusSettings

LANDING, TIMED, GUARDED = "landing", "timed", "guarded"
"""The profiles, and what their one cluster each is called here."""
CLUSTERS = (LANDING, TIMED, GUARDED)
REAL_TYPE, TIMED_TYPE = "r6i.xlarge", "m5.xlarge"
"""Instances of the first type are Spark workers, those of the other only take time."""
PREFIX, SUFFIX = "arrived/", "_SUCCESS"
OBJECT = f"{PREFIX}day=2026-11-21/{SUFFIX}"
PLACES = frozenset({"table", "queue_url", "queue_arn", "schedule_group", "schedule_role_arn"})
"""Settings that say where things are; every other difference is a time, or the share of the quotas."""


class Part(StrEnum):
    """What can be taken away."""

    SWEEP = "sweep"
    EVENTS = "events"
    SCHEDULE = "schedule"
    OWNER = "owner"


TAKEN: Mapping[Part, str] = {
    Part.SWEEP: "nobody sends sweeps",
    Part.EVENTS: "no rule takes EMR's events to the queue",
    Part.SCHEDULE: "deadlines have no schedules",
    Part.OWNER: "nobody says that the owner is done",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything about the demo that is a number, and what is taken away."""

    without: Part | None = None
    sweep_every_s: float = 5.0
    grace_s: float = 12.0
    """From one sweep before a deadline until so long after it the sweep rests: who ends the cluster then is its
    schedule."""
    terminate_after_s: int = 66
    """A schedule is set 60 s ahead at least."""
    job_passes: int = 1
    job_partitions: int = 8
    job_partition_mb: int = 4
    job_work_s: float = 1.0
    core_units: int = 2
    unit_memory_mb: int = 720
    executor_memory_mb: int = 640
    patience_s: float = 120.0
    """How long each stage may take after the one before."""
    within_s: Mapping[str, float] = field(default_factory=dict)
    """The same for single stages, by name."""

    @property
    def job_arguments(self) -> tuple[str, ...]:
        sizes = ("--partitions", str(self.job_partitions), "--partition-mb", str(self.job_partition_mb))
        return (*sizes, "--passes", str(self.job_passes), "--work-s", str(self.job_work_s), "--task-s", "0.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts are on this machine."""

    region: str
    endpoint_url: str
    table: str
    queue_url: str
    queue_arn: str
    schedule_group: str
    schedule_role_arn: str
    bucket: str
    owner_topic_arn: str
    dead_url: str


def lifecycle(plan: Plan, places: Places) -> LifecycleSettings:
    """What the function goes by: the defaults with shorter times."""
    scheduled = plan.without is not Part.SCHEDULE
    return LifecycleSettings(
        table=places.table,
        queue_url=places.queue_url,
        queue_arn=places.queue_arn,
        schedule_group=places.schedule_group if scheduled else "",
        schedule_role_arn=places.schedule_role_arn if scheduled else "",
        heartbeat_s=2.0,
        heartbeat_lost_s=20.0,
        stale_s=10.0,
        lost_core_s=6.0,
        orphan_s=60.0,
        # it asks as much in a minute as otherwise in an hour, and the quotas are the real ones
        calls_share=0.9,
    )


def agent(places: Places, used: LifecycleSettings, cluster_id: str, sources: SourcesSettings, folder: Path,
          ports: tuple[int, int]) -> Settings:  # fmt: skip
    """Of the agent beside the first cluster. It has no rules: this demo is not about scaling."""
    return Settings(
        cluster=ClusterSettings(id=cluster_id),
        aws=AwsSettings(region=places.region, endpoint_url=places.endpoint_url),
        listener=ListenerSettings(port=ports[0]),
        sources=sources,
        fleet=FleetSettings(max_capacity_units=1),
        policy=PolicySettings(turn_period_s=1.0, pause_path=folder / "pause.json", rules=()),
        idle=IdleSettings(isbusy_path=folder / "isbusy"),
        actions=ActionsSettings(request_path=folder / "request.json", ledger_path=folder / "requests.json"),
        lifecycle=LifecycleSettings(
            table=used.table, queue_url=used.queue_url, heartbeat_s=used.heartbeat_s, lost_core_s=used.lost_core_s
        ),
        journal=JournalSettings(path=folder / "journal.jsonl"),
        status=StatusSettings(port=ports[1]),
    )


def differences(plan: Plan, used: LifecycleSettings) -> list[tuple[str, str, str]]:
    """What is not as it is by default, in words: the name, the default or what AWS takes, and the demo's."""
    default = LifecycleSettings()
    numbers = [
        (f"lifecycle.{name}", _told(default, name), _told(used, name))
        for name in LifecycleSettings.model_fields
        if name not in PLACES and getattr(default, name) != getattr(used, name)
    ]
    return [
        *numbers,
        ("a sweep every", "300 s", f"{plan.sweep_every_s:g} s, at rest around the deadline"),
        ("a cluster is ready after", "5 to 15 minutes on EMR", "a few seconds"),
        ("time-out of a message in flight", "360 s", "10 s"),
    ]


def _told(settings: LifecycleSettings, name: str) -> str:
    return f"{getattr(settings, name):g}{' s' if name.endswith('_s') else ''}"


def profiles(plan: Plan, bucket: str, submit: Sequence[str]) -> str:
    """The file for `tidemark profile put`; `submit` is the command of the first cluster's step."""
    return _FILE.format(
        bucket=json.dumps(bucket),
        prefix=json.dumps(PREFIX),
        suffix=json.dumps(SUFFIX),
        landing=_request(LANDING, REAL_TYPE, plan.core_units),
        timed=_request(TIMED, TIMED_TYPE, 1),
        guarded=_request(GUARDED, TIMED_TYPE, 1),
        submit=json.dumps(list(submit)),
    )


def _request(profile: str, instance_type: str, core_units: int) -> str:
    fleets = "".join(
        _FLEET.format(profile=profile, role=role, units=units, type=json.dumps(instance_type))
        for role, units in (("MASTER", 1), ("CORE", core_units))
    )
    return _REQUEST.format(profile=profile, keep="false" if profile == TIMED else "true") + (
        "TerminationProtected = true\n" if profile == GUARDED else ""
    ) + fleets  # fmt: skip


_FILE = """\
# What the demo puts with `tidemark profile put`.

# Launched by an object in S3, and there until its owner is done: its step runs on a real Spark.
[cluster.landing]
triggers = [{{ bucket = {bucket}, prefix = {prefix}, suffix = {suffix} }}]
{landing}
[[cluster.landing.request.Steps]]
Name = "day"
ActionOnFailure = "CONTINUE"
[cluster.landing.request.Steps.HadoopJarStep]
Jar = "command-runner.jar"
Args = {submit}

# Its step takes longer than its time.
[cluster.timed]
{timed}
[[cluster.timed.request.Steps]]
Name = "long"
ActionOnFailure = "CONTINUE"
[cluster.timed.request.Steps.HadoopJarStep]
Jar = "command-runner.jar"
Args = ["sleep", "3600"]

# Protected against its end, which the lifecycle may lift.
[cluster.guarded]
lift_protection = true
{guarded}"""

_REQUEST = """
[cluster.{profile}.request]
ReleaseLabel = "emr-7.10.0"
ServiceRole = "EMR_DefaultRole_V2"
JobFlowRole = "EMR_EC2_DefaultRole"
Applications = [{{ Name = "Spark" }}]

[cluster.{profile}.request.Instances]
KeepJobFlowAliveWhenNoSteps = {keep}
"""

_FLEET = """
[[cluster.{profile}.request.Instances.InstanceFleets]]
InstanceFleetType = "{role}"
TargetOnDemandCapacity = {units}
InstanceTypeConfigs = [{{ InstanceType = {type}, WeightedCapacity = 1 }}]
"""
