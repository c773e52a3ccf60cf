"""The idle watchdog: a cluster on which every probe has said idle for long enough is ended."""

from __future__ import annotations

from agent.domain.decisions import Decision, Hold, Reason, Terminate
from agent.domain.observation import Observation
from agent.policy import busy
from agent.policy.ending import of_idleness
from agent.policy.reasons import Why
from agent.settings import Settings


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal, or nothing while the watchdog is off."""
    if not settings.idle.enabled:
        return ()
    ending = of_idleness(observation, settings)
    if ending is None:
        return (Hold((_not_idle(observation, settings),)),)
    at = observation.at
    if at < ending.due:
        text = f"{ending.because.text}; {ending.due - at:.0f} s still"
        return (Hold((Reason(Why.IDLE_COUNTING, text),)),)
    return (Terminate((ending.because,)),)


def _not_idle(observation: Observation, settings: Settings) -> Reason:
    answered = observation.history.manager_answered_at
    if answered is None:
        return Reason(Why.GRACE, "the cluster manager has not answered yet")
    left = answered + settings.idle.grace_s - observation.at
    if left > 0:
        return Reason(Why.GRACE, f"{left:.0f} s of the grace period of {settings.idle.grace_s:g} s are left")
    found = busy.busy(observation, settings)
    return Reason(Why.BUSY, busy.text(found) if found else "idleness has not been counted yet")
