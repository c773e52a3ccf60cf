"""What waits, runs and is free, as far as task nodes are concerned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain.decisions import Hold, Resize
from agent.domain.fleets import Fleet, FleetNode
from agent.domain.observation import Observation
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading, ContainerAsk
from agent.domain.stages import RemainingWork
from agent.policy import demand, measured
from agent.policy.advice import advice
from agent.policy.load import Load, asked, executors, load, memory_available_mb, memory_per_unit_mb, servable
from agent.policy.reasons import Why
from agent.wire import yarn
from agent.wire.json_fields import Malformed
from tests.policy.build import NOW, fleet, history, node, observation, reading, settings

DATA = Path(__file__).parents[1] / "data" / "yarn"
DEMAND = settings(policy={"kind": "demand", "demand": {"thrift": 1.0, "min_saving_s": 1.0, "scale_out_share": 1.0}})


def test_a_unit_is_worth_what_the_task_nodes_have() -> None:
    assert memory_per_unit_mb(reading(hosts=2), fleet(2)) == 4096
    core = replace(node("core-1"), memory_total_mb=9000.0)
    assert memory_per_unit_mb(reading(nodes=(core, node("task-0"))), fleet(2)) == 4096
    assert memory_per_unit_mb(reading(nodes=(core,)), fleet(2)) == 9000, "no task node tells"
    assert memory_per_unit_mb(reading(nodes=()), fleet(2)) is None
    empty = replace(node("task-1"), memory_total_mb=0.0)
    assert memory_per_unit_mb(reading(nodes=(empty, node("task-0"))), fleet(2)) == 4096, "one that gives nothing yet"
    assert memory_per_unit_mb(reading(nodes=(node("core-2"), core)), fleet(2, nodes=None)) == 9000, "the largest"


def test_a_node_that_leaves_makes_no_unit_worth_less() -> None:
    """YARN cuts what a draining node has down to what is used of it."""
    draining = replace(node("task-1", 1024.0), alive=False, draining=True, memory_total_mb=1024.0)
    lost = replace(node("task-2"), alive=False, memory_total_mb=0.0)
    assert memory_per_unit_mb(reading(nodes=(node("task-0"), draining, lost)), fleet(3)) == 4096


def task(number: int, free_mb: float, label: str = "", host: str = "task") -> ClusterNode:
    return ClusterNode(
        host=f"{host}-{number}",
        alive=True,
        draining=False,
        memory_total_mb=8192.0,
        memory_used_mb=8192.0 - free_mb,
        containers=8,
        memory_available_mb=free_mb,
        cores_available=-8.0,
        label=label,
    )


def ask(memory_mb: float, count: int, label: str = "") -> ContainerAsk:
    return ContainerAsk(memory_mb=memory_mb, cores=1.0, label=label, count=count)


def app(name: str, *asks: ContainerAsk, held: int = 4, **over: Any) -> Application:
    told = {"id": name, "name": name, "state": "RUNNING", "containers": held + 1, "asks": asks}
    return Application(**{**told, "memory_used_mb": 1024.0 * (held + 1), "master_memory_mb": 1024.0, **over})


def waits(*apps: Application, nodes: tuple[ClusterNode, ...] | None = None, **over: Any) -> ClusterReading:
    """Two full task nodes of 8,192 MB; YARN's sums are those of the default partition."""
    asks = [each for one in apps for each in one.asks or () if not each.label]
    told: dict[str, Any] = {
        "memory_pending_mb": sum(each.count * each.memory_mb for each in asks),
        "containers_pending": sum(each.count for each in asks),
        "cores_pending": float(sum(each.count for each in asks)),
    }
    found = nodes if nodes is not None else (task(0, 0), task(1, 0))
    free = sum(each.memory_free_mb for each in found)
    return ClusterReading(
        **{
            "at": NOW,
            "manager": ClusterManager.YARN,
            "memory_total_mb": 8192.0 * len(found),
            "memory_available_mb": free,
            "nodes": found,
            "applications": apps,
            **told,
            **over,
        }
    )


