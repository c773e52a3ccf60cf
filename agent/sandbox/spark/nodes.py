"""EMR instances that are real: core and task machines are Worker processes, the primary is the master."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

from agent.sandbox.nodes import Machine, NodePhase
from agent.sandbox.spark.standalone import MASTER_HOST, StandaloneCluster, Worker

FIRST_HOST = 2
"""Workers live on 127.0.1.2, 127.0.1.3, ...; addresses are never used twice, so that a master's memory of a dead
worker is not mistaken for its successor."""


class SparkNodes:
    """A `NodeHost`: one instance is one Worker whose cores and memory follow its capacity units."""

    def __init__(
        self,
        cluster: StandaloneCluster,
        *,
        cores_per_unit: int = 1,
        memory_mb_per_unit: int = 768,
        drain_timeout_s: float = 60.0,
    ) -> None:
        self._cluster = cluster
        self._cores_per_unit = cores_per_unit
        self._memory_mb_per_unit = memory_mb_per_unit
        self._drain_timeout_s = drain_timeout_s
        self._workers: dict[str, Worker] = {}
        self._ended_primaries: set[str] = set()
        self._numbers = count(FIRST_HOST)

    def launch(self, machine: Machine) -> str:
        if machine.role == "MASTER":
            return MASTER_HOST
        number = next(self._numbers)
        host = f"127.0.{1 + number // 254}.{number % 254 or 254}"
        self._workers[machine.id] = self._cluster.add_worker(
            host, machine.units * self._cores_per_unit, machine.units * self._memory_mb_per_unit
        )
        return host

    def phase(self, machine: Machine) -> NodePhase:
        worker = self._workers.get(machine.id)
        if worker is None:
            return self._primary_phase(machine)
        if worker.gone:
            return NodePhase.GONE
        if worker.draining:
            return NodePhase.DRAINING
        if self._cluster.alive(worker):
            return NodePhase.READY
        return NodePhase.FAILED if worker.process.poll() is not None else NodePhase.STARTING

    def idle(self, machines: Collection[Machine]) -> frozenset[str]:
        known = [(machine.id, self._workers[machine.id]) for machine in machines if machine.id in self._workers]
        return frozenset(machine_id for machine_id, worker in known if self._cluster.idle(worker))

    def decommission(self, machine: Machine) -> None:
        if (worker := self._workers.get(machine.id)) is not None:
            self._cluster.decommission(worker, self._drain_timeout_s)
        else:
            self._end_primary(machine)

    def terminate(self, machine: Machine) -> None:
        if (worker := self._workers.get(machine.id)) is not None:
            self._cluster.terminate(worker)
        else:
            self._end_primary(machine)

    def worker(self, machine_id: str) -> Worker | None:
        return self._workers.get(machine_id)

    def _end_primary(self, machine: Machine) -> None:
        if machine.id not in self._ended_primaries:
            self._ended_primaries.add(machine.id)
            self._cluster.end_master()

    def _primary_phase(self, machine: Machine) -> NodePhase:
        if machine.id in self._ended_primaries:
            return NodePhase.GONE if self._cluster.master.poll() is not None else NodePhase.DRAINING
        return NodePhase.READY if self._cluster.view is not None else NodePhase.STARTING
