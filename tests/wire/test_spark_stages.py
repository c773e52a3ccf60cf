"""Active stages, as a real driver tells them and as nobody should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.stages import StageProgress, StagesReading, remaining_work
from agent.wire import spark_stages
from agent.wire.json_fields import Malformed
from tests.wire.test_yarn import ANY_JSON

DATA = Path(__file__).parents[1] / "data" / "spark_rest"


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def stage(**changed: object) -> dict[str, object]:
    facts = {"numTasks": 24, "numActiveTasks": 2, "numCompleteTasks": 10, "executorRunTime": 5000}
    return {**facts, **changed}


def only(value: object, at_once: float = 1.0) -> StageProgress:
    reading = spark_stages.stages(value, 7.0, "app-1", at_once)
    assert isinstance(reading, StagesReading)
    assert (reading.at, reading.app) == (7.0, "app-1")
    (found,) = reading.stages
    return found


def test_a_running_stage_of_a_real_driver() -> None:
    body = load("stages_active_3.5.9")
    found = only(body)
    assert (found.tasks, found.running, found.completed) == (24, body[0]["numActiveTasks"], body[0]["numCompleteTasks"])
    assert 0 < found.run_time_s == body[0]["executorRunTime"] / 1000
    mean_s = found.run_time_s / found.completed
    left = remaining_work(7.0, [found]).total_s
    assert left == pytest.approx((24 - found.completed - found.running / 2) * mean_s)


def test_more_copies_than_tasks_are_left_do_not_make_work_negative() -> None:
    found = only([stage(numCompleteTasks=23, numActiveTasks=4)])
    assert (found.running, found.completed) == (1, 23)


def test_nothing_active_is_an_answer() -> None:
    assert spark_stages.stages([], 7.0, "app-1", 1.0) == StagesReading(at=7.0, app="app-1", stages=())


@pytest.mark.parametrize("name", ["numTasks", "numActiveTasks", "numCompleteTasks", "executorRunTime"])
@pytest.mark.parametrize("value", [None, -1, "x", True])
def test_a_stage_that_does_not_tell_is_bad_data(name: str, value: object) -> None:
    assert spark_stages.stages([stage(**{name: value})], 7.0, "app-1", 1.0) == Malformed(f"stages: {name}")


def test_tasks_at_once_are_those_of_a_living_executor() -> None:
    assert spark_stages.tasks_at_once(load("allexecutors_running_3.5.9")) == 1.0
    executors = [
        {"id": "driver", "isActive": True, "maxTasks": 16},
        {"id": "1", "isActive": False, "maxTasks": 8},
        {"id": "2", "isActive": True, "maxTasks": 4},
        {"id": "3", "isActive": True},
    ]
    assert spark_stages.tasks_at_once(executors) == 4.0
    assert spark_stages.tasks_at_once(executors[:2]) == 1.0


@given(st.lists(ANY_JSON) | ANY_JSON)
def test_nothing_raises(value: object) -> None:
    assert isinstance(spark_stages.stages(value, 7.0, "app-1", 1.0), StagesReading | Malformed)
    assert spark_stages.tasks_at_once(value) >= 1
