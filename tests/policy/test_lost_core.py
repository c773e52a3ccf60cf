"""A cluster that has lost its core nodes: two witnesses, for long enough, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.core_nodes import by_yarn, core_nodes
from agent.domain.decisions import Hold, Terminate
from agent.domain.observation import Observation, Pause
from agent.domain.readings import ClusterManager, HdfsReading, NodeCounts
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.policy.history import advance
from agent.policy.reasons import Why
from tests.policy.build import NOW, app, cluster, fleet, history, node, observation, reading, settings
from tests.policy.strategies import any_settings, observations

LOST_S = 300.0
"""`lifecycle.lost_core_s`, as it comes."""
TOLD = settings(idle={"enabled": False})
NONE_UNFIT = NodeCounts(active=3, unhealthy=0, lost=1, decommissioning=0, decommissioned=0)


def hdfs(live: int, at: float = NOW) -> HdfsReading:
    return HdfsReading(at=at, total_load=0, live_data_nodes=live)


def only_tasks(**changed: Any) -> Any:
    """YARN has three task nodes and no other."""
    return reading(**{"hosts": 3, "node_counts": NONE_UNFIT, **changed})


def coreless(lasted: float | None = LOST_S, **changed: Any) -> Observation:
    facts: dict[str, Any] = {
        "reading": only_tasks(),
        "fleet": fleet(3, has_core=True),
        "hdfs": hdfs(0),
        "history": history(core_seen=True, coreless_since=None if lasted is None else NOW - lasted),
    }
    return observation(**{**facts, **changed})


def test_it_is_ended_once_both_have_said_so_for_long_enough_work_or_not() -> None:
    busy = only_tasks(applications=(app(),))
    found = consider(coreless(reading=busy), TOLD, GUARDS)
    assert isinstance(found.decision, Terminate)
    assert found.decision.because[0].code == Why.ZERO_CORE
    counting = consider(coreless(LOST_S - 1), TOLD, GUARDS)
    assert isinstance(counting.decision, Hold)
    assert Why.ZERO_CORE_COUNTING in [reason.code for reason in counting.decision.because]


def test_protection_and_a_pause_keep_it() -> None:
    for changed in ({"cluster": cluster(termination_protected=True)}, {"paused": Pause(until=NOW + 60, why="no")}):
        assert isinstance(consider(coreless(**changed), TOLD, GUARDS).decision, Hold)


CORE = (node("task-0"), node("task-1"), node("task-2"), node("core-0"))


@pytest.mark.parametrize(
    "changed",
    [
        {"hdfs": None},
        {"hdfs": hdfs(0, NOW - 121)},
        {"hdfs": hdfs(1)},
        {"reading": None},
        {"reading": only_tasks(at=NOW - 121)},
        {"reading": only_tasks(nodes=None)},
        {"reading": only_tasks(nodes=CORE)},
        {"reading": only_tasks(leader=False)},
        {"reading": only_tasks(manager=ClusterManager.STANDALONE)},
        {"reading": only_tasks(node_counts=NodeCounts(active=3, unhealthy=1))},
        {"reading": only_tasks(node_counts=None)},
        {"fleet": None},
        {"fleet": fleet(3, has_core=None)},
        {"fleet": fleet(3, has_core=False)},
        {"fleet": fleet(3, has_core=True, nodes=None)},
        {"fleet": fleet(3, has_core=True, at=NOW - 9999)},
        {"cluster": None},
        {"cluster": cluster(state="STARTING")},
        {"cluster": cluster(state="BOOTSTRAPPING")},
    ],
    ids=str,
)
def test_any_doubt_begins_the_count_anew(changed: dict[str, Any]) -> None:
    assert advance(coreless(), TOLD).coreless_since == NOW - LOST_S, "otherwise this shows nothing"
    seen = coreless(**changed)
    assert advance(seen, TOLD).coreless_since is None
    assert isinstance(consider(seen, TOLD, GUARDS).decision, Hold)


def test_it_counts_from_the_first_turn_without_and_a_gap_in_the_turns_begins_anew() -> None:
    assert advance(coreless(None), TOLD).coreless_since == NOW
    gap = replace(coreless().history, observed_at=NOW - 3600)
    assert advance(coreless(history=gap), TOLD).coreless_since == NOW


@pytest.mark.parametrize(("answered", "counts"), [(NOW - 899, False), (NOW - 900, True), (None, False)])
def test_an_agent_that_has_seen_no_core_node_waits_for_the_grace_period(answered: float | None, counts: bool) -> None:
    """So does one that was started anew beside a cluster that had lost them before."""
    told = history(core_seen=False, manager_answered_at=answered)
    assert (advance(coreless(history=told), TOLD).coreless_since is not None) is counts


def test_that_one_has_been_seen_is_remembered() -> None:
    there = coreless(None, hdfs=hdfs(2), history=history())
    told = advance(there, TOLD)
    assert told.core_seen
    assert advance(coreless(history=told), TOLD).core_seen


def test_an_empty_yarn_says_none_without_the_list_of_task_nodes() -> None:
    empty = only_tasks(nodes=())
    assert by_yarn(empty, None).core == 0
    assert core_nodes(empty, None, hdfs(0)) == 0


@pytest.mark.parametrize(
    ("yarn", "live", "count"),
    [((), 0, 0), ((), None, None), ((), 2, 2), (CORE, 0, 1), (CORE, None, 1), (CORE, 4, 4), (None, 0, None)],
)
def test_only_two_witnesses_make_none(yarn: Any, live: int | None, count: int | None) -> None:
    said = None if yarn is None else only_tasks(nodes=yarn)
    assert core_nodes(said, fleet(3), None if live is None else hdfs(live)) == count


@given(observations, any_settings, st.none() | st.builds(hdfs, st.integers(1, 3)))
def test_nothing_ends_for_want_of_core_nodes_while_hdfs_does_not_say_so(
    seen: Observation, told: Any, witness: HdfsReading | None
) -> None:
    found = consider(replace(seen, hdfs=witness), told, GUARDS)
    assert not (isinstance(found.decision, Terminate) and found.decision.because[0].code == Why.ZERO_CORE)
