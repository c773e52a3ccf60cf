"""What of an unfilled order is still of use, and what history keeps of it from one turn to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import GroupTarget, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import History, Shortage
from agent.policy.reasons import Why
from agent.policy.shortage import advance, decide, record, short_groups, still_useful
from agent.settings_policy import SHORTAGE
from tests.policy.build import NOW, fleet, history, node, observation, reading, settings
from tests.policy.test_shortage import short, told, waiting

SHORT = fleet(10, 4, state="RESIZING")


@pytest.mark.parametrize(
    ("changed", "useful"),
    [
        ({"containers_pending": 0}, 0),
        ({"containers_pending": 0, "memory_pending_mb": 0.0}, 0),
        ({"containers_pending": 0, "memory_pending_mb": 512.0}, 6),
        ({"containers_pending": 3}, 6),
        ({"containers_pending": None}, 6),
    ],
)
def test_where_the_load_is_not_known_all_is_of_use_unless_nothing_waits(changed: dict[str, Any], useful: int) -> None:
    """Nobody tells which applications there are."""
    seen = observation(fleet=SHORT, reading=reading(hosts=4, applications=None, **changed))
    assert still_useful(seen, SHORT, told()) == useful


@pytest.mark.parametrize(
    ("containers", "free", "useful"), [(0, 0, 0), (4, 0, 1), (5, 0, 2), (12, 0, 3), (12, 4, 2), (3, 4, 0)]
)
def test_of_use_is_what_waits_beyond_what_is_free(containers: int, free: int, useful: int) -> None:
    full = waiting(containers, 4)
    there = (*full.nodes[:3], replace(node("task-3", 4096.0 - 1024 * free), containers=4 - free))
    assert still_useful(observation(fleet=SHORT, reading=replace(full, nodes=there)), SHORT, told()) == useful


def test_since_when_a_part_of_an_order_has_been_of_no_use_is_counted_without_a_break() -> None:
    asked = told()
    first = advance(history(), short(10, 4, 20, 0), asked)
    assert first.undemanded_since == NOW, "five of six"
    later = replace(short(10, 4, 20, 0), at=NOW + 10)
    second = advance(history(shortage=first), later, asked)
    assert (second.undemanded_since, second.short_since) == (NOW, NOW)
    all_of_it = replace(short(10, 4, 24, 0), at=NOW + 20)
    assert advance(history(shortage=second), all_of_it, asked).undemanded_since is None


MOVED = Shortage(moved_units=5)


@pytest.mark.parametrize(
    ("seen", "sent", "left"),
    [
        (fleet(10, target_on_demand=2, target_spot=8, provisioned_on_demand=2, provisioned_spot=8), None, 2),
        (fleet(10, target_on_demand=2, target_spot=8, provisioned_on_demand=2, provisioned_spot=8), NOW - 1, 2),
        # a view from before the units were moved, or while EMR is at it, says nothing of them
        (fleet(10, target_on_demand=2, target_spot=8, provisioned_on_demand=2, provisioned_spot=8), NOW, 5),
        (fleet(10, 8, target_on_demand=2, target_spot=8, provisioned_on_demand=2, provisioned_spot=6), None, 5),
        (fleet(20, target_on_demand=9, target_spot=11, provisioned_on_demand=9, provisioned_spot=11), None, 5),
    ],
)
def test_of_what_was_moved_no_more_is_remembered_than_a_settled_fleet_has(
    seen: Fleet, sent: float | None, left: int
) -> None:
    past = history(resize_sent_at=sent, shortage=MOVED)
    assert advance(past, observation(fleet=seen, history=past), told()).moved_units == left


@pytest.mark.parametrize(
    ("there", "before", "began", "forgotten"),
    [
        (10, 8, NOW - 180, True),
        (10, 8, NOW - 179, False),  # its time is not over
        (10, 10, NOW - 900, False),  # nothing has come
        (9, 8, NOW - 900, False),  # not all has come
        (10, None, NOW - 900, False),
    ],
)
def test_a_shortage_is_forgotten_when_an_order_has_been_filled_after_its_time(
    there: int, before: int | None, began: float, forgotten: bool
) -> None:
    past = history(provisioned=before, shortage=Shortage(began=began, times=1, groups={"g": began}))
    found = advance(past, observation(fleet=fleet(10, there), history=past), told())
    assert (found.began is None, found.times == 0, found.groups == {}) == (forgotten,) * 3


def test_a_shortage_that_never_was_is_not_remembered_either() -> None:
    past = history(provisioned=8, shortage=Shortage(times=2))
    assert advance(past, observation(fleet=fleet(10), history=past), told()).times == 0


def decided(rule: str, code: Why, **changed: Any) -> Resize:
    return Resize(10, 6, (Reason(code, "said"),), rule, **changed)


@pytest.mark.parametrize(
    ("decision", "remembered"),
    [
        (decided(SHORTAGE, Why.SPOT_SHORTAGE), True),
        (decided(SHORTAGE, Why.DEMAND_GONE), False),
        # growth that the guard has let through in part is no new shortage
        (decided("demand", Why.SPOT_SHORTAGE), False),
        (decided("demand", Why.SLOTS_FREE), False),
    ],
)
def test_only_an_order_that_was_given_up_is_a_shortage(decision: Resize, remembered: bool) -> None:
    past: History = history(shortage=Shortage(short_since=NOW - 9, undemanded_since=NOW - 9))
    found = record(past, decision, observation(fleet=SHORT, history=past))
    assert (found.began, found.times) == ((NOW, 1) if remembered else (None, 0))
    assert (found.short_since, found.undemanded_since) == (None, None)


def test_groups_keep_their_markets_and_so_nothing_of_theirs_is_moved() -> None:
    past = history(shortage=MOVED)
    of_groups = decided("demand", Why.SLOTS_FREE, on_demand=4, groups=(GroupTarget("g", 6),))
    assert record(past, of_groups, observation(fleet=SHORT, history=past)).moved_units == 5
    of_a_fleet = decided("demand", Why.SLOTS_FREE, on_demand=4)
    assert record(past, of_a_fleet, observation(fleet=SHORT, history=past)).moved_units == 9
    assert record(past, of_a_fleet, observation(fleet=None, history=past)) == MOVED
    assert advance(past, observation(fleet=None, history=past), settings()) == MOVED


@pytest.mark.parametrize(
    ("short_since", "sent", "given_up"),
    [
        (NOW - 600, NOW - 900, True),
        (NOW - 599, NOW - 900, False),
        # EMR's time begins anew with each target that it gets
        (NOW - 5000, NOW - 600, True),
        (NOW - 5000, NOW - 599, False),
        (NOW - 600, None, True),
        (None, None, False),
        # a view from before the last target says nothing of it
        (NOW - 5000, NOW, False),
        (NOW - 5000, NOW + 5, False),
    ],
)
def test_emrs_time_counts_from_the_last_target_and_from_when_it_was_short(
    short_since: float | None, sent: float | None, given_up: bool
) -> None:
    past = history(resize_sent_at=sent, shortage=Shortage(short_since=short_since))
    said = decide(observation(fleet=SHORT, reading=waiting(100, 4), history=past), told())
    assert [one.because[0].code for one in said] == ([Why.SPOT_SHORTAGE] if given_up else [])


@pytest.mark.parametrize(
    ("began", "times", "short"), [(NOW - 179, 1, True), (NOW - 180, 1, False), (NOW - 359, 2, True)]
)
def test_a_group_is_short_for_as_long_as_its_shortage_is_remembered(began: float, times: int, short: bool) -> None:
    memory = Shortage(began=NOW, times=times, groups={"g": began})
    assert ("g" in short_groups(memory, NOW, told())) is short
