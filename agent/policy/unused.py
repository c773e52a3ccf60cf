"""Applications that hold containers and do nothing: a notebook session that somebody left open.

Off unless `idle.unused_application_after_s` is set. Any doubt is use: an application counts as unused only while the
probe `rest` speaks for it, fresh, in every turn for all that time, and nothing waits for resources.
"""

from __future__ import annotations

from agent.domain.observation import Observation
from agent.domain.readings import Application, ClusterReading
from agent.policy.freshness import blindness, stale
from agent.settings import Settings

REST = "rest"
"""The probe that names the running Spark applications of which every JVM reports that nothing is at work."""


def advance(seen: Observation, settings: Settings) -> dict[str, float]:
    """The history's `unused_since` after this turn, by application id; `seen` carries the one before."""
    if settings.idle.unused_application_after_s is None or seen.reading is None:
        return {}
    if blindness(seen, settings.idle.max_evidence_age_s) is not None or seen.reading.containers_pending != 0:
        return {}
    if not _all_listed(seen.reading):
        return {}
    resting = {
        id: evidence.at
        for evidence in seen.evidence
        if evidence.probe == REST and not stale(evidence.at, seen.at, settings.idle.max_evidence_age_s)
        for id in evidence.of
    }
    running = [one.id for one in seen.reading.applications or () if one.state == "RUNNING"]
    return {id: seen.history.unused_since.get(id, resting[id]) for id in running if id in resting}


def _all_listed(reading: ClusterReading) -> bool:
    """Whether the containers on the nodes are those of the applications that are listed: an access control list may
    hide some."""
    applications, nodes = reading.applications, reading.nodes
    if applications is None or nodes is None:
        return False
    there = sum(node.containers or 0 for node in nodes)
    return there <= sum(application.containers or 0 for application in applications)


def unused_s(application: Application, observation: Observation) -> float | None:
    """For how long it has been unused; None while it is in use, or nobody knows."""
    since = observation.history.unused_since.get(application.id)
    return None if since is None else max(0.0, observation.at - since)
