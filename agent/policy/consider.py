"""One turn's thinking, whole and pure: live turns and replayed ones call the same function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from agent.domain.decisions import Decision, Hold, Terminate
from agent.domain.observation import Observation
from agent.policy import POLICIES, Policy, arbiter, guards
from agent.policy.ending import Ending, notice, notified
from agent.policy.guards import Guard
from agent.policy.history import advance
from agent.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    observation: Observation
    """With the history that this turn has been folded into."""
    proposals: tuple[tuple[str, Decision], ...]
    wanted: Decision
    decision: Decision
    notice: Ending | None
    """The end of which a notice goes out now."""


def consider(
    seen: Observation, settings: Settings, chain: Sequence[Guard], policies: Mapping[str, Policy] = POLICIES
) -> Considered:
    """What to do about what is seen; `seen` carries the history of the turn before."""
    observation = replace(seen, history=advance(seen, settings))
    coming = notice(observation, settings, partial(_guarded, chain, settings))
    if coming is not None:
        observation = replace(observation, history=notified(observation.history, coming.of, observation.at))
    proposals = tuple((name, said) for name, policy in policies.items() for said in policy(observation, settings))
    wanted = arbiter.choose([said for _, said in proposals])
    decision = _guarded(chain, settings, observation, wanted)
    if isinstance(wanted, Terminate) and isinstance(decision, Hold):
        # an end that is withheld leaves the question of capacity open: a protected cluster may still shrink
        others = arbiter.choose([said for _, said in proposals if not isinstance(said, Terminate)])
        decision = arbiter.choose([arbiter.without_context(decision), _guarded(chain, settings, observation, others)])
    return Considered(observation=observation, proposals=proposals, wanted=wanted, decision=decision, notice=coming)


def _guarded(chain: Sequence[Guard], settings: Settings, observation: Observation, decision: Decision) -> Decision:
    return guards.apply(chain, observation, decision, settings)
