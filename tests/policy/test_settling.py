"""Whether a resize in flight adds capacity, and for how long it is waited for."""

from __future__ import annotations

import pytest

from agent.domain.fleets import Fleet
from agent.domain.observation import History
from agent.policy.settling import grows, in_flight
from tests.policy.build import NOW, fleet, history, settings

OUT_LAST = history(resize_sent_at=NOW - 50, scaled_out_at=NOW - 50, scaled_in_at=NOW - 900)
IN_LAST = history(resize_sent_at=NOW - 50, scaled_out_at=NOW - 900, scaled_in_at=NOW - 50)
FIRST_OUT = history(resize_sent_at=NOW - 50, scaled_out_at=NOW - 50)
FIRST_IN = history(resize_sent_at=NOW - 50, scaled_in_at=NOW - 50)
BEFORE = NOW - 60


@pytest.mark.parametrize(
    ("seen", "past", "adds"),
    [
        (fleet(10, at=BEFORE), OUT_LAST, True),
        (fleet(10, at=BEFORE), IN_LAST, False),
        (fleet(10, at=BEFORE), FIRST_OUT, True),
        (fleet(10, at=BEFORE), FIRST_IN, False),
        # what the fleet itself says since then goes before what we sent
        (fleet(10, 12), OUT_LAST, False),
        (fleet(10, 8), IN_LAST, True),
        (fleet(10, state="RESIZING"), IN_LAST, True),
        (fleet(10, 8), history(), True),
        (fleet(10, 12), history(), False),
    ],
)
def test_what_is_under_way_adds_capacity_or_takes_it(seen: Fleet, past: History, adds: bool) -> None:
    assert grows(seen, past) is adds


@pytest.mark.parametrize(
    ("seen", "gone_s", "waits"),
    [
        (fleet(10, 8), 0, True),
        (fleet(10, 8), 599, True),
        (fleet(10, 8), 600, False),
        (fleet(10, 8, state="RESIZING"), 599, True),
        (fleet(10, 8, state="RESIZING"), 600, False),
        (fleet(10, state="RESIZING"), 599, True),
        (fleet(10, state="RESIZING"), 600, False),
        (fleet(10, 12, state="RESIZING"), 3599, True),
        (fleet(10, 12, state="RESIZING"), 3600, False),
        (fleet(10, 12), 119, True),
        (fleet(10, 12), 120, False),
        (fleet(10), 0, False),
    ],
)
def test_growth_has_the_time_that_emr_has_for_it_and_a_drain_while_emr_calls_it_a_resize(
    seen: Fleet, gone_s: float, waits: bool
) -> None:
    limits = settings(fleet={"resize_timeout_minutes": 10}).fleet
    assert (in_flight(seen, history(unsettled_since=NOW - gone_s), NOW, limits) is not None) is waits
    sent = history(unsettled_since=NOW - 9000, resize_sent_at=NOW - gone_s - 0.1)
    assert waits or in_flight(seen, sent, NOW, limits) is None
