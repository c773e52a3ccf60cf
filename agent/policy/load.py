"""What runs, waits and is free, in executor slots: the view that the policies of demand share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from agent.domain.fleets import Fleet
from agent.domain.readings import Application, ClusterReading, ContainerAsk
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


def memory_per_unit_mb(reading: ClusterReading, fleet: Fleet, known_mb: float | None = None) -> float | None:
    """What one capacity unit adds to the cluster manager's memory; None when no node tells.

    From the task nodes that it knows; without any `known_mb`, what the last ones gave; else a node is taken to be like
    the largest of the others.
    """
    told = task_unit_mb(reading, fleet) or known_mb
    if told is not None:
        return told
    largest = max((node.memory_total_mb for node in reading.nodes or () if node.alive), default=0.0)
    return largest / fleet.largest_unit if largest > 0 else None


def task_unit_mb(reading: ClusterReading, fleet: Fleet) -> float | None:
    """What a unit of the task nodes gives out that the cluster manager knows; None without any."""
    found = list(_task_nodes(reading, fleet))
    return sum(memory for _, memory in found) / sum(units for units, _ in found) if found else None


def _task_nodes(reading: ClusterReading, fleet: Fleet) -> Iterator[tuple[int, float]]:
    """Units and memory of each task node that the cluster manager knows.

    One that is being drained has, for YARN, no more than is used of it (RMNodeImpl), and tells nothing.
    """
    nodes = (node for node in reading.nodes or () if node.alive)
    memory = {node.host.lower(): node.memory_total_mb for node in nodes if node.memory_total_mb > 0}
    for member in fleet.nodes or ():
        found = next((memory[host.lower()] for host in member.hosts if host.lower() in memory), None)
        if found is not None:
            yield member.units, found


def servable(reading: ClusterReading, fleet: Fleet, known_mb: float | None = None) -> ClusterReading:
    """The same answer with what task nodes cannot serve left out of what waits: containers larger than such a node,
    where it is known (`known_mb`: what a unit gave when one was last there), and those asked for in a partition (YARN
    node label) that no task node is in.

    What is pending follows. Where nodes bear labels it is the sum of what applications ask for, as far as all tell it:
    YARN's own figure is that of the default partition, before Hadoop 2.9 that of all.
    """
    places, room_mb = partitions(reading, fleet), node_memory_mb(reading, fleet, known_mb)
    apps = reading.applications or ()
    asks = [ask for app in apps for ask in app.asks or ()]
    dropped = [ask for ask in asks if not _serves(ask, places, room_mb)]
    labelled = any(node.label for node in reading.nodes or ()) and all(app.asks is not None for app in apps)
    if not dropped and not labelled:
        return reading
    kept = [ask for ask in asks if _serves(ask, places, room_mb)]
    ours = [ask for ask in dropped if ask.label in places]

    def pending(told: float | None, of: Callable[[ContainerAsk], float]) -> float | None:
        if told is None:
            return None
        return sum(map(of, kept)) if labelled else max(0.0, told - sum(map(of, ours)))

    containers = pending(reading.containers_pending, lambda ask: ask.count)
    return replace(
        reading,
        applications=tuple(_asking(app, places, room_mb) for app in apps),
        containers_pending=None if containers is None else int(containers),
        memory_pending_mb=pending(reading.memory_pending_mb, lambda ask: ask.count * ask.memory_mb),
        cores_pending=pending(reading.cores_pending, lambda ask: ask.count * (ask.cores or 1.0)),
    )


def too_large(
    reading: ClusterReading, fleet: Fleet, known_mb: float | None = None
) -> tuple[tuple[Application, ContainerAsk], ...]:
    """What waits for containers that no task node has room for, however empty."""
    room_mb = node_memory_mb(reading, fleet, known_mb)
    if room_mb is None:
        return ()
    asks = ((app, ask) for app in reading.applications or () for ask in app.asks or ())
    return tuple((app, ask) for app, ask in asks if ask.count > 0 and ask.memory_mb > room_mb)


def partitions(reading: ClusterReading, fleet: Fleet) -> frozenset[str]:
    """The partitions that task nodes are in; while none is there the default one, as of every node without a label."""
    members = {host.lower() for node in fleet.nodes or () for host in node.hosts}
    found = frozenset(node.label for node in reading.nodes or () if node.alive and node.host.lower() in members)
    return found or frozenset({""})


def node_memory_mb(reading: ClusterReading, fleet: Fleet, known_mb: float | None = None) -> float | None:
    """What the largest node of the task fleet gives out; None where none is there and none has been."""
    largest = max((memory for _, memory in _task_nodes(reading, fleet)), default=0.0)
    per_unit = task_unit_mb(reading, fleet) or known_mb
    return None if per_unit is None else max(largest, per_unit * fleet.largest_unit)


def memory_available_mb(reading: ClusterReading, fleet: Fleet) -> float:
    """What can still be given out where task nodes are.

    YARN's own sum is that of all partitions, and leaves out what is reserved.
    """
    if not any(node.label for node in reading.nodes or ()):
        return reading.memory_available_mb
    places = partitions(reading, fleet)
    return sum(node.memory_free_mb for node in reading.nodes or () if node.label in places)


def load(reading: ClusterReading, fleet: Fleet, known_mb: float | None = None) -> Load | None:
    """None where the answer does not tell enough: no size of an executor, no nodes, nothing about what waits.

    What task nodes cannot serve is no part of what waits, and what is free in a partition without them is not free.
    `known_mb` is what a unit gave when a task node was last there.
    """
    reading = servable(reading, fleet, known_mb)
    per_unit, nodes = memory_per_unit_mb(reading, fleet, known_mb), reading.nodes
    if per_unit is None or nodes is None or reading.containers_pending is None or reading.applications is None:
        return None
    told_mb = node_memory_mb(reading, fleet, known_mb)
    room_mb = per_unit * fleet.largest_unit if told_mb is None else told_mb
    size = _size(reading, room_mb, certain=told_mb is not None)
    if size is None:
        return None
    places = partitions(reading, fleet)
    return Load(
        running=sum(executors(application) for application in reading.applications),
        pending=reading.containers_pending,
        free=free_slots((node for node in nodes if node.label in places), size),
        # before there has been a task node it is taken to be large enough for one
        slots_per_unit=max(1.0, room_mb // size.memory_mb) / fleet.largest_unit,
    )


def _size(reading: ClusterReading, room_mb: float, *, certain: bool) -> Size | None:
    """Of an executor on a task node, which gives out so much; None where nothing tells."""
    size = executor_size(reading)
    if size is not None and (size.memory_mb <= room_mb or not certain):
        return size
    # what runs is too large for a task node, or nothing does: whole nodes are free, whatever will come
    return Size(room_mb) if not reading.containers_pending and (size or _only_masters(reading)) else None


def executors(application: Application) -> int:
    """Containers that it holds beside its master's."""
    return max(0, (application.containers or 0) - 1) if application.state == RUNNING else 0


def asked(application: Application) -> int:
    """Containers that it asks for and has not got."""
    return sum(ask.count for ask in application.asks or ())


def _only_masters(reading: ClusterReading) -> bool:
    """Whether every application tells that it holds no executor: at most its master."""
    apps = reading.applications
    return apps is not None and all(app.containers is not None and app.containers <= 1 for app in apps)


def _serves(ask: ContainerAsk, places: frozenset[str], room_mb: float | None) -> bool:
    return ask.label in places and (room_mb is None or ask.memory_mb <= room_mb)


def _asking(app: Application, places: frozenset[str], room_mb: float | None) -> Application:
    return replace(app, asks=None if app.asks is None else tuple(a for a in app.asks if _serves(a, places, room_mb)))
