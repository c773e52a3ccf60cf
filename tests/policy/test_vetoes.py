"""Vetoes on a scale in, and the advice that rests on the same figures: a table of cases each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.observation import History, Observation
from agent.domain.signals import Signal
from agent.policy.advice import advice
from agent.policy.guards import GUARDS, apply
from agent.policy.history import advance
from agent.policy.reasons import Why
from tests.policy.build import IN, NOW, cluster, fleet, history, observation, reading, settings, signal

WANT = (Reason(Why.BREACHED, "asked for"),)
GROW = Resize(10, 15, WANT, "out")
SHRINK = Resize(10, 7, WANT, "in")


def told(at: float = NOW, **values: float) -> dict[str, Signal]:
    return {"Free": signal(50.0), **{name: signal(value, at) for name, value in values.items()}}


def judged(seen: Observation, decision: Decision = SHRINK, **changed: Any) -> Decision:
    return apply(GUARDS, seen, decision, settings(**changed))


CASES: list[tuple[str, dict[str, float], Why | None]] = [
    ("many transfers", {"HdfsTotalLoadPerDataNode": 101}, Why.HDFS_TRANSFERS),
    ("transfers at the bound", {"HdfsTotalLoadPerDataNode": 100}, None),
    ("a live set that does not fit", {"ExecutorLiveSetPercent": 86}, Why.HEAP_PRESSURE),
    ("a live set at the bound", {"ExecutorLiveSetPercent": 85}, None),
    ("a tenth of the time in collections", {"ExecutorGcTimePercent": 10}, Why.HEAP_PRESSURE),
    ("less than a tenth", {"ExecutorGcTimePercent": 9.9}, None),
    ("both: the first is told", {"ExecutorGcTimePercent": 50, "HdfsTotalLoadPerDataNode": 500}, Why.HDFS_TRANSFERS),
]


@pytest.mark.parametrize(("values", "code"), [pytest.param(v, c, id=name) for name, v, c in CASES])
def test_a_scale_in_is_withheld_or_not_and_growth_never(values: dict[str, float], code: Why | None) -> None:
    seen = observation(signals=told(**values))
    decision = judged(seen)
    if code is None:
        assert decision == SHRINK
    else:
        assert isinstance(decision, Hold)
        assert [reason.code for reason in decision.because[1:]] == [code]
    assert judged(seen, GROW) == GROW


def test_an_old_figure_forbids_nothing() -> None:
    assert judged(observation(signals=told(at=NOW - 61, HdfsTotalLoadPerDataNode=500))) == SHRINK


def test_bounds_are_settings() -> None:
    seen = observation(signals=told(HdfsTotalLoadPerDataNode=101))
    assert judged(seen, policy={"guards": {"max_total_load_per_data_node": 200}}) == SHRINK


def test_no_veto_outlasts_its_longest_hold() -> None:
    values = told(HdfsTotalLoadPerDataNode=500)
    standing = observation(signals=values, history=history(vetoed_since={Why.HDFS_TRANSFERS: NOW - 1799}))
    held = judged(standing)
    assert isinstance(held, Hold) and held.because[-1].text.endswith("holds for another 1 s at most")
    over = observation(signals=values, history=history(vetoed_since={Why.HDFS_TRANSFERS: NOW - 1800}))
    assert judged(over) == SHRINK


def test_one_that_has_lasted_too_long_leaves_the_next_its_word() -> None:
    values = told(HdfsTotalLoadPerDataNode=500, ExecutorGcTimePercent=50)
    seen = observation(signals=values, history=history(vetoed_since={Why.HDFS_TRANSFERS: NOW - 1800}))
    decision = judged(seen)
    assert [reason.code for reason in decision.because[1:]] == [Why.HEAP_PRESSURE]


def test_how_long_one_stands_is_counted_without_a_break() -> None:
    loaded, calm = told(HdfsTotalLoadPerDataNode=500), told(HdfsTotalLoadPerDataNode=1)
    first = advance(observation(signals=loaded), settings())
    assert first.vetoed_since == {Why.HDFS_TRANSFERS: NOW}
    later = advance(observation(at=NOW + 10, signals=loaded, history=first), settings())
    assert later.vetoed_since == {Why.HDFS_TRANSFERS: NOW}
    after = advance(observation(at=NOW + 20, signals=calm, history=later), settings())
    assert after.vetoed_since == {}
    gap = advance(
        observation(at=NOW + 500, signals=told(NOW + 500, HdfsTotalLoadPerDataNode=500), history=later), settings()
    )
    assert gap.vetoed_since == {Why.HDFS_TRANSFERS: NOW + 500}, "nobody looked meanwhile"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"capacity_lost_at": NOW - 299}, Why.CAPACITY_LOST),
        ({"capacity_lost_at": NOW - 300}, None),
        ({"capacity_arrived_at": NOW - 299}, Why.MINIMUM_LIFE),
        ({"capacity_arrived_at": NOW - 300}, None),
        ({"capacity_lost_at": NOW, "capacity_arrived_at": NOW}, Why.CAPACITY_LOST),
    ],
)
def test_after_a_loss_and_after_an_arrival_nothing_is_given_back_for_a_while(
    changed: dict[str, float], code: Why | None
) -> None:
    seen = observation(history=history(**changed))
    assert [reason.code for reason in judged(seen).because[1:]] == ([] if code is None else [code])
    assert judged(seen, GROW) == GROW


def test_executors_that_die_every_few_minutes_hold_nothing_for_ever() -> None:
    """A leak: one dies every 200 s, and each holds for 300."""
    told, past, acted = settings(rules=[{**IN, "for_s": 0, "cooldown_s": 1}]), history(observed_at=NOW - 10), []
    for number in range(260):
        at = NOW + 10 * number
        died = 1.0 if number % 20 == 0 else 0.0
        signals = {"Free": signal(90.0, at), "ExecutorMemoryDeaths": signal(died, at)}
        past = advance(seen_at(at, signals, past), told)
        decision = judged(seen_at(at, signals, past), SHRINK, rules=[{**IN, "for_s": 0, "cooldown_s": 1}])
        acted += [at - NOW] if isinstance(decision, Resize) else []
        if at - NOW < 1800:
            assert [reason.code for reason in decision.because[1:]] == [Why.MEMORY_DEATHS]
        (small,) = advice(seen_at(at, signals, past), told)
        assert small.code == Why.EXECUTORS_TOO_SMALL and "died of memory" in small.text
        assert ("again and again" in small.text) is (at - NOW >= 300)
    assert acted[0] == 1800
    assert acted[-1] == 2590, "and from then on it holds no more"


def test_after_some_time_without_a_death_the_next_one_holds_again() -> None:
    past = history(observed_at=NOW - 10, memory_death_at=NOW - 300, vetoed_since={Why.MEMORY_DEATHS: NOW - 9000})
    later = advance(observation(history=past), settings())
    assert later.vetoed_since == {}
    died = {"ExecutorMemoryDeaths": signal(1.0, NOW + 10)}
    again = advance(seen_at(NOW + 10, died, later), settings())
    assert again.vetoed_since == {Why.MEMORY_DEATHS: NOW + 10}


def seen_at(at: float, signals: dict[str, Signal], past: History) -> Observation:
    return observation(
        at=at, signals=signals, history=past, fleet=fleet(at=at), cluster=cluster(at=at), reading=reading(at=at)
    )


@pytest.mark.parametrize(
    ("before", "target", "provisioned", "lost", "arrived"),
    [
        (10, 10, 10, False, False),
        (10, 10, 9, True, False),  # a spot interruption
        (10, 10, 11, False, True),  # overshoot by weight
        (10, 7, 9, False, False),  # a drain that was asked for
        (10, 7, 6, True, False),  # and one more that was not
        (7, 12, 9, False, True),
        (9, 12, 8, True, False),  # lost while others come
        (8, 12, 8, False, False),  # nothing has come yet
        (None, 10, 9, False, False),  # nothing to compare with
    ],
)
def test_losses_and_arrivals_are_told_from_what_was_asked_for(
    before: int | None, target: int, provisioned: int, lost: bool, arrived: bool
) -> None:
    seen = observation(fleet=fleet(target, provisioned), history=history(provisioned=before))
    found = advance(seen, settings())
    assert found.capacity_lost_at == (NOW if lost else None)
    assert found.capacity_arrived_at == (NOW if arrived else None)
    assert found.provisioned == provisioned


def test_a_turn_without_a_view_of_the_fleet_forgets_nothing() -> None:
    found = advance(observation(fleet=None, history=history(provisioned=10, capacity_lost_at=NOW - 5)), settings())
    assert (found.provisioned, found.capacity_lost_at) == (10, NOW - 5)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ExecutorGcTimePercent": 12}, Why.EXECUTORS_TOO_SMALL),
        ({"ExecutorLiveSetPercent": 90}, Why.EXECUTORS_TOO_SMALL),
        (
            {"MemoryAvailablePercent": 5, "ExecutorLiveSetPercent": 20, "ExecutorGcTimePercent": 1},
            Why.EXECUTORS_TOO_LARGE,
        ),
        ({"MemoryAvailablePercent": 50, "ExecutorLiveSetPercent": 20, "ExecutorGcTimePercent": 1}, None),
        ({"MemoryAvailablePercent": 5, "ExecutorLiveSetPercent": 40, "ExecutorGcTimePercent": 1}, None),
        ({"MemoryAvailablePercent": 5, "ExecutorLiveSetPercent": 20, "ExecutorGcTimePercent": 3}, None),
        ({"MemoryAvailablePercent": 5, "ExecutorLiveSetPercent": 20}, None),
        ({"MemoryAvailablePercent": 5, "ExecutorGcTimePercent": 1}, None),
        ({"ExecutorLiveSetPercent": 20, "ExecutorGcTimePercent": 1}, None),
        ({"MemoryAvailablePercent": 15, "ExecutorLiveSetPercent": 20, "ExecutorGcTimePercent": 1}, None),
        ({}, None),
    ],
)
def test_advice_is_given_where_the_figures_say_so(values: dict[str, float], code: Why | None) -> None:
    seen = observation(signals=told(**values))
    assert [reason.code for reason in advice(seen, settings())] == ([] if code is None else [code])
    old = replace(seen, at=NOW + 100)
    assert advice(old, settings()) == ()
