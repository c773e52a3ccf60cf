"""The work that running applications still have to do, from what each has told of its stages."""

from __future__ import annotations

from collections.abc import Mapping

from agent.domain.readings import ClusterReading
from agent.domain.stages import RemainingWork, StagesReading, remaining_work

RUNNING = "RUNNING"


def remaining(known: Mapping[str, StagesReading], cluster: ClusterReading | None) -> RemainingWork | None:
    """All of it, as old as the oldest of what was told.

    None while an application that runs has told nothing (it has just begun, its UI is off or cannot be reached, it is
    not Spark's), and while it is not known which run: half of the work is no measure of the whole.
    """
    if cluster is None or cluster.applications is None:
        return None
    running = [app.id for app in cluster.applications if app.state == RUNNING]
    told = [known[app] for app in running if app in known]
    if len(told) < len(running):
        return None
    at = min((reading.at for reading in told), default=cluster.at)
    return remaining_work(at, (stage for reading in told for stage in reading.stages))
