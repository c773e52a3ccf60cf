"""What runs, waits and is free, in executor slots: the view that the policies of demand share."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.fleets import Fleet
from agent.domain.readings import Application, ClusterReading
from agent.domain.slots import Size, executor_size, free_slots

RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Load:
    """Containers and slots of one executor's size, over the whole cluster."""

    running: int
    """Containers given out, application masters left out."""
    pending: int
    free: int
    slots_per_unit: float
    """What one capacity unit of the task fleet adds."""

    @property
    def wanted(self) -> int:
        return self.running + self.pending


def memory_per_unit_mb(reading: ClusterReading, fleet: Fleet) -> float | None:
    """What one capacity unit adds to the cluster manager's memory; None when no node tells.

    From the task nodes that the cluster manager knows; without any, a node is taken to be one of the largest type.
    One that is being drained has, for YARN, no more than is used of it (RMNodeImpl), and tells nothing.
    """
    nodes = (node for node in reading.nodes or () if node.alive)
    memory = {node.host.lower(): node.memory_total_mb for node in nodes if node.memory_total_mb > 0}
    units = total = 0.0
    for member in fleet.nodes or ():
        found = next((memory[host.lower()] for host in member.hosts if host.lower() in memory), None)
        if found is not None:
            units, total = units + member.units, total + found
    if units:
        return total / units
    return max(memory.values()) / fleet.largest_unit if memory else None


def load(reading: ClusterReading, fleet: Fleet) -> Load | None:
    """None where the answer does not tell enough: no size of an executor, no nodes, nothing about what waits."""
    size, per_unit = executor_size(reading), memory_per_unit_mb(reading, fleet)
    if size is None and per_unit is not None and reading.applications == () and not reading.containers_pending:
        # nothing runs and nothing waits: all that is free is free, whatever an executor will take
        size = Size(per_unit * fleet.largest_unit)
    if size is None or per_unit is None or reading.containers_pending is None or reading.applications is None:
        return None
    slots = (per_unit * fleet.largest_unit) // size.memory_mb / fleet.largest_unit
    if slots <= 0:
        return None
    return Load(
        running=sum(executors(application) for application in reading.applications),
        pending=reading.containers_pending,
        free=free_slots(reading.nodes or (), size),
        slots_per_unit=slots,
    )


def executors(application: Application) -> int:
    """Containers that it holds beside its master's."""
    return max(0, (application.containers or 0) - 1) if application.state == RUNNING else 0


def asked(application: Application) -> int:
    """Containers that it asks for and has not got."""
    return sum(ask.count for ask in application.asks or ())
