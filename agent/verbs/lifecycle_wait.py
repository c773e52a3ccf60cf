"""What `cluster wait` sees: a cluster, or a launch and whichever cluster it has at the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agent.lifecycle.rows import ClusterRow, LaunchRow
    from agent.verbs.lifecycle_place import Place

CODES = {"SUCCEEDED": 0, "READY": 0, "FAILED": 1, "LOST": 3, "ABORTED": 4}
STILL_THERE = 5


@dataclass(frozen=True, slots=True)
class Seen:
    text: str
    kind: str | None = None
    """SUCCEEDED, FAILED, LOST, ABORTED, or READY; None: it goes on."""
    row: ClusterRow | None = None

    @property
    def over(self) -> bool:
        return self.kind is not None

    @property
    def code(self) -> int:
        return STILL_THERE if self.kind is None else CODES[self.kind]


class Waiter:
    """Each look reads the table, and EMR as rarely as whoever else watches the cluster."""

    def __init__(self, place: Place, which: str, *, ready: bool) -> None:
        self._place = place
        self._which = which
        self._ready = ready
        self._sent_by_queue = bool(place.settings.queue_url)
        self._known = False

    def look(self, now: float) -> Seen:
        """Raises Fault; ends the verb where nobody knows what is waited for."""
        if self._which.startswith("j-"):
            return self._cluster(self._which, now)
        launch = self._place.store.launch(self._which)
        if launch is not None:
            self._known = True
            return self._launch(launch, now)
        if self._sent_by_queue and not self._known:
            return Seen(f"{self._which} is not written down yet")
        raise click.ClickException(f"there is no cluster and no launch {self._which!r}: `tidemark cluster list`")

    def _launch(self, launch: LaunchRow, now: float) -> Seen:
        seen = self._cluster(launch.cluster_id, now) if launch.cluster_id is not None else None
        if launch.open is None:
            return self._closed(launch, seen)
        if seen is not None and (not seen.over or seen.kind == "READY"):
            return seen
        after = f", after {launch.why}" if launch.why else ""
        return Seen(f"{launch.id}: attempt {launch.attempt} is {launch.state}{after}", row=seen.row if seen else None)

    def _closed(self, launch: LaunchRow, seen: Seen | None) -> Seen:
        """No further attempt comes; what became of the last cluster counts, if there was one."""
        if seen is not None:
            return seen
        kind = "ABORTED" if launch.state == "CANCELLED" else "FAILED"
        return Seen(f"{launch.id}: {launch.state}: {launch.why or 'no reason is known'}", kind)

    def _cluster(self, cluster_id: str, _: float) -> Seen:
        from agent.lifecycle.outcome import outcome
        from agent.lifecycle.words import READY

        row = self._place.store.cluster(cluster_id)
        if row is None:
            raise click.ClickException(f"cluster {cluster_id} is not in the table: `tidemark cluster list`")
        found = outcome(row)
        if found.kind is not None:
            return Seen(f"{cluster_id}: {found.why}", found.kind.value, row)
        if self._ready and row.state in READY:
            return Seen(f"{cluster_id} is {row.state}", "READY", row)
        return Seen(f"{cluster_id} is {row.state}", None, row)
