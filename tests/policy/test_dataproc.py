"""The pending-memory formula, and what history measures for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import Hold, Outcome, Reason, Resize, Result
from agent.domain.observation import MemoryBalance, Observation
from agent.policy import dataproc, measured
from agent.policy.history import advance, record
from agent.policy.reasons import Why
from tests.policy.build import NOW, fleet, history, observation, reading, settings


def seen(units: float, lasted_s: float = 120.0, target: int = 10) -> Observation:
    balance = MemoryBalance(began=NOW - lasted_s, until=NOW, unit_seconds=units * lasted_s)
    return observation(fleet=fleet(target), history=history(balance=balance))


@pytest.mark.parametrize(
    ("of", "told", "target", "why"),
    [
        (seen(4.2), {}, 15, Why.MEMORY_PENDING),  # 4.2 units are pending: 5 more
        (seen(4.2), {"scale_up_factor": 0.5}, 13, Why.MEMORY_PENDING),  # 2.1: 3 more
        (seen(4.2), {"scale_up_factor": 0.0}, None, Why.BALANCED),
        (seen(-4.8), {}, 6, Why.MEMORY_FREE),  # 4.8 units are free: 4 go
        (seen(-4.8), {"scale_down_factor": 0.5}, 8, Why.MEMORY_FREE),  # 2.4: 2 go
        (seen(-0.9), {}, None, Why.BALANCED),  # no whole unit
        (seen(-14.0), {}, 0, Why.MEMORY_FREE),  # never more than there are
        (seen(1.0), {"scale_up_min_fraction": 0.2}, None, Why.BALANCED),  # 1 of 10 is less than 20 %
        (seen(-1.0), {"scale_down_min_fraction": 0.2}, None, Why.BALANCED),
        (seen(4.2, lasted_s=119.0), {}, None, Why.AVERAGING),
        (observation(history=history(balance=None)), {}, None, Why.AVERAGING),
        (observation(fleet=None), {}, None, Why.FLEET_UNKNOWN),
        (observation(reading=None), {}, None, Why.BLIND),
    ],
)
def test_the_formula(of: Observation, told: dict[str, Any], target: int | None, why: Why) -> None:
    (found,) = dataproc.decide(of, settings(policy={"kind": "dataproc", "dataproc": told}))
    assert found.because[0].code == why
    if target is None:
        assert isinstance(found, Hold)
    else:
        assert isinstance(found, Resize)
        assert (found.current, found.target, found.rule) == (10, target, "dataproc")


def after(turns: list[dict[str, Any]]) -> Observation:
    """What is seen at the last of these turns, ten seconds apart, with the history of all of them."""
    past = history(observed_at=NOW - 10 * len(turns))
    of = observation()
    for number, changed in enumerate(turns, 1):
        at = NOW - 10 * (len(turns) - number)
        facts = {"fleet": fleet(10, at=at), "reading": reading(at=at, memory_pending_mb=8192.0), **changed}
        of = observation(at=at, history=past, **facts)
        past = advance(of, settings())
    return replace(of, history=past)


def test_the_window_begins_when_the_fleet_has_settled_and_again_after_it_was_full() -> None:
    """On ten nodes of 4,096 MB 40,960 MB are free and 8,192 are pending: −8 units."""
    assert after([{}]).history.balance == MemoryBalance(NOW, NOW, 0.0)
    assert after([{}] * 4).history.balance == MemoryBalance(NOW - 30, NOW, -8.0 * 30)
    short = {"fleet": fleet(12, 10)}
    assert after([{}, short]).history.balance is None
    assert after([{}, short, {}]).history.balance == MemoryBalance(NOW, NOW, 0.0)
    untold = {"reading": reading(at=NOW, memory_pending_mb=None)}
    for nothing in (
        untold,
        {"reading": None},
        {"fleet": None},
        {"reading": reading(at=NOW - 61, memory_pending_mb=1.0)},
    ):
        assert after([{}, nothing]).history.balance is None
    full = after([{}] * 13).history.balance
    assert full is not None
    assert full.lasted_s == 120
    assert after([{}] * 14).history.balance == MemoryBalance(NOW, NOW, 0.0)


def test_the_provisioning_delay_is_a_running_mean_of_our_own_scale_outs() -> None:
    grow = Resize(10, 12, (Reason("x", "y"),), "demand")
    of = observation(fleet=fleet(10, at=NOW), history=history(provisioning_s=300.0))
    sent = record(of.history, grow, Result(Outcome.APPLIED), of)
    assert sent.growth_sent_at == NOW

    def at(later: float, there: int) -> Observation:
        return observation(at=NOW + later, fleet=fleet(12, there, at=NOW + later), reading=None, history=sent)

    before = observation(at=NOW + 10, fleet=fleet(10, at=NOW), reading=None, history=sent)
    assert measured.advance(sent, before, settings()).growth_sent_at == NOW, "a view that knows nothing of the order"
    unseen = observation(at=NOW + 10, fleet=None, reading=None, history=sent)
    assert measured.advance(sent, unseen, settings()).growth_sent_at == NOW
    waiting = measured.advance(sent, at(100, 11), settings())
    assert (waiting.provisioning_s, waiting.growth_sent_at) == (300.0, NOW)
    # 200 s weigh three tenths: 300 − 0.3 · 100
    come = measured.advance(sent, at(200, 12), settings())
    assert come.provisioning_s == pytest.approx(270.0)
    assert come.growth_sent_at is None
    first = measured.advance(replace(sent, provisioning_s=None), at(200, 12), settings())
    assert first.provisioning_s == 200.0


def test_growth_beside_nodes_that_drain_measures_nothing() -> None:
    """They count as provisioned: it would seem to have come at once."""
    grow = Resize(10, 12, (Reason("x", "y"),), "demand")
    for there, timed in ((10, True), (11, False), (15, False)):
        of = observation(fleet=fleet(10, there, at=NOW), history=history())
        assert (record(of.history, grow, Result(Outcome.APPLIED), of).growth_sent_at is not None) is timed
    weighted = observation(fleet=fleet(10, 11, at=NOW, largest_unit=4), history=history())
    assert record(weighted.history, grow, Result(Outcome.APPLIED), weighted).growth_sent_at == NOW, "an overshoot"


def test_a_scale_in_measures_nothing() -> None:
    shrink = Resize(10, 8, (Reason("x", "y"),), "demand")
    of = observation(fleet=fleet(10, at=NOW), history=history(growth_sent_at=NOW - 50))
    assert record(of.history, shrink, Result(Outcome.APPLIED), of).growth_sent_at is None
