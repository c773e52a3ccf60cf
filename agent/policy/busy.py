"""What speaks for work on the cluster: the probes' evidence, and what follows from the views. Silence is busy.

The union of the busy tests of EMR's auto-termination, mrjob and others: any unfinished application in the
cluster manager (accepted ones too), any step that is not over, a scale out of ours in flight, a recent
`isbusy` file, and whatever further probes there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.domain.observation import Evidence, Observation
from agent.domain.readings import Application, ClusterReading
from agent.policy.freshness import blindness, stale
from agent.policy.settling import grows, in_flight
from agent.policy.unfinished import described
from agent.policy.unused import unused_s
from agent.settings import Settings

APPLICATIONS = "applications"
RESIZE = "resize"
STEPS = "steps"
ISBUSY = "isbusy"
REQUIRED = (APPLICATIONS, STEPS, RESIZE, ISBUSY)
"""Without each of these, idleness is not known. The first and the third follow from the views."""


def verdicts(observation: Observation, settings: Settings) -> tuple[Evidence, ...]:
    """All evidence, each judged: what is stale counts as busy, and so does a required probe that is missing."""
    given = (
        _applications(observation, settings),
        _resize(observation, settings),
        *(_judged(evidence, observation.at, settings) for evidence in observation.evidence),
    )
    known = {evidence.probe for evidence in given}
    return (*given, *_missing(known, observation.at))


def busy(observation: Observation, settings: Settings) -> tuple[Evidence, ...]:
    """Those verdicts that say busy; none of them means idle."""
    return tuple(evidence for evidence in verdicts(observation, settings) if evidence.busy)


def text(evidence: tuple[Evidence, ...]) -> str:
    return "; ".join(f"{each.probe}: {each.detail}" for each in evidence)


def _missing(known: set[str], at: float) -> Iterator[Evidence]:
    for probe in REQUIRED:
        if probe not in known:
            yield Evidence(probe=probe, busy=True, detail="not asked yet", at=at)


def _judged(evidence: Evidence, at: float, settings: Settings) -> Evidence:
    limit = settings.idle.max_evidence_age_s
    if evidence.probe == STEPS:
        # listed only every steps_period_s, to spare the account's quota: good until the next listing is overdue
        limit += settings.idle.steps_period_s
    if not stale(evidence.at, at, limit):
        return evidence
    return replace(evidence, busy=True, detail=f"last known {at - evidence.at:.0f} s ago: {evidence.detail}")


def _applications(observation: Observation, settings: Settings) -> Evidence:
    blind = blindness(observation, settings.idle.max_evidence_age_s)
    reading = observation.reading
    if blind is not None or reading is None:
        return Evidence(probe=APPLICATIONS, busy=True, detail=blind or "unknown", at=observation.at)
    if reading.applications is None:
        return Evidence(probe=APPLICATIONS, busy=True, detail="the cluster manager did not tell", at=reading.at)
    if reading.applications:
        return _unfinished(reading.applications, reading.at, observation, settings)
    if (contradiction := _work_of_nobody(reading)) is not None:
        return Evidence(probe=APPLICATIONS, busy=True, detail=contradiction, at=reading.at)
    return Evidence(probe=APPLICATIONS, busy=False, detail="none unfinished", at=reading.at)


def _work_of_nobody(reading: ClusterReading) -> str | None:
    """What contradicts an empty list of applications, as one that an access control list has filtered."""
    if reading.containers_pending:
        return f"none listed, yet {reading.containers_pending} containers are pending"
    at_work = sum(1 for node in reading.nodes or () if node.alive and node.holds_work)
    return f"none listed, yet {at_work} nodes hold work" if at_work else None


def _unfinished(
    applications: tuple[Application, ...], at: float, observation: Observation, settings: Settings
) -> Evidence:
    """Busy, unless every one of them has been unused for as long as the settings ask."""
    after_s = settings.idle.unused_application_after_s
    found = {app.id: None if after_s is None else unused_s(app, observation) for app in applications}
    used = [app for app in applications if (lasted := found[app.id]) is None or lasted < (after_s or 0)]
    # those in use first: they are what keeps the cluster
    in_use = {app.id for app in used}
    told = sorted(applications, key=lambda app: app.id not in in_use)
    detail = described(told, lambda app: found[app.id], after_s)
    return Evidence(probe=APPLICATIONS, busy=bool(used), detail=detail, at=at)


def _resize(observation: Observation, settings: Settings) -> Evidence:
    """A scale out in flight is busy. A scale in is what idleness looks like: only the end itself waits for it."""
    fleet, at = observation.fleet, observation.at
    if fleet is None:
        return Evidence(probe=RESIZE, busy=True, detail="EMR has not told of the task fleet", at=at)
    if stale(fleet.at, at, settings.fleet.max_age_s):
        return Evidence(probe=RESIZE, busy=True, detail=f"the task fleet was read {at - fleet.at:.0f} s ago", at=at)
    moving = in_flight(fleet, observation.history, at, settings.fleet)
    if moving is None:
        return Evidence(probe=RESIZE, busy=False, detail="none in flight", at=fleet.at)
    if grows(fleet, observation.history):
        return Evidence(probe=RESIZE, busy=True, detail=moving.text, at=fleet.at)
    return Evidence(probe=RESIZE, busy=False, detail=f"scaling in: {moving.text}", at=fleet.at)
