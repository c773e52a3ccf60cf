"""What is alive and what waits, at one moment: the heartbeats, the pools against their limits, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.lifecycle.jobs import has_waited_too_long, waited_s
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, LaunchRow
from agent.lifecycle.words import LAUNCHING, READY, JobState, LaunchState, Phase
from agent.settings_lifecycle import LifecycleSettings

ENDS_S = 1800.0
"""EMR ends a cluster within one to five minutes, older releases within twenty."""
STARTS_S = 3600.0
"""A cluster takes ten minutes to start; the time after which one is given up is its profile's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    profile: str
    minimum: int
    maximum: int
    coming: int
    free: int
    claimed: int
    waiting: int
    """Jobs."""
    longest_wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    at: float
    phases: Mapping[str, int]
    """Clusters that have not ended, by phase."""
    heard: int
    """Ready clusters whose agent was heard of lately."""
    silent: tuple[tuple[str, float], ...]
    """Ready clusters whose agent has fallen silent, and for how many seconds."""
    launches: int
    """Under way: no cluster has come of them yet."""
    jobs: Mapping[str, int]
    """Those that have not ended, by state."""
    pools: tuple[PoolState, ...]
    dead_letters: int | None
    """None: nobody could tell."""
    troubles: tuple[str, ...]
    """What people should look at, the most pressing first; empty: all is well."""


def monitor(
    clusters: Iterable[ClusterRow],
    launches: Iterable[LaunchRow],
    jobs: Iterable[JobRow],
    profiles: Iterable[ClusterProfile],
    now: float,
    settings: LifecycleSettings,
    dead_letters: int | None = None,
) -> Monitor:
    """Of the rows that have not ended, and all cluster profiles."""
    live = [one for one in clusters if not one.ended]
    asked = [one for one in launches if one.state in {LaunchState.ASKED, LaunchState.CLAIMED}]
    open_jobs = [one for one in jobs if not one.ended]
    beats = [(one.id, now - one.heartbeat_at) for one in live if one.heartbeat_at is not None and one.state in READY]
    silent = sorted((one for one in beats if one[1] > settings.heartbeat_lost_s), key=lambda one: -one[1])
    pools = tuple(_pool(one, live, asked, open_jobs, now) for one in profiles if one.pooled)
    return Monitor(
        at=now,
        phases=dict(sorted(Counter(one.phase.value for one in live).items())),
        heard=len(beats) - len(silent),
        silent=tuple(silent),
        launches=len(asked),
        jobs=dict(sorted(Counter(one.state.value for one in open_jobs).items())),
        pools=tuple(sorted(pools, key=lambda one: one.profile)),
        dead_letters=dead_letters,
        troubles=tuple(_troubles(live, open_jobs, silent, pools, dead_letters, now, settings)),
    )


def _pool(
    profile: ClusterProfile, live: Sequence[ClusterRow], asked: Sequence[LaunchRow], jobs: Sequence[JobRow], now: float
) -> PoolState:
    rows = [one for one in live if one.pool and one.profile == profile.name]
    phases = Counter(one.phase for one in rows)
    waits = [waited_s(one, now) for one in jobs if one.state is JobState.QUEUED and one.cluster_profile == profile.name]
    seen = {one.launch_id for one in rows}
    wished = [one for one in asked if one.pool and one.profile == profile.name and one.id not in seen]
    return PoolState(
        profile=profile.name,
        minimum=profile.minimum,
        maximum=profile.maximum,
        coming=phases[Phase.LAUNCHING] + len(wished),
        free=phases[Phase.IDLE],
        claimed=phases[Phase.CLAIMED],
        waiting=len(waits),
        longest_wait_s=max(waits, default=0.0),
    )


def _troubles(
    live: Sequence[ClusterRow],
    jobs: Sequence[JobRow],
    silent: Sequence[tuple[str, float]],
    pools: Sequence[PoolState],
    dead_letters: int | None,
    now: float,
    settings: LifecycleSettings,
) -> Iterator[str]:
    if dead_letters:
        yield f"{dead_letters} messages are in the dead letters: nobody could act on them"
    for one in live:
        yield from _overdue(one, now, settings.stale_s)
    for cluster_id, age_s in silent:
        yield f"{cluster_id} was last heard of {age_s:.0f} s ago: does its agent run?"
    for pool in pools:
        yield from _short(pool)
    if late := sum(has_waited_too_long(one, now) for one in jobs):
        yield f"{late} jobs have waited longer than they may: does anything sweep?"


def _overdue(cluster: ClusterRow, now: float, late_s: float) -> Iterator[str]:
    if cluster.terminate_at is not None and now > cluster.terminate_at + late_s:
        yield f"{cluster.id} should have ended {now - cluster.terminate_at:.0f} s ago: does anything sweep?"
    if cluster.end_at is not None and now > cluster.end_at + ENDS_S:
        yield f"{cluster.id} is to end since {now - cluster.end_at:.0f} s ({cluster.end_reason}): is it protected?"
    if cluster.state in LAUNCHING and now > cluster.created_at + STARTS_S:
        yield f"{cluster.id} has been {cluster.state} for {now - cluster.created_at:.0f} s"


def _short(pool: PoolState) -> Iterator[str]:
    present = pool.free + pool.claimed + pool.coming
    if present < pool.minimum:
        yield f"pool {pool.profile} has {present} of {pool.minimum} clusters"
    if pool.waiting and not present:
        yield f"{pool.waiting} jobs wait for pool {pool.profile}, and no cluster is there or coming"
