"""An EMR of a few dozen lines, with the ports of the lifecycle around it, in one process and in a time of its own.

What happens to clusters and steps is asked for by the test; each change is an event that waits in `told`. No quotas,
no faults of the network: those are elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.lifecycle import rows_of
from agent.lifecycle.conduct import Conductor
from agent.lifecycle.events import ClusterChanged, Event, GoOn, StepChanged
from agent.lifecycle.hands import Hands
from agent.lifecycle.ladder import LAUNCH_TAG, name_of
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.ports import Described, Listed
from agent.lifecycle.rows import ClusterRow, JobRow
from agent.lifecycle.store import Store
from agent.lifecycle.words import ENDED, ENDING, LAUNCHING, READY, EndReason, State
from tests.lifecycle.core_rows import NOW, SETTINGS


@dataclass
class Step:
    id: str
    name: str
    state: str = "PENDING"


@dataclass
class Cluster:
    id: str
    name: str
    created_at: float
    pool: bool
    state: State = State.STARTING
    code: str | None = None
    ready_at: float | None = None
    cores: int = 2
    steps: list[Step] = field(default_factory=list)

    @property
    def lives(self) -> bool:
        return self.state not in ENDED


class SmallEmr:
    """The lifecycle's ports, all of them, and what its conductor is made of."""

    def __init__(self, index_lag_s: float = 0.0) -> None:
        self.now = NOW
        self.store = Store(MemoryTable(index_lag_s, clock=lambda: self.now))
        self.clusters: dict[str, Cluster] = {}
        self.told: list[Event] = []
        self.counted: Counter[str] = Counter()
        self.told_ends: list[str] = []
        self.dies_before_writing = False
        """Whoever launches next is gone before he has written down what EMR answered."""
        hands = Hands(
            store=self.store,
            eyes=self,
            ender=_Ender(self),
            launcher=self,
            runner=self,
            tokens=self,
            deadlines=self,
            later=self,
            teller=_Teller(self),
            settings=SETTINGS,
            count=self._count,
        )
        self.conductor = Conductor(hands)

    def _count(self, name: str) -> None:
        self.counted[name] += 1

    def hear(self, event: Event) -> None:
        self.conductor.hear(event, self.now)

    def sweep(self) -> None:
        self.conductor.sweep(self.now)

    # what happens there

    def change(self, cluster: Cluster, state: State, code: str | None = None) -> None:
        if not cluster.lives:
            return
        cluster.state, cluster.code = state, code
        if state in READY and cluster.ready_at is None:
            cluster.ready_at = self.now
        if state not in (State.BOOTSTRAPPING, State.TERMINATING):
            self.told.append(
                ClusterChanged(
                    cluster_id=cluster.id, name=cluster.name, state=state, at=float(int(self.now)), code=code
                )
            )
        if state in ENDED:
            for step in cluster.steps:
                self.step(cluster, step, "CANCELLED")

    def step(self, cluster: Cluster, step: Step, state: str) -> None:
        if step.state in ("COMPLETED", "FAILED", "CANCELLED") or step.state == state:
            return
        step.state = state
        at = float(int(self.now))
        self.told.append(StepChanged(cluster_id=cluster.id, step_id=step.id, name=step.name, state=state, at=at))

    def living(self) -> list[Cluster]:
        return [one for one in self.clusters.values() if one.lives]

    def goes_well(self) -> None:
        """All goes one stage on, as it should."""
        for cluster in self.living():
            running = next((one for one in cluster.steps if one.state == "RUNNING"), None)
            waiting = next((one for one in cluster.steps if one.state == "PENDING"), None)
            if cluster.state in LAUNCHING:
                self.change(cluster, State.RUNNING)
            elif running is not None:
                self.step(cluster, running, "COMPLETED")
            elif waiting is not None:
                self.step(cluster, waiting, "RUNNING")
            elif not cluster.pool:
                self.change(cluster, State.TERMINATED, "ALL_STEPS_COMPLETED")
            elif cluster.state is not State.WAITING:
                self.change(cluster, State.WAITING)

    # Eyes

    def describe(self, cluster_id: str, *, fleets: bool = False) -> Described | None:
        one = self.clusters[cluster_id]
        nodes = fleets and one.state in READY
        return Described(
            cluster_id=one.id,
            name=one.name,
            state=one.state,
            code=one.code,
            message="",
            at=self.now,
            created_at=one.created_at,
            protected=False,
            subnet="subnet-a",
            masters=1 if nodes else None,
            cores=one.cores if nodes else None,
            ready_at=one.ready_at,
            tags={LAUNCH_TAG: one.name.partition(" ")[2]},
        )

    def listed(self, created_after: float, *, ended: bool = False) -> list[Listed] | None:
        return [
            Listed(cluster_id=one.id, name=one.name, state=one.state, created_at=one.created_at)
            for one in self.clusters.values()
            if one.created_at > created_after and (ended or one.state not in ENDING)
        ]

    # Launcher

    def go_on(self, launch_id: str) -> str | None:
        launch = self.store.launch(launch_id)
        claimed = None if launch is None else self.store.claim_launch(launch_id, launch.attempt, self.now)
        if launch is None or claimed is None:
            return None
        name = name_of(claimed.profile, claimed.id, claimed.attempt)
        there = next((one for one in self.clusters.values() if one.name == name), None)
        if there is None:
            there = Cluster(f"j-{len(self.clusters)}", name, self.now, claimed.pool)
            self.clusters[there.id] = there
            self.change(there, State.STARTING)
        if self.dies_before_writing:
            self.dies_before_writing = False
            return None
        profile = self.store.profile(claimed.profile)
        row = rows_of.cluster(claimed, profile, there.id, name, claimed.attempt, there.created_at)
        if not self.store.launched(claimed, row):
            self.store.know(row)
        return there.id

    # Runner

    def run(self, job: JobRow) -> str | None:
        cluster = self.clusters[job.cluster_id or ""]
        step = next((one for one in cluster.steps if one.name == job.step_name), None)
        if step is None:
            if not cluster.lives:
                return None
            step = Step(f"s-{cluster.id}-{len(cluster.steps)}", job.step_name)
            cluster.steps.append(step)
        return step.id

    def look(self, job: JobRow) -> StepChanged | None:
        step = next(self._steps(job), None)
        if step is None or job.cluster_id is None:
            return None
        return StepChanged(
            cluster_id=job.cluster_id, step_id=step.id, name=step.name, state=step.state, at=float(int(self.now))
        )

    def cancel(self, job: JobRow) -> None:
        for step in self._steps(job):
            self.step(self.clusters[job.cluster_id or ""], step, "CANCELLED")

    def _steps(self, job: JobRow) -> Iterator[Step]:
        cluster = self.clusters.get(job.cluster_id or "")
        return iter(() if cluster is None else [one for one in cluster.steps if one.name == job.step_name])

    # Tokens, Deadlines, Later

    def ended(self, job: JobRow) -> None:
        self.told_ends.append(job.id)

    def still_runs(self, job: JobRow) -> None:
        assert not job.ended

    def set(self, cluster_id: str, at: float) -> None:
        pass

    def drop(self, cluster_id: str) -> None:
        pass

    def again(self, event: GoOn) -> None:
        self.told.append(event)


class _Ender:
    def __init__(self, emr: SmallEmr) -> None:
        self._emr = emr

    def end(self, cluster_id: str, reason: EndReason, why: str) -> bool:
        emr = self._emr
        row = emr.store.cluster(cluster_id)
        if row is None or (row.end_reason is None and not emr.store.mark_end(cluster_id, reason, why, emr.now)):
            return False
        emr.change(emr.clusters[cluster_id], State.TERMINATED, "USER_REQUEST")
        return True


class _Teller:
    def __init__(self, emr: SmallEmr) -> None:
        self._emr = emr

    def ended(self, row: ClusterRow) -> None:
        pass

    def job_ended(self, job: JobRow) -> None:
        self._emr.counted[f"job ended {job.id}"] += 1
