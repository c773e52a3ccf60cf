"""Rows as tests of the core need them: one launch, its cluster, one job on it."""

from __future__ import annotations

from typing import Any

from agent.lifecycle.known import Known
from agent.lifecycle.ports import Described
from agent.lifecycle.rows import (
    ClusterProfile,
    ClusterRow,
    JobRow,
    LaunchRow,
    OwnerRow,
    cluster_key,
    job_key,
    launch_key,
    owner_key,
    profile_key,
)
from agent.lifecycle.words import ENDED, LAUNCHING, EndReason, JobState, LaunchState, Phase, State
from agent.settings_lifecycle import LifecycleSettings

NOW = 1_800_000_000.0
ETL, POOL = "etl", "pool"
SETTINGS = LifecycleSettings(table="tidemark")


def profile(name: str = ETL, **more: Any) -> ClusterProfile:
    request = {"ReleaseLabel": "emr-7.10.0", "Instances": {}}
    return ClusterProfile(key=profile_key(name), **{"request": request, **more})


def launch(launch_id: str = "w", state: LaunchState = LaunchState.LAUNCHED, **more: Any) -> LaunchRow:
    given: dict[str, Any] = {"owner": "me", "profile": ETL, "created_at": NOW - 1000, "attempt": 1}
    if state is LaunchState.LAUNCHED:
        given |= {"cluster_id": "j-1"}
    if state is LaunchState.CLAIMED:
        given |= {"claimed_at": NOW - 10}
    closed = state in (LaunchState.ENDED, LaunchState.FAILED, LaunchState.CANCELLED)
    return LaunchRow(key=launch_key(launch_id), state=state, **{"open": None if closed else "LAUNCH", **given, **more})


def cluster(cluster_id: str = "j-1", state: State = State.RUNNING, **more: Any) -> ClusterRow:
    """Of the launch `w`, heard of by its agent and by EMR just now."""
    launching = state in LAUNCHING
    phase = Phase.ENDED if state in ENDED else Phase.LAUNCHING if launching else Phase.WORKING
    given: dict[str, Any] = {
        "name": "etl w.1",
        "owner": "me",
        "profile": ETL,
        "launch_id": "w",
        "attempt": 1,
        "created_at": NOW - 900,
        "open": None if state in ENDED else "CLUSTER",
        "state_at": NOW - 600,
        "seen_at": NOW - 20,
        "asked_at": NOW - 20,
        "ready_at": None if launching else NOW - 600,
        "heartbeat_at": None if launching else NOW - 10,
        "phase": phase,
    }
    return ClusterRow(key=cluster_key(cluster_id), state=state, **{**given, **more})


def of_pool(cluster_id: str = "j-1", state: State = State.WAITING, **more: Any) -> ClusterRow:
    given: dict[str, Any] = {"profile": POOL, "pool": True, "owner": None, "phase": Phase.IDLE, "idle_since": NOW - 30}
    if "claim" in more:
        given |= {"phase": Phase.CLAIMED, "claimed_at": NOW - 500, "idle_since": None}
    return cluster(cluster_id, state, **{**given, **more})


def job(job_id: str = "n", state: JobState = JobState.RUNNING, **more: Any) -> JobRow:
    """On the cluster j-1, in its first attempt of three; or waiting for one."""
    given: dict[str, Any] = {
        "owner": "me",
        "profile": "daily",
        "cluster_profile": POOL,
        "created_at": NOW - 800,
        "queued_at": NOW - 800,
        "attempts": 3,
        "open": "JOB",
    }
    if state in (JobState.CLAIMED, JobState.RUNNING):
        given |= {"cluster_id": "j-1", "attempt": 1, "claimed_at": NOW - 500}
    if state is JobState.QUEUED:
        given |= {"queue": POOL, "rank": "1"}
    if state is JobState.RUNNING:
        given |= {"step_id": "s-1", "started_at": NOW - 490}
    return JobRow(key=job_key(job_id), state=state, **{**given, **more})


def owner(reason: EndReason = EndReason.OWNER_GONE, at: float = NOW - 100, name: str = "me") -> OwnerRow:
    return OwnerRow(key=owner_key(name), ended_at=at, reason=reason, why="it was deleted", expires_at=at + 1e6)


def answer(state: State = State.WAITING, **more: Any) -> Described:
    given: dict[str, Any] = {
        "cluster_id": "j-1",
        "name": "etl w.1",
        "code": None,
        "message": "",
        "at": NOW - 1,
        "created_at": NOW - 900,
        "protected": False,
        "subnet": "subnet-a",
    }
    return Described(state=state, **{**given, **more})


def known(**more: Any) -> Known:
    return Known(**{"cluster": cluster(), "launch": launch(), "profile": profile(), **more})
