"""For who waits: what has become of a launch over all its attempts, or of a cluster on its way to a state. Pure but for
the reading."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from agent.lifecycle.aftermath import CLOSED
from agent.lifecycle.outcome import ALIVE, Kind, Outcome, outcome
from agent.lifecycle.rows import ClusterRow, LaunchRow
from agent.lifecycle.store import Store
from agent.lifecycle.watch import Sight
from agent.lifecycle.words import LaunchState, State

NEXT_ATTEMPT_S = 900.0
"""So long after its cluster's end a launch may take to say whether there is a next attempt: the event may be lost, and
the sweep every five minutes behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    launch: LaunchRow | None
    """None: the lifecycle has not heard of it yet."""
    cluster: ClusterRow | None
    """Of the present attempt, or of the last."""
    outcome: Outcome
    """Of the whole launch; its kind is None until there is nothing more to wait for."""

    def __str__(self) -> str:
        if self.launch is None:
            return "not heard of yet"
        cluster = "" if self.cluster is None else f", cluster {self.cluster.id} is {self.cluster.state}"
        return f"attempt {self.launch.attempt} is {self.launch.state}{cluster}"

    @property
    def over(self) -> bool:
        return self.outcome.kind is not None

    @property
    def hopeless(self) -> bool:
        """It has failed, and asking for the same again can only fail again: no cluster came of it for what was asked
        for. A step that failed is another matter, for what fails it may pass."""
        refused = self.cluster is None or (self.cluster.reason_code or "").startswith("VALIDATION_ERROR")
        return self.outcome.kind is Kind.FAILED and refused


def follow(launch_id: str, store: Store, look: Callable[[str], object], now: float) -> Following:
    """`look` sees to it that the row of a cluster is fresh (`agent.lifecycle.watch`). Raises Fault."""
    launch = store.launch(launch_id)
    if launch is None:
        return Following(launch=None, cluster=None, outcome=ALIVE)
    if launch.cluster_id is not None and launch.state not in CLOSED:
        look(launch.cluster_id)
    cluster = None if launch.cluster_id is None else store.cluster(launch.cluster_id)
    return Following(launch=launch, cluster=cluster, outcome=_outcome(launch, cluster, now))


def _outcome(launch: LaunchRow, cluster: ClusterRow | None, now: float) -> Outcome:
    if launch.state in CLOSED:
        if cluster is not None and cluster.ended:
            return outcome(cluster)
        kind = Kind.ABORTED if launch.state is LaunchState.CANCELLED else Kind.FAILED
        return Outcome(kind, False, launch.why or f"its launch is {launch.state}")
    if cluster is None or not cluster.ended:
        return ALIVE
    ended_at = cluster.ended_at or cluster.state_at
    return outcome(cluster) if now - ended_at > NEXT_ATTEMPT_S else ALIVE


def arrived(sight: Sight, wanted: Collection[State], now: float, lost_core_s: float) -> Outcome:
    """SUCCEEDED in one of the wanted states; without any, by what came of it. A cluster without its primary or core
    nodes is LOST as soon as it is to end, or has been without them for `lost_core_s`: EMR may be replacing them."""
    if sight.state in wanted:
        return Outcome(Kind.SUCCEEDED, False, f"it is {sight.state}")
    if sight.outcome.kind is Kind.SUCCEEDED and wanted:
        why = f"it ended without having been seen as {' or '.join(sorted(wanted))}: {sight.outcome.why}"
        return Outcome(Kind.FAILED, False, why)
    row = sight.row
    without_nodes = sight.state in (State.ZERO_MASTER, State.ZERO_CORE) and sight.outcome.kind is None
    if without_nodes and row is not None and (row.end_reason is not None or now - row.state_at >= lost_core_s):
        return Outcome(Kind.LOST, True, f"it is {sight.state}, although EMR calls it alive")
    return sight.outcome
