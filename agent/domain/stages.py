"""What Spark still has to do: the work that is left in its active stages, in container-seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


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
class RemainingWork:
    """Container-seconds that are left, by application id. An application without active stages is absent."""

    at: float
    by_app: Mapping[str, float]

    @property
    def total_s(self) -> float:
        return math.fsum(self.by_app.values())


def remaining_work(at: float, stages: Iterable[StageProgress]) -> RemainingWork | None:
    """Of each active stage its open tasks times the mean time of those that are done; a task that runs counts half.

    A stage without a completed task is taken to be like the other stages of its application, else like all stages.
    Stages that have not begun are not known, and not counted. None when there is work and no task anywhere has told
    yet how long it takes.
    """
    found = [stage for stage in stages if stage.tasks > stage.completed]
    overall = _mean(found)
    by_app: dict[str, list[StageProgress]] = {}
    for stage in found:
        by_app.setdefault(stage.app, []).append(stage)
    left: dict[str, float] = {}
    for app, of_app in by_app.items():
        mean = _mean(of_app)
        otherwise = overall if mean is None else mean
        for stage in of_app:
            own = stage.run_time_s / stage.completed if stage.completed else otherwise
            if own is None:
                return None
            open_tasks = stage.tasks - stage.completed - stage.running / 2
            left[app] = left.get(app, 0.0) + open_tasks * own / max(1.0, stage.tasks_at_once)
    return RemainingWork(at=at, by_app=left)


def _mean(stages: Sequence[StageProgress]) -> float | None:
    """Seconds that a completed task took; None when there is none."""
    completed = sum(stage.completed for stage in stages)
    return math.fsum(stage.run_time_s for stage in stages if stage.completed) / completed if completed else None
