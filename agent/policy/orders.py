"""What the lifecycle's table wants: an end that somebody else has decided, a claim that keeps the cluster.

Orders grow stale when the table is not reached: then nobody knows who has the cluster. A cluster without work must not
go on for ever because of that, so an end for idleness then comes after twice the time.
"""

from __future__ import annotations

from agent.domain.decisions import Decision, Reason, Terminate
from agent.domain.observation import Observation
from agent.domain.orders import Orders
from agent.policy.arbiter import ends_for_idleness
from agent.policy.freshness import stale
from agent.policy.reasons import Why
from agent.settings import Settings

UNREACHED = 2.0
"""So many times as long a cluster must have been idle while its table is not reached."""


def fresh(observation: Observation, settings: Settings) -> Orders | None:
    """Those of a table that has answered lately: as lately as the others must have heard of this agent."""
    orders = observation.orders
    if orders is None or orders.heard_at is None:
        return None
    return None if stale(orders.heard_at, observation.at, settings.lifecycle.heartbeat_lost_s) else orders


def unknown(observation: Observation, settings: Settings) -> bool:
    """Whether there is a table, and it has not answered lately."""
    return observation.orders is not None and fresh(observation, settings) is None


def idle_limit_s(observation: Observation, settings: Settings) -> float:
    """How long the cluster must have been idle: not at all when it is to drain."""
    known, after_s = fresh(observation, settings), settings.idle.after_s
    if known is not None and known.drain is not None:
        return 0.0
    return UNREACHED * after_s if unknown(observation, settings) else after_s


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """The end that is ordered, or nothing."""
    known = fresh(observation, settings)
    if known is None or known.end_reason is None:
        return ()
    why = f": {known.end_why}" if known.end_why else ""
    return (Terminate((Reason(Why.ORDERED, f"the table says that it is to end ({known.end_reason}){why}"),)),)


def unclaimed(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: no end for want of work while a job has the cluster, or where that is not known and YARN is not empty."""
    if not ends_for_idleness(decision) or not isinstance(decision, Terminate) or observation.orders is None:
        return decision
    known = fresh(observation, settings)
    if known is not None:
        if known.claim is None:
            return decision
        return decision.withheld(Reason(Why.CLAIMED, f"the cluster is given to {known.claim}"))
    # how long it must have been idle then is in `idle_limit_s`; here, whether it is empty for sure
    if observation.reading is not None and observation.reading.applications == ():
        return decision
    text = "the table has not answered lately, and YARN does not say that no application is there"
    return decision.withheld(Reason(Why.ORDERS_UNKNOWN, text))
