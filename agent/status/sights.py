"""What the agent sees, each thing with its age: cluster, memory, executors, HDFS, the task fleet."""

from __future__ import annotations

from collections.abc import Iterator

from agent.aggregate.catalogue import BY_NAME
from agent.aggregate.rollup import RollUp, alive
from agent.aggregate.snapshot import Snapshot
from agent.domain import readings
from agent.domain.observation import Observation
from agent.domain.signals import Signal, Statistic
from agent.policy import settling
from agent.policy.freshness import stale
from agent.settings import Settings
from agent.status.state import (
    Age,
    Application,
    Cluster,
    Executors,
    Figure,
    Fleet,
    Group,
    Hdfs,
    Limits,
    Manager,
    Remaining,
    Shortage,
)

LISTED = 20
"""Applications, and ids of those unheard: a page for people; all of them are counted."""
TEXT_CHARACTERS = 300
"""A name from outside may be of any length."""
HEAP_BINS = 10
MEBIBYTE = 1024 * 1024
HEAP = "ExecutorHeapUsedPercent"


def cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"


def age(then: float, at: float, limit_s: float) -> Age:
    return Age(at=then, age_s=at - then, stale=stale(then, at, limit_s))


def cluster(seen: Observation, settings: Settings) -> Cluster | None:
    found = seen.cluster
    if found is None:
        return None
    return Cluster(
        seen=age(found.at, seen.at, settings.fleet.max_age_s),
        id=found.id,
        name=cut(found.name),
        state=found.state,
        collection=str(found.collection),
        created_at=found.created_at,
        termination_protected=found.termination_protected,
        foreign_scaler=found.foreign_scaler,
    )


def manager(seen: Observation, settings: Settings) -> Manager | None:
    reading = seen.reading
    if reading is None:
        return None
    pending, counts = reading.memory_pending_mb, reading.node_counts or readings.NodeCounts()
    nodes, applications = reading.nodes, reading.applications
    return Manager(
        seen=age(reading.at, seen.at, settings.policy.max_signal_age_s),
        manager=str(reading.manager),
        leader=reading.leader,
        memory_total_bytes=reading.memory_total_mb * MEBIBYTE,
        memory_available_bytes=max(0.0, reading.memory_available_mb) * MEBIBYTE,
        memory_pending_bytes=None if pending is None else pending * MEBIBYTE,
        containers_pending=reading.containers_pending,
        nodes_active=counts.active if nodes is None else sum(node.alive for node in nodes),
        nodes_draining=counts.decommissioning if nodes is None else sum(node.draining for node in nodes),
        nodes_lost=counts.lost,
        applications=tuple(_applications(seen, applications or ())),
        applications_total=None if applications is None else len(applications),
        unheard=tuple(cut(one) for one in (reading.unheard or ())[:LISTED]),
    )


def _applications(seen: Observation, applications: tuple[readings.Application, ...]) -> Iterator[Application]:
    left = {} if seen.remaining is None else seen.remaining.by_app
    for app in sorted(applications, key=lambda app: (-app.memory_used_mb, app.id))[:LISTED]:
        yield Application(
            id=cut(app.id),
            name=cut(app.name),
            state=cut(app.state),
            memory_used_bytes=app.memory_used_mb * MEBIBYTE,
            containers=app.containers,
            remaining_s=left.get(app.id),
        )


def remaining(seen: Observation, settings: Settings) -> Remaining | None:
    found = seen.remaining
    if found is None:
        return None
    return Remaining(
        seen=age(found.at, seen.at, settings.policy.max_signal_age_s),
        total_s=found.total_s,
        mean_task_s=found.mean_task_s,
    )


def hdfs(seen: Observation, snapshot: Snapshot, settings: Settings) -> Hdfs | None:
    found = snapshot.hdfs
    if found is None:
        return None
    return Hdfs(
        seen=age(found.at, seen.at, settings.policy.max_signal_age_s),
        total_load=found.total_load,
        live_data_nodes=found.live_data_nodes,
    )


def executors(seen: Observation, snapshot: Snapshot, rollup: RollUp, settings: Settings) -> Executors | None:
    """None while none reports and none is held for its death."""
    heap, signal = rollup.get(HEAP), seen.signals.get(HEAP)
    reporting = alive(snapshot)
    if not reporting and not snapshot.memory_deaths:
        return None
    oldest = min((one.last_seen for one in reporting), default=max((d.at for d in snapshot.memory_deaths), default=0.0))
    bins = [0] * HEAP_BINS
    for value, count in zip(heap.values, heap.counts, strict=True) if heap is not None else ():
        bins[min(HEAP_BINS - 1, int(value) * HEAP_BINS // 100)] += count
    return Executors(
        seen=age(oldest, seen.at, settings.policy.max_signal_age_s),
        reporting=len(reporting),
        heap=tuple(bins),
        heap_p50=_statistic(signal, Statistic.P50),
        heap_p90=_statistic(signal, Statistic.P90),
        heap_max=_statistic(signal, Statistic.MAXIMUM),
        memory_deaths_held=len(snapshot.memory_deaths),
    )


def _statistic(signal: Signal | None, statistic: Statistic) -> float | None:
    return None if signal is None else signal.values.get(statistic)


def figures(seen: Observation, settings: Settings) -> Iterator[Figure]:
    """In the catalogue's order."""
    for name, metric in BY_NAME.items():
        if (signal := seen.signals.get(name)) is None:
            continue
        limit_s = settings.fleet.max_age_s if str(metric.over) == "fleet" else settings.policy.max_signal_age_s
        yield Figure(
            name=name,
            unit=str(metric.unit),
            over=str(metric.over),
            seen=age(signal.at, seen.at, limit_s),
            value=signal.values[Statistic.AVERAGE],
            minimum=signal.values[Statistic.MINIMUM],
            maximum=signal.values[Statistic.MAXIMUM],
            p50=signal.values[Statistic.P50],
            p90=signal.values[Statistic.P90],
            p99=signal.values[Statistic.P99],
        )


def fleet(seen: Observation, settings: Settings) -> Fleet | None:
    found = seen.fleet
    if found is None:
        return None
    moving = settling.in_flight(found, seen.history, seen.at, settings.fleet)
    return Fleet(
        seen=age(found.at, seen.at, settings.fleet.max_age_s),
        id=found.id,
        state=found.state,
        target=found.target,
        target_on_demand=found.target_on_demand,
        target_spot=found.target_spot,
        provisioned=found.provisioned,
        provisioned_on_demand=found.provisioned_on_demand,
        provisioned_spot=found.provisioned_spot,
        shortfall=found.shortfall,
        settled=found.settled,
        in_flight=None if moving is None else moving.text,
        groups=tuple(
            Group(
                id=each.id,
                state=each.state,
                on_demand=each.on_demand,
                target=each.target,
                provisioned=each.provisioned,
            )
            for each in found.groups
        ),
    )


def limits(settings: Settings) -> Limits:
    given = settings.fleet
    return Limits(
        min_units=given.min_capacity_units,
        max_units=given.max_capacity_units,
        max_usd_per_hour=given.max_usd_per_hour,
    )


def shortage(seen: Observation) -> Shortage:
    known = seen.history.shortage
    return Shortage(
        short_since=known.short_since,
        answered_at=known.began,
        in_a_row=known.times,
        moved_units=known.moved_units,
    )
