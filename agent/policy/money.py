"""What the task fleet costs an hour; and the guard: never more than its cap, and with an unknown price it does not grow
under one."""

from __future__ import annotations

import math
from dataclasses import replace

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import Observation
from agent.policy.freshness import stale
from agent.policy.reasons import Why
from agent.settings import Settings


def affordable(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """A scale out ends at what the cap pays for. What is there already counts at the same prices."""
    cap, fleet = settings.fleet.max_usd_per_hour, observation.fleet
    if cap is None or not isinstance(decision, Resize) or not decision.scales_out or fleet is None:
        return decision
    before, after = (fleet.target_on_demand, fleet.target_spot), markets(decision, fleet, settings)
    grown = [after[market] - before[market] for market in (0, 1)]
    prices = observation.prices
    known = (None, None) if prices is None else (prices.on_demand, prices.spot)
    if prices is not None and stale(prices.at, observation.at, settings.prices.max_age_s):
        known = (None, None)
    for units, grows, price, name in zip(after, grown, known, ("on demand", "on the spot market"), strict=True):
        if price is None and (grows > 0 or units > 0):
            text = f"nobody knows what a unit costs {name}, and fleet.max_usd_per_hour is {cap:g}"
            return decision.withheld(Reason(Why.PRICE_UNKNOWN, text))
    on_demand, spot = (price or 0.0 for price in known)
    cost = after[0] * on_demand + after[1] * spot
    if cost <= cap:
        return decision
    return _cheaper(decision, grown, (on_demand, spot), cost, cap)


def _cheaper(decision: Resize, grown: list[int], prices: tuple[float, float], cost: float, cap: float) -> Decision:
    """Fewer units on the market that grows, so that the sum is within the cap."""
    market = 0 if grown[0] > 0 else 1
    # what costs nothing makes nothing cheaper
    excess = math.ceil(round((cost - cap) / prices[market], 9)) if prices[market] > 0 else grown[market]
    target = decision.target - min(excess, grown[market])
    text = f"{decision.target} units would cost {cost:.2f} USD an hour, more than the cap of {cap:g}"
    limited = decision.limited_to(target, Reason(Why.MONEY_CAP, text))
    if isinstance(limited, Resize) and market == 0 and decision.on_demand is not None:
        return replace(limited, on_demand=decision.on_demand - decision.target + target)
    return limited


def markets(decision: Resize, fleet: Fleet, settings: Settings) -> tuple[int, int]:
    """On-demand and spot units after it, as the actuator sends them."""
    if decision.on_demand is not None:
        return decision.on_demand, decision.target - decision.on_demand
    if settings.fleet.on_demand:
        return max(0, decision.target - fleet.target_spot), fleet.target_spot
    return fleet.target_on_demand, max(0, decision.target - fleet.target_on_demand)


def usd_per_hour(seen: Observation, settings: Settings) -> float | None:
    """What the task capacity that is there costs an hour; None while that, or a price that it takes, is not known."""
    fleet, prices = seen.fleet, seen.prices
    if fleet is None or stale(fleet.at, seen.at, settings.fleet.max_age_s):
        return None
    if fleet.provisioned == 0:
        return 0.0
    if prices is None or stale(prices.at, seen.at, settings.prices.max_age_s):
        return None
    total = 0.0
    for units, price in ((fleet.provisioned_spot, prices.spot), (fleet.provisioned_on_demand, prices.on_demand)):
        if units and price is None:
            return None
        total += units * (price or 0.0)
    return total
