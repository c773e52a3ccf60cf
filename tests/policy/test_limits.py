from __future__ import annotations

import pytest

from agent.domain.decisions import Resize
from agent.domain.observation import Shortage
from agent.policy.limits import decide
from agent.policy.reasons import Why
from tests.policy.build import NOW, fleet, history, observation, settings

BOUNDS = {"min_capacity_units": 5, "max_capacity_units": 20}


@pytest.mark.parametrize(("present", "target"), [(0, 5), (4, 5), (21, 20), (5, None), (20, None), (10, None)])
def test_a_target_outside_the_limits_is_led_back_to_the_nearer_one(present: int, target: int | None) -> None:
    said = decide(observation(fleet=fleet(present)), settings(fleet=BOUNDS))
    assert [each.target for each in said if isinstance(each, Resize)] == ([] if target is None else [target])


@pytest.mark.parametrize(("began", "idle_since", "asks"), [(None, NOW, True), (NOW, None, True), (NOW, NOW, False)])
def test_the_minimum_is_left_alone_only_where_spot_was_short_of_it_and_nothing_is_at_work(
    began: float | None, idle_since: float | None, asks: bool
) -> None:
    past = history(shortage=Shortage(began=began, times=1), idle_since=idle_since)
    (said,) = decide(observation(fleet=fleet(3), history=past), settings(fleet=BOUNDS))
    assert isinstance(said, Resize) is asks
    assert said.because[0].code == Why.BELOW_MINIMUM


def test_nothing_is_said_of_a_fleet_that_is_not_known() -> None:
    assert decide(observation(fleet=None), settings(fleet=BOUNDS)) == ()
