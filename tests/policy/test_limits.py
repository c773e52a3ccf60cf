from __future__ import annotations

import pytest

from agent.domain.decisions import Resize
from agent.policy.limits import decide
from tests.policy.build import fleet, observation, settings

BOUNDS = {"min_capacity_units": 5, "max_capacity_units": 20}


@pytest.mark.parametrize(("present", "target"), [(0, 5), (4, 5), (21, 20), (5, None), (20, None), (10, None)])
def test_a_target_outside_the_limits_is_led_back_to_the_nearer_one(present: int, target: int | None) -> None:
    said = decide(observation(fleet=fleet(present)), settings(fleet=BOUNDS))
    assert [each.target for each in said if isinstance(each, Resize)] == ([] if target is None else [target])


def test_nothing_is_said_of_a_fleet_that_is_not_known() -> None:
    assert decide(observation(fleet=None), settings(fleet=BOUNDS)) == ()
