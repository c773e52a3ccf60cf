"""Executor slots: how many executor containers really fit. Free megabytes on ten nodes may hold none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.domain.readings import Application, ClusterNode, ClusterReading, ContainerAsk

RUNNING = "RUNNING"

MOST_ON_A_NODE = 1_000_000
"""More executors than any node has room for: a size next to nothing is a figure gone wrong."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of one executor container."""

    memory_mb: float
    cores: float | None = None
    """None where it is not known, or the scheduler does not count cores."""


def executor_size(reading: ClusterReading) -> Size | None:
    """What one executor asks for, from the best source at hand; None when nothing tells.

    The largest container that a running application waits for, or the largest executor where the cluster manager says
    what one takes; else the mean of what waits; else the mean of what running applications hold, application masters
    left out where their size is told or shows; else what those that wait to run ask for, which are application masters.

    Where no master's size is known (Hadoop before 2.8, and none alone on its node) the mean of n containers is at most
    one n-th too small, for a master is as a rule no larger than an executor; and it is never too large for that.
    """
    applications = reading.applications or ()
    running = [application for application in applications if application.state == RUNNING]
    told = all(application.asks is not None for application in applications)
    counted = cores_counted(reading)
    size = _largest(running) or _told(running)
    if size is None and not told:
        size = _mean_pending(reading)
    size = size or _mean_held(running, reading.nodes or ()) or _largest(applications) or _mean_pending(reading)
    if size is None or size.memory_mb <= 0:
        return None
    return size if counted else Size(size.memory_mb)


def cores_counted(reading: ClusterReading) -> bool:
    """Whether it shows that the scheduler counts cores too.

    YARN's DefaultResourceCalculator counts memory only: it books one core a container whatever is asked, and lets
    the cores of a node fall below zero.
    """
    if any((node.cores_available or 0) < 0 for node in reading.nodes or ()):
        return False
    return any(_many_cores(application) for application in reading.applications or ())


def free_slots(nodes: Iterable[ClusterNode], size: Size) -> int:
    """Containers of that size that fit in what each node has free, over all nodes that still take work."""
    return sum(_room(node.memory_free_mb, node.cores_available, size) for node in nodes)


def all_fit(asks: Iterable[ContainerAsk], nodes: Iterable[ClusterNode], *, with_cores: bool) -> bool:
    """Whether there is room for all of them at once, each in its own partition: a placement was found.

    The largest are placed first. False does not prove that there is no other placement.
    """
    places = [_Place(node.label, node.memory_free_mb, node.cores_available) for node in nodes]
    for ask in sorted(asks, key=lambda ask: ask.memory_mb, reverse=True):
        size, missing = Size(ask.memory_mb, ask.cores if with_cores else None), ask.count
        for place in places:
            if place.label == ask.label:
                missing -= place.take(size, missing)
        if missing > 0:
            return False
    return True


@dataclass(slots=True)
class _Place:
    label: str
    memory_mb: float
    cores: float | None

    def take(self, size: Size, count: int) -> int:
        """How many of so many find room here, which they then hold."""
        taken = min(count, _room(self.memory_mb, self.cores, size))
        self.memory_mb -= taken * size.memory_mb
        if self.cores is not None:
            self.cores -= taken * (size.cores or 0)
        return taken


def _room(memory_mb: float, cores: float | None, size: Size) -> int:
    if size.memory_mb <= 0:
        return 0
    room = memory_mb / size.memory_mb
    if size.cores and cores is not None:
        room = min(room, cores / size.cores)
    return max(0, math.floor(min(room, MOST_ON_A_NODE)))


def _largest(applications: Iterable[Application]) -> Size | None:
    asks = [ask for application in applications for ask in application.asks or () if ask.count > 0]
    largest = max(asks, key=lambda ask: ask.memory_mb, default=None)
    return None if largest is None else Size(largest.memory_mb, largest.cores)


def _told(applications: Iterable[Application]) -> Size | None:
    sizes = [app.executor_memory_mb for app in applications if app.executor_memory_mb]
    return Size(max(sizes)) if sizes else None


def _mean_pending(reading: ClusterReading) -> Size | None:
    memory, count = reading.memory_pending_mb, reading.containers_pending
    if not memory or not count:
        return None
    return Size(memory / count, None if reading.cores_pending is None else max(1.0, reading.cores_pending / count))


def _mean_held(running: Iterable[Application], nodes: Iterable[ClusterNode]) -> Size | None:
    """An application of one container has only its application master."""
    masters = dict(_masters_alone(nodes))
    memory = cores = count = 0.0
    for application in running:
        held = application.containers or 0
        if held < 2:
            continue
        master = application.master_memory_mb or masters.get((application.master_host or "").lower())
        if master is not None and master < application.memory_used_mb:
            memory, count = memory + application.memory_used_mb - master, count + held - 1
            cores += (application.cores_used or 0) * (held - 1) / held
        else:
            memory, count = memory + application.memory_used_mb, count + held
            cores += application.cores_used or 0
    return Size(memory / count, max(1.0, cores / count)) if count and memory > 0 else None


def _masters_alone(nodes: Iterable[ClusterNode]) -> Iterator[tuple[str, float]]:
    """Memory by host of what is alone on its node: if that is an application master's host, the master's size."""
    return ((node.host.lower(), node.memory_used_mb) for node in nodes if node.containers == 1)


def _many_cores(application: Application) -> bool:
    held = application.containers
    if held and application.cores_used is not None and application.cores_used > held:
        return True
    return any((ask.cores or 0) > 1 for ask in application.asks or ())
