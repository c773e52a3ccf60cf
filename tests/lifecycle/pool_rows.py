"""Rows of one pool, as tests need them."""

from __future__ import annotations

from typing import Any

from agent.lifecycle.events import JobSubmitted
from agent.lifecycle.jobs import submitted
from agent.lifecycle.rows import (
    ClusterProfile,
    ClusterRow,
    JobProfile,
    JobRow,
    LaunchRow,
    SlotRow,
    cluster_key,
    job_profile_key,
    launch_key,
    profile_key,
    slot_key,
    slots_of,
)
from agent.lifecycle.words import LaunchState, Phase, State

NOW = 1_700_000_000.0
ETL = "etl"


def pool(minimum: int = 0, maximum: int = 4, **more: Any) -> ClusterProfile:
    request = {"ReleaseLabel": "emr-7.10.0", "Instances": {}}
    return ClusterProfile(key=profile_key(ETL), request=request, minimum=minimum, maximum=maximum, **more)


def kind_of_job(priority: int = 500, **more: Any) -> JobProfile:
    given = {"type": "spark", "size": "small", "cluster_profile": ETL, "step": {"Jar": "command-runner.jar"}}
    return JobProfile(key=job_profile_key("sessions"), priority=priority, **{**given, **more})


def cluster(name: str, phase: Phase = Phase.IDLE, **more: Any) -> ClusterRow:
    """Of the pool; free and just heard of, unless told."""
    state = {Phase.LAUNCHING: State.STARTING, Phase.ENDED: State.TERMINATED}.get(phase, State.WAITING)
    given: dict[str, Any] = {"profile": ETL, "pool": True, "phase": phase, "state": state, "created_at": NOW - 5000}
    if phase is Phase.IDLE:
        given |= {"idle_since": NOW - 60, "heartbeat_at": NOW - 10}
    if phase is Phase.CLAIMED:
        given |= {"claim": f"job-of-{name}", "heartbeat_at": NOW - 10}
    return ClusterRow(key=cluster_key(name), **{**given, **more})


def launch(name: str, slot: int, state: LaunchState = LaunchState.ASKED, **more: Any) -> LaunchRow:
    given: dict[str, Any] = {"owner": "pool/etl", "profile": ETL, "pool": True, "created_at": NOW - 100}
    return LaunchRow(key=launch_key(name), slot=slot, state=state, open="LAUNCH", **{**given, **more})


def slot(number: int, launch_id: str = "") -> SlotRow:
    key = slot_key(ETL, number)
    return SlotRow(
        key=key,
        profile=ETL,
        number=number,
        launch_id=launch_id or f"l-{number}",
        taken_at=NOW - 100,
        open=slots_of(ETL),
    )


def job(name: str, priority: int = 500, at: float = NOW - 50, **more: Any) -> JobRow:
    """One that waits."""
    event = JobSubmitted(id=name, profile="sessions", owner="me", at=at, priority=priority)
    row = submitted(event, kind_of_job(), pool(), NOW)
    return row.model_copy(update=more)
