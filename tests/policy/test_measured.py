"""Running means of what waits and what is free, and of how long a task takes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.domain.observation import History, Observation
from agent.domain.stages import RemainingWork
from agent.policy.measured import advance
from tests.policy.build import NOW, fleet, history, observation, settings
from tests.policy.test_load import app, ask, task, waits

DEMAND = settings(policy={"kind": "demand", "demand": {"mean_s": 120, "provisioning_s": 300}})


def seen(at: float, pending: int, free: int, past: History) -> Observation:
    """So many containers of 1,024 MB wait, and so many would fit."""
    told = waits(app("a", ask(1024, pending)) if pending else app("a"), nodes=(task(0, 1024.0 * free),), at=at)
    return observation(at=at, reading=told, fleet=fleet(1, at=at), history=past)


def after(*steps: tuple[float, int, int], provisioning_s: float | None = None) -> History:
    past = history(provisioning_s=provisioning_s)
    for at, pending, free in steps:
        past = advance(past, seen(NOW + at, pending, free, past), DEMAND)
    return past


def mean(before: float, now: float, gone_s: float, constant_s: float) -> float:
    return before + (1 - math.exp(-gone_s / constant_s)) * (now - before)


def test_the_first_look_is_the_mean_but_for_what_has_lasted() -> None:
    assert after((0, 30, 2)).smoothed == {"pending": 30, "free": 2, "lasting": 0}


@pytest.mark.parametrize(("provisioning_s", "constant_s"), [(None, 300.0), (90.0, 90.0)])
def test_each_look_counts_by_the_time_since_the_last(provisioning_s: float | None, constant_s: float) -> None:
    """What lasts is meant over the time that a node takes to come, the others over `mean_s`."""
    found = after((0, 30, 2), (10, 60, 6), (60, 0, 8), provisioning_s=provisioning_s).smoothed
    assert found["pending"] == pytest.approx(mean(mean(30, 60, 10, 120), 0, 50, 120))
    assert found["free"] == pytest.approx(mean(mean(2, 6, 10, 120), 8, 50, 120))
    assert found["lasting"] == pytest.approx(mean(mean(0, 60, 10, constant_s), 0, 50, constant_s))


def test_after_a_look_that_told_nothing_it_begins_anew() -> None:
    past = after((0, 30, 2), (10, 60, 6))
    nothing = replace(seen(NOW + 20, 60, 6, past), reading=None)
    blind = advance(past, nothing, DEMAND)
    assert blind.smoothed == {}
    again = advance(blind, seen(NOW + 30, 8, 1, blind), DEMAND)
    assert again.smoothed == {"pending": 8, "free": 1, "lasting": 0}


def test_the_mean_time_of_a_task_changes_slowly_and_outlives_its_stages() -> None:
    work = RemainingWork(at=NOW, by_app={}, mean_task_s=10.0)
    first = advance(history(), replace(seen(NOW, 0, 0, history()), remaining=work), DEMAND)
    assert first.task_s == 10.0
    later = replace(seen(NOW + 600, 0, 0, first), remaining=replace(work, at=NOW + 600, mean_task_s=40.0))
    second = advance(first, later, DEMAND)
    assert second.task_s == pytest.approx(mean(10, 40, 600, 1800))
    assert advance(second, replace(later, remaining=None), DEMAND).task_s == second.task_s
    assert advance(replace(second, measured_at=None), later, DEMAND).task_s == 40.0, "nobody looked meanwhile"
