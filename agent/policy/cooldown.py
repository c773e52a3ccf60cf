"""Guard: cooldowns. An empty history, as after a restart, counts as a resize at the agent's start."""

from __future__ import annotations

from collections.abc import Iterator

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.observation import Observation
from agent.domain.requests import BY_HAND, Request, Source
from agent.policy import requested
from agent.policy.freshness import scales_out
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import SHORTAGE
from agent.settings_rules import Rule


def cooled_down(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Hold until every cooldown in the decision's direction is over.

    A rule's last resize bars its direction, for all rules, for that rule's cooldown; a scale in also waits a
    cooldown after any scale out, so that what has just come is not taken away before it got work. Answers to a
    shortage take nothing away and have times of their own.

    What somebody outside asked for is not undone by a policy or an alarm at once. A person may ask for the opposite a
    moment later, and may force a request past every cooldown.
    """
    if not isinstance(decision, Resize) or decision.rule == SHORTAGE:
        return decision
    request = requested.find(observation, decision)
    if request is not None and request.force:
        return decision
    barred = max(_bars(observation, decision, settings), default=None)
    if barred is None or barred[0] <= observation.at:
        return decision
    until, text = barred
    return decision.withheld(Reason(Why.COOLDOWN, f"{text}; {until - observation.at:.0f} s left"))


def _bars(observation: Observation, decision: Resize, settings: Settings) -> Iterator[tuple[float, str]]:
    history = observation.history
    yield from _after_request(observation, decision)
    if (request := requested.find(observation, decision)) is not None and request.source is Source.ALARM:
        yield _own_last(observation, request)
        yield from _after_another(observation, request)
    for rule in _same_direction(decision, settings):
        last = history.resized_at.get(rule.name)
        if last is not None:
            yield last + rule.cooldown_s, f"{rule.name} resized {observation.at - last:.0f} s ago"
        elif not decision.scales_out or rule.name == decision.rule:
            began = observation.at - history.started_at
            yield history.started_at + rule.cooldown_s, f"the agent began {began:.0f} s ago, as if {rule.name} resized"
        if not decision.scales_out and history.scaled_out_at is not None:
            ago = observation.at - history.scaled_out_at
            yield history.scaled_out_at + rule.cooldown_s, f"the last scale out was {ago:.0f} s ago"


def _after_request(observation: Observation, decision: Resize) -> Iterator[tuple[float, str]]:
    """The limits are no policy that undoes anything: nothing that was asked for leads past them."""
    last = observation.history.requested
    if last is None or decision.rule in {None, BY_HAND} or decision.scales_out is last.scales_out:
        return
    yield last.until, f"{last.by} asked for the opposite {observation.at - last.at:.0f} s ago"


def _own_last(observation: Observation, alarm: Request) -> tuple[float, str]:
    last = observation.history.resized_at.get(alarm.rule)
    if last is not None:
        return last + alarm.cooldown_s, f"the {alarm.rule} resized {observation.at - last:.0f} s ago"
    began = observation.history.started_at
    text = f"the agent began {observation.at - began:.0f} s ago, as if the {alarm.rule} had resized"
    return began + alarm.cooldown_s, text


def _after_another(observation: Observation, alarm: Request) -> Iterator[tuple[float, str]]:
    """What was asked for before this agent's turn to act came, the agent before it may have done: its ledger is on
    another primary."""
    since = observation.history.leads_since
    if since is not None and alarm.asked_at <= since:
        ago = observation.at - since
        yield alarm.expires_at, f"the primary has changed {ago:.0f} s ago, and the agent before may have done this"


def _same_direction(decision: Resize, settings: Settings) -> Iterator[Rule]:
    return (rule for rule in settings.policy.rules_in_force if scales_out(rule) is decision.scales_out)
