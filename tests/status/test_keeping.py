"""What the page remembers between turns, and that it stays within its bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Hold, Outcome, Resize, Terminate
from agent.domain.prices import UnitPrices
from agent.status.keeping import ACTIONS, COARSEST_S, HOLDS, POINTS, Chronicle, Ledger, Trail
from tests.policy import build
from tests.status.states import NOW, because, turn


def at(seconds: float, decision: Any = None, outcome: Outcome = Outcome.NONE) -> Any:
    made = turn(decision, outcome)
    return replace(made, observation=replace(made.observation, at=NOW + seconds))


def test_a_hold_is_one_entry_while_its_reasons_stay() -> None:
    chronicle = Chronicle()
    for second in range(5):
        chronicle.add(at(second, Hold(because("cooldown"))))
    chronicle.add(at(5, Hold(because("cooldown", "paused"))))
    newest, first = chronicle.entries()
    assert (first.began, first.until, first.turns) == (NOW, NOW + 4, 5)
    assert [reason.code for reason in newest.decision.because] == ["cooldown", "paused"]


def test_the_numbers_of_a_hold_are_those_of_its_last_turn() -> None:
    chronicle = Chronicle()
    chronicle.add(at(0, Hold(because("cooldown"))))
    chronicle.add(at(1, Hold((because("cooldown")[0].__class__("cooldown", "3 s left"),))))
    (entry,) = chronicle.entries()
    assert entry.decision.because[0].text == "3 s left"


def test_an_action_between_two_equal_holds_parts_them() -> None:
    chronicle = Chronicle()
    chronicle.add(at(0))
    chronicle.add(at(1, Resize(2, 4, because("breached")), Outcome.APPLIED))
    chronicle.add(at(2))
    assert [entry.decision.says for entry in chronicle.entries()] == ["hold", "resize", "hold"]


def test_actions_outlive_holds() -> None:
    """Reasons that flicker would push out what was done long ago."""
    chronicle = Chronicle()
    chronicle.add(at(0, Resize(2, 4, because("breached")), Outcome.APPLIED))
    for second in range(1, 10 * HOLDS):
        chronicle.add(at(second, Hold(because("cooldown" if second % 2 else "paused"))))
    entries = chronicle.entries()
    assert len(entries) == HOLDS + 1
    assert entries[-1].decision.says == "resize"


def test_each_action_is_an_entry_and_they_are_bounded() -> None:
    chronicle = Chronicle()
    for second in range(2 * ACTIONS):
        chronicle.add(at(second, Terminate(because("idle")), Outcome.FAILED))
    entries = chronicle.entries()
    assert len(entries) == ACTIONS
    assert entries[0].began == NOW + 2 * ACTIONS - 1


def observed(seconds: float, *, spot: int = 0, on_demand: int = 0, prices: UnitPrices | None = None) -> Any:
    now = NOW + seconds
    fleet = build.fleet(spot + on_demand, at=now, provisioned_spot=spot, provisioned_on_demand=on_demand)
    return build.observation(at=now, fleet=fleet, prices=None if prices is None else replace(prices, at=now))


PRICES = UnitPrices(at=NOW, spot=0.04, on_demand=0.2)


def test_money_is_units_by_price_by_time() -> None:
    ledger, settings = Ledger(), build.settings()
    ledger.add(observed(0, spot=10, on_demand=5, prices=PRICES), settings)
    money = ledger.add(observed(20, spot=0, prices=PRICES), settings)
    assert money.usd == pytest.approx((10 * 0.04 + 5 * 0.2) * 20 / 3600)
    assert (money.known_s, money.unknown_s, money.usd_per_hour) == (20, 0, 0)


def test_without_a_price_it_is_not_known_and_not_zero() -> None:
    ledger, settings = Ledger(), build.settings()
    ledger.add(observed(0, spot=10), settings)
    money = ledger.add(observed(10, spot=10), settings)
    assert (money.usd, money.usd_per_hour, money.unknown_s) == (None, None, 10)


def test_a_price_of_a_market_that_nothing_is_on_need_not_be_known() -> None:
    money = Ledger().add(observed(0, spot=3, prices=UnitPrices(at=NOW, spot=0.1, on_demand=None)), build.settings())
    assert money.usd_per_hour == pytest.approx(0.3)


def test_nothing_there_costs_nothing_at_any_price() -> None:
    assert Ledger().add(observed(0), build.settings()).usd_per_hour == 0


def test_a_gap_between_turns_is_time_that_is_not_known() -> None:
    ledger, settings = Ledger(), build.settings()
    ledger.add(observed(0, spot=10, prices=PRICES), settings)
    money = ledger.add(observed(7200, spot=10, prices=PRICES), settings)
    assert (money.usd, money.unknown_s) == (None, 7200)


def test_prices_and_fleets_that_are_too_old_are_not_known() -> None:
    settings = build.settings()
    seen = observed(0, spot=10, prices=PRICES)
    old_prices = replace(seen, prices=replace(PRICES, at=NOW - settings.prices.max_age_s - 1))
    old_fleet = replace(seen, fleet=replace(seen.fleet, at=NOW - settings.fleet.max_age_s - 1))
    for each in (old_prices, old_fleet):
        assert Ledger().add(each, settings).usd_per_hour is None


@hypothesis.settings(max_examples=30)
@given(st.lists(st.floats(min_value=0.5, max_value=40), min_size=1, max_size=3000))
def test_the_trail_keeps_to_its_bound_its_order_and_the_newest(steps: list[float]) -> None:
    trail, settings, now = Trail(), build.settings(), 0.0
    for step in steps:
        now += step
        series = trail.add(build.observation(at=NOW + now), settings)
    assert series.at[-1] == NOW + now
    assert list(series.at) == sorted(series.at)
    assert len({len(column) for column in (series.at, series.target, series.available_percent)}) == 1
    assert len(series.at) <= POINTS


def test_the_trail_of_a_long_day_reaches_back_for_hours() -> None:
    trail, settings = Trail(), build.settings()
    for number in range(8640):
        series = trail.add(build.observation(at=NOW + 10.0 * number), settings)
    assert POINTS - 2 <= len(series.at) <= POINTS
    apart = [after - before for before, after in zip(series.at[:-2], series.at[1:-1], strict=True)]
    assert max(apart) <= COARSEST_S + 10
    assert series.at[-1] - series.at[0] > 5.5 * 3600


def test_a_clock_that_was_set_back_begins_a_new_trail() -> None:
    trail, settings = Trail(), build.settings()
    trail.add(build.observation(at=NOW), settings)
    assert trail.add(build.observation(at=NOW - 50), settings).at == (NOW - 50,)


def test_what_is_stale_is_a_gap_in_the_trail() -> None:
    settings = build.settings()
    old = NOW - 1e6
    signals = {"MemoryAvailablePercent": build.signal(30, old), "ExecutorHeapUsedPercent": build.signal(50)}
    series = Trail().add(build.observation(fleet=build.fleet(at=old), signals=signals), settings)
    assert (series.target, series.provisioned, series.available_percent) == ((None,), (None,), (None,))
    assert series.heap_p90 == (50,)
