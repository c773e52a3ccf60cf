"""The sandbox's spot history, instance types and price list, asked by unmodified boto3 clients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.sandbox.emr import SandboxServer
from agent.sandbox.market.prices import SpotMarket
from tests.sandbox.emr_world import REGION, SESSION, boto

NOW = 1_790_000_000.0
HOUR_S = 3600.0
LINUX = ["Linux/UNIX"]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(region=REGION, clock=lambda: NOW, tick_s=None, page_size=7) as running:
        yield running


def history(server: SandboxServer, **request: Any) -> Sequence[Mapping[str, Any]]:
    pages = boto("ec2", server.endpoint).get_paginator("describe_spot_price_history").paginate(**request)
    return [item for page in pages for item in page["SpotPriceHistory"]]


def at(item: Mapping[str, Any]) -> float:
    seconds: float = item["Timestamp"].timestamp()
    return seconds


def test_there_are_several_types_zones_products_and_times(server: SandboxServer) -> None:
    found = history(server, InstanceTypes=["r5.xlarge", "m5.xlarge"], StartTime=NOW - 24 * HOUR_S)
    assert {item["InstanceType"] for item in found} == {"r5.xlarge", "m5.xlarge"}
    assert {item["AvailabilityZone"] for item in found} == {f"{REGION}{letter}" for letter in "abc"}
    assert {item["ProductDescription"] for item in found} == {"Linux/UNIX", "Windows"}
    assert len({item["Timestamp"] for item in found}) > 20
    assert len(found) > 7, "one page"


def test_the_newest_comes_first_and_the_last_is_what_was_in_force_at_the_start(server: SandboxServer) -> None:
    since = NOW - 24 * HOUR_S
    found = history(
        server,
        InstanceTypes=["r5.xlarge"],
        ProductDescriptions=LINUX,
        AvailabilityZone=f"{REGION}a",
        StartTime=since,
    )
    times = [at(item) for item in found]
    assert times == sorted(times, reverse=True)
    assert times[-1] <= since < times[-2]
    assert times[0] <= NOW


def test_only_the_zone_that_a_filter_names_is_told(server: SandboxServer) -> None:
    zone = f"{REGION}b"
    filters = [{"Name": "availability-zone", "Values": [zone]}]
    found = history(server, InstanceTypes=["r5.xlarge"], Filters=filters, StartTime=NOW - HOUR_S)
    assert {item["AvailabilityZone"] for item in found} == {zone}


def test_what_is_no_type_has_no_history(server: SandboxServer) -> None:
    assert history(server, InstanceTypes=["r5.nothing"], StartTime=NOW - HOUR_S) == []


def test_prices_are_those_of_the_seed_and_below_on_demand() -> None:
    def prices(seed: int) -> list[float]:
        market = SpotMarket(REGION, seed)
        return [change.usd for change in market.changes("r5.xlarge", f"{REGION}a", NOW - 1e6, NOW)]

    assert prices(1) == prices(1) != prices(2)
    on_demand = SpotMarket(REGION, 1).on_demand("r5.xlarge")
    linux = [c.usd for c in SpotMarket(REGION, 1).changes("r5.xlarge", "z", NOW - 1e6, NOW) if c.description in LINUX]
    assert on_demand is not None
    assert all(0 < usd < on_demand for usd in linux)


def test_prices_that_a_test_sets_are_the_only_ones(server: SandboxServer) -> None:
    server.market.market.set_spot("c5.xlarge", "nowhere-1a", (NOW - 2 * HOUR_S, 0.07), (NOW - HOUR_S, 0.08))
    filters = [{"Name": "availability-zone", "Values": ["nowhere-1a"]}]
    found = history(
        server, InstanceTypes=["c5.xlarge"], ProductDescriptions=LINUX, Filters=filters, StartTime=NOW - 9 * HOUR_S
    )
    assert [(at(item), float(item["SpotPrice"])) for item in found] == [(NOW - HOUR_S, 0.08), (NOW - 2 * HOUR_S, 0.07)]


def test_memory_and_processors_of_types_are_told(server: SandboxServer) -> None:
    client = boto("ec2", server.endpoint)
    filters = [{"Name": "instance-type", "Values": ["r5.2xlarge", "r5.nothing"]}]
    (found,) = client.describe_instance_types(Filters=filters)["InstanceTypes"]
    assert (found["InstanceType"], found["MemoryInfo"]["SizeInMiB"]) == ("r5.2xlarge", 65536)
    assert found["VCpuInfo"]["DefaultVCpus"] == 8
    with pytest.raises(ClientError, match="InvalidInstanceType"):
        client.describe_instance_types(InstanceTypes=["r5.nothing"])


def pricing(server: SandboxServer, region: str = "eu-central-1", **fields: str) -> list[Mapping[str, Any]]:
    client = SESSION.client("pricing", region_name=region, endpoint_url=server.endpoint)
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
    pages = client.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def test_the_price_list_has_more_than_the_one_product_of_a_type(server: SandboxServer) -> None:
    every = pricing(server, instanceType="r5.xlarge")
    linux = pricing(server, instanceType="r5.xlarge", operatingSystem="Linux", tenancy="Shared", preInstalledSw="NA")
    used = pricing(
        server,
        instanceType="r5.xlarge",
        operatingSystem="Linux",
        tenancy="Shared",
        preInstalledSw="NA",
        capacitystatus="Used",
    )
    assert len(every) > len(linux) > len(used) == 1
    assert "Reserved" in used[0]["terms"]
    assert pricing(server, instanceType="r5.nothing") == []


def test_the_price_list_has_three_endpoints(server: SandboxServer) -> None:
    with pytest.raises(ClientError, match="no endpoint in eu-west-1"):
        pricing(server, "eu-west-1", instanceType="r5.xlarge")


def test_a_right_can_be_taken_and_a_call_throttled(server: SandboxServer) -> None:
    server.market.deny({"DescribeSpotPriceHistory", "GetProducts"})
    try:
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            history(server, InstanceTypes=["r5.xlarge"])
        with pytest.raises(ClientError, match="AccessDenied"):
            pricing(server, instanceType="r5.xlarge")
    finally:
        server.market.deny(())
    server.market.fail_next("DescribeSpotPriceHistory")
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        history(server, InstanceTypes=["r5.xlarge"])
    assert history(server, InstanceTypes=["r5.xlarge"], StartTime=NOW)
    assert server.market.calls("DescribeSpotPriceHistory") >= 3


def test_the_rest_of_ec2_is_motos(server: SandboxServer) -> None:
    zones = boto("ec2", server.endpoint).describe_availability_zones()["AvailabilityZones"]
    assert {zone["ZoneName"] for zone in zones} == {f"{REGION}{letter}" for letter in "abc"}
