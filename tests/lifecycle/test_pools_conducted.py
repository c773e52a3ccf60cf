"""A pool at work without any sweep, while the indexes are behind: nobody waits for the sweep without need."""

from __future__ import annotations

import pytest

from agent.lifecycle.events import JobCancelled, JobSubmitted, SweepDue
from agent.lifecycle.rows import ClusterProfile, JobRow
from agent.lifecycle.words import JobState
from tests.lifecycle.pool_rows import ETL, kind_of_job, pool
from tests.lifecycle.small_emr import SmallEmr


def small(lag_s: float, maximum: int = 2) -> SmallEmr:
    emr = SmallEmr(lag_s)
    emr.store.put_profile(pool(maximum=maximum))
    emr.store.put_profile(kind_of_job())
    emr.now += 60
    return emr


def submit(emr: SmallEmr, *jobs: str, priority: int = 5) -> None:
    for name in jobs:
        emr.hear(JobSubmitted(id=name, profile="sessions", owner="me", at=emr.now, priority=priority))


def hear_all(emr: SmallEmr) -> None:
    """All that has been told, and what comes of it, within a second."""
    for _ in range(5):
        told, emr.told = emr.told, []
        for event in told:
            emr.now += 0.1
            emr.hear(event)


def go_on(emr: SmallEmr, times: int = 1) -> None:
    for _ in range(times):
        emr.now += 60
        emr.goes_well()
        hear_all(emr)


def states(emr: SmallEmr, *jobs: str) -> list[JobState]:
    return [row.state for name in jobs if (row := emr.store.job(name)) is not None]


@pytest.mark.parametrize("lag_s", [0.0, 2.0])
def test_jobs_that_come_together_each_get_a_cluster(lag_s: float) -> None:
    emr = small(lag_s)
    submit(emr, "a", "b", "c")
    assert len(emr.living()) == 2, "the maximum"
    hear_all(emr)
    go_on(emr, 2)
    assert sorted(states(emr, "a", "b", "c")) == [JobState.QUEUED, JobState.RUNNING, JobState.RUNNING]
    go_on(emr, 6)
    assert states(emr, "a", "b", "c") == [JobState.SUCCEEDED] * 3
    assert len(emr.clusters) == 2


@pytest.mark.parametrize("lag_s", [0.0, 2.0])
@pytest.mark.parametrize("apart_s", [0.0, 0.1])
def test_of_many_jobs_at_once_none_waits_for_the_sweep(lag_s: float, apart_s: float) -> None:
    emr = small(lag_s, maximum=20)
    for number in range(10):
        submit(emr, f"j-{number}")
        emr.now += apart_s
    assert len(emr.living()) == 10
    slots = {
        one.slot for one in (emr.store.launch(one.name.split()[1].rpartition(".")[0]) for one in emr.living()) if one
    }
    assert slots == set(range(1, 11))


@pytest.mark.parametrize("lag_s", [0.0, 2.0])
def test_a_cluster_whose_job_is_done_goes_to_the_most_urgent_one_at_once(lag_s: float) -> None:
    emr = small(lag_s, maximum=1)
    submit(emr, "first", priority=999)
    emr.now += 60
    submit(emr, "low", priority=1)
    submit(emr, "high", priority=900)
    go_on(emr, 2)
    assert states(emr, "first", "low", "high") == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
    go_on(emr, 2)
    assert states(emr, "first", "low", "high") == [JobState.SUCCEEDED, JobState.QUEUED, JobState.RUNNING]
    go_on(emr, 4)
    assert states(emr, "low") == [JobState.SUCCEEDED]


class CancelledMeanwhile(SmallEmr):
    """Somebody cancels a job right before its step is there."""

    def run(self, job: JobRow) -> str | None:
        self.hear(JobCancelled(id=job.id))
        return super().run(job)


def test_a_job_that_is_cancelled_while_its_step_is_added_does_not_run() -> None:
    emr = CancelledMeanwhile()
    emr.store.put_profile(pool(maximum=1))
    emr.store.put_profile(kind_of_job())
    submit(emr, "a")
    go_on(emr, 6)
    assert states(emr, "a") == [JobState.CANCELLED]
    assert [step.state for one in emr.clusters.values() for step in one.steps] == ["CANCELLED"]


def test_a_pool_that_was_switched_off_is_ended_by_the_sweep() -> None:
    emr = small(0.0)
    submit(emr, "a")
    go_on(emr, 6)
    assert (states(emr, "a"), len(emr.living())) == ([JobState.SUCCEEDED], 1)
    off = pool(maximum=0)
    assert isinstance(off, ClusterProfile)
    emr.store.put_profile(off)
    emr.hear(SweepDue(at=emr.now))
    hear_all(emr)
    assert emr.living() == []
    assert list(emr.store.slots(ETL)) == []
