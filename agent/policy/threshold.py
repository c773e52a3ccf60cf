"""Threshold rules: a signal beyond its bound for long enough asks for more or for less capacity."""

from __future__ import annotations

import math

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.observation import Observation
from agent.policy.freshness import Fresh, breaches, look, scales_out
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_rules import Rule

HEADROOM = frozenset({"MemoryAvailablePercent", "MemoryAvailable", "ExecutorSlotsFree"})
"""Signals of what could still be given out: low headroom without any work is no reason to grow."""


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal a rule, in the order of the settings."""
    return tuple(_judge(rule, observation, settings) for rule in settings.policy.rules)


def adjusted(rule: Rule, current: int) -> int:
    """The target that the rule asks for, from the present one; never negative.

    Percent are rounded away from zero and are at least one unit: 10 % of 3 units adds 1, -10 % removes 1.
    """
    return moved(current, rule.adjustment_units, rule.adjustment_percent)


def moved(current: int, units: int | None, percent: float | None) -> int:
    """The same by so many units, or else by that percentage."""
    if units is not None:
        change = units
    else:
        percent = percent or 0.0
        # 110 * 10.0 / 100 and its kind may miss the whole number by a rounding error
        size = math.ceil(round(abs(current * percent) / 100, 6))
        change = max(1, size) if percent > 0 else -max(1, size)
    return max(0, current + change)


def _judge(rule: Rule, observation: Observation, settings: Settings) -> Decision:
    seen = look(rule, observation.signals, observation.at, settings.policy)
    if isinstance(seen, Reason):
        return Hold((seen,))
    value = f"{rule.name}: {rule.signal} {rule.statistic} {seen.value:g}"
    if not breaches(rule, seen.value):
        return Hold((Reason(Why.NOT_BREACHING, f"{value} is not {rule.comparison} {rule.bound:g}"),))
    breach = f"{value} {rule.comparison} {rule.bound:g}"
    lasted = _lasted(rule, observation, seen)
    if lasted is None or lasted < rule.for_s:
        why = Why.COUNTING_OUT if scales_out(rule) else Why.COUNTING_IN
        text = f"{breach} for {lasted or 0:.0f} s, {rule.for_s - (lasted or 0):.0f} s still of {rule.for_s:g} s"
        return Hold((Reason(why, text),))
    if rule.signal in HEADROOM and scales_out(rule) and observation.history.idle_since is not None:
        # what holds the memory does nothing: more of it would be bought for a session that somebody left open
        return Hold((Reason(Why.IDLE_HEADROOM, f"{breach}, and every probe says idle"),))
    return _propose(rule, observation, Reason(Why.BREACHED, f"{breach} for {lasted:.0f} s of {rule.for_s:g} s"))


def _lasted(rule: Rule, observation: Observation, seen: Fresh) -> float | None:
    """From the first to the last breaching value, both at the times when they were true."""
    since = observation.history.breaching_since.get(rule.name)
    return None if since is None else max(0.0, seen.at - since)


def _propose(rule: Rule, observation: Observation, breached: Reason) -> Decision:
    fleet = observation.fleet
    if fleet is None:
        return Hold((breached, Reason(Why.FLEET_UNKNOWN, f"{rule.name}: EMR has not told the present target")))
    target = adjusted(rule, fleet.target)
    if target == fleet.target:
        return Hold((breached, Reason(Why.NOTHING_LEFT, f"{rule.name}: the target is {fleet.target} units already")))
    return Resize(current=fleet.target, target=target, because=(breached,), rule=rule.name)
