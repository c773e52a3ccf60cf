from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import Application, ClusterManager, ClusterReading
from agent.sources import probes

APP = Application(id="app-1", name="x", state="ACCEPTED", memory_used_mb=0)


def reading(at: float, applications: tuple[Application, ...] | None) -> ClusterReading:
    return ClusterReading(
        at=at,
        manager=ClusterManager.YARN,
        memory_total_mb=1,
        memory_available_mb=1,
        applications=applications,
    )


@pytest.mark.parametrize(
    ("seen", "busy", "at", "word"),
    [
        (None, True, 1000, "not answered"),
        (reading(990, None), True, 990, "did not tell"),
        (reading(990, (APP,)), True, 990, "1 unfinished: app-1 ACCEPTED"),
        (reading(990, (APP,) * 5), True, 990, "5 unfinished"),
        (reading(990, ()), False, 990, "no unfinished application"),
        (reading(939, ()), True, 939, "61 s old"),
        (reading(1061, ()), True, 1061, "old"),
    ],
)
def test_applications(seen: ClusterReading | None, busy: bool, at: float, word: str) -> None:
    evidence = probes.applications(seen, now=1000, max_age_s=60)
    assert (evidence.probe, evidence.busy, evidence.at) == ("applications", busy, at)
    assert word in evidence.detail


@given(st.none() | st.builds(reading, st.floats(0, 2000), st.none() | st.lists(st.just(APP), max_size=3).map(tuple)))
def test_only_a_fresh_answer_that_names_no_application_is_idle(seen: ClusterReading | None) -> None:
    evidence = probes.applications(seen, now=1000, max_age_s=60)
    idle = seen is not None and abs(1000 - seen.at) <= 60 and seen.applications == ()
    assert evidence.busy is not idle


@pytest.mark.parametrize(
    ("values", "busy"),
    [
        ([], False),
        ([{}, {"jvm.heap.used": 5.0}], False),
        ([{"executor.threadpool.activeTasks": 0.0}, {"DAGScheduler.job.activeJobs": 0.0}], False),
        ([{"executor.threadpool.activeTasks": 0.0}, {"executor.threadpool.activeTasks": 1.0}], True),
        ([{"executor.threadpool.activeTasks": -1.0}, {"executor.threadpool.activeTasks": 1.0}], True),
        ([{"DAGScheduler.job.activeJobs": 1.0}], True),
    ],
)
def test_a_task_or_a_job_at_work_on_any_jvm_is_busy(values: list[dict[str, float]], busy: bool) -> None:
    evidence = probes.tasks(values, at=5.0)
    assert (evidence.probe, evidence.busy, evidence.at) == ("tasks", busy, 5.0)
