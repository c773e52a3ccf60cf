"""What counts as capacity that was lost: units, instances that are gone, nodes that YARN calls lost."""

from __future__ import annotations

import pytest

from agent.domain.fleets import Fleet, FleetNode
from agent.domain.observation import History
from agent.domain.readings import ClusterReading, NodeCounts
from agent.policy.history import advance
from tests.policy.build import NOW, fleet, history, observation, reading, settings


def up(*ids: str, target: int, coming: tuple[str, ...] = (), units: int = 1) -> Fleet:
    nodes = [FleetNode(hosts=(one,), units=units, id=one) for one in ids]
    nodes += [FleetNode(hosts=(one,), units=units, id=one, running=False) for one in coming]
    return fleet(target, units * len(ids), nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [
        (up("a", "b", target=2), up("a", "b", target=2), False),
        (up("a", "b", target=2), up("a", target=2), True),
        (up("a", "b", target=2), up("a", "c", target=2), True),  # replaced since
        (up("a", "b", target=2), up("a", target=2, coming=("c",)), True),
        (up("a", "b", "c", target=3), up("a", target=1), False),  # given back
        (up("a", "b", "c", target=3), up("d", target=1), True),  # two were to go, and three have gone
        (up("a", "b", target=2), up("a", "b", "c", target=3), False),
        (up("a", "b", target=8, units=4), up("a", target=6, units=4), True),
        (up("a", "b", target=8, units=4), up("a", target=4, units=4), False),
        (up("a", target=2, coming=("b",)), up("a", target=1), False),  # never was up
        (fleet(2, 2, nodes=None), up("a", "b", target=2), False),
        (up("a", "b", target=2), fleet(2, 2, nodes=None), False),
        (fleet(2), fleet(2), False),  # nobody tells of ids
    ],
)
def test_instances_that_are_gone_without_having_been_given_back_are_lost(before: Fleet, now: Fleet, lost: bool) -> None:
    first = advance(observation(fleet=before), settings())
    second = advance(observation(fleet=now, history=first), settings())
    assert second.capacity_lost_at == (NOW if lost else None)


@pytest.mark.parametrize(
    ("before", "now", "lost"), [(0, 1, True), (1, 1, False), (2, 1, False), (None, 3, False), (0, None, False)]
)
def test_one_more_node_that_yarn_calls_lost_is_a_loss(before: int | None, now: int | None, lost: bool) -> None:
    past = history(nodes_lost=before)
    counts = None if now is None else NodeCounts(lost=now)
    after = advance(observation(reading=reading(node_counts=counts), history=past), settings())
    assert after.capacity_lost_at == (NOW if lost else None)
    assert after.nodes_lost == (before if now is None else now)


@pytest.mark.parametrize("blind", [None, reading(node_counts=NodeCounts(lost=None))], ids=["no answer", "not told"])
def test_a_count_that_is_not_told_keeps_the_one_before(blind: ClusterReading | None) -> None:
    after = advance(observation(reading=blind, history=history(nodes_lost=3)), settings())
    assert (after.nodes_lost, after.capacity_lost_at) == (3, None)


def test_an_instance_without_an_id_is_none_that_could_be_missed() -> None:
    nodes = (FleetNode(hosts=("a",), units=1, id="a"), FleetNode(hosts=("b",), units=1))
    assert advance(observation(fleet=fleet(2, nodes=nodes)), settings()).instances == ("a",)


def test_what_was_up_is_remembered_over_a_view_that_does_not_tell() -> None:
    first: History = advance(observation(fleet=up("a", "b", target=2)), settings())
    blind = advance(observation(fleet=None, history=first), settings())
    assert blind.instances == ("a", "b")
    assert advance(observation(fleet=up("a", "c", target=2), history=blind), settings()).capacity_lost_at == NOW
