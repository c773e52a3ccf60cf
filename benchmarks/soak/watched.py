"""What must hold all the time, looked at from outside: EMR's own state beside the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change
from agent.lifecycle.words import JobState, LaunchState
from benchmarks.soak.emr import SimulatedEmr

PAST_SWEEPS_S = 1200.0
"""Two sweeps, one of which may be lost, the time that the queue takes to bring back a sweep that died, and one more."""


@dataclass(slots=True)
class Watched:
    orphans: Counter[str] = field(default_factory=Counter)
    doubles: Counter[str] = field(default_factory=Counter)
    orphans_met: int = 0
    doubles_met: int = 0
    passed_over: int = 0
    """Jobs that a less urgent one passed."""
    claims: int = 0
    _orphan_since: dict[str, float] = field(default_factory=dict)
    _double_since: dict[str, float] = field(default_factory=dict)
    longest_orphan_s: float = 0.0
    longest_double_s: float = 0.0

    def look(self, emr: SimulatedEmr, store: Store, owners_ended: Mapping[str, float], now: float) -> None:
        """Call it after every sweep. `owners_ended`: when each owner's end was said."""
        living = [one for one in emr.emr.going() if not one.state.ending]
        by_launch: dict[str, list[str]] = {}
        orphans: set[str] = set()
        for cluster in living:
            bears = attempt_in(str(cluster.request["Name"]))
            assert bears is not None, "all clusters are launched by the lifecycle"
            by_launch.setdefault(bears[0], []).append(cluster.id)
            launch = store.launch(bears[0])
            known = launch is not None and launch.cluster_id == cluster.id and launch.state is LaunchState.LAUNCHED
            on_its_way = launch is not None and launch.state in (LaunchState.ASKED, LaunchState.CLAIMED)
            over = launch is not None and owners_ended.get(launch.owner, now) < now
            if over or (not known and not on_its_way):
                orphans.add(cluster.id)
        doubles = {launch for launch, clusters in by_launch.items() if len(clusters) > 1}
        self.orphans_met += len(orphans - self._orphan_since.keys())
        self.doubles_met += len(doubles - self._double_since.keys())
        self._orphan_since = {one: self._orphan_since.get(one, now) for one in orphans}
        self._double_since = {one: self._double_since.get(one, now) for one in doubles}
        for one, since in self._orphan_since.items():
            self.longest_orphan_s = max(self.longest_orphan_s, now - since)
            if now - since > PAST_SWEEPS_S:
                self.orphans[one] += 1
        for one, since in self._double_since.items():
            self.longest_double_s = max(self.longest_double_s, now - since)
            if now - since > PAST_SWEEPS_S:
                self.doubles[one] += 1

    def claimed(self, store: Store, profile: str, rank: str, now: float) -> None:
        """Right after a job has got a cluster: nobody more urgent waits, apart from those who have come just now, whom
        the index may not have yet."""
        self.claims += 1
        ahead = [job.id for job in store.queued(profile) if job.rank and job.rank < rank and job.queued_at < now]
        rows = (store.job(job_id) for job_id in ahead)
        self.passed_over += any(row is not None and row.state is JobState.QUEUED for row in rows)


class ClaimsSeen:
    """A table that tells of every claim that was won."""

    def __init__(self, inner: MemoryTable, claimed: Callable[[str], None]) -> None:
        self._inner = inner
        self._claimed = claimed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def change_all(self, changes: Sequence[Change]) -> bool:
        won = self._inner.change_all(changes)
        for change in changes if won else ():
            if change.set.get("state") == JobState.CLAIMED and change.key.startswith("JOB#"):
                self._claimed(change.key.removeprefix("JOB#"))
        return won