HUGE, LITTLE = ask(60_000, 3), ask(1024, 40)


def test_what_no_task_node_has_room_for_is_left_out_of_what_waits() -> None:
    told = servable(waits(app("a", LITTLE), app("b", HUGE)), fleet(2))
    assert (told.containers_pending, told.memory_pending_mb, told.cores_pending) == (40, 40 * 1024, 40)
    assert [asked(each) for each in told.applications or ()] == [40, 0]
    assert load(waits(app("a", LITTLE), app("b", HUGE)), fleet(2)) == Load(8, 40, 0, 8.0)
    assert servable(told, fleet(2)) == told


def test_a_container_as_large_as_a_task_node_fits_on_one() -> None:
    assert load(waits(app("a", ask(8192, 2))), fleet(2)) == Load(4, 2, 0, 1.0)
    wide = fleet(4, nodes=tuple(FleetNode(hosts=(f"task-{number}",), units=2) for number in range(2)), largest_unit=2)
    assert load(waits(app("a", ask(8192, 2))), wide) == Load(4, 2, 0, 0.5)


def test_before_there_is_a_task_node_nothing_is_too_large_for_one() -> None:
    """Core nodes of 8,192 MB say nothing about the nodes to come; what the last ones gave does."""
    core = (task(0, 8192, host="core"),)
    told = waits(app("a", ask(20_000, 3)), nodes=core)
    assert load(told, fleet(0)) == Load(4, 3, 0, 1.0)
    assert load(told, fleet(0, largest_unit=4)) == Load(4, 3, 0, 0.25), "one on a node"
    assert load(told, fleet(0), 65_536.0) == Load(4, 3, 0, 3.0)
    assert load(told, fleet(0, largest_unit=4), 16_384.0) == Load(4, 3, 0, 0.75), "three on a node of 65,536"
    small = waits(app("a", ask(1024, 3)), nodes=core)
    assert load(small, fleet(0, largest_unit=4)) == Load(4, 3, 8, 2.0), "a node like the core node"
    assert load(told, fleet(0), 16_384.0) == Load(4, 0, 8, 16.0), "none of them fits; those that run have 1,024 MB"


def test_what_a_unit_gave_is_remembered_when_the_last_task_node_has_gone() -> None:
    with_node = observation(reading=waits(nodes=(task(0, 0), task(1, 0))), fleet=fleet(2), history=history())
    past = measured.advance(history(), with_node, DEMAND)
    assert past.unit_memory_mb == 8192
    core = (replace(task(0, 4096, host="core"), memory_total_mb=4096.0),)
    gone = observation(at=NOW + 10, reading=waits(app("a", LITTLE), nodes=core, at=NOW + 10), fleet=fleet(0))
    later = measured.advance(past, gone, DEMAND)
    assert later.unit_memory_mb == 8192
    for nothing in ({"reading": None}, {"fleet": None}):
        unseen = measured.advance(past, replace(gone, **nothing), DEMAND)
        assert (unseen.unit_memory_mb, unseen.smoothed) == (8192, {})
    other = replace(with_node, at=NOW + 61, history=replace(past, unit_memory_mb=5.0))
    old = measured.advance(other.history, other, DEMAND)
    assert (old.unit_memory_mb, old.smoothed) == (5.0, {}), "an old answer"
    assert gone.reading is not None
    found = load(gone.reading, fleet(0), later.unit_memory_mb)
    assert found is not None and found.slots_per_unit == 8.0


def test_executors_that_only_other_nodes_have_room_for_do_not_keep_task_nodes() -> None:
    """Two of 20,000 MB on a large core node, and two small task nodes without anything."""
    core = replace(task(0, 0, host="core"), memory_total_mb=60_000.0)
    big = app("a", held=2, memory_used_mb=41_024.0)
    assert load(waits(big, nodes=(core, task(0, 8192), task(1, 8192))), fleet(2)) == Load(2, 0, 2, 1.0)
    untold = replace(big, asks=None)
    odd = waits(untold, nodes=(core, task(0, 0)), containers_pending=2, memory_pending_mb=40_000.0)
    assert load(odd, fleet(1)) is None, "what waits is not told one by one"


