"""What a person writes for kinds of clusters and kinds of jobs, becoming rows; every fault at once, by its dotted path.

A file holds any number of both, as TOML or as JSON of the same shape:

    [cluster.etl]               # a ClusterProfile of this name
    maximum = 4
    [cluster.etl.request]       # RunJobFlow's request, as boto3 takes it
    ReleaseLabel = "emr-7.10.0"

    [job.sessions]              # a JobProfile of this name
    priority = 500
    cluster_profile = "etl"
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError

from agent.lifecycle.profile_rules import faults_of_cluster, faults_of_job, faults_of_values, nearest
from agent.lifecycle.rows import ClusterProfile, JobProfile, job_profile_key, profile_key
from agent.lifecycle.table import KEY
from agent.settings_faults import SettingsError, SettingsFault, faults_of

CLUSTER, JOB = "cluster", "job"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""It becomes part of the cluster's name, of tags and of keys."""

RequestFaults = Callable[[Mapping[str, Any]], Iterable[SettingsFault]]
"""What EMR's own model has against a request of RunJobFlow, by the path within the request."""
P = TypeVar("P", ClusterProfile, JobProfile)


class _Cluster(ClusterProfile):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Job(JobProfile):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Profiles:
    """Those of one file, in its order."""

    clusters: tuple[ClusterProfile, ...]
    jobs: tuple[JobProfile, ...]


def read(text: str, source: str, of_request: RequestFaults = lambda _: ()) -> Profiles:
    """The profiles in a text: JSON where `source` ends in .json, else TOML. Raises SettingsError with all faults."""
    table = _table(text, source)
    faults = list(_faults_of_kinds(table))
    clusters = dict(_each(table, CLUSTER, _Cluster, profile_key, faults))
    jobs = dict(_each(table, JOB, _Job, job_profile_key, faults))
    for name, cluster in clusters.items():
        path = f"{CLUSTER}.{name}"
        faults += _under(path, faults_of_cluster(cluster))
        faults += _under(f"{path}.request", of_request(cluster.request))
    for name, job in jobs.items():
        faults += _under(f"{JOB}.{name}", faults_of_job(job, clusters))
    if faults:
        raise SettingsError(source, tuple(faults))
    return Profiles(
        tuple(ClusterProfile.of(one.item()) for one in clusters.values()),
        tuple(JobProfile.of(one.item()) for one in jobs.values()),
    )


def written(profile: ClusterProfile | JobProfile) -> dict[str, Any]:
    """The profile as a file has it, whole, so that it can be changed and put again."""
    kind = CLUSTER if isinstance(profile, ClusterProfile) else JOB
    return {kind: {profile.name: profile.attributes}}


def _table(text: str, source: str) -> dict[str, Any]:
    kind = "JSON" if source.endswith(".json") else "TOML"
    try:
        found = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(source, (SettingsFault("", f"is not {kind}: {error}"),)) from error
    if not isinstance(found, dict) or not any(found.get(kind) for kind in (CLUSTER, JOB)):
        told = "holds no profile: write [cluster.NAME] or [job.NAME], see docs/lifecycle.md"
        raise SettingsError(source, (SettingsFault("", told),))
    return found


def _faults_of_kinds(table: Mapping[str, Any]) -> Iterator[SettingsFault]:
    for kind, found in table.items():
        if kind not in {CLUSTER, JOB}:
            yield SettingsFault(kind, f"is no kind of profile{nearest(kind, (CLUSTER, JOB))}")
        elif not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            yield SettingsFault(kind, f"has a name below it, and a table below that: [{kind}.NAME]")


def _each(
    table: Mapping[str, Any], kind: str, model: type[P], key: Callable[[str], str], faults: list[SettingsFault]
) -> Iterator[tuple[str, P]]:
    """Those that their model takes; what it has against the others is added to the faults."""
    found = table.get(kind)
    for name, one in found.items() if isinstance(found, dict) else ():
        path = f"{kind}.{name}"
        if NAME.fullmatch(name) is None:
            told = "is no name: write at most 64 letters, digits, '-', '_' and '.', a letter or digit first"
            faults.append(SettingsFault(path, told))
        if not isinstance(one, dict):
            continue
        if wrong := _under(path, faults_of_values(one)):
            faults += wrong
            continue
        if KEY in one:
            faults.append(SettingsFault(f"{path}.{KEY}", "is no setting"))
        try:
            yield name, model.model_validate({**one, KEY: key(name)})
        except ValidationError as error:
            faults += _under(path, faults_of(error, model))


def _under(path: str, faults: Iterable[SettingsFault]) -> list[SettingsFault]:
    return [SettingsFault(f"{path}.{one.path}" if one.path else path, one.text) for one in faults]
