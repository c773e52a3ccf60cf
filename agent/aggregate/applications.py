"""Which applications get a dimension value of their own, so that CloudWatch's bill does not grow with them.

A metric is billed for every hour in which it received a point, so a name keeps its place for an hour after its last
point: in no hour are there more than `limit` names, and `other`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from agent.aggregate.catalogue import METRICS
from agent.aggregate.rollup import RollUp, application_figures, distributions
from agent.aggregate.snapshot import Role, Snapshot

OTHER = "other"
HELD_S = 3600.0
MAX_NAME = 255

PER_APPLICATION = frozenset(metric.name for metric in METRICS if metric.per_application)


@dataclass(frozen=True, slots=True)
class Places:
    """Application names that have a place, each with the time of its last point."""

    used_at: Mapping[str, float] = field(default_factory=dict)

    def claimed(self, names: Mapping[str, float], at: float, limit: int) -> Self:
        """Names that have a place keep it; free places go to the others, longest known (`names`: since when) first."""
        held = {name: used for name, used in self.used_at.items() if at - used < HELD_S}
        held.update((name, at) for name in names if name in held)
        waiting = sorted((since, name) for name, since in names.items() if name not in held)
        held.update((name, at) for _, name in waiting[: max(0, limit - len(held))])
        return replace(self, used_at=held)


def roll_up_applications(
    now: Snapshot, before: Snapshot | None, places: Places, limit: int
) -> tuple[Mapping[str, RollUp], Places]:
    """The metrics of executors and drivers by application name, at most `limit` names and `other`; and who has the
    places now. Applications of one name count as one; one whose name the cluster manager does not tell is `other`."""
    if limit == 0:
        return {}, places
    names = _names(now)
    places = places.claimed(_known_since(now, names), now.at, limit)
    shown = {app: name if name in places.used_at else OTHER for app, name in names.items()}
    return {name: _of_one(now, before, shown, name) for name in sorted(set(shown.values()))}, places


def _of_one(now: Snapshot, before: Snapshot | None, shown: Mapping[str, str], name: str) -> RollUp:
    apps = {app for app, its in shown.items() if its == name}
    figures = application_figures(_part(now, apps), None if before is None else _part(before, apps))
    return distributions({metric: samples for metric, samples in figures.items() if metric in PER_APPLICATION})


def _part(snapshot: Snapshot, apps: set[str]) -> Snapshot:
    return replace(
        snapshot,
        instances=tuple(one for one in snapshot.instances if one.app in apps),
        memory_deaths=tuple(death for death in snapshot.memory_deaths if death.app in apps),
    )


def _names(now: Snapshot) -> dict[str, str]:
    """By application id, of all that have an executor, a driver or a death."""
    told = {one.id: one.name for one in now.cluster.applications or ()} if now.cluster else {}
    ids = {one.app for one in now.instances if one.role in (Role.EXECUTOR, Role.DRIVER)}
    return {app: _value(told.get(app, OTHER)) for app in ids | {death.app for death in now.memory_deaths}}


def _known_since(now: Snapshot, names: Mapping[str, str]) -> dict[str, float]:
    """By name, but for `other`, which needs no place."""
    seen = [(one.app, one.first_seen) for one in now.instances] + [(death.app, death.at) for death in now.memory_deaths]
    since: dict[str, float] = {}
    for app, at in seen:
        name = names.get(app, OTHER)
        if name != OTHER:
            since[name] = min(at, since.get(name, at))
    return since


def _value(name: str) -> str:
    """As a dimension value: printable ASCII, not blank, not endless."""
    plain = "".join(letter if " " <= letter <= "~" else "_" for letter in name.strip())[:MAX_NAME]
    return plain.strip() or OTHER
