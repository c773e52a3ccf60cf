"""What waits on a standalone master, which does not tell it: executors that drivers want and have not got.

With dynamic allocation the driver's `ExecutorAllocationManager` publishes how many executors it asks the cluster
manager for (`numberTargetExecutors`, already within `maxExecutors` and `numberMaxNeededExecutors`) and how many it has
(`numberAllExecutors`): on YARN their difference is what the ResourceManager reports as pending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.aggregate.jvm import value
from agent.aggregate.snapshot import Instance, Role
from agent.domain.readings import Application, ClusterManager, ClusterReading, ContainerAsk

_EXECUTORS = "ExecutorAllocationManager.executors."


def with_wants(reading: ClusterReading | None, jvms: Iterable[Instance]) -> ClusterReading | None:
    """The answer of a standalone master with what its applications hold and ask for; any other as it is.

    What is pending stays unknown while one of them has not told: its driver has not reported, or its allocation is
    not dynamic.
    """
    if reading is None or reading.manager is not ClusterManager.STANDALONE or reading.applications is None:
        return reading
    drivers = {jvm.app: jvm for jvm in jvms if jvm.role is Role.DRIVER}
    applications = tuple(_with_want(app, drivers.get(app.id)) for app in reading.applications)
    if any(app.asks is None for app in applications):
        return replace(reading, applications=applications)
    asks = [ask for app in applications for ask in app.asks or ()]
    return replace(
        reading,
        applications=applications,
        containers_pending=sum(ask.count for ask in asks),
        memory_pending_mb=sum(ask.count * ask.memory_mb for ask in asks),
    )


def _with_want(app: Application, driver: Instance | None) -> Application:
    """A driver has no container of its own here; it is counted as one, as an application master is on YARN."""
    size = app.executor_memory_mb
    if driver is None or not size:
        return app
    wanted, there = (value(driver, f"{_EXECUTORS}number{name}Executors") for name in ("Target", "All"))
    if wanted is None or there is None:
        return app
    missing = max(0, int(wanted - there))
    return replace(
        app,
        containers=int(there) + 1,
        memory_used_mb=there * size,
        asks=(ContainerAsk(memory_mb=size, cores=None, label="", count=missing),) if missing else (),
    )
