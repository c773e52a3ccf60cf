"""Applications that run and of which nothing has reported here."""

from __future__ import annotations

from agent.aggregate.snapshot import Snapshot
from agent.domain.readings import ClusterManager

RUNNING = "RUNNING"
SPARK = "SPARK"


def unheard(now: Snapshot) -> tuple[str, ...] | None:
    """Ids of YARN's running Spark applications without a JVM in the table; None when it has not told of any list."""
    reading = now.cluster
    if reading is None or reading.applications is None or reading.manager is not ClusterManager.YARN:
        return None
    reporting = {instance.app for instance in now.instances}
    return tuple(
        app.id
        for app in reading.applications
        if app.state == RUNNING and app.kind in {SPARK, None} and app.id not in reporting
    )
