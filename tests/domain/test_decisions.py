"""Decisions: what makes two of them do something else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.decisions import Decision, GroupTarget, Hold, Reason, Resize, Terminate, differ

WHY, OTHER = (Reason("one", "in these words"),), (Reason("two", "in others"),)
GROW = Resize(2, 5, WHY, "low")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Hold(WHY), Hold(OTHER)),
        (Terminate(WHY), Terminate(OTHER)),
        (GROW, replace(GROW, because=OTHER, rule="demand")),
    ],
)
def test_who_asked_and_in_which_words_is_no_difference(one: Decision, other: Decision) -> None:
    assert not differ(one, other)


@pytest.mark.parametrize(
    "other",
    [
        Hold(WHY),
        Terminate(WHY),
        replace(GROW, target=6),
        replace(GROW, current=3),
        replace(GROW, on_demand=1),
        replace(GROW, groups=(GroupTarget("ig-1", 5),)),
    ],
)
def test_another_deed_target_market_or_group_is_one(other: Decision) -> None:
    assert differ(GROW, other)
    assert differ(other, GROW)
