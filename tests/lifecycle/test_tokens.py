"""Executions that wait for a job hear of its end, by the lifecycle's own client, from the sandbox's Step Functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agent.domain.faults import PermanentFault
from agent.lifecycle.rows import JobRow, job_key
from agent.lifecycle.tokens import LONGEST_CAUSE, NoTokens, StepFunctionsTokens
from agent.lifecycle.words import JobState
from agent.telemetry import Telemetry
from tests.lifecycle.hands import clients
from tests.sandbox.emr_world import World, world
from tests.sandbox.test_lifecycle_states import Machine


@pytest.fixture
def it() -> Iterator[World]:
    with world() as made:
        yield made


def job(state: JobState, token: str | None, **more: Any) -> JobRow:
    fields = {"owner": "me", "profile": "etl", "created_at": 0, "cluster_id": "j-1", "step_id": "s-1", **more}
    return JobRow(key=job_key("job-1"), state=state, task_token=token, **fields)


def tokens(it: World, telemetry: Telemetry) -> StepFunctionsTokens:
    return StepFunctionsTokens(lambda: clients(it).stepfunctions, telemetry.count)


def test_success_is_told_with_where_it_ran_once_and_a_second_time_is_no_fault(it: World) -> None:
    machine, telemetry = Machine(it.server), Telemetry()
    execution = machine.start()
    done = job(JobState.SUCCEEDED, machine.token())
    mine = tokens(it, telemetry)
    mine.still_runs(done)
    mine.ended(done)
    ended = machine.ended(execution)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"job": "job-1", "cluster_id": "j-1", "step_id": "s-1"}
    mine.ended(done)
    mine.still_runs(done)
    assert telemetry.counts() == {"TaskTokensGone": 2}


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (JobState.FAILED, "Tidemark.JobFailed"),
        (JobState.CANCELLED, "Tidemark.JobCancelled"),
        (JobState.REJECTED, "Tidemark.JobRejected"),
    ],
)
def test_other_ends_are_errors_that_a_state_machine_can_tell_apart(it: World, state: JobState, error: str) -> None:
    machine = Machine(it.server)
    machine.start()
    mine = tokens(it, Telemetry())
    mine.ended(job(state, machine.token(), why=("no cluster came", "x" * LONGEST_CAUSE)))
    caught: Mapping[str, Any] = machine.message(machine.cancelled)
    assert caught["Error"] == error and caught["Cause"].startswith("job job-1: no cluster came; xxx")


def test_a_token_that_nobody_gave_is_no_fault_and_one_that_is_no_token_is(it: World) -> None:
    telemetry = Telemetry()
    mine = tokens(it, telemetry)
    mine.ended(job(JobState.SUCCEEDED, None))
    mine.still_runs(job(JobState.RUNNING, None))
    mine.ended(job(JobState.SUCCEEDED, "made-up"))
    assert telemetry.counts() == {"TaskTokensGone": 1}
    with pytest.raises(PermanentFault):
        mine.ended(job(JobState.SUCCEEDED, ""))


def test_where_nobody_waits_nothing_is_told() -> None:
    NoTokens().ended(job(JobState.FAILED, "t"))
    NoTokens().still_runs(job(JobState.RUNNING, "t"))
