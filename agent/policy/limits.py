"""The minimum and the mandatory maximum: a policy that leads back inside, and a guard that never lets out.

A target that lies outside already (another limit, another hand) is led back by the policy, under all guards:
no rule has to breach for it. The guard alone never reverses a direction.
"""

from __future__ import annotations

from dataclasses import replace

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.observation import Observation
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import SHORTAGE


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """A resize to the limit that the present target violates; nothing while it lies within them."""
    fleet, limits = observation.fleet, settings.fleet
    if fleet is None or limits.min_capacity_units <= fleet.target <= limits.max_capacity_units:
        return ()
    if fleet.target < limits.min_capacity_units:
        text = f"the target of {fleet.target} units is below the minimum of {limits.min_capacity_units}"
        if observation.history.shortage.began is not None and observation.history.idle_since is not None:
            # each try in vain would count as work for as long as it lasts
            return (Hold((Reason(Why.BELOW_MINIMUM, f"{text}; spot was short of it, and every probe says idle"),)),)
        because = (Reason(Why.BELOW_MINIMUM, text),)
        return (Resize(current=fleet.target, target=limits.min_capacity_units, because=because),)
    text = f"the target of {fleet.target} units is above the maximum of {limits.max_capacity_units}"
    return (Resize(current=fleet.target, target=limits.max_capacity_units, because=(Reason(Why.ABOVE_MAXIMUM, text),)),)


def within(_: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: a scale out ends at the maximum, a scale in at the minimum; past them already, it holds.

    An answer to a shortage may lead the target below the minimum, to what came: EMR has given the rest up and takes
    no target that it has already. The policy above asks for the minimum again once the shortage is forgotten.
    """
    if isinstance(decision, Hold | Terminate):
        return decision
    lowest, highest = settings.fleet.min_capacity_units, settings.fleet.max_capacity_units
    if decision.scales_out and decision.target > highest:
        return _at_most(highest, decision)
    if not decision.scales_out and decision.target < lowest and decision.rule != SHORTAGE:
        return decision.limited_to(
            lowest, Reason(Why.MINIMUM, f"{decision.target} units are fewer than the limit {lowest}")
        )
    return decision


def _at_most(highest: int, decision: Resize) -> Decision:
    """What is left out was to be bought on demand, where growth is: the spot part stays as it is."""
    limited = decision.limited_to(highest, Reason(Why.MAXIMUM, f"{decision.target} units exceed the limit {highest}"))
    if not isinstance(limited, Resize) or decision.on_demand is None:
        return limited
    return replace(limited, on_demand=max(0, decision.on_demand - (decision.target - highest)))
