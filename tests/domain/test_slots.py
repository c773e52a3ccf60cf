"""How many executors fit: on nodes, not in sums."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading, ContainerAsk
from agent.domain.slots import Size, all_fit, cores_counted, executor_size, free_slots


def node(free: float, **over: Any) -> ClusterNode:
    facts: dict[str, Any] = {"host": "n", "alive": True, "draining": False, "memory_total_mb": 16384, "containers": 1}
    return ClusterNode(**{**facts, "memory_used_mb": 16384 - free, "memory_available_mb": free, **over})


def ask(memory: float, count: int = 1, cores: float | None = 1, label: str = "") -> ContainerAsk:
    return ContainerAsk(memory_mb=memory, cores=cores, label=label, count=count)


def app(state: str = "RUNNING", **over: Any) -> Application:
    facts: dict[str, Any] = {"id": "a", "name": "a", "memory_used_mb": 0.0, "kind": "SPARK"}
    return Application(state=state, **{**facts, **over})


def reading(*apps: Application, nodes: tuple[ClusterNode, ...] = (), **over: Any) -> ClusterReading:
    facts: dict[str, Any] = {"at": 0.0, "manager": ClusterManager.YARN, "memory_total_mb": 1, "memory_available_mb": 1}
    return ClusterReading(**{**facts, "nodes": nodes, "applications": apps, **over})


MASTER_ASK = (ask(1408),)
HELD = {"memory_used_mb": 1024.0 + 2 * 4505, "containers": 3, "cores_used": 3.0, "master_host": "n"}


@pytest.mark.parametrize(
    ("told", "memory"),
    [
        (reading(app(asks=(ask(4505, 3), ask(9011)))), 9011),
        (reading(app(asks=(ask(4505),)), app("ACCEPTED", asks=(ask(20000),))), 4505),
        (reading(app(asks=None, **HELD), memory_pending_mb=9010.0, containers_pending=2), 4505),
        (reading(app(asks=(), **HELD)), (1024 + 2 * 4505) / 3),
        (reading(app(asks=(), **HELD), nodes=(node(15360, containers=1),)), 4505),
        (reading(app(asks=(), **HELD, master_memory_mb=1024.0)), 4505),
        (reading(app(asks=(), **HELD, master_memory_mb=99999.0)), (1024 + 2 * 4505) / 3),
        (reading(app(asks=(), memory_used_mb=1408.0, containers=1), app("ACCEPTED", asks=MASTER_ASK)), 1408),
        (reading(app("ACCEPTED", asks=None), memory_pending_mb=1408.0, containers_pending=1), 1408),
        (reading(app(asks=(), memory_used_mb=1408.0, containers=1)), None),
        (reading(app(asks=None, memory_used_mb=1408.0)), None),
        (reading(memory_pending_mb=0.0, containers_pending=0), None),
        (reading(), None),
    ],
    ids=[
        "the largest that running applications wait for",
        "what an application that waits to run asks for is its master",
        "the mean of what waits, where only sums are told",
        "the mean of what is held",
        "the same without the master, where its size shows",
        "the same without the master, where its size is told",
        "a master that holds more than its application is a figure gone wrong",
        "a master alone is no executor",
        "better a master's size than none",
        "only masters",
        "containers not told",
        "nothing waits",
        "nothing",
    ],
)
def test_the_size_of_an_executor_is_from_the_best_source(told: ClusterReading, memory: float | None) -> None:
    size = executor_size(told)
    assert (size.memory_mb if size else None) == memory


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=5),
)
def test_with_masters_of_unknown_size_the_mean_is_at_most_its_share_too_small(
    apps: list[tuple[int, int]],
) -> None:
    """Each with so many executors of 9,000 MB, and a master of one to nine thousand."""
    held = [
        app(asks=(), containers=executors + 1, memory_used_mb=9000.0 * executors + 1000.0 * master)
        for executors, master in apps
    ]
    size = executor_size(reading(*held))
    fewest = min(executors + 1 for executors, _ in apps)
    assert size is not None
    assert 9000 * (1 - 1 / fewest) <= size.memory_mb <= 9000 + 1e-6


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (reading(app(asks=(ask(1, cores=4),)), nodes=(node(1, cores_available=2),)), True),
        (reading(app(containers=3, cores_used=9.0)), True),
        (reading(app(containers=3, cores_used=3.0, asks=(ask(1),))), False),
        (reading(app(asks=(ask(1, cores=4),)), nodes=(node(1, cores_available=-1),)), False),
    ],
)
def test_cores_count_where_it_shows_that_the_scheduler_counts_them(told: ClusterReading, counted: bool) -> None:
    assert cores_counted(told) is counted
    size = executor_size(told)
    assert counted or size is None or size.cores is None


@pytest.mark.parametrize(
    ("nodes", "size", "slots"),
    [
        ((node(4000), node(4000), node(4000)), Size(4001), 0),
        ((node(4000), node(8001), node(12000)), Size(4000), 6),
        ((node(8000, alive=False), node(8000, draining=True, alive=False)), Size(4000), 0),
        ((node(16000, cores_available=3),), Size(1000, 2), 1),
        ((node(16000, cores_available=-3),), Size(1000, 2), 0),
        ((node(16000, cores_available=None),), Size(1000, 2), 16),
        ((node(0, memory_available_mb=None, memory_used_mb=8384),), Size(4000), 2),
        ((node(5000),), Size(0), 0),
    ],
)
def test_slots_are_what_fits_on_each_node_that_takes_work(
    nodes: tuple[ClusterNode, ...], size: Size, slots: int
) -> None:
    assert free_slots(nodes, size) == slots


@pytest.mark.parametrize(
    ("asks", "nodes", "fit"),
    [
        ((ask(4000, 2),), (node(4000), node(4000)), True),
        ((ask(4000, 3),), (node(4000), node(4000)), False),
        ((ask(4000), ask(6000)), (node(6000), node(4000)), True),
        ((ask(8000),), (node(4000), node(4000)), False),
        ((ask(1000, label="CORE"),), (node(9000),), False),
        ((ask(1000),), (node(9000, label="CORE"),), False),
        ((ask(1000, label="CORE"), ask(2000)), (node(1000, label="CORE"), node(2000)), True),
        ((ask(1000, 2, cores=4),), (node(9000, cores_available=7),), False),
        ((ask(1000, 2, cores=4),), (node(9000, cores_available=8),), True),
        ((ask(1000),), (node(9000, alive=False),), False),
        ((ask(0),), (node(9000),), False),
    ],
)
def test_a_placement_is_found_or_not(asks: tuple[ContainerAsk, ...], nodes: tuple[ClusterNode, ...], fit: bool) -> None:
    assert all_fit(asks, nodes, with_cores=True) is fit


@given(
    st.lists(st.builds(ask, st.integers(1, 50), st.integers(1, 9), st.integers(1, 4)), max_size=5),
    st.lists(st.builds(lambda free, cores: node(free, cores_available=cores), st.integers(0, 99), st.integers(0, 9))),
)
def test_what_fits_needs_no_more_than_is_free(asks: list[ContainerAsk], nodes: list[ClusterNode]) -> None:
    if all_fit(asks, nodes, with_cores=True):
        assert sum(each.memory_mb * each.count for each in asks) <= sum(each.memory_free_mb for each in nodes)
        assert sum((each.cores or 0) * each.count for each in asks) <= sum(each.cores_available or 0 for each in nodes)
