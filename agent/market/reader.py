"""What a capacity unit costs, asked every now and then while somebody wants to know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent import log
from agent.domain.faults import Fault
from agent.domain.ports import Clock
from agent.domain.prices import UnitPrices
from agent.market import task_types
from agent.market.facts import Capacity, Place, SpotPrice
from agent.market.on_demand import on_demand_prices
from agent.market.spot_history import spot_prices
from agent.market.unit_prices import on_demand_unit, spot_unit
from agent.settings_fleet import FleetSettings, PriceSettings
from agent.telemetry import Telemetry

CHECK_S = 10.0
"""How often the loop looks whether it is time: a cap that is set while the agent runs waits for no period."""
RETRY_S = 300.0
"""After a fault it asks again so soon, unless its period is shorter."""
JITTER = 0.2
"""By how much of it a wait is shortened or not, so that many clusters do not ask in step."""
ERRORS = "PriceErrors"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Made when first asked for: each client costs several megabytes."""

    emr: Callable[[], Any]
    ec2: Callable[[], Any]
    pricing: Callable[[], Any]
    region: str


@dataclass(frozen=True, slots=True)
class _Known(Generic[T]):
    at: float
    value: T


class PriceReader:
    """Asks in `step`, tells in `latest`. One thread steps; every thread may ask for the latest.

    `wanted` tells whether prices are wanted now. `jitter` gives numbers from 0 to 1. What could not be asked stays as
    it was asked last, until it is older than `prices.max_age_s`. Counts `PriceErrors`; never raises a Fault.
    """

    def __init__(
        self,
        settings: PriceSettings,
        fleet: FleetSettings,
        cluster_id: str,
        sources: Sources,
        *,
        wanted: Callable[[], bool],
        clock: Clock,
        telemetry: Telemetry,
        jitter: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._cluster_id = cluster_id
        self._sources = sources
        self._wanted = wanted
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._due: float | None = None
        self._capacity: _Known[Capacity] | None = None
        self._spot: _Known[Mapping[Place, SpotPrice]] | None = None
        self._on_demand: _Known[Mapping[str, float]] | None = None
        self._failing: frozenset[str] = frozenset()
        self._latest: UnitPrices | None = None

    def latest(self) -> UnitPrices | None:
        """As last asked; None before the first time and while nobody wants to know."""
        return self._latest

    def step(self) -> None:
        """Ask, if it is time and somebody wants to know."""
        at = self._clock()
        if not self._wanted():
            self._latest, self._due = None, None
            return
        # a clock that was set back asks at once instead of waiting for a time long gone
        if self._due is not None and self._due - self._settings.period_s <= at < self._due:
            return
        failing = self._ask(at)
        wait_s = min(RETRY_S, self._settings.period_s) if failing else self._settings.period_s
        self._due = at + wait_s * (1 - JITTER * self._jitter())
        self._latest = self._unit_prices(at)

    def _ask(self, at: float) -> bool:
        """Whether anything could not be asked."""
        faults: dict[str, Fault] = {}
        read = self._read(at, "types", faults, lambda: task_types.read(self._sources.emr(), *self._cluster))
        self._capacity = read or self._capacity
        if self._capacity is None:
            return self._told(faults)
        types = self._capacity.value.weights
        spot = self._read(at, "spot", faults, lambda: spot_prices(self._sources.ec2(), types, at, hours=1))
        self._spot = spot or self._spot
        on_demand = self._read(at, "on demand", faults, lambda: self._on_demand_of(types))
        self._on_demand = on_demand or self._on_demand
        return self._told(faults)

    @property
    def _cluster(self) -> tuple[str, FleetSettings]:
        return self._cluster_id, self._fleet

    def _on_demand_of(self, types: Mapping[str, int]) -> Mapping[str, float]:
        known = self._settings.on_demand_usd_per_hour
        if all(name in known for name in types):
            return {name: known[name] for name in types}
        return on_demand_prices(self._sources.pricing(), types, self._sources.region, known)

    def _read(self, at: float, what: str, faults: dict[str, Fault], ask: Callable[[], T]) -> _Known[T] | None:
        try:
            return _Known(at, ask())
        except Fault as fault:
            faults[what] = fault
            self._telemetry.count(ERRORS)
            return None

    def _told(self, faults: Mapping[str, Fault]) -> bool:
        """Log what has begun to fail, and what works again."""
        for what in sorted(faults.keys() - self._failing):
            log.event(logging.WARNING, "prices.unknown", what=what, error=str(faults[what]))
        for what in sorted(self._failing - faults.keys()):
            log.event(logging.INFO, "prices.known_again", what=what)
        self._failing = frozenset(faults)
        return bool(faults)

    def _unit_prices(self, at: float) -> UnitPrices | None:
        """As old as the oldest of what it is made of; what is too old is unknown rather than what makes all old."""
        capacity, spot, on_demand = map(self._fresh_at(at), (self._capacity, self._spot, self._on_demand))
        if capacity is None:
            return None
        fee = self._settings.emr_fee_percent / 100
        listed: Mapping[str, float] = {} if on_demand is None else on_demand.value
        used = [known.at for known in (capacity, spot, on_demand) if known is not None]
        return UnitPrices(
            at=min(used),
            spot=None if spot is None else spot_unit(capacity.value, spot.value, listed, fee),
            on_demand=on_demand_unit(capacity.value, listed, fee),
        )

    def _fresh_at(self, at: float) -> Callable[[_Known[Any] | None], _Known[Any] | None]:
        def fresh(known: _Known[Any] | None) -> _Known[Any] | None:
            return known if known is not None and at - known.at <= self._settings.max_age_s else None

        return fresh
