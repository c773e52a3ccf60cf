from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.readings import Application, ClusterManager, ClusterReading
from agent.domain.roles import Role
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


SESSION = Application(id="app-1", name="x", state="RUNNING", memory_used_mb=1, kind="SPARK", containers=3)
DRIVER = {"DAGScheduler.job.activeJobs": 0.0, "DAGScheduler.job.allJobs": 7.0}
EXECUTOR = {"executor.threadpool.activeTasks": 0.0, "executor.threadpool.completeTasks": 40.0}


def driver(at: float = 990.0, **values: float) -> probes.Report:
    return probes.Report(Role.DRIVER, "app-1", "driver", at, {**DRIVER, **values})


def executor(id: str, at: float = 995.0, **values: float) -> probes.Report:
    return probes.Report(Role.EXECUTOR, "app-1", id, at, {**EXECUTOR, **values})


ALL = (driver(), executor("1"), executor("2"))
ALONE = (driver(),)


def looks(app: Application, *rounds: tuple[probes.Report, ...]) -> list[tuple[str, ...]]:
    """Of which applications each of several looks speaks."""
    given = iter(rounds)
    probe = probes.AtRest(lambda: (reading(999, (app,)), next(given)), lambda: 1000.0)
    found = [probe() for _ in rounds]
    assert not any(evidence.busy for evidence in found)
    return [evidence.of for evidence in found]


def test_an_application_is_at_rest_when_nothing_was_done_between_two_looks() -> None:
    assert looks(SESSION, ALL, ALL, ALL) == [(), ("app-1",), ("app-1",)]


def test_its_word_is_as_old_as_the_oldest_report_and_names_the_containers() -> None:
    probe = probes.AtRest(lambda: (reading(999, (SESSION,)), ALL), lambda: 1000.0)
    probe()
    evidence = probe()
    assert (evidence.probe, evidence.at, evidence.of) == ("rest", 990.0, ("app-1",))
    assert evidence.detail == "no task and no job reported by app-1 (3 containers)"


@pytest.mark.parametrize(
    ("app", "reports"),
    [
        (replace(SESSION, containers=1), ALONE),
        (replace(SESSION, containers=1), ALL),
        (replace(SESSION, containers=2), (driver(), executor("9", **{"executor.threadpool.completeTasks": 0.0}))),
    ],
    ids=["only its master", "executors that are gone are still known", "an executor that is new"],
)
def test_executors_may_have_gone(app: Application, reports: tuple[probes.Report, ...]) -> None:
    assert looks(app, ALL, reports) == [(), ("app-1",)]


@pytest.mark.parametrize(
    ("app", "reports"),
    [
        (SESSION, (driver(), executor("1"))),
        (SESSION, (executor("1"), executor("2"))),
        (SESSION, ()),
        (SESSION, (driver(**{"DAGScheduler.job.activeJobs": 1.0}), executor("1"), executor("2"))),
        (SESSION, (driver(**{"DAGScheduler.job.allJobs": 8.0}), executor("1"), executor("2"))),
        (SESSION, (driver(), executor("1", **{"executor.threadpool.activeTasks": 1.0}), executor("2"))),
        (SESSION, (driver(), executor("1", **{"executor.threadpool.completeTasks": 41.0}), executor("2"))),
        (SESSION, (driver(**{"spark.streaming.q.latency": 3.0}), executor("1"), executor("2"))),
        (SESSION, (driver(**{"StreamingMetrics.streaming.waitingBatches": 0.0}), executor("1"), executor("2"))),
        (SESSION, (probes.Report(Role.DRIVER, "app-1", "driver", 990, {}), executor("1"), executor("2"))),
        (SESSION, (driver(), executor("1"), probes.Report(Role.EXECUTOR, "app-1", "2", 990, {}))),
        (replace(SESSION, containers=None), ALL),
        (replace(SESSION, kind="TEZ"), ALL),
        (replace(SESSION, kind=None), ALL),
        (replace(SESSION, state="ACCEPTED"), ALL),
    ],
    ids=[
        "an executor is silent",
        "the driver is silent",
        "all are silent",
        "a job runs",
        "a job has run",
        "a task runs",
        "a task has run",
        "a streaming query",
        "a stream",
        "the driver's jobs are not known",
        "an executor's tasks are not known",
        "containers are not told",
        "not Spark's",
        "of no known kind",
        "does not run yet",
    ],
)
def test_whatever_is_not_known_is_at_work(app: Application, reports: tuple[probes.Report, ...]) -> None:
    assert looks(app, ALL, reports)[1] == ()


def test_without_an_answer_nobody_is_at_rest() -> None:
    assert probes.AtRest(lambda: (None, ALL), lambda: 1000.0)().of == ()


def test_a_jvm_that_reports_of_an_application_that_nobody_lists_is_busy() -> None:
    """A master that was replaced answers, lists nothing, and knows of no work; the application is still there."""
    driver = probes.Report(Role.DRIVER, "app-1", "driver", 990.0, {})
    empty = reading(990, ())
    found = probes.unlisted(lambda: (empty, [driver]), now=1000.0, within_s=20.0)
    assert found.busy and "app-1" in found.detail
    assert probes.unlisted(lambda: (None, [driver]), now=1000.0, within_s=20.0).busy


def test_a_jvm_that_has_fallen_silent_or_whose_application_is_listed_is_not_unlisted() -> None:
    driver = probes.Report(Role.DRIVER, "app-1", "driver", 990.0, {})
    empty = reading(990, ())
    assert not probes.unlisted(lambda: (empty, [driver]), now=1011.0, within_s=20.0).busy
    listed = reading(990, (APP,))
    assert not probes.unlisted(lambda: (listed, [driver]), now=1000.0, within_s=20.0).busy