def test_of_nodes_of_several_sizes_the_largest_counts() -> None:
    """A unit gives 6,656 MB on average; one node of two units has 16,384."""
    nodes = (task(0, 0), replace(task(1, 0), memory_total_mb=2048.0), replace(task(2, 0), memory_total_mb=16_384.0))
    members = tuple(FleetNode(hosts=(f"task-{n}",), units=units) for n, units in enumerate((1, 1, 2)))
    several = fleet(4, nodes=members, largest_unit=2)
    assert memory_per_unit_mb(waits(nodes=nodes), several) == 26_624 / 4
    fits, too_much = waits(app("a", ask(16_384, 3)), nodes=nodes), waits(app("a", ask(16_385, 3)), nodes=nodes)
    assert load(fits, several) == Load(4, 3, 0, 0.5)
    found = load(too_much, several)
    assert found is not None and found.pending == 0


def seen(told: ClusterReading, of: Fleet, **work: float) -> Observation:
    past = history(smoothed={"free": 100.0, "pending": 0.0})
    return observation(reading=told, fleet=of, history=past, remaining=RemainingWork(at=NOW, by_app=work))


def test_one_application_that_asks_for_too_much_keeps_no_other_from_being_judged() -> None:
    told = waits(app("a", LITTLE), app("b", HUGE))
    (found,) = demand.decide(seen(told, fleet(2), a=40_000.0, b=90_000.0), DEMAND)
    assert isinstance(found, Resize) and found.target == 2 + 5, "40 of 1,024 MB on nodes of 8,192"
    (alone,) = demand.decide(seen(waits(app("b", HUGE)), fleet(2), b=90_000.0), DEMAND)
    assert isinstance(alone, Hold) and alone.because[0].code == Why.NO_DEMAND


def test_the_work_of_what_cannot_be_served_orders_nothing_for_others() -> None:
    """The short one asks for 40 and is worth none; the long one's work does not count for it."""
    told = waits(app("a", LITTLE), app("b", HUGE))
    (found,) = demand.decide(seen(told, fleet(2), a=100.0, b=900_000.0), DEMAND)
    assert isinstance(found, Hold) and found.because[0].code == Why.WORK_SHORT


def test_what_cannot_be_served_is_told_as_advice() -> None:
    told = waits(app("a", LITTLE), app("b", HUGE), app("c", ask(50_000, 1)))
    (found,) = advice(seen(told, fleet(2)), DEMAND)
    assert found.code == Why.CONTAINERS_TOO_LARGE
    assert "b asks for 3 containers of 60000 MB, and the largest task node gives out 8192 MB, and 1 more" in found.text
    (alone,) = advice(seen(waits(app("b", HUGE)), fleet(2)), DEMAND)
    assert " more" not in alone.text
    assert advice(seen(waits(app("a", LITTLE)), fleet(2)), DEMAND) == ()
    assert advice(replace(seen(told, fleet(2)), fleet=None), DEMAND) == ()
    assert advice(seen(replace(told, at=NOW - 61), fleet(2)), DEMAND) == ()
    fits = waits(app("a", ask(8192, 1), ask(60_000, 0)), app("b", asks=None))
    assert advice(seen(fits, fleet(2)), DEMAND) == ()
    assert advice(seen(replace(told, nodes=()), fleet(0)), DEMAND) == (), "there has been no task node"
    assert advice(seen(replace(told, applications=None), fleet(2)), DEMAND) == ()


