"""Spot prices by type and zone, from EC2's history: what it is now, and what it mostly was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from agent.market.asking import pages
from agent.market.facts import Place, SpotPrice

LINUX = "Linux/UNIX"
"""The product whose history is asked for: what EMR's instances are billed as."""


def spot_prices(
    client: Any, types: Collection[str], now: float, hours: float = 24, zones: Collection[str] = ()
) -> Mapping[Place, SpotPrice]:
    """Of every zone that has a price for one of the types, or of the zones alone that are named. A type that is not
    offered on the spot market is not among them. Raises Fault."""
    if not types:
        return {}
    filters = [{"Name": "availability-zone", "Values": sorted(zones)}] if zones else []
    found: dict[Place, list[tuple[float, float]]] = defaultdict(list)
    for item in pages(
        client,
        "describe_spot_price_history",
        "SpotPriceHistory",
        InstanceTypes=sorted(types),
        ProductDescriptions=[LINUX],
        Filters=filters,
        StartTime=datetime.fromtimestamp(now - hours * 3600, UTC),
    ):
        if (usd := _price(item)) is not None:
            found[item["InstanceType"], item["AvailabilityZone"]].append((item["Timestamp"].timestamp(), usd))
    priced = ((place, SpotPrice.of(changes, now, hours)) for place, changes in found.items())
    return {place: price for place, price in priced if price is not None}


def _price(item: Mapping[str, Any]) -> float | None:
    """None for what is no price: there is no free instance."""
    try:
        usd = float(item["SpotPrice"])
    except (KeyError, ValueError):
        return None
    return usd if 0 < usd < float("inf") else None
