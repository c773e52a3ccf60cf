"""Guards: each may soften a decision (a gentler target, a hold), and then adds its reason. They stand in order.

Blind means do not shrink and do not end. Every guard looks at one thing; none undoes another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.observation import Observation
from agent.domain.rights import Capability
from agent.policy import busy, limits, money, orders, placement, queue, settling, shortage, vetoes, work
from agent.policy.arbiter import ends_at_once, ends_for_idleness
from agent.policy.cooldown import cooled_down
from agent.policy.ending import noticed
from agent.policy.freshness import Fresh, blindness, look, stale
from agent.policy.heard import heard
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import SHORTAGE

Guard = Callable[[Observation, Decision, Settings], Decision]

REBALANCE_HOLD_S = 3600.0
"""A recommendation comes minutes before the notice, if one comes at all; it is never taken back (EC2 user guide)."""

TERMINATION_S = 600.0
"""A cluster is gone 1 to 5 minutes after TerminateJobFlows; one that is still there after this was not ended."""

RETRY_S = 60.0
"""EMR's quotas of calls fill up again within seconds (service quotas: bucket and refill rate). A longer
pause makes a policy dear that gives back little at a time."""


def apply(guards: Sequence[Guard], observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """The decision after all guards, in their order."""
    for guard in guards:
        decision = guard(observation, decision, settings)
    return decision


def cluster_known(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    cluster = observation.cluster
    if isinstance(decision, Hold):
        return decision
    if cluster is None:
        text = f"EMR has not told of the cluster yet{_unseen(observation)}"
        return decision.withheld(Reason(Why.CLUSTER_UNKNOWN, text))
    if stale(cluster.at, observation.at, settings.fleet.max_age_s):
        text = f"the cluster was last read {observation.at - cluster.at:.0f} s ago{_unseen(observation)}"
        return decision.withheld(Reason(Why.CLUSTER_UNKNOWN, text))
    return decision


def _unseen(observation: Observation) -> str:
    """Which right is missing for the views of EMR, to be added to why one is not there."""
    found = [right.text for right in observation.missing if right.capability is Capability.OBSERVE]
    return "".join(f"; {text}" for text in found)


def alone(observation: Observation, decision: Decision, _: Settings) -> Decision:
    foreign = observation.cluster.foreign_scaler if observation.cluster is not None else None
    if isinstance(decision, Hold) or foreign is None:
        return decision
    return decision.withheld(Reason(Why.FOREIGN_SCALER, f"a {foreign} acts on this cluster: observing only"))


def leading(observation: Observation, decision: Decision, _: Settings) -> Decision:
    """What the last answer said holds whatever its age: a failover is known only by another answer."""
    reading = observation.reading
    if isinstance(decision, Hold) or reading is None or reading.leader:
        return decision
    text = "the ResourceManager at the configured address does not lead: the agent beside the active one acts"
    return decision.withheld(Reason(Why.NOT_LEADER, text))


def not_ending(observation: Observation, decision: Decision, _: Settings) -> Decision:
    if isinstance(decision, Hold):
        return decision
    if observation.cluster is not None and observation.cluster.ending:
        return decision.withheld(Reason(Why.ENDING, f"the cluster is {observation.cluster.state}"))
    sent = observation.history.terminate_sent_at
    if sent is not None and observation.at - sent < TERMINATION_S:
        return decision.withheld(Reason(Why.ENDING, f"termination was asked for {observation.at - sent:.0f} s ago"))
    return decision


def primary_stays(observation: Observation, decision: Decision, _: Settings) -> Decision:
    """EC2's notice to the primary ends the cluster: nothing is begun any more. A recommendation to rebalance may come
    to nothing: for its hour nothing is resized, and an end is still an end."""
    told = observation.interruption
    if isinstance(decision, Hold) or told is None:
        return decision
    if told.certain:
        return decision.withheld(Reason(Why.PRIMARY_INTERRUPTED, f"EC2 is about to {told.action} the primary"))
    # it may be older than this agent, which may have been started anew
    age_s = observation.at - min(told.seen_at, told.seen_at if told.at is None else told.at)
    if isinstance(decision, Terminate) or age_s >= REBALANCE_HOLD_S:
        return decision
    text = f"EC2 recommended {age_s:.0f} s ago to rebalance the primary: it may be interrupted soon"
    return decision.withheld(Reason(Why.PRIMARY_INTERRUPTED, text))


def cluster_resizable(observation: Observation, decision: Decision, _: Settings) -> Decision:
    cluster = observation.cluster
    if not isinstance(decision, Resize) or cluster is None or cluster.resizable:
        return decision
    return decision.withheld(Reason(Why.NOT_RESIZABLE, f"the cluster is {cluster.state}"))


def fleet_known(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    fleet = observation.fleet
    if not isinstance(decision, Resize):
        return decision
    if fleet is None:
        text = f"EMR has not told of the task fleet yet{_unseen(observation)}"
        return decision.withheld(Reason(Why.FLEET_UNKNOWN, text))
    if stale(fleet.at, observation.at, settings.fleet.max_age_s):
        text = f"the task fleet was last read {observation.at - fleet.at:.0f} s ago{_unseen(observation)}"
        return decision.withheld(Reason(Why.FLEET_UNKNOWN, text))
    if fleet.target != decision.current:
        text = f"the target is {fleet.target} units, not {decision.current}"
        return decision.withheld(Reason(Why.FLEET_CHANGED, text))
    return decision


def settled(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    fleet = observation.fleet
    if not isinstance(decision, Resize) or fleet is None:
        return decision
    fault = settling.state_fault(fleet)
    if decision.rule == SHORTAGE and fault is None:
        # it answers what is in flight, and has seen to it that the fleet was read since
        return decision
    fault = fault or settling.in_flight(fleet, observation.history, observation.at, settings.fleet)
    return decision if fault is None else decision.withheld(fault)


def permitted(observation: Observation, decision: Decision, _: Settings) -> Decision:
    """A right that came in the meantime is found out by trying, some minutes after the last time."""
    if isinstance(decision, Hold):
        return decision
    needed = Capability.RESIZE if isinstance(decision, Resize) else Capability.TERMINATE
    for right in observation.missing:
        if right.capability is needed and observation.at < right.retry_at:
            return decision.withheld(Reason(Why.RIGHT_MISSING, right.text))
    return decision


def not_refused_lately(observation: Observation, decision: Decision, _: Settings) -> Decision:
    refused = observation.history.refused_at
    if isinstance(decision, Hold) or refused is None or observation.at - refused >= RETRY_S:
        return decision
    text = f"EMR refused {observation.at - refused:.0f} s ago; the next try is after {RETRY_S:g} s"
    return decision.withheld(Reason(Why.REFUSED, text))


def not_paused(observation: Observation, decision: Decision, _: Settings) -> Decision:
    """A hard deadline or an order was somebody's will too, and a pause that outlasts it would be forgotten."""
    pause = observation.paused
    if isinstance(decision, Hold) or pause is None or observation.at >= pause.until or ends_at_once(decision):
        return decision
    text = f"paused for another {pause.until - observation.at:.0f} s: {pause.why}"
    return decision.withheld(Reason(Why.PAUSED, text))


