"""What has become of a launch, and of a cluster on its way to a state."""

from __future__ import annotations

from typing import Any

import pytest

from agent.lifecycle.following import NEXT_ATTEMPT_S, Following, arrived, follow
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.outcome import Kind, outcome
from agent.lifecycle.rows import ClusterRow, LaunchRow, cluster_key, launch_key
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change
from agent.lifecycle.watch import TABLE, Sight
from agent.lifecycle.words import EndReason, LaunchState, Phase, State

NOW = 1_700_000_000.0
LAUNCH, CLUSTER = "launch-1", "j-1"


def launch(state: LaunchState, **more: Any) -> LaunchRow:
    return LaunchRow(key=launch_key(LAUNCH), owner="me", profile="nightly", state=state, created_at=NOW - 900, **more)


def cluster(state: State, **more: Any) -> ClusterRow:
    ended = state in (State.TERMINATED, State.TERMINATED_WITH_ERRORS)
    times = {"phase": Phase.ENDED, "ended_at": NOW - 60} if ended else {"phase": Phase.WORKING}
    return ClusterRow(key=cluster_key(CLUSTER), state=state, state_at=NOW - 60, **{**times, **more})


def followed(*rows: LaunchRow | ClusterRow, now: float = NOW) -> tuple[Following, list[str]]:
    """And the clusters that were looked at."""
    table, looked = MemoryTable(), list[str]()
    for row in rows:
        table.change(Change(key=row.key, set=row.attributes))
    return follow(LAUNCH, Store(table), looked.append, now), looked


def test_a_launch_that_nobody_has_heard_of_is_waited_for() -> None:
    found, looked = followed()
    assert (found.over, found.launch, looked) == (False, None, [])


def test_a_launch_under_way_is_waited_for_and_its_cluster_looked_at() -> None:
    assert not followed(launch(LaunchState.ASKED))[0].over
    found, looked = followed(launch(LaunchState.LAUNCHED, cluster_id=CLUSTER), cluster(State.RUNNING))
    assert (found.over, looked) == (False, [CLUSTER])


def test_a_cluster_that_has_ended_may_be_followed_by_another_attempt() -> None:
    lost = cluster(State.TERMINATED_WITH_ERRORS, reason_code="INSTANCE_FAILURE")
    under_way = launch(LaunchState.LAUNCHED, cluster_id=CLUSTER)
    assert not followed(under_way, lost)[0].over
    found, _ = followed(under_way, lost, now=NOW + NEXT_ATTEMPT_S)
    assert found.outcome.kind is Kind.LOST, "nobody closes it any more"


@pytest.mark.parametrize(
    ("state", "row", "kind", "hopeless"),
    [
        (LaunchState.ENDED, {"reason_code": "ALL_STEPS_COMPLETED"}, Kind.SUCCEEDED, False),
        (LaunchState.ENDED, {"reason_code": "STEP_FAILURE"}, Kind.FAILED, False),
        (LaunchState.ENDED, {"reason_code": "USER_REQUEST"}, Kind.ABORTED, False),
        (LaunchState.FAILED, {"reason_code": "INSTANCE_FLEET_TIMEOUT"}, Kind.LOST, False),
        (LaunchState.FAILED, {"reason_code": "VALIDATION_ERROR/INVALID_ROLE"}, Kind.FAILED, True),
        (LaunchState.FAILED, None, Kind.FAILED, True),
        (LaunchState.CANCELLED, None, Kind.ABORTED, False),
    ],
)
def test_a_closed_launch_came_to_what_its_last_cluster_came_to(
    state: LaunchState, row: dict[str, Any] | None, kind: Kind, hopeless: bool
) -> None:
    rows = (
        []
        if row is None
        else [cluster(State.TERMINATED_WITH_ERRORS if "USER" not in str(row) else State.TERMINATED, **row)]
    )
    found, looked = followed(launch(state, cluster_id=CLUSTER if row else None, why="no reason"), *rows)
    assert (found.outcome.kind, found.hopeless, looked) == (kind, hopeless, [])


def sight(row: ClusterRow) -> Sight:
    return Sight(cluster_id=row.id, state=row.state, outcome=outcome(row), age_s=1, source=TABLE, row=row)


def test_a_cluster_arrives_where_it_is_waited_for_or_never() -> None:
    done = cluster(State.TERMINATED, reason_code="ALL_STEPS_COMPLETED")
    for row, wanted, kind in (
        (cluster(State.WAITING), [State.WAITING, State.RUNNING], Kind.SUCCEEDED),
        (cluster(State.WAITING), [], None),
        (cluster(State.BOOTSTRAPPING), [State.WAITING], None),
        (done, [], Kind.SUCCEEDED),
        (done, [State.WAITING], Kind.FAILED),
        (done, [State.TERMINATED], Kind.SUCCEEDED),
        (cluster(State.TERMINATED_WITH_ERRORS, reason_code="INTERNAL_ERROR"), [State.WAITING], Kind.LOST),
    ):
        assert arrived(sight(row), wanted, NOW, 300).kind is kind, (row, wanted)


@pytest.mark.parametrize("state", [State.ZERO_MASTER, State.ZERO_CORE])
def test_a_cluster_without_nodes_is_lost_once_that_is_sure(state: State) -> None:
    lost = sight(cluster(state))
    assert arrived(lost, [], NOW, 300).kind is None, "EMR may be replacing them"
    assert arrived(lost, [], NOW + 300, 300).kind is Kind.LOST
    assert arrived(sight(cluster(state, end_reason=EndReason.ZERO_CORE)), [], NOW, 300).kind is Kind.LOST
    assert arrived(lost, [state], NOW, 300).kind is Kind.SUCCEEDED, "it may be what is waited for"
