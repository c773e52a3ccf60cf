"""Clusters, jobs, profiles, usage and what is wrong, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent.lifecycle.jobs import waited_s
from agent.lifecycle.monitor import Monitor
from agent.lifecycle.profile_rules import Capacity, capacity
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobProfile, JobRow
from agent.lifecycle.usage import Times, Usage
from agent.lifecycle.words import JobState

NONE = "-"


def clusters(rows: Sequence[ClusterRow], now: float) -> Table:
    made = _table("cluster", "profile", "owner", "phase", "state", right=("age", "heard", "ends in"))
    made.add_column("job, or why it ends", overflow="fold")
    for row in rows:
        until = None if row.terminate_at is None else row.terminate_at - now
        told = (row.profile, row.owner, row.phase.value, row.state.value)
        made.add_row(
            row.id,
            *(one or NONE for one in told),
            span((row.ended_at or now) - row.created_at),
            NONE if row.heartbeat_at is None else span(now - row.heartbeat_at),
            NONE if until is None or row.ended else span(until),
            row.claim or _end_of(row),
        )
    return made


def jobs(rows: Sequence[JobRow], now: float) -> Table:
    made = _table("job", "profile", "owner", "state", right=("priority", "attempt", "waited", "age"))
    made.add_column("cluster, or why", overflow="fold")
    for row in rows:
        why = "; ".join(row.why[-1:]) if row.ended or row.state is JobState.QUEUED else ""
        made.add_row(
            row.id,
            row.profile or NONE,
            row.owner,
            row.state.value,
            str(row.priority),
            f"{row.attempt} of {row.attempts}",
            span(waited_s(row, now)),
            span((row.ended_at or now) - row.created_at),
            why or row.cluster_id or "",
        )
    return made


def cluster_profiles(rows: Sequence[ClusterProfile]) -> Table:
    made = _table("cluster profile", right=("minimum", "maximum", "idle", "terminate after", "attempts"))
    made.add_column("instances", overflow="fold")
    for row in rows:
        limits = (str(row.minimum), str(row.maximum)) if row.pooled else (NONE, "no pool")
        after = NONE if row.terminate_after_s is None else span(row.terminate_after_s)
        idle = span(row.idle_s) if row.pooled else NONE
        made.add_row(row.name, *limits, idle, after, str(row.attempts), instances(capacity(row.request)))
    return made


def job_profiles(rows: Sequence[JobProfile]) -> Table:
    made = _table("job profile", "type", "size", "cluster profile", right=("priority", "attempts", "longest wait"))
    for row in rows:
        limits = (str(row.priority), str(row.attempts), span(row.max_wait_s))
        made.add_row(row.name, row.type, row.size, row.cluster_profile, *limits)
    return made


def instances(of: Iterable[Capacity]) -> str:
    """Such as `1 m5.xlarge, 2 r5.xlarge, 0+2 spot r5.2xlarge/r5.4xlarge`."""
    texts = []
    for one in of:
        count = f"{one.on_demand}+{one.spot} spot" if one.spot else str(one.on_demand)
        texts.append(f"{count} {'/'.join(one.types)}")
    return ", ".join(texts)


def health(found: Monitor) -> list[Table | Text]:
    """The pools, and a line on the rest."""
    made = _table("pool", right=("minimum", "maximum", "free", "claimed", "coming", "jobs waiting", "longest wait"))
    for one in found.pools:
        counts = (one.minimum, one.maximum, one.free, one.claimed, one.coming, one.waiting)
        made.add_row(one.profile, *map(str, counts), span(one.longest_wait_s))
    lines: list[Table | Text] = [made] if found.pools else []
    told = [
        f"clusters: {_counts(found.phases)}",
        f"agents: {found.heard} heard of, {len(found.silent)} silent",
        f"launches under way: {found.launches}",
        f"jobs: {_counts(found.jobs)}",
        f"dead letters: {'unknown' if found.dead_letters is None else found.dead_letters}",
    ]
    return [*lines, Text("; ".join(told))]


def usage(found: Usage) -> list[Table | Text]:
    """Tables of clusters, launches and jobs; none where there is nothing to tell."""
    span_text = f"in the last {span(found.until - found.since)}"
    made: list[Table | Text] = []
    if found.clusters:
        made.append(_clusters_used(found, span_text))
    if found.launches:
        made.append(_launches(found, span_text))
    if found.jobs:
        made += [_jobs_ended(found, span_text), _times(found)]
    return made or [Text(f"nothing was there {span_text}")]


def span(seconds: float) -> str:
    """Such as `45s`, `12m`, `3h20m`, `5d4h`; one to come is negative."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 90:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d{hours % 24}h"


def _clusters_used(found: Usage, title: str) -> Table:
    names = ("clusters", "hours", "claimed h", "spot unit h", "on-demand unit h", "start p50", "start p90")
    made = _table("profile", right=names, title=f"Clusters {title}")
    made.add_column("ended", overflow="fold")
    for one in found.clusters:
        partly = "" if one.counted == one.clusters else f" ({one.counted} counted)"
        made.add_row(
            one.profile,
            str(one.clusters),
            f"{one.hours:.1f}",
            f"{one.claimed_hours:.1f}",
            f"{one.spot_unit_hours:.1f}{partly}",
            f"{one.on_demand_unit_hours:.1f}",
            _of(one.start.p50),
            _of(one.start.p90),
            _counts(one.ended),
        )
    return made


def _launches(found: Usage, title: str) -> Table:
    names = ("launches", "1st attempt", "2nd", "3rd and on", "failed", "cancelled", "under way")
    made = _table("profile", right=names, title=f"Launches {title}, by the attempt that got a cluster")
    for one in found.launches:
        first, second = one.by_attempt.get(1, 0), one.by_attempt.get(2, 0)
        later = sum(one.by_attempt.values()) - first - second
        made.add_row(
            one.profile, *map(str, (one.launches, first, second, later, one.failed, one.cancelled, one.under_way))
        )
    return made


def _jobs_ended(found: Usage, title: str) -> Table:
    names = ("priority", "succeeded", "failed", "cancelled", "rejected", "on a 2nd cluster", "waiting", "running")
    made = _table("job profile", right=names, title=f"Jobs that ended {title}")
    for one in found.jobs:
        states = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.REJECTED)
        ended = (one.ended.get(state.value, 0) for state in states)
        made.add_row(one.profile, *map(str, (one.priority, *ended, one.again, one.waiting, one.running)))
    return made


def _times(found: Usage) -> Table:
    parts = ("p50", "p90", "p99", "max")
    made = _table("job profile", right=("priority",), title="How long: wait in the queue, until it runs, run, all")
    for name in ("wait", "start", "run", "cycle"):
        made.add_column(f"{name}\n{' / '.join(parts)}", justify="right")
    for one in found.jobs:
        times = (one.wait, one.start, one.run, one.cycle)
        made.add_row(one.profile, str(one.priority), *map(_percentiles, times))
    return made


def _percentiles(times: Times) -> str:
    return NONE if not times.count else " / ".join(map(_of, (times.p50, times.p90, times.p99, times.longest)))


def _of(seconds: float | None) -> str:
    return NONE if seconds is None else span(seconds)


def _end_of(row: ClusterRow) -> str:
    if row.end_reason is not None:
        return f"{row.end_reason.value}: {row.end_why}" if row.end_why else row.end_reason.value
    return row.reason_code or ""


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items()) or "none"


def _table(*left: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left")
    for number, name in enumerate(left):
        made.add_column(name, no_wrap=number == 0, overflow="fold")
    for name in right:
        made.add_column(name, justify="right")
    return made
