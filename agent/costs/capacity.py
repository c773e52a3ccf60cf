"""What the task capacity costs an hour. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.fleets import Fleet
from agent.domain.prices import UnitPrices
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Capacity:
    """The task capacity at one size. None for what is not known."""

    what: str
    on_demand: int | None
    spot: int | None
    """Units on each market."""
    usd_per_hour: float | None


def capacity(settings: Settings, prices: UnitPrices | None, fleet: Fleet | None, target: int | None) -> list[Capacity]:
    """At the target, by EMR's word or by the caller's, and at the maximum, with what grows bought where the settings
    say."""
    fixed = (0, 0) if fleet is None else (fleet.target_on_demand, fleet.target_spot)
    sizes = [("at the target", fleet.target if fleet is not None and target is None else target)]
    sizes.append(("at the maximum", settings.fleet.max_capacity_units))
    return [_at(what, size, fixed, settings, prices) for what, size in sizes]


def _at(what: str, size: int | None, fixed: tuple[int, int], settings: Settings, prices: UnitPrices | None) -> Capacity:
    if size is None:
        return Capacity(what, None, None, None)
    on_demand, spot = markets(size, fixed, settings.fleet.on_demand)
    costs = [
        _times(on_demand, None if prices is None else prices.on_demand),
        _times(spot, None if prices is None else prices.spot),
    ]
    known = [usd for usd in costs if usd is not None]
    return Capacity(what, on_demand, spot, sum(known) if len(known) == len(costs) else None)


def markets(size: int, fixed: tuple[int, int], buys_on_demand: bool) -> tuple[int, int]:
    """On-demand and spot units of so many: what is not bought on stays as it is, as far as there is room."""
    kept = min(size, fixed[1] if buys_on_demand else fixed[0])
    return (size - kept, kept) if buys_on_demand else (kept, size - kept)


def _times(units: int, usd: float | None) -> float | None:
    """Nothing of what nobody knows the price of costs nothing."""
    return 0.0 if units == 0 else (None if usd is None else units * usd)
