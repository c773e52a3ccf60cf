"""A cluster without core nodes: nothing on it can end well, and EMR may keep it for ever, if it is protected or not."""

from __future__ import annotations

from agent.domain.core_nodes import core_nodes
from agent.domain.decisions import Decision, Hold, Reason, Terminate
from agent.domain.observation import Observation
from agent.policy.freshness import blindness, stale
from agent.policy.reasons import Why
from agent.settings import Settings


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal once both witnesses say that none is there; nothing otherwise."""
    since, limit_s = observation.history.coreless_since, settings.lifecycle.lost_core_s
    if since is None:
        return ()
    lasted = observation.at - since
    text = f"no core node for {lasted:.0f} s of {limit_s:g} s, by YARN and by HDFS"
    if lasted < limit_s:
        return (Hold((Reason(Why.ZERO_CORE_COUNTING, text),)),)
    return (Terminate((Reason(Why.ZERO_CORE, text),)),)


def seen(observation: Observation, settings: Settings) -> bool:
    """Whether a core node has ever been seen, with this turn."""
    return observation.history.core_seen or bool(_count(observation, settings))


def since(observation: Observation, settings: Settings) -> float | None:
    """Since when none has been there, without a break; None also when that is not certain.

    It does not count while EMR still launches, on a cluster that has no core fleet or group (a single node), and, for
    an agent that has never seen one, before the grace period of idleness is over: what has just begun is not complete.
    """
    history, cluster, fleet = observation.history, observation.cluster, observation.fleet
    if cluster is None or not cluster.resizable or fleet is None or not fleet.has_core:
        return None
    answered = history.manager_answered_at
    if not history.core_seen and (answered is None or observation.at - answered < settings.idle.grace_s):
        return None
    if _count(observation, settings) != 0:
        return None
    return history.coreless_since if history.coreless_since is not None else observation.at


def _count(observation: Observation, settings: Settings) -> int | None:
    """None where a witness is old: what it last said may be over."""
    fleet, hdfs, at, limit_s = observation.fleet, observation.hdfs, observation.at, settings.idle.max_evidence_age_s
    blind = blindness(observation, limit_s) is not None
    return core_nodes(
        None if blind else observation.reading,
        None if fleet is None or stale(fleet.at, at, settings.fleet.max_age_s) else fleet,
        None if hdfs is None or stale(hdfs.at, at, limit_s) else hdfs,
    )
