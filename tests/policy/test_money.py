"""The money cap: growth ends at what it pays for, and an unknown price buys nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Hold, Reason, Resize
from agent.domain.prices import UnitPrices
from agent.policy.money import affordable
from agent.policy.reasons import Why
from tests.policy.build import NOW, fleet, observation, settings

WANT = (Reason(Why.BREACHED, "asked for"),)
CHEAP = UnitPrices(at=NOW, spot=0.1, on_demand=0.3)


def grow(target: int = 15, **changed: Any) -> Resize:
    return Resize(10, target, WANT, "out", **changed)


def told(cap: float | None, **changed: Any) -> Any:
    return settings(fleet={"max_usd_per_hour": cap, **changed})


@pytest.mark.parametrize(
    ("cap", "target", "code"),
    [
        (None, 15, None),
        (1.5, 15, None),
        (1.49, 14, Why.MONEY_CAP),
        (1.1, 11, Why.MONEY_CAP),
        (1.0, None, Why.MONEY_CAP),
        (0.5, None, Why.MONEY_CAP),
    ],
)
def test_growth_ends_at_what_the_cap_pays_for(cap: float | None, target: int | None, code: Why | None) -> None:
    decision = affordable(observation(prices=CHEAP), grow(), told(cap))
    assert (decision.target if isinstance(decision, Resize) else None) == target
    assert [reason.code for reason in decision.because[1:]] == ([] if code is None else [code])


@pytest.mark.parametrize(
    "prices",
    [None, UnitPrices(at=NOW, spot=None, on_demand=0.3), UnitPrices(at=NOW - 10_801, spot=0.1, on_demand=0.3)],
)
def test_an_unknown_or_old_price_buys_nothing_under_a_cap(prices: UnitPrices | None) -> None:
    decision = affordable(observation(prices=prices), grow(), told(100.0))
    assert isinstance(decision, Hold) and decision.because[-1].code == Why.PRICE_UNKNOWN
    assert affordable(observation(prices=prices), grow(), told(None)) == grow()


def test_a_market_that_is_not_used_need_not_have_a_price() -> None:
    prices = UnitPrices(at=NOW, spot=0.1, on_demand=None)
    assert affordable(observation(prices=prices), grow(), told(100.0)) == grow()


def test_on_demand_growth_is_reckoned_at_its_own_price() -> None:
    """Ten spot units cost 1.00; at 0.30 each the cap of 1.95 pays for three more on demand."""
    seen = observation(prices=CHEAP)
    by_setting = affordable(seen, grow(), told(1.95, on_demand=True))
    assert isinstance(by_setting, Resize) and by_setting.target == 13
    by_share = affordable(seen, grow(on_demand=5), told(1.95))
    assert isinstance(by_share, Resize) and (by_share.target, by_share.on_demand) == (13, 3)


def test_the_market_that_does_not_grow_is_paid_for_too() -> None:
    mixed = fleet(10, target_on_demand=2, target_spot=8, provisioned_on_demand=2, provisioned_spot=8)
    untold = affordable(
        observation(fleet=mixed, prices=UnitPrices(at=NOW, spot=0.1, on_demand=None)), grow(), told(9.0)
    )
    assert isinstance(untold, Hold) and untold.because[-1].code == Why.PRICE_UNKNOWN
    # 2 at 0.30 are there, and 1.15 more pays for eleven at 0.10
    for on_demand in (None, 2):
        decision = affordable(observation(fleet=mixed, prices=CHEAP), grow(on_demand=on_demand), told(1.75))
        assert isinstance(decision, Resize) and (decision.target, decision.on_demand) == (13, on_demand)
    nothing = affordable(observation(fleet=mixed, prices=CHEAP), grow(on_demand=7), told(1.4))
    assert isinstance(nothing, Hold) and nothing.because[-1].code == Why.MONEY_CAP


def test_giving_back_is_never_hindered() -> None:
    less = Resize(10, 5, WANT, "in")
    assert affordable(observation(prices=None), less, told(0.01)) == less


@given(
    spot=st.floats(0.001, 50), on_demand=st.floats(0.001, 50), cap=st.floats(0.001, 5000),
    here=st.integers(0, 30), there=st.integers(0, 30), more=st.integers(1, 50),
)  # fmt: skip
def test_what_is_decided_never_costs_more_than_the_cap_unless_it_did_before(
    spot: float, on_demand: float, cap: float, here: int, there: int, more: int
) -> None:
    mixed = fleet(
        here + there, target_on_demand=here, target_spot=there, provisioned_on_demand=here, provisioned_spot=there
    )
    seen = observation(fleet=mixed, prices=UnitPrices(at=NOW, spot=spot, on_demand=on_demand))
    decision = affordable(seen, Resize(here + there, here + there + more, WANT, "out"), told(cap))
    if isinstance(decision, Resize):
        assert here * on_demand + (decision.target - here) * spot <= cap * (1 + 1e-6) + 1e-6
        assert here + there < decision.target <= here + there + more
    else:
        assert here * on_demand + (there + 1) * spot > cap * (1 - 1e-6) - 1e-6, "one more would have been within it"


def test_a_price_of_nothing_is_reckoned_with() -> None:
    """Spot is free here and what is on demand already is past the cap: less of what is free helps nobody."""
    mixed = fleet(12, target_on_demand=2, target_spot=10, provisioned_on_demand=2, provisioned_spot=10)
    seen = observation(fleet=mixed, prices=UnitPrices(at=NOW, spot=0.0, on_demand=1.0))
    decision = affordable(seen, Resize(12, 15, WANT, "out"), told(1.0))
    assert isinstance(decision, Hold) and decision.because[-1].code == Why.MONEY_CAP
