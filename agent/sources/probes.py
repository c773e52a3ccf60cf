"""What is already known, as evidence of busyness. Missing, old or partial data is busy: silence is no idleness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.domain.observation import Evidence
from agent.domain.readings import Application, ClusterReading
from agent.domain.roles import Role

ACTIVE_TASKS = "executor.threadpool.activeTasks"
ACTIVE_JOBS = "DAGScheduler.job.activeJobs"
ALL_JOBS = "DAGScheduler.job.allJobs"
COMPLETED_TASKS = "executor.threadpool.completeTasks"
STREAMS = ("spark.streaming.", "StreamingMetrics.streaming.")
"""Of a driver with a streaming query, which may wait for input for hours and is no less in use."""


def tasks(values: Iterable[Mapping[str, float]], at: float) -> Evidence:
    """Busy while a live JVM last reported a task or a job at work. `values` are those of the table at time `at`.

    No JVM at all is not busy here: whether applications run without reporting follows from the cluster manager.
    """
    jvms = list(values)
    running = sum(max(0.0, jvm.get(ACTIVE_TASKS, 0.0)) for jvm in jvms)
    jobs = sum(max(0.0, jvm.get(ACTIVE_JOBS, 0.0)) for jvm in jvms)
    detail = f"{running:.0f} tasks and {jobs:.0f} jobs on {len(jvms)} JVMs that report"
    return Evidence(probe="tasks", busy=running > 0 or jobs > 0, detail=detail, at=at)


@dataclass(frozen=True, slots=True)
class Report:
    """The last report of one live JVM of an application."""

    role: Role
    app: str
    id: str
    at: float
    values: Mapping[str, float]


Look = Callable[[], tuple[ClusterReading | None, Iterable[Report]]]
"""The cluster manager's last answer, and the last report of every JVM that is alive."""


def unlisted(look: Look, now: float, within_s: float) -> Evidence:
    """Busy while a driver or executor reports of an application that the cluster manager does not list: one of the
    two is wrong, a master that was replaced for example. Reports older than `within_s` are of JVMs that have ended.
    """
    reading, reports = look()
    listed = {app.id for app in reading.applications or ()} if reading is not None else set()
    speaking = {
        one.app for one in reports if one.role in (Role.DRIVER, Role.EXECUTOR) and 0 <= now - one.at <= within_s
    }
    strangers = sorted(speaking - listed)
    detail = f"{', '.join(strangers[:3])} reports and is not listed" if strangers else "nobody reports unlisted"
    return Evidence(probe="unlisted", busy=bool(strangers), detail=detail, at=now)


class AtRest:
    """Names the running Spark applications of which the driver and all executors report that nothing is at work.

    Nothing was at work either since it last looked: what has been completed is the same. It never says busy; what it
    does not name is in use for all that it knows. Asked for the first time of an application, it does not name it.
    """

    def __init__(self, look: Look, clock: Callable[[], float]) -> None:
        self._look = look
        self._clock = clock
        self._done: dict[str, Mapping[str, float]] = {}

    def __call__(self) -> Evidence:
        reading, reports = self._look()
        by_app: dict[str, list[Report]] = {}
        for report in reports:
            by_app.setdefault(report.app, []).append(report)
        running = reading.applications or () if reading is not None else ()
        found = [(app, by_app.get(app.id, [])) for app in running]
        before, self._done = self._done, {app.id: dict(_done(jvms)) for app, jvms in found}
        resting = [
            (app, jvms)
            for app, jvms in found
            if _rests(app, jvms) and app.id in before and self._done[app.id].items() <= before[app.id].items()
        ]
        at = min((jvm.at for _, jvms in resting for jvm in jvms), default=self._clock())
        said = ", ".join(f"{app.id} ({app.containers} containers)" for app, _ in resting)
        detail = f"no task and no job reported by {said}" if said else "no running application reports to be at rest"
        return Evidence(probe="rest", busy=False, detail=detail, at=at, of=tuple(app.id for app, _ in resting))


def _rests(app: Application, jvms: list[Report]) -> bool:
    """Whatever is not told is at work: a JVM that does not report, a figure that is missing."""
    if app.state != "RUNNING" or app.kind != "SPARK" or app.containers is None:
        return False
    drivers = [jvm.values for jvm in jvms if jvm.role is Role.DRIVER]
    executors = [jvm.values for jvm in jvms if jvm.role is Role.EXECUTOR]
    # one container is the application master's, whether or not the driver is in it
    if not drivers or len(executors) < app.containers - 1:
        return False
    if any(name.startswith(STREAMS) or f".{STREAMS[1]}" in name for values in drivers for name in values):
        return False
    return all(values.get(ACTIVE_JOBS) == 0 and ALL_JOBS in values for values in drivers) and all(
        values.get(ACTIVE_TASKS) == 0 and COMPLETED_TASKS in values for values in executors
    )


def _done(jvms: list[Report]) -> Iterator[tuple[str, float]]:
    """Jobs and tasks so far, by JVM. An executor that is new and has done nothing is no difference."""
    for jvm in jvms:
        done = jvm.values.get(ALL_JOBS if jvm.role is Role.DRIVER else COMPLETED_TASKS)
        if done:
            yield f"{jvm.role} {jvm.id}", done
