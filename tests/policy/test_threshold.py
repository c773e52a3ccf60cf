from __future__ import annotations

import pytest

from agent.domain.datums import Distribution
from agent.domain.decisions import Hold, Resize
from agent.domain.signals import Signal
from agent.policy.reasons import Why
from agent.policy.threshold import adjusted, decide
from agent.settings_rules import Rule
from tests.policy.build import IN, NOW, OUT, fleet, history, observation, settings, signal


def rule(**changed: object) -> Rule:
    return Rule.model_validate({**OUT, **changed})


@pytest.mark.parametrize(
    ("value", "since", "expected"),
    [
        (14.9, NOW - 300, 15),
        (14.9, NOW - 299, Why.COUNTING_OUT),
        (14.9, NOW, Why.COUNTING_OUT),
        (14.9, None, Why.COUNTING_OUT),
        (15.0, NOW - 300, Why.NOT_BREACHING),
        (50.0, None, Why.NOT_BREACHING),
    ],
)
def test_a_rule_asks_once_its_signal_has_been_beyond_the_bound_for_long_enough(
    value: float, since: float | None, expected: object
) -> None:
    breaching = {} if since is None else {"out": since}
    seen = observation(signals={"Free": signal(value)}, history=history(breaching_since=breaching))
    said = decide(seen, settings(rules=[OUT]))[0]
    if isinstance(expected, int):
        assert isinstance(said, Resize)
        assert (said.current, said.target, said.rule) == (10, expected, "out")
        assert [reason.code for reason in said.because] == [Why.BREACHED]
    else:
        assert isinstance(said, Hold)
        assert [reason.code for reason in said.because] == [expected]


@pytest.mark.parametrize(
    ("comparison", "value", "breaching"),
    [("<", 15, False), ("<=", 15, True), (">", 15, False), (">=", 15, True), (">", 15.1, True), ("<", 14.9, True)],
)
def test_bounds_are_inclusive_or_not_as_the_comparison_says(comparison: str, value: float, breaching: bool) -> None:
    seen = observation(signals={"Free": signal(value)}, history=history(breaching_since={"out": NOW}))
    said = decide(seen, settings(rules=[{**OUT, "comparison": comparison, "for_s": 0}]))[0]
    assert isinstance(said, Resize) is breaching


@pytest.mark.parametrize(
    ("age", "code"),
    [(60, Why.NOT_BREACHING), (60.1, Why.SIGNAL_STALE), (-60, Why.NOT_BREACHING), (-61, Why.SIGNAL_STALE)],
)
def test_a_signal_is_stale_past_its_age_limit_on_either_side(age: float, code: Why) -> None:
    said = decide(observation(signals={"Free": signal(50, NOW - age)}), settings(rules=[OUT]))[0]
    assert [reason.code for reason in said.because] == [code]


def test_a_missing_signal_and_a_missing_fleet_hold() -> None:
    said = decide(observation(signals={}), settings())
    assert [each.because[0].code for each in said] == [Why.SIGNAL_MISSING, Why.SIGNAL_MISSING]
    blind = observation(signals={"Free": signal(1)}, fleet=None, history=history(breaching_since={"out": NOW - 900}))
    (said_blind,) = decide(blind, settings(rules=[OUT]))
    assert isinstance(said_blind, Hold)
    assert [reason.code for reason in said_blind.because] == [Why.BREACHED, Why.FLEET_UNKNOWN]


def test_the_reason_holds_the_numbers() -> None:
    seen = observation(signals={"Free": signal(9.5)}, history=history(breaching_since={"out": NOW - 120}))
    (said,) = decide(seen, settings(rules=[OUT]))
    assert said.because[0].text == "out: Free Average 9.5 < 15 for 120 s, 180 s still of 300 s"


def test_a_rule_may_look_at_the_tail_instead_of_the_mean() -> None:
    """One executor at 98 % hides in the mean."""
    heap = {"name": "heap", "signal": "Heap", "statistic": "Maximum", "comparison": ">", "bound": 95, "for_s": 0}
    mean = {**heap, "name": "mean", "statistic": "Average"}
    rules = [{**heap, "adjustment_units": 2}, {**mean, "adjustment_units": 2}]
    full = Signal.of(NOW, Distribution.of([98.0] + [20.0] * 9))
    seen = observation(signals={"Heap": full}, history=history(breaching_since={"heap": NOW, "mean": NOW}))
    tail, average = decide(seen, settings(rules=rules))
    assert isinstance(tail, Resize)
    assert isinstance(average, Hold)


@pytest.mark.parametrize(
    ("current", "percent", "target"),
    [(10, 10, 11), (11, 10, 13), (110, 10, 121), (3, -10, 2), (0, 50, 1), (0, -50, 0), (20, -25, 15), (7, 0.1, 8)],
)
def test_percent_are_of_the_target_away_from_zero_and_at_least_one_unit(
    current: int, percent: float, target: int
) -> None:
    assert adjusted(rule(adjustment_units=None, adjustment_percent=percent), current) == target


def test_a_target_is_never_negative_and_nothing_is_asked_when_nothing_is_left() -> None:
    assert adjusted(rule(adjustment_units=-3), 2) == 0
    seen = observation(signals={"Free": signal(90)}, fleet=fleet(0), history=history(breaching_since={"in": NOW - 180}))
    (said,) = decide(seen, settings(rules=[IN]))
    assert isinstance(said, Hold)
    assert said.because[-1].code == Why.NOTHING_LEFT