def balance_of(told: ClusterReading, of: Fleet) -> float:
    """Ten seconds of it, in unit-seconds."""
    first = measured.advance(history(), observation(reading=told, fleet=of), DEMAND)
    later = observation(at=NOW + 10, reading=replace(told, at=NOW + 10), fleet=replace(of, at=NOW + 10), history=first)
    second = measured.advance(first, later, DEMAND)
    assert second.balance is not None
    return second.balance.unit_seconds


def test_the_pending_memory_formula_leaves_out_what_cannot_be_served() -> None:
    assert balance_of(waits(app("b", HUGE)), fleet(2)) == 0
    assert balance_of(waits(app("a", LITTLE), app("b", HUGE)), fleet(2)) == pytest.approx(10 * 40 * 1024 / 8192)


CORE = (task(0, 8192, "CORE", "core"), task(1, 8192, "CORE", "core"))


def test_what_is_free_in_a_partition_without_task_nodes_is_not_free() -> None:
    """EMR 5.19 and later 5.x: core nodes are kept for application masters."""
    told = waits(app("a", LITTLE), nodes=(*CORE, task(0, 1024), task(1, 0)))
    assert load(told, fleet(2)) == Load(4, 40, 1, 8.0)
    assert memory_available_mb(told, fleet(2)) == 1024
    (found,) = demand.decide(seen(told, fleet(2), a=40_000.0), DEMAND)
    assert isinstance(found, Resize) and found.target == 2 + 5
    assert balance_of(told, fleet(2)) == pytest.approx(10 * (40 * 1024 - 1024) / 8192)
    assert load(replace(told, nodes=CORE), fleet(0)) == Load(4, 40, 0, 8.0), "before there is a task node"


def test_without_labels_what_is_free_is_what_yarn_says_less_what_it_keeps_for_reservations() -> None:
    told = recorded("fragmented")
    assert (memory_available_mb(told, fleet(2)), sum(one.memory_free_mb for one in told.nodes or ())) == (272, 1040)
    assert memory_available_mb(replace(told, nodes=None), fleet(2)) == 272


def test_without_nodes_nobody_knows_what_is_free() -> None:
    assert load(replace(waits(app("a", LITTLE)), nodes=None), fleet(2), 8192.0) is None


def test_what_is_asked_for_in_a_partition_without_task_nodes_does_not_wait_for_them() -> None:
    told = waits(app("a", ask(1024, 3), ask(1024, 5, "CORE")), nodes=(*CORE, task(0, 0)))
    assert load(told, fleet(1)) == Load(4, 3, 0, 8.0)
    assert load(replace(told, containers_pending=8), fleet(1)) == Load(4, 3, 0, 8.0), "Hadoop 2.8 counts all partitions"


def test_task_nodes_in_a_partition_of_their_own_serve_that_one() -> None:
    labelled = (task(0, 2048, "TASK"), replace(task(1, 8192, host="core"), label=""))
    told = waits(app("a", ask(1024, 3), ask(1024, 5, "TASK")), nodes=labelled)
    assert load(told, fleet(1)) == Load(4, 5, 2, 8.0)
    assert servable(told, fleet(1)).memory_pending_mb == 5 * 1024


def test_what_is_asked_for_where_task_nodes_are_counts_though_yarn_does_not_count_it() -> None:
    told = waits(app("a", ask(1024, 5, "TASK")), nodes=(task(0, 0, "TASK"),))
    assert told.containers_pending == 0
    assert load(told, fleet(1)) == Load(4, 5, 0, 8.0)


def test_a_node_that_is_gone_says_nothing_of_where_task_nodes_are() -> None:
    gone = replace(task(0, 0, "OLD"), alive=False)
    told = waits(app("a", ask(1024, 3)), nodes=(*CORE, gone, task(1, 0)))
    for members in (1, 2):
        found = load(told, fleet(members))
        assert found is not None and found.pending == 3
    unlisted = load(told, fleet(2, nodes=None))
    assert unlisted is not None and unlisted.pending == 3


