"""Who may have a cluster, and how many there may be: settled by conditions, whoever comes at the same moment.

The writers use boto3 over HTTP to the sandbox's DynamoDB. The same races against a table that looks first and writes
then are lost: these tests can fail. `make test-races` has ten thousand races of each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.table import Table
from tests.lifecycle.dynamo import dynamo, dynamo_table
from tests.lifecycle.races import Hasty, IdleCluster, Pool, race

SOME = 60
MOST = 2000
"""Tries in which the control must have been lost; it mostly is in the first ten."""
GROUNDS = pytest.mark.parametrize("kind", [IdleCluster, Pool])


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamo() as made:
        yield made


@pytest.fixture
def table(client: Any) -> Iterator[Table]:
    with dynamo_table(client) as made:
        yield made


@pytest.mark.story
@GROUNDS
def test_no_more_win_than_may(table: Table, kind: type[IdleCluster] | type[Pool]) -> None:
    ground = kind(table, table)
    race(ground, SOME)
    assert ground.double == 0
    assert len(ground.won) == 3, "each of the three wins some time, so that they do race"


@pytest.mark.story
@pytest.mark.parametrize(
    "ground",
    [
        pytest.param(partial(IdleCluster, jobs=["a"]), id="a claim against an idle end"),
        pytest.param(partial(Pool, askers=["a", "b"], places=1), id="the last place of a pool"),
    ],
)
def test_of_two_one_wins(
    table: Table, ground: Callable[[Table, Table], IdleCluster | Pool], request: pytest.FixtureRequest
) -> None:
    races = request.config.getoption("--races")
    raced = ground(table, table)
    race(raced, races)
    assert raced.double == 0
    assert raced.won.total() == races
    assert len(raced.won) == 2, "both win at times, so that they do race"


@GROUNDS
def test_without_conditions_too_many_win(table: Table, kind: type[IdleCluster] | type[Pool]) -> None:
    """The control: the races above can be lost, and these racers come at the same moment."""
    ground = kind(table, Hasty(table))
    race(ground, MOST, until_lost=True)
    assert ground.double == 1


@GROUNDS
def test_no_more_win_than_may_in_memory(kind: type[IdleCluster] | type[Pool]) -> None:
    table = MemoryTable()
    ground = kind(table, table)
    race(ground, SOME)
    assert ground.double == 0
