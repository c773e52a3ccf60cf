"""What the agent sees of the simulated cluster: observations made as the running agent makes them."""

from __future__ import annotations

from typing import cast

from agent.aggregate.outside import cluster_figures, fleet_figures
from agent.aggregate.snapshot import Snapshot
from agent.domain.fleets import Cluster, Collection, Fleet
from agent.domain.observation import Evidence, History, Observation
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading, ContainerAsk, NodeCounts
from agent.domain.signals import Signal, Statistic
from agent.domain.stages import RemainingWork, StageProgress, remaining_work
from agent.simulate.capacity import Capacity
from agent.simulate.parts import JobState, Node, Phase
from agent.simulate.scheduler import Scheduler
from agent.simulate.world import World

EPOCH = 1_700_000_000.0
"""Unix time at which every simulated workload begins."""
GIBIBYTE = 2.0**30
"""What an unfinished job is said to have left on each node where it wrote for the shuffle."""
MASTER_MB = 1_408.0
"""Of an application master; they run beside the nodes that are simulated."""
NOT_STARTED = "ACCEPTED"
LIMIT = "the queue's share for application masters"


class Eyes:
    """Observations at any simulated time. What is stale stays as it was, with the time at which it was true."""

    def __init__(self, world: World, capacity: Capacity, scheduler: Scheduler) -> None:
        self._world = world
        self._capacity = capacity
        self._scheduler = scheduler
        self._reading: ClusterReading | None = None
        self._work: RemainingWork | None = None
        self._shuffle: dict[str, float] = {}

    def look(self, now: float, history: History, fleet: Fleet | None) -> Observation:
        at = EPOCH + now
        if self._reading is None or not any(span.covers(now) for span in self._world.faults.stale):
            self._reading = self._read(at)
            self._work = self._remaining(at)
            self._shuffle = {node.host: GIBIBYTE * len(node.shuffles) for node in self._capacity.nodes if node.shuffles}
        return Observation(
            at=at,
            signals=self._signals(self._reading, fleet),
            evidence=(Evidence(probe="isbusy", busy=True, detail="simulated", at=at),),
            fleet=fleet,
            cluster=Cluster(
                at=at,
                id="j-SIMULATED",
                name="simulated",
                state="RUNNING",
                created_at=EPOCH,
                collection=Collection.FLEET,
                termination_protected=True,
                foreign_scaler=None,
            ),
            reading=self._reading,
            history=history,
            remaining=self._work,
            shuffle=self._shuffle,
        )

    def _signals(self, reading: ClusterReading, fleet: Fleet | None) -> dict[str, Signal]:
        snapshot = Snapshot(
            at=reading.at,
            instances=(),
            memory_deaths=(),
            executors_lost=0,
            cluster=reading,
            hdfs=None,
            node=None,
            counts={},
        )
        found: dict[str, Signal] = {}
        for at, figures in (
            (reading.at, cluster_figures(snapshot)),
            (fleet.at if fleet else 0.0, fleet_figures(fleet, reading)),
        ):
            for name, (value, *_) in ((name, list(values)) for name, values in figures.items() if values):
                if value is not None:
                    found[name] = _signal(at, value)
        return found

    def _remaining(self, at: float) -> RemainingWork | None:
        factor = self._world.faults.work_factor
        if factor is None:
            return None
        work = remaining_work(at, (_progress(job, self._world.executor_cores) for job in self._scheduler.active))
        if factor == 1:
            return work
        wrong = {app: left * factor for app, left in work.by_app.items()}
        mean = None if work.mean_task_s is None else work.mean_task_s * factor
        return RemainingWork(at=at, by_app=wrong, unmeasured=work.unmeasured, mean_task_s=mean)

    def _read(self, at: float) -> ClusterReading:
        nodes = [*self._capacity.core, *(n for n in self._capacity.nodes if n.phase in {Phase.READY, Phase.DRAINING})]
        seen = tuple(self._node(node) for node in nodes)
        alive = [node for node in seen if node.alive]
        jobs = (*self._scheduler.active, *self._scheduler.queued)
        size, pending = self._world.executor_memory_mb, self._scheduler.pending
        return ClusterReading(
            at=at,
            manager=ClusterManager.YARN,
            memory_total_mb=sum(node.memory_total_mb for node in alive),
            memory_available_mb=sum(node.memory_available_mb or 0.0 for node in alive),
            memory_pending_mb=pending * size,
            containers_pending=pending,
            cores_pending=float(pending),
            containers_reserved=0,
            node_counts=NodeCounts(
                active=len(alive), unhealthy=0, lost=0, decommissioning=len(seen) - len(alive), decommissioned=0
            ),
            nodes=seen,
            applications=tuple(self._application(job) for job in jobs),
        )

    def _node(self, node: Node) -> ClusterNode:
        key = (node.phase, len(node.executors))
        view = node.views.get(key)
        if view is None:
            total, held = self._world.node_memory_mb, len(node.executors)
            used = held * self._world.executor_memory_mb
            view = node.views[key] = ClusterNode(
                host=node.host,
                alive=node.phase is Phase.READY,
                draining=node.phase is Phase.DRAINING,
                memory_total_mb=total,
                memory_used_mb=used,
                containers=held,
                memory_available_mb=total - used,
                # the default resource calculator books one core a container, whatever there is
                cores_available=float(-held),
            )
        return cast("ClusterNode", view)

    def _application(self, job: JobState) -> Application:
        key = (job.started, job.held, job.asks)
        view = job.views.get(key)
        if view is None:
            size, cores = self._world.executor_memory_mb, float(self._world.executor_cores)
            waits = (ContainerAsk(memory_mb=size, cores=cores, label="", count=job.asks),) if job.asks else ()
            if not job.started:
                waits = (ContainerAsk(memory_mb=size, cores=1.0, label="", count=1),)
            view = job.views[key] = Application(
                id=_id(job),
                name=job.job.id,
                state="RUNNING" if job.started else NOT_STARTED,
                memory_used_mb=job.held * size + (MASTER_MB if job.started else 0.0),
                kind="SPARK",
                containers=job.held + 1 if job.started else None,
                cores_used=float(job.held + 1),
                asks=waits,
                limited_by=None if job.started else LIMIT,
            )
        return cast("Application", view)


def _id(job: JobState) -> str:
    return f"application_1_{job.number:04d}"


def _progress(job: JobState, cores: int) -> StageProgress:
    tasks = len(job.todo) + len(job.again) + job.running + job.done
    return StageProgress(
        app=_id(job), tasks=tasks, running=job.running, completed=job.done, run_time_s=job.done_s, tasks_at_once=cores
    )


def _signal(at: float, value: float) -> Signal:
    return Signal(at, dict.fromkeys(Statistic, float(f"{value:.6g}")))
