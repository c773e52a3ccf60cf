"""The dearest capacity unit of what may be launched."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.market.facts import Capacity, SpotPrice
from agent.market.unit_prices import on_demand_unit, spot_unit

LISTED = {"r5.xlarge": 0.4, "r5.2xlarge": 0.8, "m5.xlarge": 0.2}
FEE = 0.25


def spot(prices: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], SpotPrice]:
    return {place: SpotPrice(usd, 99.0) for place, usd in prices.items()}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"r5.xlarge": 1}, 0.5),
        ({"r5.xlarge": 4}, 0.125),
        ({"r5.xlarge": 4, "r5.2xlarge": 8}, 0.125),
        ({"r5.xlarge": 1, "m5.xlarge": 1}, 0.5),
        ({"r5.xlarge": 0}, 0.5),  # no weight is a weight of one
        ({"r5.xlarge": 1, "x1.huge": 1}, None),  # one that is not known may be the dearest
        ({}, None),
    ],
)
def test_on_demand(weights: Mapping[str, int], expected: float | None) -> None:
    found = on_demand_unit(Capacity(weights, "a"), LISTED, FEE)
    assert found == (None if expected is None else pytest.approx(expected))


ONE, TWO = {"r5.xlarge": 1}, {"r5.xlarge": 1, "r5.2xlarge": 2}


@pytest.mark.parametrize(
    ("weights", "zone", "prices", "expected"),
    [
        (ONE, "a", {("r5.xlarge", "a"): 0.1, ("r5.xlarge", "b"): 0.3}, 0.1 + 0.1),
        (ONE, None, {("r5.xlarge", "a"): 0.1, ("r5.xlarge", "b"): 0.3}, 0.3 + 0.1),  # without a zone the dearest
        (TWO, "a", {("r5.xlarge", "a"): 0.1, ("r5.2xlarge", "a"): 0.4}, (0.4 + 0.2) / 2),
        (TWO, "a", {("r5.xlarge", "a"): 0.1, ("r5.2xlarge", "b"): 0.4}, 0.1 + 0.1),  # not offered in the zone
        (TWO, "a", {("r5.xlarge", "a"): 0.1}, None),  # not offered anywhere: nobody knows
        (ONE, "a", {("r5.xlarge", "b"): 0.1}, None),  # nothing at all is offered here
        (ONE, "a", {}, None),
        ({"x1.huge": 1}, "a", {("x1.huge", "a"): 0.1}, None),  # without an on-demand price its fee is not known
        ({}, "a", {("r5.xlarge", "a"): 0.1}, None),
    ],
)
def test_spot(
    weights: Mapping[str, int], zone: str | None, prices: Mapping[tuple[str, str], float], expected: float | None
) -> None:
    found = spot_unit(Capacity(weights, zone), spot(prices), LISTED, FEE)
    assert found == (None if expected is None else pytest.approx(expected))


def test_without_a_fee_the_on_demand_price_is_not_needed() -> None:
    assert spot_unit(Capacity({"x1.huge": 2}, "a"), spot({("x1.huge", "a"): 0.1}), {}, 0.0) == pytest.approx(0.05)