def own_signal_fresh(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Policies without rules look at the cluster manager's answer: `not_blind` sees to that."""
    if not isinstance(decision, Resize) or decision.rule in {None, SHORTAGE, settings.policy.kind}:
        return decision
    if decision.request is not None:
        # that somebody asked, and not long ago, is what it rests on
        return decision
    rule = next((rule for rule in settings.policy.rules if rule.name == decision.rule), None)
    if rule is None:
        return decision.withheld(Reason(Why.UNKNOWN_RULE, f"{decision.rule} is no rule of the settings"))
    seen = look(rule, observation.signals, observation.at, settings.policy)
    return decision if isinstance(seen, Fresh) else decision.withheld(seen)


def not_blind(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """A scale out may rest on its own rule's signal, which `own_signal_fresh` has seen to."""
    blind = blindness(observation, settings.policy.max_signal_age_s)
    if isinstance(decision, Hold) or blind is None:
        return decision
    by_rule = isinstance(decision, Resize) and decision.rule not in {None, SHORTAGE, settings.policy.kind}
    if by_rule and isinstance(decision, Resize) and decision.scales_out:
        return decision
    return decision.withheld(Reason(Why.BLIND, blind))


def unprotected(observation: Observation, decision: Decision, _: Settings) -> Decision:
    cluster = observation.cluster
    if not isinstance(decision, Terminate) or cluster is None or not cluster.termination_protected:
        return decision
    return decision.withheld(Reason(Why.PROTECTED, "termination protection is on; it is respected, not lifted"))


def history_begun(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    lived = observation.at - observation.history.started_at
    if isinstance(decision, Hold) or (isinstance(decision, Resize) and decision.scales_out):
        return decision
    if lived > settings.policy.turn_period_s:
        return decision
    return decision.withheld(Reason(Why.EMPTY_HISTORY, f"the agent began {lived:.0f} s ago"))


def evidently_idle(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Only an end for idleness asks whether there is work."""
    if not isinstance(decision, Terminate) or not ends_for_idleness(decision):
        return decision
    if found := busy.busy(observation, settings):
        return decision.withheld(Reason(Why.NOT_IDLE, busy.text(found)))
    if observation.history.idle_since is None:
        return decision.withheld(Reason(Why.EMPTY_HISTORY, "idleness has not been counted yet"))
    return decision


def nothing_in_flight(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    fleet = observation.fleet
    if not isinstance(decision, Terminate) or not ends_for_idleness(decision) or fleet is None:
        return decision
    moving = settling.in_flight(fleet, observation.history, observation.at, settings.fleet)
    return decision if moving is None else decision.withheld(moving)


GUARDS: tuple[Guard, ...] = (
    cluster_known,  # first: what EMR has not told lately cannot be judged by any guard below
    alone,  # two scalers undo each other; the foreign one was there by somebody's choice
    leading,  # with several primaries each has an agent, and one of them acts
    not_ending,  # nothing may be asked of a cluster that goes
    primary_stays,  # what is begun now nobody sees to its end
    cluster_resizable,  # EMR would refuse, and the refusal would cost quota
    fleet_known,  # a resize sends whole targets: made from an old view it would undo someone's change
    settled,  # the effect of the last resize must be seen before the next is judged
    not_paused,  # somebody's will, for a time; after what EMR would not take anyway
    permitted,  # without the right it would only be refused again; before the refusal, whose cause it names
    not_refused_lately,  # asking again at once wastes a quota that the whole account shares
    own_signal_fresh,  # a rule without its signal asks for nothing
    not_blind,  # without the cluster manager nobody knows what would be taken away
    queue.useful,  # capacity that the waiting work is not allowed to use is bought in vain
    shortage.not_remembered,  # what spot has just refused it will refuse again; may buy a part on demand instead
    history_begun,  # what has just begun has not seen enough to take anything away
    heard,  # after a failover the applications that run report elsewhere: their silence is no relief either
    vetoes.no_memory_deaths,  # an executor that is gone frees memory: that is saturation, not relief
    vetoes.kept_capacity,  # what was just taken or has just come says nothing yet
    vetoes.not_vetoed,  # what goes on beside the containers: transfers, a heap that is full
    cooled_down,  # after those that do not depend on time, so that their reasons are heard
    work.kept,  # may raise a scale in's target: stands before the limits, which have the last word
    work.of_market_bought,  # the actuator would refuse it, in every turn
    placement.placed,  # a group has a market of its own, and so what growth costs depends on which one grows
    money.affordable,  # after all that may still lower a target or move it to the dearer market
    limits.within,  # last of those that change a target: nothing after it may move it out again
    placement.placed,  # again, for the target as it has become since
    work.moved_back_first,  # the dearer units go first, no more of them than go at all; changes no target
    unprotected,  # ends from here on; protection is somebody's explicit will, so it is named first
    evidently_idle,  # every probe, judged again now
    orders.unclaimed,  # what no probe sees yet: a job that has just been given this cluster
    nothing_in_flight,  # what is under way in EMR ends before the cluster does
    noticed,  # last: the notice goes out only when nothing else is in the way, and then gets its time
)
"""Every guard, in the order in which they speak."""
