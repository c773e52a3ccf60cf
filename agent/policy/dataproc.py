"""The pending-memory formula of Google Dataproc, over capacity units.

    Δ = mean over the cooldown of (pending − available memory) ÷ memory of one unit
    Δ > 0: add floor up to whole units of Δ · scale_up_factor      Δ < 0: remove whole units of |Δ| · scale_down_factor

From `google/cloud/dataproc/v1/autoscaling_policies.proto`: the cooldown begins when an update has completed.
"""

from __future__ import annotations

import math

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import Observation
from agent.policy.freshness import blindness
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import DataprocSettings, PolicyKind


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal."""
    told = settings.policy.dataproc
    return (by_memory(observation, settings, told, PolicyKind.DATAPROC),)


def by_memory(observation: Observation, settings: Settings, told: DataprocSettings, asker: str) -> Decision:
    """What the formula says with these factors, in the name of that policy."""
    fleet = observation.fleet
    if fleet is None:
        return Hold((Reason(Why.FLEET_UNKNOWN, f"{asker}: EMR has not told the present target"),))
    if (blind := blindness(observation, settings.policy.max_signal_age_s)) is not None:
        return Hold((Reason(Why.BLIND, f"{asker}: {blind}"),))
    balance = observation.history.balance
    if balance is None:
        return Hold((Reason(Why.AVERAGING, f"{asker}: memory is averaged when the fleet has settled"),))
    # the history's window is as long as the acting formula's cooldown
    window = settings.policy.dataproc.cooldown_s
    if balance.lasted_s < window or balance.lasted_s <= 0:
        text = f"{asker}: memory is averaged for {balance.lasted_s:.0f} s of {window:g} s"
        return Hold((Reason(Why.AVERAGING, text),))
    return _judge(balance.unit_seconds / balance.lasted_s, fleet, told, asker)


def _judge(mean: float, fleet: Fleet, told: DataprocSettings, asker: str) -> Decision:
    what = "pending" if mean > 0 else "free"
    said = f"{asker}: {abs(mean):.2f} units of memory {what} on average"
    if mean > 0:
        change = math.ceil(round(mean * told.scale_up_factor, 6))
        least, why = told.scale_up_min_fraction * fleet.target, Why.MEMORY_PENDING
    else:
        change = -min(fleet.target, math.floor(round(-mean * told.scale_down_factor, 6)))
        least, why = told.scale_down_min_fraction * fleet.target, Why.MEMORY_FREE
    if change == 0 or abs(change) < least:
        text = f"{said}: no whole unit to change" if change == 0 else f"{said}: {abs(change)} units are too few"
        return Hold((Reason(Why.BALANCED, text),))
    factor = told.scale_up_factor if mean > 0 else told.scale_down_factor
    text = f"{said}, times {factor:g}: {change:+d} units"
    return Resize(fleet.target, fleet.target + change, (Reason(why, text),), rule=asker)
