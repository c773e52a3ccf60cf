"""Ten thousand races between a claim and an idle end, and as many for the last place of a pool: nobody wins twice.

What is raced for, and the control that loses, are in tests/lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from agent.lifecycle.table import Table
from tests.lifecycle.dynamo import dynamo, dynamo_table
from tests.lifecycle.races import IdleCluster, Pool, race

TRIES = 10_000


@pytest.mark.story
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "ground",
    [
        pytest.param(partial(IdleCluster, jobs=["a"]), id="a claim against an idle end"),
        pytest.param(partial(Pool, askers=["a", "b"], places=1), id="the last place of a pool"),
    ],
)
def test_no_two_win(ground: Callable[[Table, Table], IdleCluster | Pool]) -> None:
    with dynamo() as client, dynamo_table(client) as table:
        raced = ground(table, table)
        assert race(raced, TRIES) == TRIES
    assert raced.double == 0
    assert raced.won.total() == TRIES
    assert min(raced.won.values()) > TRIES / 20, "both win at times, so that they do race"
