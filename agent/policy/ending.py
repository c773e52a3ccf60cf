"""The coming end: when it is due, and the notice that goes out before it.

A notice is always given its full time. If idleness was counted for less (`after_s` below `notice_s`), or the
agent began after the deadline, the notice goes at once and the end waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agent.domain.decisions import Decision, Reason, Terminate
from agent.domain.observation import History, Observation
from agent.policy import busy
from agent.policy.arbiter import ends_unannounced
from agent.policy.orders import fresh, idle_limit_s
from agent.policy.reasons import Why
from agent.settings import IdleSettings, Settings

Guarded = Callable[[Observation, Decision], Decision]


@dataclass(frozen=True, slots=True)
class Ending:
    """An end that will come if nothing changes."""

    of: float
    """What it is known by: the `idle_since` or the deadline."""
    due: float
    """When it could come, were it not for the notice."""
    because: Reason

    def at(self, history: History, now: float, notice_s: float) -> float:
        """When it comes, the notice included."""
        given = history.notified_at if history.notified_of == self.of and history.notified_at is not None else now
        return max(self.due, given + notice_s)


def of_idleness(observation: Observation, settings: Settings) -> Ending | None:
    """None while the cluster is not idle, or the watchdog is off."""
    since = observation.history.idle_since
    if since is None or not settings.idle.enabled:
        return None
    said = busy.text(busy.verdicts(observation, settings))
    limit_s, known = idle_limit_s(observation, settings), fresh(observation, settings)
    drains = f", and it is to drain: {known.drain}" if known is not None and known.drain is not None else ""
    text = f"idle for {observation.at - since:.0f} s of {limit_s:g} s, since {_utc(since)} ({said}){drains}"
    return Ending(since, since + limit_s, Reason(Why.IDLE, text))


def of_deadline(observation: Observation, settings: IdleSettings) -> Ending | None:
    """The earliest of the deadlines: the settings', which counts from when EMR says that the cluster was created, that
    of the cluster's tag, and the table's, however long ago it was heard. None without any that is known."""
    return min(_deadlines(observation, settings), key=lambda ending: ending.due, default=None)


def _deadlines(observation: Observation, settings: IdleSettings) -> Iterator[Ending]:
    cluster, orders = observation.cluster, observation.orders
    if cluster is not None and settings.terminate_after_s is not None:
        due, age = cluster.created_at + settings.terminate_after_s, observation.at - cluster.created_at
        text = f"the cluster is {age:.0f} s old; its time is {settings.terminate_after_s:g} s"
        yield Ending(due, due, Reason(Why.DEADLINE, text))
    given = (
        ("the cluster's tag", None if cluster is None else cluster.terminate_at),
        ("the table", None if orders is None else orders.terminate_at),
    )
    for who, due_at in given:
        if due_at is not None:
            yield Ending(due_at, due_at, Reason(Why.DEADLINE, f"by {who} its time is {_utc(due_at)}"))


def ends_at(observation: Observation, settings: Settings) -> float | None:
    """When the cluster ends if nothing changes, the notice included; None when no end is in sight."""
    coming = _coming(observation, settings)
    return None if coming is None else coming.at(observation.history, observation.at, settings.idle.notice_s)


def notice(observation: Observation, settings: Settings, guarded: Guarded) -> Ending | None:
    """The end of which a notice is due now: the next one, not yet noticed, that the guards would let pass."""
    coming = _coming(observation, settings)
    if coming is None or observation.history.notified_of == coming.of:
        return None
    if observation.at < coming.due - settings.idle.notice_s:
        return None
    # as if the notice had had its time already: the guard that waits for it must not keep it from going out
    told = notified(observation.history, coming.of, -math.inf)
    decision = guarded(replace(observation, history=told), Terminate((coming.because,)))
    return coming if isinstance(decision, Terminate) else None


def noticed(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: hold an end until a notice of it has had its full time, if it is one that a notice could put off."""
    if not isinstance(decision, Terminate) or ends_unannounced(decision):
        return decision
    coming, history = _coming(observation, settings), observation.history
    given = None if coming is None or history.notified_of != coming.of else history.notified_at
    left = settings.idle.notice_s if given is None else given + settings.idle.notice_s - observation.at
    if given is not None and left <= 0:
        return decision
    return decision.withheld(Reason(Why.NOTICE_RUNNING, f"the notice of it has {left:.0f} s still"))


def notified(history: History, of: float, at: float) -> History:
    """The history after the notice of that coming end."""
    return replace(history, notified_of=of, notified_at=at)


def _utc(at: float) -> str:
    """For a reader who finds the text later, in a mail or a log."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _coming(observation: Observation, settings: Settings) -> Ending | None:
    found: Sequence[Ending | None] = (of_idleness(observation, settings), of_deadline(observation, settings.idle))
    history, notice_s = observation.history, settings.idle.notice_s
    return min(
        (ending for ending in found if ending is not None),
        key=lambda ending: ending.at(history, observation.at, notice_s),
        default=None,
    )
