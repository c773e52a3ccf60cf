"""What the core has to know, read from the store. Indexes say what to look at; what rows say of each other is read by
key, as it is now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from agent import log
from agent.lifecycle.acts import Plan
from agent.lifecycle.events import (
    CapacityMissing,
    ClusterChanged,
    DeadlineCame,
    EndAsked,
    Event,
    FleetChanged,
    JobCancelled,
    JobSubmitted,
    LaunchAsked,
    ObjectCreated,
    OwnerEnded,
    StepChanged,
)
from agent.lifecycle.known import Known, View
from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, OwnerRow, Row, SlotRow, UnreadableRow
from agent.lifecycle.store import Store

R = TypeVar("R", bound=Row)
K = TypeVar("K", str, int)

MOST_PLACES = 100
"""Of a pool, that are read by their keys; of a larger one the index has the rest."""


def known(store: Store, event: Event) -> Known:
    """What the event is about. Raises Fault."""
    match event:
        case OwnerEnded(owner=owner):
            clusters, launches = store.of_owner(owner)
            # the index may be behind: of a launch only its present attempt can be closed
            present = tuple(row for one in launches if (row := store.launch(one.id)) is not None)
            return Known(clusters=clusters, launches=present, jobs=store.jobs_of(owner))
        case LaunchAsked():
            return _of_wish(store, event)
        case ObjectCreated():
            return Known(profiles=tuple(store.profiles()))
        case JobSubmitted(id=job_id, profile=name):
            job_profile = store.job_profile(name)
            profile = None if job_profile is None else store.profile(job_profile.cluster_profile)
            owners = owners_of(store, (event.owner,))
            return Known(job=store.job(job_id), job_profile=job_profile, profile=profile, owners=owners)
        case JobCancelled(id=job_id):
            return Known(job=store.job(job_id))
        case StepChanged(cluster_id=cluster_id, name=name):
            return around(store, store.cluster(cluster_id), store.job(name.rpartition(".")[0]))
        case ClusterChanged(cluster_id=cluster_id, name=name):
            return around(store, store.cluster(cluster_id), name=name)
        case (
            FleetChanged(cluster_id=cluster_id)
            | CapacityMissing(cluster_id=cluster_id)
            | DeadlineCame(cluster_id=cluster_id)
            | EndAsked(cluster_id=cluster_id)
        ):
            return Known(cluster=store.cluster(cluster_id))
        case _:
            return Known()


def _of_wish(store: Store, event: LaunchAsked) -> Known:
    profile = store.profile(event.profile)
    return Known(
        launch=store.launch(event.id),
        profile=profile,
        profiles=() if profile is not None else tuple(store.profiles()),
        owners=owners_of(store, (event.owner, event.alias)),
    )


def around(store: Store, cluster: ClusterRow | None, job: JobRow | None = None, name: str = "") -> Known:
    """The cluster, its launch (else the one whose name it bears), its profile, and the job: the given one, or the one
    that has claimed it."""
    launch_id = cluster.launch_id if cluster is not None else None
    if launch_id is None and (bears := attempt_in(name)) is not None:
        launch_id = bears[0]
    launch = None if launch_id is None else store.launch(launch_id)
    named = cluster.profile if cluster is not None else launch.profile if launch is not None else None
    if job is None and cluster is not None and cluster.claim is not None:
        job = store.job(cluster.claim)
    return Known(cluster=cluster, launch=launch, profile=None if named is None else store.profile(named), job=job)


def view(store: Store, launches_named: Iterable[str] = ()) -> View:
    """Everything that has not ended, and what it names; also these launches. Raises Fault."""
    profiles = tuple(store.profiles())
    slots = tuple(slot for one in profiles if one.pooled for slot in store.slots(one.name))
    jobs = {row.id: row for row in store.open_jobs()}
    launches = {row.id: row for row in store.open_launches()}
    clusters = {row.id: row for row in store.open_clusters()}
    named = [row.launch_id for row in clusters.values()] + [slot.launch_id for slot in slots] + [*launches_named]
    _complete(launches, named, store.launch)
    _complete(clusters, [launch.cluster_id for launch in launches.values()], store.cluster)
    _complete(clusters, [job.cluster_id for job in jobs.values()], store.cluster)
    _complete(jobs, [cluster.claim for cluster in clusters.values()], store.job)
    names = [name for one in launches.values() if not one.pool for name in (one.owner, one.alias)]
    names += [name for one in clusters.values() if not one.pool for name in (one.owner, one.alias)]
    owners: dict[str, OwnerRow] = {}
    _complete(owners, [*names, *(job.owner for job in jobs.values())], store.owner)
    return View(
        clusters=tuple(clusters.values()),
        launches=tuple(launches.values()),
        jobs=tuple(jobs.values()),
        profiles=profiles,
        slots=slots,
        owners=tuple(owners.values()),
    )


def pool(store: Store, profile: ClusterProfile, plan: Plan) -> tuple[list[ClusterRow], list[JobRow], list[SlotRow]]:
    """Clusters of the pool, jobs that wait for them and places that are taken, by the indexes; what the plan names as
    just touched by its key, whatever the indexes show of it. Where a place was wished for, all places by their keys."""
    clusters = {row.id: row for row in store.open_clusters(plan.profile)}
    jobs = {row.id: row for row in store.queued(plan.profile)}
    slots = {row.number: row for row in store.slots(plan.profile)}
    _renew(clusters, plan.clusters, store.cluster)
    _renew(jobs, plan.jobs, store.job)
    places = range(1, min(profile.maximum, MOST_PLACES) + 1) if plan.places else ()
    _renew(slots, places, lambda number: store.slot(plan.profile, number))
    return (
        [row for row in clusters.values() if row.profile == plan.profile and row.pool],
        [row for row in jobs.values() if row.queue == plan.profile],
        list(slots.values()),
    )


def that_wait(store: Store, jobs: Iterable[JobRow]) -> list[JobRow]:
    """Those that still do, read by their keys: as many of the most urgent as a pool has places at most, and the others
    as they are."""
    ranked = sorted(jobs, key=lambda job: job.rank or "")
    present = (store.job(job.id) for job in ranked[:MOST_PLACES])
    return [*(job for job in present if job is not None and job.queue is not None), *ranked[MOST_PLACES:]]


def owners_of(store: Store, names: Iterable[str | None]) -> tuple[OwnerRow, ...]:
    found = (store.owner(name) for name in dict.fromkeys(names) if name)
    return tuple(row for row in found if row is not None)


def _renew(there: dict[K, R], named: Iterable[K], get: Callable[[K], R | None]) -> None:
    for key in named:
        row = _readable(get, key)
        if row is not None:
            there[key] = row
        else:
            there.pop(key, None)


def _complete(there: dict[str, R], named: Iterable[str | None], get: Callable[[str], R | None]) -> None:
    for key in dict.fromkeys(named):
        if key and key not in there and (row := _readable(get, key)) is not None:
            there[key] = row


def _readable(get: Callable[[K], R | None], key: K) -> R | None:
    """A row that cannot be read is not known, as one that an index does not show."""
    try:
        return get(key)
    except UnreadableRow as fault:
        log.event(logging.WARNING, "lifecycle.row_unreadable", error=str(fault))
        return None
