"""A job's submission: its place in the queue, or all that is wrong with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle.events import JobSubmitted
from agent.lifecycle.jobs import has_waited_too_long, may_try_again, submitted, waited_s
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import JobRow
from agent.lifecycle.store import Store
from agent.lifecycle.words import JobState
from tests.lifecycle.pool_rows import ETL, NOW, job, kind_of_job, pool

ASKED = JobSubmitted(id="j-1", profile="sessions", owner="dag/run", at=NOW - 5, args=("--day", "2026-01-01"))


def test_a_job_takes_its_place_in_the_queue() -> None:
    kind = kind_of_job(700, attempts=2, max_wait_s=60, step={"Jar": "command-runner.jar", "Args": ["spark-submit"]})
    row = submitted(ASKED, kind, pool(), NOW)
    assert (row.state, row.open, row.queue, row.cluster_profile) == (JobState.QUEUED, "JOB", ETL, ETL)
    assert (row.priority, row.attempts, row.max_wait_s) == (700, 2, 60)
    assert row.step == {"Jar": "command-runner.jar", "Args": ["spark-submit", "--day", "2026-01-01"]}
    assert (row.created_at, row.queued_at, row.why) == (NOW - 5, NOW, ())
    assert submitted(replace(ASKED, priority=3), kind, pool(), NOW).priority == 3
    assert submitted(replace(ASKED, at=0.0), kind, pool(), NOW).created_at == NOW


def test_the_queue_is_by_priority_and_then_by_age() -> None:
    store = Store(MemoryTable())
    for row in (job("c", 5, NOW - 1), job("b", 5, NOW - 9), job("a", 999, NOW - 1), job("d", 0, NOW - 99)):
        assert store.submit(row)
    assert [one.id for one in store.queued(ETL)] == ["a", "b", "c", "d"]
    assert not store.submit(job("a", 1)), "the second delivery of one submission is the same job"


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (replace(ASKED, id="x" * 201), "id"),
        (replace(ASKED, id="a\nb"), "id"),
        (replace(ASKED, id=""), "id"),
        (replace(ASKED, owner=" "), "owner"),
        (replace(ASKED, at=NOW + 4000), "at"),
        (replace(ASKED, at=-1.0), "at"),
        (replace(ASKED, priority=1000), "priority"),
        (replace(ASKED, args=("x" * 10_281,)), "args.0"),
        (replace(ASKED, args=("ok", "a\x00")), "args.1"),
        (replace(ASKED, args=("x" * 10_000,) * 21), "args"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_that_nobody_can_run_is_rejected_with_its_reason(event: JobSubmitted, word: str) -> None:
    row = submitted(event, kind_of_job(), pool(), NOW)
    assert (row.state, row.open, row.queue, row.rank, row.ended_at) == (JobState.REJECTED, None, None, None, NOW)
    assert [reason.partition(":")[0] for reason in row.why] == [word]


def test_all_reasons_are_told_at_once() -> None:
    row = submitted(replace(ASKED, owner="", priority=-1, profile="sesions"), None, None, NOW, ["sessions", "report"])
    assert [reason.partition(":")[0] for reason in row.why] == ["owner", "priority", "profile"]
    assert row.why[-1].endswith("did you mean 'sessions'?")


def test_a_job_needs_a_pool() -> None:
    assert "no pool" in submitted(ASKED, kind_of_job(), pool(maximum=0), NOW).why[0]
    assert "is not there" in submitted(ASKED, kind_of_job(), None, NOW).why[0]


def test_a_rejected_job_stays_open_until_the_execution_that_waits_has_been_told() -> None:
    assert submitted(replace(ASKED, task_token="t"), None, None, NOW).open == "JOB"


def test_a_wait_counts_from_when_it_was_queued_all_waits_together() -> None:
    row = job("a", queued_at=NOW - 40, waited_s=50.0, max_wait_s=100.0)
    assert waited_s(row, NOW) == 90
    assert (has_waited_too_long(row, NOW), has_waited_too_long(row, NOW + 11)) == (False, True)
    running = row.model_copy(update={"state": JobState.RUNNING})
    assert (waited_s(running, NOW), has_waited_too_long(running, NOW + 1000)) == (50, False)


def test_a_job_may_try_as_often_as_its_profile_says() -> None:
    assert [may_try_again(job("a", attempt=n, attempts=2, state=JobState.RUNNING)) for n in (1, 2)] == [True, False]
    assert not may_try_again(job("a", attempt=1, attempts=2, state=JobState.FAILED))


@given(
    st.builds(
        JobSubmitted,
        id=st.text(max_size=250),
        profile=st.text(max_size=9),
        owner=st.text(max_size=9),
        at=st.floats(),
        args=st.lists(st.text(max_size=20), max_size=4).map(tuple),
        priority=st.none() | st.integers(),
        task_token=st.none() | st.text(max_size=9),
    ),
    st.booleans(),
)
def test_every_submission_becomes_a_row_that_the_table_takes(event: JobSubmitted, known: bool) -> None:
    row = submitted(event, kind_of_job() if known else None, pool(), NOW, ["sessions"])
    assert (row.state is JobState.REJECTED) == bool(row.why)
    assert (row.queue is not None) == (row.state is JobState.QUEUED)
    store = Store(MemoryTable())
    assert store.submit(row)
    assert store.job(event.id) == JobRow.of(row.item())
