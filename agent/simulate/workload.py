"""What a cluster is asked to do: jobs of stages of tasks, with the times at which they come. Pure values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Stage:
    """Tasks that may all run at once; the next stage waits for the last of them."""

    tasks: tuple[float, ...]
    """Run time of each, seconds."""
    writes_shuffle: bool = False
    """Whether a later stage reads what its tasks leave on their nodes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One application."""

    id: str
    submitted: float
    """Seconds after the workload began."""
    stages: tuple[Stage, ...]

    @property
    def work_s(self) -> float:
        return math.fsum(duration for stage in self.stages for duration in stage.tasks)


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    jobs: tuple[Job, ...]
    """In the order of their submission."""
    horizon_s: float
    """For so long capacity is billed at least, though the last job may have ended before."""

    @property
    def work_s(self) -> float:
        return math.fsum(job.work_s for job in self.jobs)

    @property
    def task_count(self) -> int:
        return sum(len(stage.tasks) for job in self.jobs for stage in job.stages)

    def first(self, seconds: float) -> Workload:
        """The jobs of its beginning only."""
        kept = tuple(job for job in self.jobs if job.submitted < seconds)
        return replace(self, jobs=kept, horizon_s=min(seconds, self.horizon_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskShape:
    """How work is cut into tasks."""

    mean_s: float = 40.0
    least_s: float = 2.0
    spread: float = 0.3
    """Standard deviation of the logarithm of a task's time: 0 makes all alike."""
    most_tasks: int = 20_000


def cut(work_s: float, shape: TaskShape, random: Random) -> tuple[float, ...]:
    """Tasks that together take `work_s` on average, at least one."""
    count = min(shape.most_tasks, max(1, round(work_s / shape.mean_s)))
    mean = max(shape.least_s, work_s / count)
    if shape.spread <= 0:
        return (mean,) * count
    centre = math.log(mean) - shape.spread**2 / 2
    return tuple(math.exp(random.gauss(centre, shape.spread)) for _ in range(count))


def workload(name: str, jobs: Iterable[Job], horizon_s: float) -> Workload:
    """Jobs sorted by their submission. Raises ValueError when there is none."""
    ordered: Sequence[Job] = sorted(jobs, key=lambda job: job.submitted)
    if not ordered:
        raise ValueError(f"{name}: no job in it")
    return Workload(name, tuple(ordered), max(horizon_s, ordered[-1].submitted))
