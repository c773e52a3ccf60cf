"""On-demand prices from the Price List API. Its products are JSON documents, sent as texts within JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from agent.market.asking import pages

SERVICE = "AmazonEC2"
MEANT = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
}
"""What tells the plain instance from others of its type: dedicated ones, licences, capacity reservations."""
HOURLY = "Hrs"


class _Attributes(BaseModel):
    instanceType: str  # noqa: N815 - as the price list writes it


class _Product(BaseModel):
    attributes: _Attributes


class _Dimension(BaseModel):
    unit: str
    pricePerUnit: dict[str, float]  # noqa: N815


class _Term(BaseModel):
    priceDimensions: dict[str, _Dimension]  # noqa: N815


class _Terms(BaseModel):
    OnDemand: dict[str, _Term] = {}


class _Document(BaseModel):
    product: _Product
    terms: _Terms


def on_demand_prices(client: Any, types: Iterable[str], region: str, known: Mapping[str, float]) -> Mapping[str, float]:
    """USD an hour by type, those of `known` as they are there. A type that the list does not price in USD, or in two
    ways, is not among them. One request a type that is not known. Raises Fault."""
    prices = {}
    for instance_type in types:
        usd = known.get(instance_type)
        if usd is None:
            usd = price_of(instance_type, _documents(client, instance_type, region))
        if usd is not None:
            prices[instance_type] = usd
    return prices


def price_of(instance_type: str, documents: Iterable[str]) -> float | None:
    """USD an hour in these documents of the price list; None where they do not tell, or do not agree."""
    found = {usd for document in documents for usd in _hourly(instance_type, document)}
    return found.pop() if len(found) == 1 else None


def _documents(client: Any, instance_type: str, region: str) -> Iterator[str]:
    fields = {"instanceType": instance_type, "regionCode": region, **MEANT}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
    return pages(client, "get_products", "PriceList", ServiceCode=SERVICE, Filters=filters)


def _hourly(instance_type: str, text: str) -> Iterator[float]:
    try:
        document = _Document.model_validate_json(text)
    except ValidationError:
        return
    if document.product.attributes.instanceType != instance_type:
        return
    for term in document.terms.OnDemand.values():
        for dimension in term.priceDimensions.values():
            usd = dimension.pricePerUnit.get("USD", 0.0)
            if dimension.unit == HOURLY and 0 < usd < float("inf"):
                yield usd
