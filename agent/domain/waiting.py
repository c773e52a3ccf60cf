"""Work that waits although there is room for it: a limit of its queue or user holds it, not the cluster's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain.fleets import Fleet
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading, ContainerAsk
from agent.domain.slots import all_fit, cores_counted, executor_size, free_slots

PENDING = frozenset({"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "WAITING"})
"""States in which an application waits to run: YARN's, and the standalone master's word."""


@dataclass(frozen=True, slots=True)
class QueueLimit:
    said: bool
    """The scheduler itself names the limit of everything that waits; otherwise the numbers show it, if they last."""
    text: str


def queue_limited(reading: ClusterReading) -> QueueLimit | None:
    """What waits although all of it fits at once in what is free on one partition each; None when that is not certain.

    Not certain are unknown nodes or applications, reserved containers (a node that is kept for one has memory free
    and takes nothing else), sizes that are not told of several containers, asks bound to a place, and partitions of
    which it is not told which is asked for. A scheduler may be about to hand out what it has: see that it lasts.
    """
    nodes, applications = reading.nodes, reading.applications
    if reading.manager is not ClusterManager.YARN or nodes is None or applications is None:
        return None
    waiting = [application for application in applications if application.state in PENDING]
    pending = reading.containers_pending
    if pending is None or reading.containers_reserved != 0 or not (waiting or pending):
        return None
    limits = sorted({application.limited_by for application in waiting if application.limited_by})
    idle = all(application.asks == () for application in applications if application.state not in PENDING)
    said = bool(waiting) and idle and all(application.limited_by for application in waiting)
    # where it does not show whether cores count, they may; unless the scheduler itself names something else
    negative = any((node.cores_available or 0) < 0 for node in nodes)
    with_cores = cores_counted(reading) or not (said or negative)
    if not _room_for_all(reading, nodes, applications, pending, with_cores=with_cores):
        return None
    why = f"; the scheduler names {', '.join(limits)}" if limits else ""
    return QueueLimit(said, f"{len(waiting)} applications and {pending} containers wait although all fit{why}")


def masters_on_task_nodes(reading: ClusterReading | None, fleet: Fleet | None) -> tuple[Application, ...] | None:
    """Applications whose master runs on task capacity: its node's end is theirs. None when it is not known."""
    if reading is None or reading.applications is None or fleet is None or fleet.nodes is None:
        return None
    hosts = {host.lower() for node in fleet.nodes for host in node.hosts}
    return tuple(app for app in reading.applications if app.master_host and app.master_host.lower() in hosts)


def _room_for_all(
    reading: ClusterReading,
    nodes: tuple[ClusterNode, ...],
    applications: tuple[Application, ...],
    pending: int,
    *,
    with_cores: bool,
) -> bool:
    asks = tuple(_asks(applications))
    told = all(app.asks is not None for app in applications) and sum(ask.count for ask in asks) >= pending
    if told and asks:
        return all_fit(asks, nodes, with_cores=with_cores)
    alive = [node for node in nodes if node.alive]
    if any(node.label for node in alive):
        return False
    if pending:
        # of several containers only the sum is known: one may be nearly all of it
        if not reading.memory_pending_mb or reading.cores_pending is None:
            return False
        one = ContainerAsk(memory_mb=reading.memory_pending_mb, cores=reading.cores_pending, label="", count=1)
        return all_fit((one,), alive, with_cores=with_cores)
    size = executor_size(reading)
    return size is not None and free_slots(alive, size) > 0


def _asks(applications: tuple[Application, ...]) -> Iterator[ContainerAsk]:
    return (ask for application in applications for ask in application.asks or () if ask.count > 0)
