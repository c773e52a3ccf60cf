"""What is left to do is known when everybody who runs has told; and what waits on a standalone master."""

from __future__ import annotations

from agent.aggregate.table import Table
from agent.aggregate.wants import with_wants
from agent.domain.readings import Application, ClusterManager, ClusterReading, ContainerAsk
from agent.domain.slots import executor_size
from agent.domain.stages import StageProgress, StagesReading
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry
from tests.captures import report


def table() -> Table:
    return Table(ListenerSettings(), 300.0, Telemetry())


def told(app: str, at: float, *, tasks: int = 10, completed: int = 4, run_time_s: float = 8.0) -> StagesReading:
    stage = StageProgress(app=app, tasks=tasks, running=0, completed=completed, run_time_s=run_time_s)
    return StagesReading(at=at, app=app, stages=(stage,))


def listed(at: float, **states: str) -> ClusterReading:
    return ClusterReading(
        at=at,
        manager=ClusterManager.YARN,
        memory_total_mb=1.0,
        memory_available_mb=1.0,
        applications=tuple(
            Application(id=app, name=app, state=state, memory_used_mb=1.0) for app, state in states.items()
        ),
    )


def test_it_is_known_when_every_running_application_has_told_and_as_old_as_the_oldest() -> None:
    held = table()
    held.take(told("a", 10.0))
    assert held.snapshot(11.0).remaining is None, "nobody knows what runs"
    held.take(listed(12.0, a="RUNNING", b="RUNNING", c="ACCEPTED"))
    assert held.snapshot(13.0).remaining is None, "b has not told"
    held.take(told("b", 14.0, run_time_s=4.0))
    found = held.snapshot(15.0).remaining
    assert found is not None
    assert (found.at, dict(found.by_app)) == (10.0, {"a": 12.0, "b": 6.0})


def test_when_nothing_runs_nothing_is_left() -> None:
    held = table()
    held.take(told("a", 10.0))
    held.take(listed(20.0))
    found = held.snapshot(21.0).remaining
    assert found is not None
    assert (found.at, found.total_s) == (20.0, 0.0)


def test_what_was_told_long_ago_is_forgotten() -> None:
    held = table()
    held.take(told("a", 10.0))
    held.take(listed(300.0, a="RUNNING"))
    assert held.snapshot(310.0).remaining is not None
    assert held.snapshot(311.0).remaining is None


# --- what waits on a standalone master


def standalone(*apps: Application) -> ClusterReading:
    return ClusterReading(
        at=1.0,
        manager=ClusterManager.STANDALONE,
        memory_total_mb=2160.0,
        memory_available_mb=880.0,
        applications=apps,
    )


APP = Application(id="app-1", name="a", state="RUNNING", memory_used_mb=640.0, executor_memory_mb=640.0)


def driver(held: Table, app: str, **executors: float) -> None:
    names = {f"ExecutorAllocationManager.executors.number{name}Executors": n for name, n in executors.items()}
    held.report(report(f"{app}.driver.", {"jvm.heap.used": 1, **names}, 1000), "10.0.0.1", 1000)


def wants(reading: ClusterReading | None, held: Table) -> ClusterReading | None:
    return with_wants(reading, held.snapshot(1001).instances)


def test_what_the_driver_asks_for_and_has_not_got_is_pending() -> None:
    """numberMaxNeededExecutors knows no maximum: what is asked of the cluster manager counts."""
    held = table()
    driver(held, "app-1", Target=3, All=2, MaxNeeded=24)
    found = wants(standalone(APP), held)
    assert found is not None and found.applications is not None
    assert (found.containers_pending, found.memory_pending_mb) == (1, 640.0)
    (app,) = found.applications
    assert (app.containers, app.memory_used_mb) == (3, 1280.0)
    assert app.asks == (ContainerAsk(memory_mb=640.0, cores=None, label="", count=1),)


def test_one_that_has_all_asks_for_nothing_and_its_size_is_still_known() -> None:
    held = table()
    driver(held, "app-1", Target=1, All=2)
    found = wants(standalone(APP), held)
    assert found is not None
    assert (found.containers_pending, found.memory_pending_mb) == (0, 0.0)
    size = executor_size(found)
    assert size is not None and size.memory_mb == 640.0


def test_what_waits_is_unknown_while_one_driver_has_not_told() -> None:
    held = table()
    driver(held, "app-1", Target=3, All=2)
    driver(held, "app-2")
    other = Application(id="app-2", name="b", state="RUNNING", memory_used_mb=640.0, executor_memory_mb=640.0)
    for apps in ((APP, other), (other,)):
        found = wants(standalone(*apps), held)
        assert found is not None
        assert (found.containers_pending, found.memory_pending_mb) == (None, None)
    empty = wants(standalone(), held)
    assert empty is not None and empty.containers_pending == 0


def test_what_yarn_says_stays_as_it_is() -> None:
    held = table()
    driver(held, "a", Target=3, All=2)
    yarn = listed(1.0, a="RUNNING")
    assert wants(yarn, held) is yarn
    assert wants(None, held) is None
