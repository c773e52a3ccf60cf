"""The hard deadline: a cluster whose time is up is ended, busy or not."""

from __future__ import annotations

from agent.domain.decisions import Decision, Hold, Reason, Terminate
from agent.domain.observation import Observation
from agent.policy.ending import of_deadline
from agent.policy.reasons import Why
from agent.settings import Settings


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal, or nothing while no deadline is set or the cluster's age is not known."""
    ending = of_deadline(observation, settings.idle)
    if ending is None:
        return ()
    at = observation.at
    if at < ending.due:
        return (Hold((Reason(Why.DEADLINE_AHEAD, f"{ending.because.text}; {ending.due - at:.0f} s still"),)),)
    return (Terminate((ending.because,)),)