def test_figures_that_a_release_does_not_tell_stay_untold() -> None:
    """Hadoop 2.8 tells no pending memory and no pending cores."""
    told = waits(app("a", LITTLE), app("b", HUGE), memory_pending_mb=None, cores_pending=None)
    found = servable(told, fleet(2))
    assert (found.containers_pending, found.memory_pending_mb, found.cores_pending) == (40, None, None)
    assert servable(replace(told, containers_pending=None), fleet(2)).containers_pending is None


def test_of_yarns_sums_only_what_cannot_be_served_is_left_out() -> None:
    """What b waits for is not told one by one; a asks for two cores, and the scheduler books one where none is told."""
    wide = replace(ask(60_000, 3), cores=2.0)
    untold = replace(ask(50_000, 2), cores=None)
    told = waits(app("a", wide, untold), app("b", asks=None), containers_pending=25, memory_pending_mb=300_000.0)
    found = servable(replace(told, cores_pending=40.0), fleet(2))
    assert (found.containers_pending, found.memory_pending_mb, found.cores_pending) == (20, 20_000, 40 - 6 - 2)


def test_where_not_all_is_told_yarns_own_sums_count() -> None:
    """Something bound to its place hides what one application asks for."""
    told = waits(app("a", ask(1024, 3)), app("b", asks=None), nodes=(*CORE, task(0, 0)), containers_pending=7)
    found = load(told, fleet(1))
    assert found is not None and found.pending == 7


def recorded(moment: str) -> ClusterReading:
    found = [json.loads((DATA / moment / f"{what}.json").read_text()) for what in ("metrics", "nodes", "apps")]
    told, nodes, apps = yarn.metrics(found[0], NOW), yarn.nodes(found[1], NOW), yarn.applications(found[2], NOW)
    assert not isinstance(told, Malformed) and not isinstance(nodes, Malformed) and not isinstance(apps, Malformed)
    return replace(told, nodes=nodes, applications=apps)


def test_a_real_cluster_with_labels_is_full_where_its_executors_run() -> None:
    """844 MB are free in the partition for masters, and three containers of 768 MB wait in the other."""
    members = fleet(1, nodes=(FleetNode(hosts=("127.0.0.3",), units=1),))
    assert load(recorded("labels"), members) == Load(1, 3, 0, 1.0)
    assert memory_available_mb(recorded("labels"), members) == 332


def test_of_a_real_application_executors_are_known_without_what_they_wait_for() -> None:
    told = recorded("fragmented")
    served = tuple(replace(one, asks=()) for one in told.applications or ())
    still = replace(told, containers_pending=0, applications=served)
    members = fleet(2, nodes=tuple(FleetNode(hosts=(f"127.0.0.{n}",), units=1) for n in (3, 4)))
    assert load(still, members) == Load(3, 0, 0, 1.0), "of 768 MB, on nodes of 1,200"


def test_a_session_without_executors_holds_nothing() -> None:
    """Nothing waits and nothing but its master runs: whole nodes are free."""
    idle = app("notebook", held=0)
    assert load(waits(idle, nodes=(task(0, 8192), task(1, 7168))), fleet(2)) == Load(0, 0, 1, 1.0)
    assert load(waits(replace(idle, containers=None)), fleet(2)) is None, "not told"
    assert load(waits(replace(idle, asks=None), containers_pending=None), fleet(2)) is None
    unsized = app("a", held=2, memory_used_mb=0.0)
    assert load(waits(unsized, nodes=(task(0, 8192),)), fleet(1)) is None, "executors of no known size"


@pytest.mark.parametrize(
    ("one", "held", "waiting"),
    [
        (app("a", LITTLE, ask(512, 2)), 4, 42),
        (app("a", held=0), 0, 0),
        (replace(app("a"), containers=None, asks=None), 0, 0),
        (replace(app("a", LITTLE), state="ACCEPTED"), 0, 40),
    ],
)
def test_executors_are_what_a_running_application_holds_beside_its_master(
    one: Application, held: int, waiting: int
) -> None:
    assert (executors(one), asked(one)) == (held, waiting)
