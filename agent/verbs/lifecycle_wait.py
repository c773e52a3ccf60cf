"""What `cluster wait` sees: a cluster, or a launch and whichever cluster it has at the time."""

from __future__ import annotations

import random
import time
from collections.abc import Collection
from dataclasses import dataclass

import click

from agent.domain.faults import NotTakenFault, TransientFault
from agent.lifecycle.budget import Budget
from agent.lifecycle.eyes import EmrEyes
from agent.lifecycle.following import Following, arrived, follow
from agent.lifecycle.rows import ClusterRow
from agent.lifecycle.watch import Sight, watch
from agent.lifecycle.words import READY, State
from agent.verbs.lifecycle_place import Place

CODES = {"SUCCEEDED": 0, "FAILED": 1, "LOST": 3, "ABORTED": 4}
STILL_THERE = 5


@dataclass(frozen=True, slots=True)
class Seen:
    text: str
    kind: str | None = None
    """SUCCEEDED, which a cluster that is ready is too where that was waited for, FAILED, LOST or ABORTED; None: it
    goes on."""
    row: ClusterRow | None = None

    @property
    def code(self) -> int:
        return STILL_THERE if self.kind is None else CODES[self.kind]


class Waiter:
    """Each look reads the table, and EMR as rarely as whoever else watches the cluster."""

    def __init__(self, place: Place, which: str, *, ready: bool) -> None:
        self._place = place
        self._which = which
        self._wanted: Collection[State] = READY if ready else ()
        budget = Budget(place.table, place.settings.calls_share, only_looks=True)
        self._eyes = EmrEyes(place.clients.emr_once, budget, time.time)
        self._patient = bool(place.settings.queue_url)
        """What was sent to the queue may not be written down yet."""
        self._answered = False

    def look(self, now: float) -> Seen:
        """Raises Fault, but for what passes by itself once there was an answer, and for our share of the quotas, which
        others use up; ends the verb where nobody knows what is waited for."""
        try:
            seen = self._look(now)
        except TransientFault as fault:
            if not self._answered and not isinstance(fault, NotTakenFault):
                raise
            return Seen(str(fault))
        self._answered = True
        return seen

    def _look(self, now: float) -> Seen:
        if self._which.startswith("j-"):
            sight = self._watch(self._which, now)
            found = arrived(sight, self._wanted, now, self._place.settings.lost_core_s)
            text = f"{sight.cluster_id} is {sight.state}" if found.kind is None else f"{sight.cluster_id}: {found.why}"
            return Seen(text, found.kind.value if found.kind is not None else None, sight.row)
        followed = follow(self._which, self._place.store, lambda cluster_id: self._watch(cluster_id, now), now)
        if followed.launch is None and not self._patient:
            raise click.ClickException(f"there is no cluster and no launch {self._which!r}: `tidemark cluster list`")
        return self._following(followed)

    def _following(self, found: Following) -> Seen:
        if found.launch is None:
            return Seen(f"{self._which} is not written down yet")
        if found.cluster is not None and found.cluster.state in self._wanted:
            return Seen(f"{found.cluster.id} is {found.cluster.state}", "SUCCEEDED", found.cluster)
        if found.outcome.kind is not None:
            named = found.cluster.id if found.cluster is not None else found.launch.id
            return Seen(f"{named}: {found.outcome.why}", found.outcome.kind.value, found.cluster)
        if found.cluster is not None and not found.cluster.ended:
            return Seen(f"{found.cluster.id} is {found.cluster.state}", None, found.cluster)
        after = f", after: {found.launch.why}" if found.launch.why else ""
        return Seen(f"{found.launch.id} is {found.launch.state} in attempt {found.launch.attempt}{after}")

    def _watch(self, cluster_id: str, now: float) -> Sight:
        place = self._place
        return watch(cluster_id, place.store, self._eyes, now, random.random, place.settings)
