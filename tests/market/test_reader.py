"""The prices that the running agent asks for: when, of what, and what a fault leaves."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain.prices import UnitPrices
from agent.market.reader import RETRY_S, PriceReader, Sources
from agent.settings import Settings
from agent.telemetry import Telemetry
from tests.market.build import NOW, Rig
from tests.sandbox.emr_world import REGION, fleets, groups, task_group

A, B = f"{REGION}a", f"{REGION}b"
SPOT_CALL = "DescribeSpotPriceHistory"


class Reading:
    """A reader of a cluster in the sandbox, on the sandbox's clock."""

    def __init__(self, rig: Rig, cluster: str, cap: float | None = 5.0, **tables: Any) -> None:
        self.rig = rig
        self.cap = cap
        self.telemetry = Telemetry()
        fleet = {"max_capacity_units": 9, **tables.pop("fleet", {})}
        settings = Settings.model_validate({"fleet": fleet, **tables})
        clients = rig.clients
        self.reader = PriceReader(
            settings.prices,
            settings.fleet,
            cluster,
            Sources(lambda: clients.emr, lambda: clients.ec2, lambda: clients.pricing, REGION),
            wanted=lambda: self.cap is not None,
            clock=rig.world.clock,
            telemetry=self.telemetry,
            jitter=lambda: 0.0,
        )

    def at(self, seconds: float) -> UnitPrices | None:
        """What it tells after a step at so many seconds."""
        self.rig.world.clock.now = NOW + seconds
        self.reader.step()
        return self.reader.latest()

    @property
    def errors(self) -> int:
        return self.telemetry.counts().get("PriceErrors", 0)


def told(prices: UnitPrices | None) -> tuple[float, float | None, float | None] | None:
    """To the tenth of a millionth."""
    if prices is None:
        return None
    spot, on_demand = (None if usd is None else round(usd, 7) for usd in (prices.spot, prices.on_demand))
    return prices.at, spot, on_demand


@pytest.fixture
def priced(rig: Rig) -> Rig:
    for zone, usd in ((A, 0.1), (B, 0.3)):
        rig.market.set_spot("r5.xlarge", zone, (NOW - 1e6, usd))
    rig.market.set_on_demand("r5.xlarge", 0.4)
    return rig


def test_prices_are_of_a_unit_of_the_task_fleet_in_the_clusters_zone(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(weight=2, spot=2))
    found = Reading(priced, cluster).at(0)
    assert told(found) == (NOW, (0.1 + 0.1) / 2, 0.5 / 2)


def test_an_instance_of_a_group_is_a_unit(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=groups(task_group(1)))
    found = Reading(priced, cluster).at(0)
    assert found is not None and found.on_demand == pytest.approx(0.5)


def test_a_fleet_that_is_still_to_be_added_has_the_types_of_the_settings(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(task=False))
    types = [{"instance_type": "r5.xlarge", "weighted_capacity": 4}]
    found = Reading(priced, cluster, fleet={"instance_types": types}).at(0)
    assert found is not None and found.on_demand == pytest.approx(0.5 / 4)


def test_without_types_nothing_is_known_and_nothing_fails(priced: Rig) -> None:
    reading = Reading(priced, priced.world.launch(Instances=fleets(task=False)))
    assert told(reading.at(0)) == (NOW, None, None)
    assert reading.errors == 0


def test_it_asks_every_period_and_only_under_a_cap(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(spot=1))
    reading = Reading(priced, cluster, cap=None, prices={"period_s": 600})
    assert reading.at(0) is None
    assert priced.server.market.calls(SPOT_CALL) == 0
    reading.cap = 5.0
    assert reading.at(10) is not None
    calls = priced.server.market.calls(SPOT_CALL)
    assert calls > 0
    first = reading.at(609)
    assert priced.server.market.calls(SPOT_CALL) == calls
    assert first is not None and first.at == NOW + 10
    second = reading.at(611)
    assert second is not None and second.at == NOW + 611
    reading.cap = None
    assert reading.at(612) is None


def test_a_price_of_the_settings_wins(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(spot=1))
    reading = Reading(priced, cluster, prices={"on_demand_usd_per_hour": {"r5.xlarge": 0.8}, "emr_fee_percent": 50})
    found = reading.at(0)
    assert told(found) == (NOW, 0.1 + 0.4, 1.2)
    assert priced.server.market.calls("GetProducts") == 0


def test_a_fault_is_counted_asked_again_soon_and_leaves_what_was_known(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(spot=1))
    reading = Reading(priced, cluster, prices={"period_s": 1800, "max_age_s": 7200})
    first = reading.at(0)
    priced.server.market.fail_next(SPOT_CALL)
    assert reading.at(1801) == first, "as old as its oldest part"
    assert reading.errors == 1
    again = reading.at(1801 + RETRY_S + 1)
    assert again is not None and again.at == NOW + 1801 + RETRY_S + 1


def test_what_is_too_old_is_unknown_and_the_rest_stays_known(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(spot=1))
    reading = Reading(priced, cluster, prices={"period_s": 1800, "max_age_s": 7200})
    reading.at(0)
    priced.server.market.deny({SPOT_CALL})
    reading.at(5000)
    late = reading.at(7300)
    assert told(late) == (NOW + 7300, None, 0.5)


def test_a_spot_price_without_the_price_list_is_unknown_for_its_fee(priced: Rig) -> None:
    priced.server.market.deny({"GetProducts"})
    cluster = priced.world.launch(Instances=fleets(spot=1))
    assert told(Reading(priced, cluster).at(0)) == (NOW, None, None)
    found = Reading(priced, cluster, prices={"emr_fee_percent": 0}).at(0)
    assert told(found) == (NOW, 0.1, None)


def test_a_cluster_that_cannot_be_described_has_no_prices(priced: Rig) -> None:
    reading = Reading(priced, "j-NOBODY")
    assert reading.at(0) is None
    assert reading.errors == 1
    assert priced.server.market.calls(SPOT_CALL) == 0


def test_a_clock_that_is_set_back_does_not_silence_it(priced: Rig) -> None:
    cluster = priced.world.launch(Instances=fleets(spot=1))
    reading = Reading(priced, cluster)
    reading.at(100_000)
    found = reading.at(0)
    assert found is not None and found.at == NOW
