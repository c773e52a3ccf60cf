"""What clusters, launches and jobs have used over a time, and how long jobs took: metering, and what was promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

from agent.lifecycle.rows import ClusterRow, JobRow, LaunchRow
from agent.lifecycle.words import JobState, LaunchState, Phase

R = TypeVar("R")
K = TypeVar("K", str, tuple[str, int])

HOUR_S = 3600.0
NO_PROFILE = "-"
"""Of a cluster that was launched without us."""


@dataclass(frozen=True, slots=True)
class Times:
    """Of some durations in seconds; None where there is none."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Times:
        """Percentiles by the nearest rank: each is one that was measured."""
        found = sorted(seconds)
        if not found:
            return cls(0, None, None, None, None)
        p50, p90, p99 = (found[ceil(part * len(found)) - 1] for part in (0.5, 0.9, 0.99))
        return cls(len(found), p50, p90, p99, found[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterUse:
    """Clusters of one profile that were there in the time. Of one that began before or ended after, what is of it."""

    profile: str
    clusters: int
    hours: float
    """From creation to end, of all of them."""
    claimed_hours: float
    """Of those, how long jobs had them; 0 where there are no jobs."""
    counted: int
    """Clusters whose agent has counted units."""
    spot_unit_hours: float
    on_demand_unit_hours: float
    start: Times
    """From creation to ready."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """By our reason, or EMR's code where it was not we who ended them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchUse:
    """Launches of one profile that were asked for in the time."""

    profile: str
    launches: int
    by_attempt: Mapping[int, int]
    """How many got their cluster in which attempt: 1 spot, 2 without the failed subnets, from 3 on on-demand."""
    failed: int
    cancelled: int
    under_way: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUse:
    """Jobs of one profile and priority that ended in the time, and those that have not ended."""

    profile: str
    priority: int
    ended: Mapping[str, int]
    """By state."""
    waiting: int
    running: int
    again: int
    """Of the ended ones, those that needed more than one cluster."""
    wait: Times
    """In the queue, all waits of a job together."""
    start: Times
    """From the submission to the beginning of the step."""
    run: Times
    cycle: Times
    """From the submission to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    since: float
    until: float
    clusters: tuple[ClusterUse, ...]
    launches: tuple[LaunchUse, ...]
    jobs: tuple[JobUse, ...]


def usage(
    clusters: Iterable[ClusterRow], launches: Iterable[LaunchRow], jobs: Iterable[JobRow], since: float, until: float
) -> Usage:
    """Of the time from `since` to `until`, which is now at the latest. Rows of other times do not count."""
    jobs = list(jobs)
    held = _held(jobs, since, until)
    there = (one for one in clusters if _overlap(one, since, until) > 0)
    asked = (one for one in launches if since <= one.created_at < until)
    meant = (one for one in jobs if not one.ended or since <= (one.ended_at or 0.0) < until)
    return Usage(
        since=since,
        until=until,
        clusters=tuple(
            _of_clusters(name, rows, held, since, until)
            for name, rows in _by(there, lambda one: one.profile or NO_PROFILE)
        ),
        launches=tuple(_of_launches(name, rows) for name, rows in _by(asked, lambda one: one.profile)),
        jobs=tuple(
            _of_jobs(name, -urgency, rows)
            for (name, urgency), rows in _by(meant, lambda one: (one.profile, -one.priority))
        ),
    )


def _of_clusters(
    profile: str, rows: Sequence[ClusterRow], held: Mapping[str, float], since: float, until: float
) -> ClusterUse:
    parts = [(row, _overlap(row, since, until), _life(row, until)) for row in rows]
    ends = Counter(_end_of(row) for row in rows if row.ended and since <= (row.ended_at or until) < until)
    return ClusterUse(
        profile=profile,
        clusters=len(rows),
        hours=sum(part for _, part, _ in parts) / HOUR_S,
        claimed_hours=sum(held.get(row.id, 0.0) for row in rows) / HOUR_S,
        counted=sum(row.spot_unit_s + row.on_demand_unit_s > 0 for row in rows),
        spot_unit_hours=sum(row.spot_unit_s * part / life for row, part, life in parts) / HOUR_S,
        on_demand_unit_hours=sum(row.on_demand_unit_s * part / life for row, part, life in parts) / HOUR_S,
        start=Times.of(
            row.ready_at - row.created_at
            for row in rows
            if row.ready_at is not None and since <= row.ready_at < until and row.ready_at >= row.created_at
        ),
        ended=dict(sorted(ends.items())),
    )


def _of_launches(profile: str, rows: Sequence[LaunchRow]) -> LaunchUse:
    states = Counter(row.state for row in rows)
    got = Counter(row.attempt for row in rows if row.state in {LaunchState.LAUNCHED, LaunchState.ENDED})
    return LaunchUse(
        profile=profile,
        launches=len(rows),
        by_attempt=dict(sorted(got.items())),
        failed=states[LaunchState.FAILED],
        cancelled=states[LaunchState.CANCELLED],
        under_way=states[LaunchState.ASKED] + states[LaunchState.CLAIMED],
    )


def _of_jobs(profile: str, priority: int, rows: Sequence[JobRow]) -> JobUse:
    ended = [row for row in rows if row.ended]
    ran = [(row, row.started_at, row.ended_at) for row in ended if row.state is not JobState.REJECTED]
    return JobUse(
        profile=profile,
        priority=priority,
        ended=dict(sorted(Counter(row.state.value for row in ended).items())),
        waiting=sum(row.state is JobState.QUEUED for row in rows),
        running=sum(row.state in {JobState.CLAIMED, JobState.RUNNING} for row in rows),
        again=sum(row.attempt > 1 for row in ended),
        wait=Times.of(row.waited_s for row in ended if row.attempt > 0),
        start=Times.of(max(0.0, began - row.created_at) for row, began, _ in ran if began is not None),
        run=Times.of(max(0.0, end - began) for _, began, end in ran if began is not None and end is not None),
        cycle=Times.of(max(0.0, end - row.created_at) for row, _, end in ran if end is not None),
    )


def _held(jobs: Iterable[JobRow], since: float, until: float) -> Mapping[str, float]:
    """Seconds that jobs had a cluster, by its id: of the last attempt of each, for the earlier ones are not kept."""
    seconds: dict[str, float] = defaultdict(float)
    for job in jobs:
        if job.cluster_id is not None and job.claimed_at is not None:
            end = job.ended_at if job.ended_at is not None else until
            seconds[job.cluster_id] += max(0.0, min(end, until) - max(job.claimed_at, since))
    return seconds


def _overlap(row: ClusterRow, since: float, until: float) -> float:
    end = row.ended_at if row.ended_at is not None else until
    return max(0.0, min(end, until) - max(row.created_at, since))


def _life(row: ClusterRow, until: float) -> float:
    end = row.ended_at if row.ended_at is not None else until
    return max(1.0, end - row.created_at)


def _end_of(row: ClusterRow) -> str:
    if row.end_reason is not None:
        return row.end_reason.value
    return row.reason_code or (row.state.value if row.phase is Phase.ENDED else "unknown")


def _by(rows: Iterable[R], key: Callable[[R], K]) -> list[tuple[K, list[R]]]:
    found: dict[K, list[R]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return sorted(found.items(), key=lambda one: one[0])
