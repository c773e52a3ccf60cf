"""The minimum and the mandatory maximum: a policy that leads back inside, and a guard that never lets out.

A target that lies outside already (another limit, another hand) is led back by the policy, under all guards:
no rule has to breach for it. The guard alone never reverses a direction.
"""

from __future__ import annotations

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.observation import Observation
from agent.policy.reasons import Why
from agent.settings import Settings


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """A resize to the limit that the present target violates; nothing while it lies within them."""
    fleet, limits = observation.fleet, settings.fleet
    if fleet is None or limits.min_capacity_units <= fleet.target <= limits.max_capacity_units:
        return ()
    if fleet.target < limits.min_capacity_units:
        text = f"the target of {fleet.target} units is below the minimum of {limits.min_capacity_units}"
        because = (Reason(Why.BELOW_MINIMUM, text),)
        return (Resize(current=fleet.target, target=limits.min_capacity_units, because=because),)
    text = f"the target of {fleet.target} units is above the maximum of {limits.max_capacity_units}"
    return (Resize(current=fleet.target, target=limits.max_capacity_units, because=(Reason(Why.ABOVE_MAXIMUM, text),)),)


def within(_: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: a scale out ends at the maximum, a scale in at the minimum; past them already, it holds."""
    if isinstance(decision, Hold | Terminate):
        return decision
    lowest, highest = settings.fleet.min_capacity_units, settings.fleet.max_capacity_units
    if decision.scales_out and decision.target > highest:
        return decision.limited_to(highest, Reason(Why.MAXIMUM, f"{decision.target} units exceed the limit {highest}"))
    if not decision.scales_out and decision.target < lowest:
        return decision.limited_to(
            lowest, Reason(Why.MINIMUM, f"{decision.target} units are fewer than the limit {lowest}")
        )
    return decision
