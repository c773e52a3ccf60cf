"""Shuffle bytes by host: summed over applications, forgotten with them."""

from __future__ import annotations

from agent.aggregate.table import Table
from agent.domain.readings import Application, ClusterManager, ClusterReading, ShuffleReading
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry


def table() -> Table:
    return Table(ListenerSettings(), 300.0, Telemetry())


def wrote(app: str, at: float, **by_host: float) -> ShuffleReading:
    return ShuffleReading(at=at, app=app, bytes_by_host=by_host)


def listed(at: float, *apps: str) -> ClusterReading:
    return ClusterReading(
        at=at,
        manager=ClusterManager.YARN,
        memory_total_mb=1.0,
        memory_available_mb=1.0,
        applications=tuple(Application(id=app, name=app, state="RUNNING", memory_used_mb=1.0) for app in apps),
    )


def test_it_is_summed_over_applications_and_the_last_word_of_each_counts() -> None:
    held = table()
    held.take(wrote("a", 10.0, x=1.0))
    held.take(wrote("a", 20.0, x=5.0, y=2.0))
    held.take(wrote("b", 20.0, x=3.0))
    assert held.snapshot(30.0).shuffle == {"x": 8.0, "y": 2.0}


def test_a_finished_application_holds_nothing() -> None:
    held = table()
    held.take(wrote("a", 10.0, x=1.0))
    held.take(wrote("b", 10.0, x=3.0))
    held.take(listed(11.0, "b"))
    assert held.snapshot(12.0).shuffle == {"x": 3.0}
    held.take(listed(13.0))
    assert held.snapshot(14.0).shuffle == {}


def test_what_has_not_been_heard_of_for_five_minutes_is_forgotten() -> None:
    held = table()
    held.take(wrote("a", 10.0, x=1.0))
    assert held.snapshot(310.0).shuffle == {"x": 1.0}
    assert held.snapshot(311.0).shuffle == {}
