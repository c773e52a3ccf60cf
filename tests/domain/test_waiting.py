"""Work that waits although there is room for it: recognised only where it is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.readings import ClusterManager, ClusterReading
from agent.domain.waiting import queue_limited
from tests.domain.test_slots import app, ask, node, reading

SAYS = "the queue's share for application masters"
HERE = (node(8000, cores_available=4),)
WAITING = app("ACCEPTED", asks=(ask(1408),))
LIMITED = replace(WAITING, limited_by=SAYS)
BUSY = app(asks=())
HUNGRY = app(asks=(ask(4505, 2),))
ONE = {"containers_pending": 1, "containers_reserved": 0, "nodes": HERE}
SUMS = {**ONE, "memory_pending_mb": 1408.0, "cores_pending": 1.0}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(reading(LIMITED, BUSY, **ONE), True, id="the scheduler names the limit"),
        pytest.param(reading(WAITING, BUSY, **ONE), False, id="the numbers show it"),
        pytest.param(reading(LIMITED, BUSY, **{**ONE, "nodes": (node(8000, cores_available=0),)}), True,
                     id="it names it, and no core is free where it does not show that cores count"),
        pytest.param(reading(WAITING, BUSY, **{**ONE, "nodes": (node(8000, cores_available=-1),)}), False,
                     id="cores below zero do not count"),
        pytest.param(reading(LIMITED, app(asks=(ask(1000),)), **{**ONE, "containers_pending": 2}), False,
                     id="beside others that wait, it takes the numbers"),
        pytest.param(reading(app("ACCEPTED"), **SUMS), False, id="one container, and the sums of an older release"),
        pytest.param(reading(app("ACCEPTED"), app(asks=None, memory_used_mb=4096.0, containers=2, cores_used=2.0),
                             **{**ONE, "containers_pending": 0}), False, id="waits with nothing asked, and a slot"),
        pytest.param(reading(HUNGRY, **{**ONE, "containers_pending": 2, "nodes": (node(4505), node(4505))}), False,
                     id="containers of a running application"),
    ],
)  # fmt: skip
def test_it_is_recognised(told: ClusterReading, said: bool) -> None:
    limit = queue_limited(told)
    assert limit is not None and limit.said is said
    assert "wait although all fit" in limit.text
    assert (SAYS in limit.text) is any(each.limited_by for each in told.applications or ())


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(reading(BUSY, **{**ONE, "containers_pending": 0}), id="nothing waits"),
        pytest.param(reading(LIMITED, **{**ONE, "nodes": (node(1000),)}), id="no room, whatever the scheduler says"),
        pytest.param(reading(WAITING, **{**ONE, "nodes": (node(1000), node(1000))}), id="room in pieces only"),
        pytest.param(reading(WAITING, **{**ONE, "nodes": (node(8000, alive=False),)}), id="room on a lost node"),
        pytest.param(reading(WAITING, **{**ONE, "nodes": (node(8000, label="GPU"),)}), id="room in another partition"),
        pytest.param(reading(LIMITED, HUNGRY, **{**ONE, "containers_pending": 3}), id="others that do not fit"),
        pytest.param(reading(WAITING, **{**ONE, "nodes": (node(8000, cores_available=0),)}), id="no core is free"),
        pytest.param(reading(LIMITED, app(asks=(), containers=2, cores_used=8.0),
                             **{**ONE, "nodes": (node(8000, cores_available=0),)}), id="no core free, and they count"),
        pytest.param(reading(WAITING, **{**ONE, "nodes": None}), id="nodes not told"),
        pytest.param(replace(reading(**ONE), applications=None), id="applications not told"),
        pytest.param(reading(WAITING, **{**ONE, "containers_pending": None}), id="pending not told"),
        pytest.param(reading(WAITING, **{**ONE, "containers_reserved": 1}), id="a node is kept for another"),
        pytest.param(reading(WAITING, **{**ONE, "containers_reserved": None}), id="reserved not told"),
        pytest.param(reading(WAITING, **{**ONE, "containers_pending": 2}), id="more waits than is told apart"),
        pytest.param(reading(app("ACCEPTED"), **ONE), id="no size at all"),
        pytest.param(reading(app("ACCEPTED"), **{**SUMS, "memory_pending_mb": 9000.0, "containers_pending": 9}),
                     id="of nine containers one may be the size of a node"),
        pytest.param(reading(app("ACCEPTED"), **{**SUMS, "nodes": (*HERE, node(1, label="CORE"))}),
                     id="sums, and more than one partition"),
        pytest.param(reading(app("ACCEPTED", asks=()), **{**ONE, "containers_pending": 0}), id="no slot is known"),
        pytest.param(reading(LIMITED, manager=ClusterManager.STANDALONE, **ONE), id="no YARN"),
    ],
)  # fmt: skip
def test_on_any_doubt_it_is_not(told: ClusterReading) -> None:
    assert queue_limited(told) is None
