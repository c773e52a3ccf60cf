"""The price of now and the median, from changes in any order; and the same from a server in pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.faults import PermanentFault
from agent.market.facts import SpotPrice
from agent.market.spot_history import spot_prices
from tests.market.build import HOUR_S, NOW, Rig
from tests.sandbox.emr_world import REGION

A, B = f"{REGION}a", f"{REGION}b"


def ago(*changes: tuple[float, float]) -> list[tuple[float, float]]:
    return [(NOW - hours * HOUR_S, usd) for hours, usd in changes]


@pytest.mark.parametrize(
    ("changes", "latest", "median"),
    [
        (((5, 0.1),), 0.1, 0.1),
        (((30, 0.1), (1.5, 0.9)), 0.9, 0.1),  # a jump of two hours leaves the median of a day
        (((30, 0.1), (13.5, 0.9)), 0.9, 0.9),  # what stands longer than half of the time is the median
        (((2.5, 0.3), (1.5, 0.2)), 0.2, 0.2),  # known for three steps only
        (((1, 0.5), (-1, 9.0)), 0.5, 0.5),  # a price of the future is none yet
    ],
)
def test_a_price_counts_as_long_as_it_stood(
    changes: Sequence[tuple[float, float]], latest: float, median: float
) -> None:
    found = SpotPrice.of(ago(*changes), NOW, 24)
    assert found == SpotPrice(latest, median)


def test_without_a_price_by_now_there_is_none() -> None:
    assert SpotPrice.of([], NOW, 24) is None
    assert SpotPrice.of(ago((-1, 9.0)), NOW, 24) is None


@given(st.lists(st.tuples(st.floats(-10, 100), st.floats(0.01, 10)), min_size=1), st.randoms(), st.integers(1, 2160))
def test_the_order_does_not_matter_and_the_median_is_a_price_between(
    changes: list[tuple[float, float]], random: object, hours: int
) -> None:
    shuffled = sorted(changes, key=lambda _: random.random())  # type: ignore[attr-defined]
    found = SpotPrice.of(ago(*changes), NOW, hours)
    assert found == SpotPrice.of(ago(*shuffled), NOW, hours)
    if found is not None:
        prices = [usd for at, usd in changes]
        assert min(prices) <= found.median <= max(prices)
        assert found.latest in prices


def test_types_and_zones_are_kept_apart_over_many_pages(rig: Rig) -> None:
    for number, (name, zone) in enumerate((name, zone) for name in ("r5.xlarge", "m5.xlarge") for zone in (A, B)):
        rig.market.set_spot(name, zone, *ago(*((hours, 0.5) for hours in range(30, 1, -1)), (1.0, 0.1 + number)))
    found = spot_prices(rig.ec2, ["r5.xlarge", "m5.xlarge"], NOW, 24, [A, B])
    assert {place: price.latest for place, price in found.items()} == {
        ("r5.xlarge", A): 0.1,
        ("r5.xlarge", B): 1.1,
        ("m5.xlarge", A): 2.1,
        ("m5.xlarge", B): 3.1,
    }
    assert {price.median for price in found.values()} == {0.5}
    assert rig.server.market.calls("DescribeSpotPriceHistory") > 4


def test_only_linux_counts(rig: Rig) -> None:
    """The server has Windows for 1.4 times as much."""
    rig.market.set_spot("r5.xlarge", A, *ago((5, 0.2)))
    assert spot_prices(rig.ec2, ["r5.xlarge"], NOW, 24, [A]) == {("r5.xlarge", A): SpotPrice(0.2, 0.2)}


def test_what_is_not_offered_is_not_there(rig: Rig) -> None:
    assert spot_prices(rig.ec2, ["r5.nothing"], NOW) == {}
    assert spot_prices(rig.ec2, [], NOW) == {}


def test_a_missing_right_names_its_statement(rig: Rig) -> None:
    rig.server.market.deny({"DescribeSpotPriceHistory"})
    with pytest.raises(PermanentFault, match="TidemarkObservePrices"):
        spot_prices(rig.ec2, ["r5.xlarge"], NOW)
