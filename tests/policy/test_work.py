"""What of the task fleet has to stay, and under which cause it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.observation import Observation
from agent.domain.readings import Application, ClusterNode
from agent.policy.guards import GUARDS, apply
from agent.policy.history import advance
from agent.policy.reasons import Why
from agent.policy.work import Held, Holds, held_units
from tests.policy.build import NOW, app, history, node, observation, reading, settings

SHRINK = Resize(10, 2, (Reason(Why.BREACHED, "asked for"),), "in")
MIB = 1024.0 * 1024


def working(number: int, containers: int = 1) -> ClusterNode:
    return replace(node(f"task-{number}", used_mb=512.0), containers=containers)


def seen(*busy: ClusterNode, masters: tuple[int, ...] = (), **changed: object) -> Observation:
    """Ten task nodes, all idle but those given; applications whose masters run on the nodes of these numbers."""
    nodes = {one.host: one for one in (*(replace(node(f"task-{n}"), containers=0) for n in range(10)), *busy)}
    apps: tuple[Application, ...] = tuple(
        replace(app(), id=f"app-{n}-{place}", master_host=f"TASK-{n}") for place, n in enumerate(masters)
    )
    return observation(reading=reading(nodes=tuple(nodes.values()), applications=apps), **changed)


def judged(told: Observation) -> Decision:
    return apply(GUARDS, told, SHRINK, settings())


def test_each_unit_counts_once_under_its_strongest_cause() -> None:
    told = seen(
        working(0),
        working(1, 2),
        working(2),
        masters=(1, 2),
        history=history(shuffle_since={"task-2": NOW, "task-3": NOW}),
    )
    assert isinstance(held_units(told, settings()), Held) and held_units(told, settings()).units == {
        Holds.WORK: 2,
        Holds.MASTER: 1,
        Holds.SHUFFLE: 1,
    }


def test_two_masters_on_one_node_are_no_work() -> None:
    told = seen(working(0, 2), masters=(0, 0))
    assert isinstance(held_units(told, settings()), Held) and held_units(told, settings()).units == {
        Holds.WORK: 0,
        Holds.MASTER: 1,
        Holds.SHUFFLE: 0,
    }


@pytest.mark.parametrize(
    ("told", "code", "target"),
    [
        (seen(*map(working, range(4))), Why.RUNNING_WORK, 4),
        (seen(*map(working, range(4)), masters=(0, 1, 2)), Why.APPLICATION_MASTER, 4),
        (seen(*map(working, range(4)), masters=(3,)), Why.RUNNING_WORK, 4),
        (seen(*map(working, range(3)), masters=(2,)), Why.APPLICATION_MASTER, 3),
        (seen(history=history(shuffle_since={f"task-{n}": NOW for n in range(5)})), Why.SHUFFLE_HELD, 5),
    ],
)
def test_the_cause_that_goes_past_the_target_is_the_one_that_is_told(told: Observation, code: Why, target: int) -> None:
    decision = judged(told)
    assert isinstance(decision, Resize) and decision.target == target
    assert decision.because[-1].code == code


def test_with_everything_held_nothing_goes() -> None:
    decision = judged(seen(history=history(shuffle_since={f"task-{n}": NOW for n in range(10)})))
    assert isinstance(decision, Hold)
    assert decision.because[-1].text == "10 units are held, more than 2: 10 by shuffle files that are still to be read"


def test_shuffle_files_hold_a_node_for_half_an_hour_at_most() -> None:
    since = {"task-0": NOW - 1799, "task-1": NOW - 1800}
    found = held_units(seen(history=history(shuffle_since=since)), settings())
    assert isinstance(found, Held) and found.units == {Holds.WORK: 0, Holds.MASTER: 0, Holds.SHUFFLE: 1}


def test_only_idle_nodes_with_enough_of_it_are_counted_and_from_when_they_became_idle() -> None:
    wrote = {"task-0": 900 * MIB, "task-1": 64 * MIB, "task-2": 63 * MIB, "elsewhere": 900 * MIB}
    first = advance(seen(working(0), shuffle=wrote), settings())
    assert first.shuffle_since == {"task-1": NOW}
    later = advance(replace(seen(shuffle=wrote), at=NOW + 10, history=first), settings())
    assert later.shuffle_since == {"task-1": NOW, "task-0": NOW + 10}
    done = advance(replace(seen(), at=NOW + 20, history=later), settings())
    assert done.shuffle_since == {}, "the application is finished"
