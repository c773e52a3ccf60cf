"""Candidate types ranked by what a GB of memory costs that executors can really use. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.market.facts import Hardware, Place, SpotPrice
from agent.market.yarn_share import yarn_memory_mb

LEAST_OVERHEAD_MB = 384
"""Spark's own minimum of `spark.executor.memoryOverhead` (Spark, Running on YARN)."""
EMR_OVERHEAD = 0.1875
"""`spark.yarn.executor.memoryOverheadFactor` in the spark-defaults.conf that EMR writes; Spark's own default is 0.1."""
GIB_MB = 1024


@dataclass(frozen=True, slots=True)
class Executor:
    """The size that is asked for."""

    memory_mb: int
    """`spark.executor.memory`."""
    cores: int
    overhead: float = EMR_OVERHEAD
    """Of its memory, off the heap."""

    @property
    def container_mb(self) -> int:
        """MiB of its container: memory and overhead."""
        return self.memory_mb + max(math.floor(self.memory_mb * self.overhead), LEAST_OVERHEAD_MB)


@dataclass(frozen=True, slots=True)
class Prices:
    """What was asked: USD an hour for one instance, without EMR's fee."""

    spot: Mapping[Place, SpotPrice]
    on_demand: Mapping[str, float]
    fee: float
    """EMR's, as a fraction of the on-demand price, on either market."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One type in one zone. USD an hour of one instance; None where it is not known, or there is nothing to tell."""

    instance_type: str
    zone: str | None
    """None for a type that has no spot price in any zone."""
    memory_mb: int | None
    yarn_mb: int | None
    executors: int | None
    usable_mb: int | None
    """What the containers of these executors hold together."""
    spot: float | None
    median: float | None
    on_demand: float | None
    saving: float | None
    """Of the on-demand price, by the spot price of now: 0.7 for 70 %."""
    fee: float | None
    usd_per_gb_hour: float | None
    """The spot price with the fee, by usable memory. Unknown if one of the three is, or no executor fits."""


def rank(
    types: Iterable[str],
    hardware: Mapping[str, Hardware],
    executor: Executor,
    prices: Prices,
    zones: Iterable[str] = (),
) -> list[Row]:
    """A row for each type in each zone that has a spot price for it, the cheapest usable memory first; what is not
    known comes last. A type without any spot price has one row of its own for each of the `zones`, or one at all."""
    rows = (
        _row(name, zone, hardware.get(name), executor, prices)
        for name in dict.fromkeys(types)
        for zone in _zones(name, prices, zones)
    )
    return sorted(rows, key=_order)


def _zones(instance_type: str, prices: Prices, wanted: Iterable[str]) -> Iterable[str | None]:
    priced = sorted(zone for named, zone in prices.spot if named == instance_type)
    unpriced = [zone for zone in wanted if zone not in priced]
    return (*priced, *unpriced) or (None,)


def _row(instance_type: str, zone: str | None, hardware: Hardware | None, executor: Executor, prices: Prices) -> Row:
    spot = None if zone is None else prices.spot.get((instance_type, zone))
    on_demand = prices.on_demand.get(instance_type)
    fee = on_demand * prices.fee if on_demand is not None else (None if prices.fee else 0.0)
    yarn = None if hardware is None else yarn_memory_mb(instance_type, hardware.memory_mb)
    executors = None if hardware is None or yarn is None else fitting(yarn, hardware.vcpus, executor)
    usable = None if executors is None else executors * executor.container_mb
    whole = None if spot is None or fee is None else spot.latest + fee
    return Row(
        instance_type=instance_type,
        zone=zone,
        memory_mb=None if hardware is None else hardware.memory_mb,
        yarn_mb=yarn,
        executors=executors,
        usable_mb=usable,
        spot=None if spot is None else spot.latest,
        median=None if spot is None else spot.median,
        on_demand=on_demand,
        saving=None if spot is None or on_demand is None else 1 - spot.latest / on_demand,
        fee=fee,
        usd_per_gb_hour=whole / (usable / GIB_MB) if whole is not None and usable else None,
    )


def fitting(yarn_mb: int, vcpus: int, executor: Executor) -> int:
    """Executors that fit on a node, by memory and by cores: YARN on EMR books no cores, but tasks want them."""
    return min(yarn_mb // executor.container_mb, vcpus // executor.cores)


def _order(row: Row) -> tuple[bool, float, bool, float, str, str]:
    """Known before unknown; among the unknown the cheaper spot memory first."""
    known, spot = row.usd_per_gb_hour, row.spot
    by_spot = spot / row.usable_mb if spot is not None and row.usable_mb else None
    return known is None, known or 0.0, by_spot is None, by_spot or 0.0, row.instance_type, row.zone or ""
