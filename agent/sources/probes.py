"""What is already known, as evidence of busyness. Missing, old or partial data is busy: silence is no idleness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.domain.observation import Evidence
from agent.domain.readings import ClusterReading

ACTIVE_TASKS = "executor.threadpool.activeTasks"
ACTIVE_JOBS = "DAGScheduler.job.activeJobs"


def applications(reading: ClusterReading | None, now: float, max_age_s: float) -> Evidence:
    """Busy while the cluster manager knows an application that is not finished. As old as the reading."""
    if reading is None:
        return _applications(True, "the cluster manager has not answered", now)
    age = now - reading.at
    if abs(age) > max_age_s:
        return _applications(True, f"the cluster manager's last answer is {age:.0f} s old", reading.at)
    if reading.applications is None:
        return _applications(True, "the cluster manager did not tell its applications", reading.at)
    if not reading.applications:
        return _applications(False, "no unfinished application", reading.at)
    named = ", ".join(f"{app.id} {app.state}" for app in reading.applications[:3])
    count = len(reading.applications)
    return _applications(True, f"{count} unfinished: {named}{', ...' if count > 3 else ''}", reading.at)


def _applications(busy: bool, detail: str, at: float) -> Evidence:
    return Evidence(probe="applications", busy=busy, detail=detail, at=at)


def tasks(values: Iterable[Mapping[str, float]], at: float) -> Evidence:
    """Busy while a live JVM last reported a task or a job at work. `values` are those of the table at time `at`.

    No JVM at all is not busy here: whether applications run without reporting is the probe above.
    """
    jvms = list(values)
    running = sum(max(0.0, jvm.get(ACTIVE_TASKS, 0.0)) for jvm in jvms)
    jobs = sum(max(0.0, jvm.get(ACTIVE_JOBS, 0.0)) for jvm in jvms)
    detail = f"{running:.0f} tasks and {jobs:.0f} jobs on {len(jvms)} JVMs that report"
    return Evidence(probe="tasks", busy=running > 0 or jobs > 0, detail=detail, at=at)
