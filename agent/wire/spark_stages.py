"""Spark's REST API: how far the active stages of an application are. Facts are from `StageData` of 3.5 and 4.x."""

from __future__ import annotations

from typing import Any

from agent.domain.stages import StageProgress, StagesReading
from agent.wire.json_fields import Field, Malformed, amount, count, flag, read_all, text

_STAGE = (
    Field("numTasks", "tasks", count),
    Field("numActiveTasks", "running", count),
    Field("numCompleteTasks", "completed", count),
    Field("executorRunTime", "run_time_ms", amount),
)

_EXECUTOR = (
    Field("id", "id", text),
    Field("isActive", "active", flag),
    Field("maxTasks", "at_once", amount, required=False),
)


def stages(value: object, at: float, app: str, tasks_at_once: float) -> StagesReading | Malformed:
    """`.../stages?status=active`. A task's run time is added to its stage's when the task ends, not before."""
    found = read_all(value, _STAGE, "stages")
    if isinstance(found, Malformed):
        return found
    return StagesReading(at=at, app=app, stages=tuple(_progress(stage, app, tasks_at_once) for stage in found))


def tasks_at_once(value: object) -> float:
    """`.../allexecutors`: tasks that one executor runs at once, the most of any that lives; 1 where none tells."""
    found = read_all(value, _EXECUTOR, "allexecutors")
    if isinstance(found, Malformed):
        return 1.0
    told = (executor["at_once"] or 0.0 for executor in found if executor["active"] and executor["id"] != "driver")
    return max((1.0, *told))


def _progress(stage: dict[str, Any], app: str, at_once: float) -> StageProgress:
    """Of speculated tasks more copies may run than tasks are left."""
    left = max(0, stage["tasks"] - stage["completed"])
    return StageProgress(
        app=app,
        tasks=stage["tasks"],
        running=min(stage["running"], left),
        completed=stage["completed"],
        run_time_s=stage["run_time_ms"] / 1000,
        tasks_at_once=at_once,
    )
