"""How old is too old, and what a rule sees when it looks at its signal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.decisions import Reason
from agent.domain.observation import Observation
from agent.domain.signals import REMOTE_AGE_S, REMOTE_SIGNALS, Signal
from agent.policy.reasons import Why
from agent.settings import PolicySettings
from agent.settings_rules import Comparison, Rule


@dataclass(frozen=True, slots=True)
class Fresh:
    """A usable value of a signal and the time at which it was true."""

    at: float
    value: float


def stale(then: float, at: float, limit_s: float) -> bool:
    """Whether something true at `then` is too old at `at`.

    A time that lies as far ahead is no better: the clock was set back since. A little ahead is
    normal, because a turn keeps the time of its beginning and reads the world after it.
    """
    return not abs(at - then) <= limit_s


def look(rule: Rule, signals: Mapping[str, Signal], at: float, policy: PolicySettings) -> Fresh | Reason:
    """The value that the rule judges, or why there is none."""
    name = f"{rule.name}: {rule.signal} {rule.statistic}"
    signal = signals.get(rule.signal)
    value = None if signal is None else signal.values.get(rule.statistic)
    if signal is None or value is None or not math.isfinite(value):
        return Reason(Why.SIGNAL_MISSING, f"{name} has no value")
    limit_s = age_limit_s(rule, policy)
    if stale(signal.at, at, limit_s):
        return Reason(Why.SIGNAL_STALE, f"{name} is {at - signal.at:.0f} s old, more than {limit_s:g} s")
    return Fresh(signal.at, value)


def age_limit_s(rule: Rule, policy: PolicySettings) -> float:
    """How old the rule's signal may be."""
    if rule.max_age_s is not None:
        return rule.max_age_s
    return REMOTE_AGE_S if rule.signal in REMOTE_SIGNALS else policy.max_signal_age_s


def breaches(rule: Rule, value: float) -> bool:
    """Whether the value lies beyond the rule's bound."""
    match rule.comparison:
        case Comparison.BELOW:
            return value < rule.bound
        case Comparison.AT_MOST:
            return value <= rule.bound
        case Comparison.ABOVE:
            return value > rule.bound
        case Comparison.AT_LEAST:
            return value >= rule.bound


def scales_out(rule: Rule) -> bool:
    return (rule.adjustment_units or rule.adjustment_percent or 0) > 0


def blindness(observation: Observation, limit_s: float) -> str | None:
    """Why the cluster manager's last answer cannot be relied on; None when it can."""
    reading = observation.reading
    if reading is None:
        return "the cluster manager has not answered yet"
    if stale(reading.at, observation.at, limit_s):
        return f"the cluster manager's last answer is {observation.at - reading.at:.0f} s old, more than {limit_s:g} s"
    return None
