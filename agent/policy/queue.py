"""Guard: no scale out for work that waits although there is room for it: a limit of its queue or user holds it."""

from __future__ import annotations

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.observation import Observation
from agent.domain.waiting import QueueLimit, queue_limited
from agent.policy.freshness import blindness
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import PolicyKind

DEMAND = frozenset({"AppsPending", "ContainersPending", "MemoryPending"})
"""Signals that count what waits. A rule on any other (headroom, heap) asks for something else, and is left alone."""

BY_WAITING_WORK = frozenset({PolicyKind.DATAPROC, PolicyKind.DEMAND})
"""Policies that ask for capacity because of what waits."""

CERTAIN_S = 60.0
"""Schedulers hand out what fits within seconds of a node's heartbeat: what still waits then is held by a limit."""


def useful(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Hold a scale out that a rule asks for because of waiting work, when all of it would fit already.

    The scheduler's own word is enough; without it the numbers must have shown it for a minute.
    """
    if not isinstance(decision, Resize) or not decision.scales_out or not _asked_by_demand(decision, settings):
        return decision
    limit = certain(observation, settings)
    if limit is None:
        return decision
    return decision.withheld(Reason(Why.QUEUE_LIMITED, f"{limit.text}: more nodes would not help"))


def certain(observation: Observation, settings: Settings) -> QueueLimit | None:
    """The limit that holds what waits; None where a fresh view does not show it, or has not for long enough."""
    reading, since = observation.reading, observation.history.queue_limited_since
    if reading is None or blindness(observation, settings.policy.max_signal_age_s) is not None:
        return None
    limit = queue_limited(reading)
    if limit is None or not (limit.said or (since is not None and reading.at - since >= CERTAIN_S)):
        return None
    return limit


def limited_since(seen: Observation, settings: Settings) -> float | None:
    """The history's `queue_limited_since` after this turn; `seen` carries the one before."""
    reading = seen.reading
    if reading is None or blindness(seen, settings.policy.max_signal_age_s) is not None:
        return None
    if queue_limited(reading) is None:
        return None
    before = seen.history.queue_limited_since
    return before if before is not None else reading.at


def _asked_by_demand(decision: Resize, settings: Settings) -> bool:
    if decision.rule in BY_WAITING_WORK:
        return True
    return any(rule.name == decision.rule and rule.signal in DEMAND for rule in settings.policy.rules)
