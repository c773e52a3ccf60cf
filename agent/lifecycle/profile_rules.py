"""What neither the rows' models nor EMR's own model know of a profile: faults and hints, by the path within it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from agent.lifecycle.rows import ClusterProfile, JobProfile
from agent.settings_faults import SettingsFault

MOST_BYTES = 350_000
"""Of one profile: DynamoDB's items end at 400 KB, the names of attributes included."""
START_S = 1200.0
"""A cluster takes about ten minutes to start, and on some days twice that."""
LARGEST_POOL = 1000
"""An account may have 500 active clusters, if nobody has asked for more (Service Quotas)."""
LONGEST_LIFE_S = 10 * 365 * 86400.0
OF_A_STEP = ("Jar", "MainClass", "Args", "Properties")
"""The members of HadoopJarStepConfig."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one cluster is made of: types in their order, and how many instances or capacity units are asked for."""

    role: str
    """MASTER, CORE or TASK."""
    types: tuple[str, ...]
    on_demand: int
    spot: int


def capacity(request: Mapping[str, Any]) -> tuple[Capacity, ...]:
    """Of a request of RunJobFlow with instance fleets or groups, the primary first."""
    instances = request.get("Instances", {})
    fleets = (_of_fleet(one) for one in instances.get("InstanceFleets") or ())
    groups = (_of_group(one) for one in instances.get("InstanceGroups") or ())
    order = {"MASTER": 0, "CORE": 1, "TASK": 2}
    return tuple(sorted((*fleets, *groups), key=lambda one: order.get(one.role, 3)))


def faults_of_values(value: Any) -> Iterator[SettingsFault]:
    """Of what is written, before a model has read it: TOML has dates, times and numbers without end."""
    for path, what in _not_json(value):
        yield SettingsFault(path, f"{what} is nothing that the table and EMR's requests can hold")
    if len(json.dumps(value, default=str)) > MOST_BYTES:
        yield SettingsFault("", f"is too large for a row of the table: {MOST_BYTES} bytes at most")


def faults_of_cluster(profile: ClusterProfile) -> Iterator[SettingsFault]:
    if profile.maximum > LARGEST_POOL:
        yield SettingsFault("maximum", f"{profile.maximum} is more than {LARGEST_POOL}")
    for name, longest in (("terminate_after_s", LONGEST_LIFE_S), ("launch_timeout_s", LONGEST_LIFE_S)):
        if (getattr(profile, name) or 0.0) > longest:
            yield SettingsFault(name, f"{getattr(profile, name):g} is more than {longest:g}, ten years")
    if profile.minimum > profile.maximum:
        yield SettingsFault("minimum", f"{profile.minimum} is more than maximum = {profile.maximum}")
    if profile.pooled and profile.triggers:
        told = (
            "a pool's clusters run jobs: an object can only launch a cluster of a profile without a pool, maximum = 0"
        )
        yield SettingsFault("triggers", told)
    for fault in (*_faults_of_instances(profile), *_faults_of_steps(profile)):
        yield SettingsFault(f"request.{fault.path}", fault.text)


def faults_of_job(job: JobProfile, clusters: Mapping[str, ClusterProfile]) -> Iterator[SettingsFault]:
    """`clusters`: those that stand in the same file; of another one its own file is the judge."""
    for name in ("type", "size"):
        if not str(getattr(job, name)).strip():
            yield SettingsFault(name, "is empty")
    wanted = clusters.get(job.cluster_profile)
    if wanted is not None and not wanted.pooled:
        yield SettingsFault("cluster_profile", f"{job.cluster_profile!r} is no pool: its maximum is 0")
    jar, args = job.step.get("Jar"), job.step.get("Args", [])
    if not isinstance(jar, str) or not jar:
        yield SettingsFault("step.Jar", "is required: what runs, such as command-runner.jar")
    for name in sorted(job.step.keys() - set(OF_A_STEP)):
        yield SettingsFault(f"step.{name}", f"is nothing that HadoopJarStep has{nearest(name, OF_A_STEP)}")
    if not isinstance(job.step.get("MainClass", ""), str):
        yield SettingsFault("step.MainClass", "is a text")
    if not _are_properties(job.step.get("Properties", [])):
        yield SettingsFault("step.Properties", "is a list of tables, each with Key and Value")
    if not isinstance(args, list | tuple) or not all(isinstance(one, str) for one in args):
        yield SettingsFault("step.Args", "is a list of texts: write numbers in quotes")


