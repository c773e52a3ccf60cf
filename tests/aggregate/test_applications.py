"""Dimension values for applications, a bounded number of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate.applications import HELD_S, OTHER, PER_APPLICATION, Places, roll_up_applications
from agent.aggregate.snapshot import Snapshot
from agent.domain.datums import Distribution
from agent.domain.readings import ClusterManager, ClusterReading
from tests.aggregate.snapshots import application, death, heap, jvm, snapshot


def cluster(**names: str) -> ClusterReading:
    return ClusterReading(
        at=1.0,
        manager=ClusterManager.YARN,
        memory_total_mb=1.0,
        memory_available_mb=1.0,
        applications=tuple(application(app, name) for app, name in names.items()),
    )


def running(at: float, **names: str) -> Snapshot:
    """One executor an application; the longer known, the earlier in the alphabet of application ids."""
    return snapshot(
        *(jvm(heap(float(i + 1)), app=app, first_seen=float(i)) for i, app in enumerate(sorted(names))),
        at=at,
        cluster=cluster(**names),
    )


def test_the_longest_known_get_a_name_and_the_rest_are_other() -> None:
    found, _ = roll_up_applications(running(0.0, a="etl", b="report", c="adhoc"), None, Places(), 2)
    assert {name: one["JvmHeapUsed"].values for name, one in found.items()} == {
        "etl": (1.0,),
        "report": (2.0,),
        OTHER: (3.0,),
    }


def test_applications_of_one_name_count_as_one() -> None:
    found, _ = roll_up_applications(running(0.0, a="etl", b="etl"), None, Places(), 5)
    assert found["etl"]["JvmHeapUsed"] == Distribution.of([1.0, 2.0])
    assert list(found) == ["etl"]


def test_only_metrics_of_executors_and_drivers_are_told_by_application() -> None:
    found, _ = roll_up_applications(running(0.0, a="etl"), running(0.0, a="etl"), Places(), 5)
    assert set(found["etl"]) <= PER_APPLICATION
    assert "ExecutorsLost" not in found["etl"], "lost executors are known of the whole cluster only"


def test_a_delta_of_one_application_is_its_own() -> None:
    def at(first: float, second: float) -> Snapshot:
        name = "executor.bytesRead.count"
        executors = (jvm({name: first}, app="a"), jvm({name: second}, app="b"))
        return snapshot(*executors, cluster=cluster(a="etl", b="report"))

    found, _ = roll_up_applications(at(5, 70), at(1, 10), Places(), 5)
    assert (found["etl"]["InputBytes"].sum, found["report"]["InputBytes"].sum) == (4, 60)


def test_a_death_counts_for_its_application() -> None:
    now = snapshot(deaths=[death(app="a")], cluster=cluster(a="etl"))
    found, _ = roll_up_applications(now, None, Places(), 5)
    assert found["etl"]["ExecutorHeapUsedPercent"].values == (100.0,)


def test_an_application_that_the_cluster_manager_does_not_name_is_other() -> None:
    found, places = roll_up_applications(running(0.0, a="etl"), None, Places(), 5)
    nameless = snapshot(jvm(heap(1.0), app="z"))
    found, _ = roll_up_applications(nameless, None, places, 5)
    assert list(found) == [OTHER]


def test_a_name_becomes_a_value_that_cloudwatch_takes() -> None:
    found, _ = roll_up_applications(running(0.0, a=" Größe\n1 ", b="\t", c="x" * 999), None, Places(), 5)
    assert set(found) == {"Gr__e_1", OTHER, "x" * 255}


def test_switched_off_there_are_none() -> None:
    assert roll_up_applications(running(0.0, a="etl"), None, Places(), 0)[0] == {}


def test_a_name_keeps_its_place_while_it_is_used_and_for_an_hour_after() -> None:
    _, places = roll_up_applications(running(0.0, a="etl"), None, Places(), 1)
    found, places = roll_up_applications(running(HELD_S - 1, b="next"), None, places, 1)
    assert list(found) == [OTHER]
    found, places = roll_up_applications(running(HELD_S, b="next"), None, places, 1)
    assert list(found) == ["next"]


@given(
    limit=st.integers(1, 3),
    steps=st.lists(
        st.tuples(st.integers(1, 1800), st.sets(st.sampled_from("abcdefgh"), max_size=6)), min_size=1, max_size=40
    ),
)
def test_no_hour_bills_more_names_than_the_limit_and_other(limit: int, steps: list[tuple[int, set[str]]]) -> None:
    places, now = Places(), 0.0
    billed: dict[int, set[str]] = {}
    for seconds, running_now in steps:
        now += seconds
        shot = running(now, **{app: f"name-{app}" for app in running_now})
        found, places = roll_up_applications(shot, None, places, limit)
        billed.setdefault(int(now // 3600), set()).update(found)
    assert all(len(names - {OTHER}) <= limit for names in billed.values())
