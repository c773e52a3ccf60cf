"""One turn's thinking, whole and pure: live turns and replayed ones call the same function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from agent.domain.decisions import Because, Decision, Hold, Reason
from agent.domain.observation import Observation
from agent.policy import POLICIES, SCALERS, Policy, arbiter, guards, requested
from agent.policy.ending import Ending, notice, notified
from agent.policy.guards import Guard
from agent.policy.history import advance
from agent.settings import Settings
from agent.settings_policy import PolicyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    observation: Observation
    """With the history that this turn has been folded into."""
    proposals: tuple[tuple[str, Decision], ...]
    wanted: Decision
    decision: Decision
    notice: Ending | None
    """The end of which a notice goes out now."""
    withheld: Reason | None = None
    """Why what was wanted is not done, by the guard that withheld it."""
    limited: Because = ()
    """Why it is done in part: the reasons of the guards that made the target of a resize gentler."""
    shadows: tuple[tuple[str, Decision], ...] = ()
    """What each shadow policy would have done now, after the guards."""
    requests: tuple[tuple[str, Decision], ...] = ()
    """By id of each request that has not expired: what the guards make of it alone."""


def consider(
    seen: Observation, settings: Settings, chain: Sequence[Guard], policies: Mapping[str, Policy] = POLICIES
) -> Considered:
    """What to do about what is seen; `seen` carries the history of the turn before."""
    observation = replace(seen, history=advance(seen, settings))
    coming = notice(observation, settings, partial(_guarded, chain, settings))
    if coming is not None:
        observation = replace(observation, history=notified(observation.history, coming.of, observation.at))
    kind = settings.policy.kind
    asked = {str(kind): SCALERS[kind], **policies}
    proposals = tuple((name, said) for name, policy in asked.items() for said in policy(observation, settings))
    guarded = partial(_guarded, chain, settings, observation)
    found = _decided([said for _, said in proposals], guarded)
    shadows = tuple((str(name), _shadow(name, chain, settings, observation)) for name in settings.policy.shadows)
    return Considered(
        observation=observation,
        proposals=proposals,
        wanted=found.wanted,
        decision=found.decision,
        notice=coming,
        withheld=found.withheld,
        limited=found.limited,
        shadows=shadows,
        requests=tuple((request.id, guarded(said)) for request, said in requested.each(observation)),
    )


@dataclass(frozen=True, slots=True)
class _Decided:
    wanted: Decision
    decision: Decision
    withheld: Reason | None = None
    limited: Because = ()


def _decided(said: Sequence[Decision], guarded: Callable[[Decision], Decision]) -> _Decided:
    """What wins, what the guards make of it, and why it is withheld or done in part, if it is.

    What is withheld may leave the question open what else to do: a protected cluster may still shrink.
    """
    wanted = arbiter.choose(said)
    decision = guarded(wanted)
    if isinstance(wanted, Hold) or not isinstance(decision, Hold):
        # a guard adds its reason after all others
        return _Decided(wanted, decision, limited=decision.because[len(wanted.because) :])
    withheld = decision.because[-1]
    if not arbiter.leaves_open(wanted):
        return _Decided(wanted, decision, withheld)
    rest = _decided([each for each in said if not arbiter.alike(each, wanted)], guarded)
    decision = arbiter.choose([arbiter.without_context(decision), rest.decision])
    return _Decided(wanted, decision, withheld, () if isinstance(decision, Hold) else rest.limited)


def _shadow(kind: PolicyKind, chain: Sequence[Guard], settings: Settings, observation: Observation) -> Decision:
    """What that policy would do here and now, had it come to this point: the past is the acting policy's."""
    own = settings.model_copy(update={"policy": settings.policy.model_copy(update={"kind": kind})})
    wanted = arbiter.choose([*SCALERS[kind](observation, own), *POLICIES["limits"](observation, own)])
    return _guarded(chain, own, observation, wanted)


def _guarded(chain: Sequence[Guard], settings: Settings, observation: Observation, decision: Decision) -> Decision:
    return guards.apply(chain, observation, decision, settings)
