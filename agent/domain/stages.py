"""What Spark still has to do: the work that is left in its active stages, in container-seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """One active stage of a running application."""

    app: str
    tasks: int
    running: int
    completed: int
    run_time_s: float
    """Of its completed tasks together."""
    tasks_at_once: float = 1.0
    """Tasks that one executor of the application runs at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesReading:
    """The active stages of one running application, as its driver tells them."""

    at: float
    app: str
    stages: tuple[StageProgress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingWork:
    """Work that is left in the active stages of running applications."""

    at: float
    by_app: Mapping[str, float]
    """Container-seconds by application id. An application without active stages is absent."""
    unmeasured: Mapping[str, float] = field(default_factory=dict)
    """By application id: tasks, in containers, of stages where nothing has told yet how long one takes."""
    mean_task_s: float | None = None
    """Mean time of the tasks that active stages have completed; None when there is none."""

    @property
    def total_s(self) -> float | None:
        """All that is measured; None while some of it is not."""
        return None if self.unmeasured else math.fsum(self.by_app.values())

    def with_tasks_of(self, task_s: float | None) -> Mapping[str, float] | None:
        """All of it in container-seconds, unmeasured tasks taken to last that long; None when that is not known."""
        if not self.unmeasured:
            return self.by_app
        if task_s is None:
            return None
        apps = {*self.by_app, *self.unmeasured}
        return {app: self.by_app.get(app, 0.0) + task_s * self.unmeasured.get(app, 0.0) for app in apps}


def remaining_work(at: float, stages: Iterable[StageProgress]) -> RemainingWork:
    """Of each active stage its open tasks times the mean time of those that are done; a task that runs counts half.

    A stage without a completed task is taken to be like the other stages of its application, else like all stages.
    Stages that have not begun are not known, and not counted.
    """
    found = [stage for stage in stages if stage.tasks > stage.completed]
    overall = _mean(found)
    by_app: dict[str, list[StageProgress]] = {}
    for stage in found:
        by_app.setdefault(stage.app, []).append(stage)
    left: dict[str, float] = {}
    unmeasured: dict[str, float] = {}
    for app, of_app in by_app.items():
        mean = _mean(of_app)
        otherwise = overall if mean is None else mean
        for stage in of_app:
            own = stage.run_time_s / stage.completed if stage.completed else otherwise
            containers = (stage.tasks - stage.completed - stage.running / 2) / max(1.0, stage.tasks_at_once)
            if own is None:
                unmeasured[app] = unmeasured.get(app, 0.0) + containers
            else:
                left[app] = left.get(app, 0.0) + containers * own
    return RemainingWork(at=at, by_app=left, unmeasured=unmeasured, mean_task_s=overall)


def _mean(stages: Sequence[StageProgress]) -> float | None:
    """Seconds that a completed task took; None when there is none."""
    completed = sum(stage.completed for stage in stages)
    return math.fsum(stage.run_time_s for stage in stages if stage.completed) / completed if completed else None
