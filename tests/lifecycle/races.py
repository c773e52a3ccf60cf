"""Races for a cluster and for a place in a pool: each racer is a thread, and all begin within milliseconds."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from agent.lifecycle.conditions import meets
from agent.lifecycle.rows import (
    ClusterRow,
    JobRow,
    LaunchRow,
    SlotRow,
    cluster_key,
    job_key,
    launch_key,
    rank,
    slot_key,
)
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change, Index, Item, Table
from agent.lifecycle.words import EndReason, JobState, Phase, State

APART_S = 0.004
"""So far apart the racers begin at most."""
LOOK_EVERY = 4
"""Winners: so often the rows are compared with who has won."""
CLUSTER = "j-RACE"
NOW = 1_763_755_200.0


@dataclass(frozen=True)
class Hasty:
    """A table that looks whether the conditions hold and then writes without any: what the store must not do."""

    behind: Table

    def get(self, key: str) -> Item | None:
        return self.behind.get(key)

    def change(self, change: Change) -> Item | None:
        if not meets(self.behind.get(change.key), change.when):
            return None
        return self.behind.change(replace(change, when=()))

    def change_all(self, changes: Sequence[Change]) -> bool:
        if not all(meets(self.behind.get(change.key), change.when) for change in changes):
            return False
        return self.behind.change_all([replace(change, when=()) for change in changes])

    def rows(self, index: Index, of: str, limit: int | None = None) -> Iterator[Item]:
        return self.behind.rows(index, of, limit)

    def keyed(self, prefix: str) -> Iterator[Item]:
        return self.behind.keyed(prefix)


Racer = Callable[[], bool]


class Ground(Protocol):
    """What is raced for."""

    double: int
    """Tries in which more won than may."""

    def racers(self) -> Sequence[Racer]: ...

    def begin(self) -> None:
        """Lay everything out as it was."""

    def over(self, won: Sequence[bool]) -> None:
        """Look at who has won, and at the rows."""


def race(ground: Ground, tries: int, *, until_lost: bool = False) -> int:
    """How many tries there were."""
    racers = ground.racers()
    gate = threading.Barrier(len(racers), timeout=60)
    chance = random.Random(7)

    def run(racer: Racer, delay: float) -> bool:
        gate.wait()
        time.sleep(delay)
        return racer()

    with ThreadPoolExecutor(len(racers)) as pool:
        for done in range(1, tries + 1):
            ground.begin()
            delays = [chance.uniform(0, APART_S) for _ in racers]
            ground.over(list(pool.map(run, racers, delays)))
            if until_lost and ground.double:
                return done
    return tries


class IdleCluster:
    """One free cluster: two jobs want it, and the watch over idle clusters wants to end it."""

    def __init__(self, table: Table, racing: Table, jobs: Sequence[str] = ("a", "b")) -> None:
        """The ground is laid out in `table`; the store under test writes to `racing`, which may be the same."""
        self.double = 0
        self.won: Counter[str] = Counter()
        self._table = table
        self._store = Store(racing)
        self._jobs = [self._job(name) for name in jobs]
        self._names = [*jobs, "end"]
        for row in (self._cluster(), *self._jobs):
            table.change(Change(key=row.key, set=row.attributes))

    def racers(self) -> Sequence[Racer]:
        return [*(partial(self._claim, job) for job in self._jobs), self._end]

    def begin(self) -> None:
        taken = ["claim", "claimed_at", "end_reason", "end_why", "end_at"]
        self._table.change(Change(key=cluster_key(CLUSTER), set={"phase": Phase.IDLE.value}, remove=taken))

    def over(self, won: Sequence[bool]) -> None:
        winners = [name for name, has in zip(self._names, won, strict=True) if has]
        assert winners, "somebody wins"
        self.won.update(winners)
        self.double += len(winners) > 1
        if len(winners) == 1 and sum(self.won.values()) % LOOK_EVERY == 0:
            self._agrees(winners[0])
        for job in self._jobs:
            if job.id in winners:
                again = {"state": JobState.QUEUED.value, "attempt": job.attempt}
                self._table.change(Change(key=job.key, set=again, remove=["cluster_id", "claimed_at"]))

    def _agrees(self, winner: str) -> None:
        """The row has what the winner wrote, and nothing of the others."""
        row = ClusterRow.of(self._table.get(cluster_key(CLUSTER)) or {})
        if winner == "end":
            assert (row.phase, row.claim, row.end_reason) == (Phase.ENDING, None, EndReason.IDLE)
        else:
            assert (row.phase, row.claim, row.end_reason) == (Phase.CLAIMED, winner, None)

    def _claim(self, job: JobRow) -> bool:
        claimed = self._store.claim(CLUSTER, job, NOW, heard_after=NOW - 60)
        return claimed is not None

    def _end(self) -> bool:
        return self._store.mark_end(CLUSTER, EndReason.IDLE, "nothing to do", NOW) is not None

    @staticmethod
    def _cluster() -> ClusterRow:
        return ClusterRow(
            key=cluster_key(CLUSTER), open="CLUSTER", state=State.WAITING, phase=Phase.IDLE, pool=True, heartbeat_at=NOW
        )

    @staticmethod
    def _job(name: str) -> JobRow:
        return JobRow(
            key=job_key(name),
            owner="me",
            profile="p",
            cluster_profile="small",
            state=JobState.QUEUED,
            open="JOB",
            queue="small",
            rank=rank(5, NOW, name),
            created_at=NOW,
        )


class Pool:
    """A pool with a place or two, and more who want a cluster of it: as many are asked for as there are places."""

    def __init__(self, table: Table, racing: Table, askers: Sequence[str] = ("a", "b", "c"), places: int = 2) -> None:
        self.places = places
        self.double = 0
        self.won: Counter[str] = Counter()
        self._table = table
        self._store = Store(racing)
        self._askers = askers

    def racers(self) -> Sequence[Racer]:
        return [partial(self._ask, name) for name in self._askers]

    def begin(self) -> None:
        rows = [*map(launch_key, self._askers), *(slot_key("small", number) for number in range(self.places))]
        assert self._table.change_all([Change(key=key, delete=True) for key in rows])

    def over(self, won: Sequence[bool]) -> None:
        winners = [name for name, has in zip(self._askers, won, strict=True) if has]
        self.won.update(winners)
        self.double += len(winners) > self.places
        assert len(winners) >= self.places, "every place is taken: there are more askers"
        if len(winners) == self.places and sum(self.won.values()) % LOOK_EVERY == 0:
            slots = [SlotRow.of(self._table.get(slot_key("small", number)) or {}) for number in range(self.places)]
            assert sorted(slot.launch_id for slot in slots) == winners

    def _ask(self, name: str) -> bool:
        return any(self._store.ask_launch(self._launch(name, number)) for number in range(self.places))

    @staticmethod
    def _launch(name: str, slot: int) -> LaunchRow:
        return LaunchRow(
            key=launch_key(name), owner="pool", profile="small", open="LAUNCH", created_at=NOW, pool=True, slot=slot
        )
