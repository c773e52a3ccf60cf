"""Prices that move and are the same in every run: each is a function of the seed, the type, the zone and the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

LINUX, WINDOWS = "Linux/UNIX", "Windows"
DESCRIPTIONS = (LINUX, WINDOWS)
"""Products with a history of their own (RIProductDescription); that of Windows is always the dearer."""

CHANGE_S = 6 * 3600.0
"""How long a spot price stays as it is."""
VCPU_USD, GIB_USD = 0.035, 0.0035
"""What makes an on-demand price; near to what general types cost."""
LOWEST, HIGHEST = 0.25, 0.6
"""Of the on-demand price, between which spot prices move."""


@dataclass(frozen=True, slots=True)
class Change:
    """A spot price and since when."""

    instance_type: str
    zone: str
    description: str
    at: float
    usd: float


class SpotMarket:
    """Prices of the types that EC2 offers, by zone. Safe to use from every thread.

    What `set_spot` and `set_on_demand` say goes over what the seed says.
    """

    def __init__(self, region: str, seed: int = 0) -> None:
        self.region = region
        self._seed = seed
        self._spot: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self._on_demand: dict[str, float | None] = {}
        self._lock = threading.Lock()

    def set_spot(self, instance_type: str, zone: str, *changes: tuple[float, float]) -> None:
        """From now on that type has exactly these prices in that zone: (Unix seconds, USD an hour). None: no offer."""
        with self._lock:
            self._spot[instance_type, zone] = sorted(changes)

    def set_on_demand(self, instance_type: str, usd: float | None) -> None:
        """None: the price list does not have it."""
        with self._lock:
            self._on_demand[instance_type] = usd

    def zones(self, instance_type: str) -> list[str]:
        """Where that type is offered."""
        offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(self.region, ())
        offered = {one["Location"] for one in offers if one["InstanceType"] == instance_type}
        with self._lock:
            return sorted(offered | {zone for type_, zone in self._spot if type_ == instance_type})

    def on_demand(self, instance_type: str) -> float | None:
        """USD an hour; None for what is no type."""
        with self._lock:
            if instance_type in self._on_demand:
                return self._on_demand[instance_type]
        described: Mapping[str, Any] | None = INSTANCE_TYPES.get(instance_type)
        if described is None:
            return None
        gib: float = described["MemoryInfo"]["SizeInMiB"] / 1024
        made: float = VCPU_USD * described["VCpuInfo"]["DefaultVCpus"] + GIB_USD * gib
        return round(made * Random(f"{self._seed}/{instance_type}").uniform(0.95, 1.05), 4)

    def changes(self, instance_type: str, zone: str, since: float, until: float) -> Iterator[Change]:
        """The prices of that time, the newest first; the one that was in force when it began is the last of them
        (DescribeSpotPriceHistory)."""
        for description in DESCRIPTIONS:
            factor = 1.0 if description == LINUX else 1.4
            for at, usd in self._series(instance_type, zone, since, until):
                yield Change(instance_type, zone, description, at, round(usd * factor, 4))

    def _series(self, instance_type: str, zone: str, since: float, until: float) -> Iterator[tuple[float, float]]:
        with self._lock:
            told = self._spot.get((instance_type, zone))
        if told is not None:
            for at, usd in reversed(told):
                if at <= until:
                    yield at, usd
                if at <= since:
                    return
            return
        on_demand = self.on_demand(instance_type)
        if on_demand is None:
            return
        own = Random(f"{self._seed}/{instance_type}/{zone}")
        offset, level = own.uniform(0, CHANGE_S), own.uniform(LOWEST, HIGHEST)
        for number in range(int((until - offset) // CHANGE_S), int((since - offset) // CHANGE_S) - 1, -1):
            move = Random(f"{self._seed}/{instance_type}/{zone}/{number}").uniform(0.9, 1.1)
            yield offset + number * CHANGE_S, on_demand * min(max(level * move, LOWEST), HIGHEST)
