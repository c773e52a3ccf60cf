"""Prices out of the price list's documents: which one is meant, and what is no price."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aws.clients import price_list_region
from agent.domain.faults import PermanentFault, TransientFault
from agent.market.on_demand import on_demand_prices, price_of
from tests.market.build import Rig
from tests.sandbox.emr_world import REGION


def document(usd: object = "0.2520000000", *, unit: str = "Hrs", currency: str = "USD", **terms: Any) -> str:
    dimension = {"unit": unit, "pricePerUnit": {currency: usd}, "rateCode": "A.B.C", "beginRange": "0"}
    on_demand = {"A.B": {"priceDimensions": {"A.B.C": dimension}, "sku": "A", "offerTermCode": "B"}}
    product = {"productFamily": "Compute Instance", "sku": "A", "attributes": {"instanceType": "r5.xlarge"}}
    return json.dumps({"product": product, "serviceCode": "AmazonEC2", "terms": {"OnDemand": on_demand, **terms}})


def test_the_hourly_price_in_dollars_is_found() -> None:
    assert price_of("r5.xlarge", [document()]) == 0.252


def test_the_same_price_twice_is_one() -> None:
    assert price_of("r5.xlarge", [document(), document()]) == 0.252


@pytest.mark.parametrize(
    "documents",
    [
        [],
        [document("0.1"), document("0.2")],  # two prices are none
        [document("0.0000000000")],  # there is no free instance
        [document("-1")],
        [document("NaN")],
        [document("Infinity")],
        [document("free")],
        [document(currency="CNY")],
        [document(unit="Quantity")],
        ["{"],
        ["null"],
        ["[]"],
        [json.dumps({"product": {}})],
        [document().replace("r5.xlarge", "r5.2xlarge")],
        [document(OnDemand={})],
        [document(OnDemand={"A.B": {"priceDimensions": None}})],
    ],
)
def test_what_is_no_price_is_unknown(documents: list[str]) -> None:
    assert price_of("r5.xlarge", documents) is None


@given(st.text() | st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["product", "terms", "attributes", "instanceType", "OnDemand"]), x)).map(json.dumps))  # fmt: skip
def test_no_document_whatever_raises(text: str) -> None:
    assert price_of("r5.xlarge", [text]) is None


def test_the_plain_instance_is_told_from_all_others(rig: Rig) -> None:
    rig.market.set_on_demand("r5.xlarge", 0.282)
    assert on_demand_prices(rig.pricing, ["r5.xlarge"], REGION, {}) == {"r5.xlarge": 0.282}


def test_a_price_of_the_settings_wins_and_is_not_asked_for(rig: Rig) -> None:
    found = on_demand_prices(rig.pricing, ["r5.xlarge", "m5.xlarge"], REGION, {"r5.xlarge": 0.1})
    assert found == {"r5.xlarge": 0.1, "m5.xlarge": rig.market.on_demand("m5.xlarge")}
    assert rig.server.market.calls("GetProducts") == 1


def test_a_type_or_a_region_that_the_list_does_not_have_is_left_out(rig: Rig) -> None:
    assert on_demand_prices(rig.pricing, ["r5.nothing"], REGION, {}) == {}
    assert on_demand_prices(rig.pricing, ["r5.xlarge"], "mars-north-1", {}) == {}


def test_faults_are_raised_as_such(rig: Rig) -> None:
    rig.server.market.fail_next("GetProducts")
    with pytest.raises(TransientFault):
        on_demand_prices(rig.pricing, ["r5.xlarge"], REGION, {})
    rig.server.market.deny({"GetProducts"})
    with pytest.raises(PermanentFault, match="TidemarkObservePrices"):
        on_demand_prices(rig.pricing, ["r5.xlarge"], REGION, {})


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-west-1", "eu-central-1"),
        ("eu-central-1", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("us-west-2", "us-east-1"),
        ("sa-east-1", "us-east-1"),
        ("ca-central-1", "us-east-1"),
        ("cn-north-1", "cn-northwest-1"),
        ("us-gov-west-1", "us-east-1"),
        ("", "us-east-1"),
    ],
)
def test_the_price_list_is_asked_where_it_has_an_endpoint(region: str, endpoint: str) -> None:
    assert price_list_region(region) == endpoint
