"""EC2's notices about the primary: what they hold, and for how long."""

from __future__ import annotations

import pytest

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.observation import Interruption
from agent.policy.guards import primary_stays
from agent.policy.reasons import Why
from tests.policy.build import NOW, observation, settings

WANT = (Reason(Why.BREACHED, "asked for"),)
GROW, SHRINK, END = Resize(10, 15, WANT, "out"), Resize(10, 7, WANT, "in"), Terminate(WANT)


@pytest.mark.parametrize("decision", [GROW, SHRINK, END])
@pytest.mark.parametrize(
    ("action", "seen_s_ago", "given_s_ago", "holds_resizes", "holds_ends"),
    [
        ("terminate", 0, -120, True, True),
        ("hibernate", 50_000, None, True, True),
        ("rebalance", 0, 0, True, False),
        ("rebalance", 3599, None, True, False),
        ("rebalance", 3600, None, False, False),
        ("rebalance", 0, 3600, False, False),  # given before this agent was started
        ("rebalance", 3600, -5, False, False),  # a clock that disagrees
    ],
)
def test_a_notice_holds_and_a_recommendation_for_an_hour(
    decision: Decision, action: str, seen_s_ago: float, given_s_ago: float | None, holds_resizes: bool, holds_ends: bool
) -> None:
    at = None if given_s_ago is None else NOW - given_s_ago
    seen = observation(interruption=Interruption(seen_at=NOW - seen_s_ago, action=action, at=at))
    said = primary_stays(seen, decision, settings())
    if holds_ends if isinstance(decision, Terminate) else holds_resizes:
        assert isinstance(said, Hold) and said.because[-1].code == Why.PRIMARY_INTERRUPTED
    else:
        assert said == decision


def test_without_a_notice_and_for_a_hold_nothing_is_said() -> None:
    notice = Interruption(seen_at=NOW, action="terminate", at=None)
    assert primary_stays(observation(), GROW, settings()) == GROW
    assert primary_stays(observation(interruption=notice), Hold(WANT), settings()) == Hold(WANT)