def hints(profile: ClusterProfile) -> Iterator[str]:
    """What is allowed and rarely meant, in words for whoever puts the profile."""
    if "LogUri" not in profile.request:
        yield "request.LogUri is not set: what a step wrote is gone with its cluster"
    if "Name" in profile.request:
        yield "request.Name is not used: clusters are named by the profile and the launch"
    if profile.pooled and profile.terminate_after_s is None:
        yield "terminate_after_s is not set: a job that never ends holds its cluster for ever"
    if profile.launch_timeout_s < START_S:
        yield f"launch_timeout_s = {profile.launch_timeout_s:g}: a cluster takes ten minutes to start, and often more"
    idle_end = profile.request.get("AutoTerminationPolicy", {}).get("IdleTimeout")
    if profile.pooled and isinstance(idle_end, int) and idle_end <= profile.idle_s:
        told = "EMR ends what is free before the pool does, also of the minimum"
        yield f"request.AutoTerminationPolicy.IdleTimeout = {idle_end} is not more than idle_s: {told}"
    for trigger in profile.triggers:
        if not trigger.prefix and not trigger.suffix:
            yield f"a trigger takes every object of {trigger.bucket}, also what the clusters write there"


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was meant; empty where none is near."""
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _are_properties(value: Any) -> bool:
    """KeyValue of EMR."""
    return isinstance(value, list | tuple) and all(
        isinstance(one, Mapping) and {*one} <= {"Key", "Value"} and all(isinstance(part, str) for part in one.values())
        for one in value
    )


def _faults_of_instances(profile: ClusterProfile) -> Iterator[SettingsFault]:
    instances = profile.request.get("Instances")
    if not isinstance(instances, Mapping):
        yield SettingsFault("Instances", "is required: which instances the cluster has")
        return
    kinds = [name for name in ("InstanceFleets", "InstanceGroups") if instances.get(name)]
    subnets = instances.get("Ec2SubnetIds")
    if not kinds and not instances.get("MasterInstanceType"):
        yield SettingsFault("Instances", "names no instances: write InstanceFleets or InstanceGroups")
    for kind in kinds:
        found = (
            [one for one in instances[kind] if isinstance(one, Mapping)] if isinstance(instances[kind], list) else []
        )
        if found and not any("MASTER" in (one.get("InstanceFleetType"), one.get("InstanceRole")) for one in found):
            yield SettingsFault(f"Instances.{kind}", "has no primary node: one of them is MASTER")
    if len(kinds) == 2:
        yield SettingsFault("Instances", "has InstanceFleets and InstanceGroups: EMR takes one of the two")
    if "Ec2SubnetId" in instances and subnets:
        yield SettingsFault("Instances", "has Ec2SubnetId and Ec2SubnetIds: EMR takes one of the two")
    if kinds == ["InstanceGroups"] and isinstance(subnets, list) and len(subnets) > 1:
        yield SettingsFault("Instances.Ec2SubnetIds", "several subnets are for instance fleets; groups have one")
    if profile.pooled and instances.get("KeepJobFlowAliveWhenNoSteps") is False:
        told = "a pool's clusters wait for jobs: leave it out, or say true"
        yield SettingsFault("Instances.KeepJobFlowAliveWhenNoSteps", told)


def _faults_of_steps(profile: ClusterProfile) -> Iterator[SettingsFault]:
    steps = profile.request.get("Steps")
    for number, step in enumerate(steps if profile.pooled and isinstance(steps, list) else ()):
        if isinstance(step, Mapping) and step.get("ActionOnFailure", "CONTINUE") != "CONTINUE":
            told = "a step that fails does not end a cluster of a pool: write CONTINUE"
            yield SettingsFault(f"Steps.{number}.ActionOnFailure", told)


def _not_json(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_json(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, float) and not isfinite(value):
        yield path, str(value)
    elif value is not None and not isinstance(value, str | int | float):
        yield path, f"a {type(value).__name__}"


def _of_fleet(fleet: Mapping[str, Any]) -> Capacity:
    types = tuple(str(one.get("InstanceType", "")) for one in fleet.get("InstanceTypeConfigs") or ())
    targets = (int(fleet.get(f"Target{market}Capacity") or 0) for market in ("OnDemand", "Spot"))
    return Capacity(str(fleet.get("InstanceFleetType", "")), types, *targets)


def _of_group(group: Mapping[str, Any]) -> Capacity:
    count = int(group.get("InstanceCount") or 0)
    spot = count if group.get("Market") == "SPOT" else 0
    return Capacity(str(group.get("InstanceRole", "")), (str(group.get("InstanceType", "")),), count - spot, spot)
