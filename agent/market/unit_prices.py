"""What a capacity unit of the task capacity may cost at most, by its types. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agent.market.facts import Capacity, Place, SpotPrice


def on_demand_unit(capacity: Capacity, on_demand: Mapping[str, float], fee: float) -> float | None:
    """USD an hour with the fee (a fraction of the price); None where a type has no price, or there is no type."""
    return _dearest([_per_unit(on_demand.get(name), weight, 1 + fee) for name, weight in capacity.weights.items()])


def spot_unit(
    capacity: Capacity, spot: Mapping[Place, SpotPrice], on_demand: Mapping[str, float], fee: float
) -> float | None:
    """The same on the spot market, where the fee is that of the on-demand price.

    A type that has prices in other zones and none in the cluster's is not offered there, so none of it is bought.
    Without a known zone the dearest one counts.
    """
    found = []
    for name, weight in capacity.weights.items():
        zones = {zone: price.latest for (named, zone), price in spot.items() if named == name}
        if capacity.zone is not None and zones and capacity.zone not in zones:
            continue
        here = zones.get(capacity.zone) if capacity.zone is not None else max(zones.values(), default=None)
        charged = 0.0 if fee == 0 else _times(on_demand.get(name), fee)
        whole = None if here is None or charged is None else here + charged
        found.append(_per_unit(whole, weight, 1.0))
    return _dearest(found)


def _per_unit(usd: float | None, weight: int, factor: float) -> float | None:
    return None if usd is None else usd * factor / max(1, weight)


def _times(usd: float | None, factor: float) -> float | None:
    return None if usd is None else usd * factor


def _dearest(found: list[float | None]) -> float | None:
    known = [usd for usd in found if usd is not None]
    return max(known) if known and len(known) == len(found) else None
