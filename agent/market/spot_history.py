"""Spot prices by type and zone, from EC2's history: what it is now, and what it mostly was."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from agent.market.asking import pages

LINUX = "Linux/UNIX"
"""The product whose history is asked for: what EMR's instances are billed as."""
STEP_S = 3600.0
"""The median is of the prices in force at such steps: a price that stood long counts more than one that did not."""
HISTORY_H = 90 * 24
"""EC2 keeps no more (DescribeSpotPriceHistory, StartTime)."""

Place = tuple[str, str]
"""Instance type and availability zone."""
Changes = Iterable[tuple[float, float]]
"""A price in USD an hour and since when it was in force, Unix seconds; in any order."""


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """USD an hour for one instance, without EMR's fee."""

    latest: float
    median: float
    """Over the time that was asked for, as far as it is known."""

    @classmethod
    def of(cls, changes: Changes, now: float, hours: float) -> Self | None:
        """None without any price that was in force by now."""
        known = sorted(change for change in changes if change[0] <= now)
        if not known:
            return None
        steps = (now - number * STEP_S for number in range(max(1, int(hours * 3600 / STEP_S))))
        return cls(known[-1][1], statistics.median(_in_force(known, steps)))


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


def _in_force(known: list[tuple[float, float]], steps: Iterable[float]) -> Iterator[float]:
    """The price at each step at which there was one; `known` is sorted. The first step is never without."""
    for at in steps:
        earlier = [usd for since, usd in known if since <= at]
        if not earlier:
            return
        yield earlier[-1]
