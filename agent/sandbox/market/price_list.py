"""GetProducts as the Price List API answers it: JSON documents as texts in JSON, decoys among them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agent.sandbox.emr.refusals import Refusal
from agent.sandbox.market.prices import SpotMarket

SERVICE = "AmazonEC2"
REGIONS = frozenset({"us-east-1", "eu-central-1", "ap-south-1"})
"""Where the API has an endpoint."""
PAGE = 100
ON_DEMAND_TERM, HOURLY = "JRTCKXETXF", "6YS6EN2CT7"
"""The offer term and the rate code of what is paid by the hour on demand, the same for every product."""

DECOYS: tuple[tuple[Mapping[str, str], float], ...] = (
    ({}, 1.0),
    ({"operatingSystem": "Windows"}, 1.9),
    ({"preInstalledSw": "SQL Std"}, 4.0),
    ({"tenancy": "Dedicated"}, 1.1),
    ({"capacitystatus": "UnusedCapacityReservation"}, 1.0),
    ({"capacitystatus": "AllocatedCapacityReservation"}, 0.0),
)
"""The product that is meant, and others of the same type that differ in one attribute; price as a factor."""


def products(market: SpotMarket, request: Mapping[str, Any], page_size: int = PAGE) -> Mapping[str, Any]:
    """The answer. Raises Refusal."""
    if request.get("ServiceCode") != SERVICE:
        raise Refusal("NotFoundException", "The sandbox's price list has AmazonEC2 only.")
    filters = {one["Field"]: one["Value"] for one in request.get("Filters", ()) if one["Type"] == "TERM_MATCH"}
    if len(filters) != len(request.get("Filters", ())):
        raise Refusal("InvalidParameterException", "The sandbox knows TERM_MATCH on different fields only.")
    token = str(request.get("NextToken") or "0")
    if not token.isdigit():
        raise Refusal("InvalidNextTokenException", "The token is not valid.")
    begin, size = int(token), min(int(request.get("MaxResults", page_size)), page_size)
    found = list(_matching(market, filters))
    more = {"NextToken": str(begin + size)} if begin + size < len(found) else {}
    return {"FormatVersion": "aws_v1", "PriceList": found[begin : begin + size], **more}


def _matching(market: SpotMarket, filters: Mapping[str, str]) -> Iterator[str]:
    instance_type = filters.get("instanceType", "m5.xlarge")
    usd = market.on_demand(instance_type)
    if usd is None:
        return
    for number, (differs, factor) in enumerate(DECOYS):
        attributes = {**_attributes(market.region, instance_type), **differs}
        if all(attributes.get(field) == value for field, value in filters.items()):
            yield json.dumps(_product(f"SANDBOX{number:09d}", attributes, round(usd * factor, 6)))


def _attributes(region: str, instance_type: str) -> dict[str, str]:
    return {
        "servicecode": SERVICE,
        "instanceType": instance_type,
        "regionCode": region,
        "locationType": "AWS Region",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "operation": "RunInstances",
    }


def _product(sku: str, attributes: Mapping[str, str], usd: float) -> Mapping[str, Any]:
    term, rate = f"{sku}.{ON_DEMAND_TERM}", f"{sku}.{ON_DEMAND_TERM}.{HOURLY}"
    hourly = _dimension(rate, "Hrs", usd)
    year = f"{sku}.4NA7Y494T4"
    reserved = {f"{year}.{HOURLY}": _dimension(f"{year}.{HOURLY}", "Hrs", usd * 0.6)}
    return {
        "product": {"productFamily": "Compute Instance", "attributes": attributes, "sku": sku},
        "serviceCode": SERVICE,
        "terms": {
            "OnDemand": {term: {"priceDimensions": {rate: hourly}, "sku": sku, "offerTermCode": ON_DEMAND_TERM}},
            "Reserved": {year: {"priceDimensions": reserved, "sku": sku, "offerTermCode": "4NA7Y494T4"}},
        },
        "version": "sandbox",
    }


def _dimension(rate: str, unit: str, usd: float) -> Mapping[str, Any]:
    return {
        "unit": unit,
        "endRange": "Inf",
        "beginRange": "0",
        "rateCode": rate,
        "appliesTo": [],
        "description": f"${usd:.6f} per Linux hour",
        "pricePerUnit": {"USD": f"{usd:.10f}"},
    }
