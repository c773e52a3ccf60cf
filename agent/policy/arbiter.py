"""One decision of many proposals, by safety.

    an end that is ordered > a deadline's end > that of a cluster without core nodes > an answer to a shortage
    > a scale in to the maximum > what a person asks for > the greatest scale out of a rule or an alarm
    > a rule that counts towards one > an end for idleness > a scale out to the minimum
    > a scale in, the gentlest > any other hold

A hold of a rule that has nothing to ask for, or does not see its signal, does not keep another rule from acting:
executors' signals vanish with the executors, just when it is time to scale in. A rule that is already breaching
towards a scale out does: shrinking or ending beside it would be acting on contradictory data. A scale out that no
rule asks for (the minimum) is no sign of work, and so does not keep an idle cluster alive. Above the maximum no rule
may grow, so what leads back to it comes before. A person who looks at the cluster knows what no rule sees; an alarm is
one rule among the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.requests import BY_HAND
from agent.policy.reasons import Why, own
from agent.settings_policy import SHORTAGE

ENDS = {Why.ORDERED: 11, Why.DEADLINE: 10, Why.ZERO_CORE: 9}
"""The weights of ends, but for that of an idle cluster."""


def choose(proposals: Sequence[Decision]) -> Decision:
    """The proposal that wins, with the reasons of all others after its own; a hold when there is none.

    Of equals the earlier wins.
    """
    if not proposals:
        return Hold((Reason(Why.NO_POLICY, "no policy has anything to say"),))
    winner = max(proposals, key=_weight)
    others = tuple(reason for each in proposals if each is not winner for reason in _beside(winner, each))
    match winner:
        case Hold(because):
            return Hold((*because, *others))
        case Resize(because=because):
            return replace(winner, because=(*because, *others))
        case Terminate(because):
            return Terminate((*because, *others))


def without_context(decision: Hold) -> Hold:
    """The hold with its own reasons only."""
    return Hold(own(decision.because))


def leaves_open(decision: Decision) -> bool:
    """Whether other proposals may still come about when a guard withholds this one: an end, an answer to a shortage,
    the way back to the maximum or a request says nothing about what else is to be done."""
    if isinstance(decision, Resize):
        if decision.request is not None:
            return True
        return decision.rule == SHORTAGE or (decision.rule is None and not decision.scales_out)
    return isinstance(decision, Terminate)


def alike(one: Decision, other: Decision) -> bool:
    """Whether they are the same kind of proposal: what withholds the one withholds the other."""
    if isinstance(one, Resize) and isinstance(other, Resize):
        return (one.rule, one.request, one.scales_out) == (other.rule, other.request, other.scales_out)
    return type(one) is type(other)


def ends_at_once(decision: Decision) -> bool:
    """An end by a deadline or an order: somebody's will, which asks nobody whether there is work."""
    return isinstance(decision, Terminate) and not _codes(decision).isdisjoint({Why.DEADLINE, Why.ORDERED})


def ends_for_idleness(decision: Decision) -> bool:
    """Any end but one by a deadline, an order, or the loss of all core nodes."""
    others = {Why.DEADLINE, Why.ORDERED, Why.ZERO_CORE}
    return isinstance(decision, Terminate) and _codes(decision).isdisjoint(others)


def ends_unannounced(decision: Decision) -> bool:
    """An end that no notice could put off: it is decided elsewhere, or nobody can use the cluster any more."""
    return isinstance(decision, Terminate) and not _codes(decision).isdisjoint({Why.ORDERED, Why.ZERO_CORE})


def _codes(decision: Decision) -> frozenset[str]:
    return frozenset(reason.code for reason in decision.because)


def _weight(decision: Decision) -> tuple[int, int]:
    match decision:
        case Terminate():
            codes = _codes(decision)
            return (max((weight for code, weight in ENDS.items() if code in codes), default=3), 0)
        case Resize():
            return (_urgency(decision), decision.target)
        case Hold():
            return (4 if any(reason.code == Why.COUNTING_OUT for reason in decision.because) else 0, 0)


def _urgency(decision: Resize) -> int:
    if decision.rule == SHORTAGE:
        return 8
    if decision.request is not None and decision.rule == BY_HAND:
        return 6
    if not decision.scales_out:
        return 7 if decision.rule is None else 1
    return 2 if decision.rule is None else 5


def _beside(winner: Decision, other: Decision) -> tuple[Reason, ...]:
    """The reasons of a proposal that lost: a hold's own beside a hold, otherwise as context."""
    if isinstance(other, Hold):
        if isinstance(winner, Hold):
            return other.because
        return tuple(Reason(Why.BESIDE, reason.text) for reason in other.because)
    wish = f"resize to {other.target} units" if isinstance(other, Resize) else "terminate"
    return tuple(Reason(Why.OVERRULED, f"{wish}: {reason.text}") for reason in other.because)
