"""History as a fold: what a turn adds to it, and what an outcome adds. Nothing else keeps anything between turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.domain.decisions import Decision, Hold, Outcome, Resize, Result, Terminate
from agent.domain.fleets import Fleet
from agent.domain.observation import History, Observation
from agent.domain.signals import Signal
from agent.policy import heard, lost_core, measured, queue, requested, shortage, unused, vetoes, work
from agent.policy.busy import busy
from agent.policy.freshness import Fresh, breaches, look
from agent.settings import PolicySettings, Settings

MEMORY_DEATHS = "ExecutorMemoryDeaths"
"""The metric that counts executors found to have died of memory."""


def advance(seen: Observation, settings: Settings) -> History:
    """The history with this turn folded in; `seen` carries the history of the turn before.

    A gap in the turns, or a clock that was set back, voids every `since`: nobody looked meanwhile.
    """
    before = _void(seen.history) if _interrupted(seen, settings.policy) else seen.history
    before = _not_ahead(before, seen)
    answered = before.manager_answered_at
    if answered is None and seen.reading is not None:
        answered = seen.at
    carried = replace(seen, history=before)
    lost_at, arrived_at = vetoes.capacity_changes(carried)
    events = replace(
        before,
        capacity_lost_at=lost_at,
        capacity_arrived_at=arrived_at,
        memory_death_at=seen.at if _death_seen(seen.signals) else before.memory_death_at,
    )
    history = replace(
        events,
        observed_at=seen.at,
        provisioned=before.provisioned if seen.fleet is None else seen.fleet.provisioned,
        instances=vetoes.instances(carried),
        nodes_lost=vetoes.nodes_lost(carried),
        vetoed_since=dict(vetoes.standing(replace(seen, history=events), settings)),
        shuffle_since=work.shuffle_since(carried, settings),
        shortage=shortage.advance(before, carried, settings),
        breaching_since=dict(_breaching(carried, settings.policy)),
        unsettled_since=_unsettled_since(seen.fleet, before, seen.at),
        manager_answered_at=answered,
        leads_since=heard.leads_since(carried),
        unused_since=unused.advance(carried, settings),
        queue_limited_since=queue.limited_since(carried, settings),
        core_seen=lost_core.seen(carried, settings),
    )
    history = replace(history, coreless_since=lost_core.since(replace(seen, history=history), settings))
    history = measured.advance(history, seen, settings)
    return replace(history, idle_since=_idle_since(replace(seen, history=history), settings))


def record(history: History, decision: Decision, result: Result, observation: Observation) -> History:
    """The history with the outcome of that observation's decision in it.

    A call of which it is not known whether EMR took it counts as taken. A dry run counts too, so that it shows the
    pace of the real thing; but nothing is in flight after it. A refusal changes nothing but when to ask again.
    """
    at = observation.at
    match decision, result.outcome:
        case (Hold(), _) | (_, Outcome.NONE):
            return history
        case _, Outcome.REFUSED | Outcome.POSTPONED:
            return replace(history, refused_at=at)
        case Terminate(), _:
            return replace(history, terminate_sent_at=at)
        case Resize(), outcome:
            return _resized(history, decision, outcome, observation)
    raise AssertionError(decision)


def forget_changed(history: History, before: Settings, after: Settings) -> History:
    """What still counts under other settings: a rule that is not as it was begins its count anew."""
    same = {rule.name for rule in after.policy.rules if rule in before.policy.rules}
    return replace(history, breaching_since={n: at for n, at in history.breaching_since.items() if n in same})


def _resized(history: History, decision: Resize, outcome: Outcome, observation: Observation) -> History:
    at = observation.at
    if decision.rule is not None:
        history = replace(history, resized_at={**history.resized_at, decision.rule: at})
    history = replace(history, scaled_out_at=at) if decision.scales_out else replace(history, scaled_in_at=at)
    history = replace(history, requested=requested.last(observation, decision))
    if outcome is Outcome.DRY_RUN:
        return history
    if outcome is Outcome.FAILED:
        history = replace(history, refused_at=at)
    # the fleet that was read for this resize may bear a later time than the turn, and yet knows nothing of it
    read_at = observation.fleet.at if observation.fleet is not None else at
    sent = max(at, read_at)
    history = replace(history, shortage=shortage.record(history, decision, observation))
    # what drains counts as provisioned: beside it nobody can tell when what was ordered has come
    timed = decision.scales_out and not (observation.fleet is not None and observation.fleet.draining)
    return replace(history, resize_sent_at=sent, growth_sent_at=sent if timed else None)


def _interrupted(seen: Observation, policy: PolicySettings) -> bool:
    last = seen.history.observed_at
    return last is not None and not 0 <= seen.at - last <= max(3 * policy.turn_period_s, policy.max_signal_age_s)


def _void(history: History) -> History:
    return replace(
        history,
        breaching_since={},
        unsettled_since=None,
        idle_since=None,
        unused_since={},
        queue_limited_since=None,
        measured_at=None,
        work_unknown_since=None,
        coreless_since=None,
        balance=None,
        vetoed_since={},
        shuffle_since={},
        shortage=replace(history.shortage, short_since=None, undemanded_since=None),
    )


def _not_ahead(history: History, seen: Observation) -> History:
    """After the clock was set back, what seems to lie ahead is taken as happening now: caution, but not for ever."""
    at = seen.at
    read_at = at if seen.fleet is None else max(at, seen.fleet.at)
    return replace(
        history,
        started_at=min(history.started_at, at),
        resized_at={rule: min(then, at) for rule, then in history.resized_at.items()},
        scaled_out_at=_earlier(history.scaled_out_at, at),
        scaled_in_at=_earlier(history.scaled_in_at, at),
        resize_sent_at=_earlier(history.resize_sent_at, read_at),
        refused_at=_earlier(history.refused_at, at),
        growth_sent_at=_earlier(history.growth_sent_at, read_at),
        memory_death_at=_earlier(history.memory_death_at, at),
        capacity_lost_at=_earlier(history.capacity_lost_at, at),
        capacity_arrived_at=_earlier(history.capacity_arrived_at, at),
        leads_since=_earlier(history.leads_since, at),
        manager_answered_at=_earlier(history.manager_answered_at, at),
        notified_at=_earlier(history.notified_at, at),
        terminate_sent_at=_earlier(history.terminate_sent_at, at),
        coreless_since=_earlier(history.coreless_since, at),
        requested=requested.not_ahead(history, at),
        shortage=replace(
            history.shortage,
            began=_earlier(history.shortage.began, at),
            groups={group: min(then, at) for group, then in history.shortage.groups.items()},
        ),
    )


def _earlier(then: float | None, at: float) -> float | None:
    return None if then is None else min(then, at)


def _breaching(seen: Observation, policy: PolicySettings) -> Iterator[tuple[str, float]]:
    for rule in policy.rules:
        found = look(rule, seen.signals, seen.at, policy)
        if isinstance(found, Fresh) and breaches(rule, found.value):
            yield rule.name, seen.history.breaching_since.get(rule.name, found.at)


def _death_seen(signals: Mapping[str, Signal]) -> bool:
    """Whatever its age: the hold that follows is counted from here, and an old death is no reason to forget it."""
    signal = signals.get(MEMORY_DEATHS)
    return signal is not None and any(value > 0 for value in signal.values.values())


def _unsettled_since(fleet: Fleet | None, before: History, at: float) -> float | None:
    if fleet is None or fleet.settled:
        return None
    return before.unsettled_since if before.unsettled_since is not None else at


def _idle_since(seen: Observation, settings: Settings) -> float | None:
    """Idleness begins to count when the grace period is over; any verdict of busy ends it."""
    answered = seen.history.manager_answered_at
    if answered is None or seen.at - answered < settings.idle.grace_s or busy(seen, settings):
        return None
    return seen.history.idle_since if seen.history.idle_since is not None else seen.at
