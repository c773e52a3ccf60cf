"""Which metrics are published in an hour, under which dimension sets, and in how many requests. Pure.

It is what a cluster has at most: a metric whose source says nothing is absent, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.aggregate.catalogue import METRICS, Aggregation, Metric, Over
from agent.aggregate.outgoing import SHADOW_TARGET
from agent.costs.workload import Workload
from agent.domain.datums import Datum, Dimensions, Distribution, Unit
from agent.settings import Settings
from agent.sinks.encoding import batches, encode
from agent.sinks.limits import MAX_BODY_BYTES, MAX_DATUMS, MAX_VALUES

HOUR_S = 3_600.0
ID = "j-2AXXXXXXGAPLF"
"""As long as an id of EMR's is."""
STREAMING = "Streaming"
"""How the metrics begin that only a streaming query gives."""
ONLY_ON_YARN = frozenset(
    {
        "AppMastersOnTaskNodes",
        "NodesDecommissioned",
        "NodesDecommissioning",
        "NodesLost",
        "NodesUnhealthy",
        "QueueLimited",
    }
)
"""What a standalone master does not tell."""
OF_ALL_EXECUTORS = frozenset({"ExecutorsReporting", "ExecutorsLost", "ExecutorMemoryDeaths"})
"""What is said of executors together, and of none alone."""


@dataclass(frozen=True, slots=True)
class Published:
    """One dimension set."""

    dimensions: str
    """By its names: `{ClusterId, AppName}`."""
    metrics: int
    """Distinct ones in an hour, over all its values."""


def published(settings: Settings, workload: Workload) -> tuple[Published, ...]:
    """The dimension sets that have any metric. The agent of one primary; others publish nothing that is not there."""
    every = sum(_is_published(metric, settings, workload) for metric in METRICS)
    each_application = sum(_of_application(metric, settings, workload) for metric in METRICS)
    sets = (
        Published("{ClusterId}", every),
        Published("{ClusterName}", every if settings.cluster.name else 0),
        Published("{ClusterId, AppName}", each_application * names(settings, workload)),
        Published("{ClusterId, Policy}", workload.shadows),
        Published("{ClusterId, Reason}", workload.reasons),
    )
    return tuple(each for each in sets if each.metrics) if settings.sinks.cloudwatch.enabled else ()


def metrics_an_hour(settings: Settings, workload: Workload) -> int:
    """Distinct (name, dimension set) that get data in an hour: what CloudWatch bills by."""
    return sum(each.metrics for each in published(settings, workload))


def requests_an_hour(settings: Settings, workload: Workload) -> float:
    """PutMetricData requests, while all goes well."""
    sink = settings.sinks.cloudwatch
    if not sink.enabled:
        return 0.0
    entries = [encode(datum, sink.storage_resolution_s) for datum in _datums(settings, workload)]
    whole = [entries[at : at + MAX_DATUMS] for at in range(0, len(entries), MAX_DATUMS)]
    sent = sum(len(list(batches(enumerate(part), MAX_DATUMS, MAX_BODY_BYTES))) for part in whole)
    return sent * HOUR_S / sink.period_s


def names(settings: Settings, workload: Workload) -> int:
    """Values of AppName in an hour: as many as have a place, and one for the rest."""
    limit = settings.cluster.app_dimensions
    return 0 if limit == 0 else min(workload.applications, limit) + (workload.applications > limit)


def of_one_executor() -> int:
    """Metrics that each executor would have, were it a dimension."""
    return sum(metric.over is Over.EXECUTORS and metric.name not in OF_ALL_EXECUTORS for metric in METRICS)


def _is_published(metric: Metric, settings: Settings, workload: Workload) -> bool:
    sources = settings.sources
    standalone = bool(sources.standalone.url)
    conditions: Mapping[Over, bool] = {
        Over.WORKERS: standalone,
        Over.MASTERS: standalone,
        Over.HDFS: bool(sources.hdfs.url),
        Over.CLUSTER: standalone or bool(sources.yarn.url),
    }
    named = {
        "ClusterIdle": settings.idle.enabled,
        "TaskFleetUsdPerHour": settings.wants_prices,
        "LifecycleErrors": bool(settings.lifecycle.table),
        "ExecutorRssPercent": workload.process_tree,
        "ExecutorsNeeded": workload.dynamic_allocation,
    }
    named |= dict.fromkeys(ONLY_ON_YARN, not standalone and bool(sources.yarn.url))
    if metric.name.startswith(STREAMING) and not workload.streaming:
        return False
    return conditions.get(metric.over, True) and named.get(metric.name, True)


def _of_application(metric: Metric, settings: Settings, workload: Workload) -> bool:
    return metric.per_application and _is_published(metric, settings, workload)


def _datums(settings: Settings, workload: Workload) -> Iterator[Datum]:
    """A period as large as it may be: with as many distinct values as there are executors."""
    for dimensions, metrics in _sets(settings, workload):
        for metric in metrics:
            yield Datum(
                name=metric.name,
                unit=metric.unit,
                dimensions=dimensions,
                at=1.8e9,
                distribution=_full(metric, workload),
            )
    for number in range(workload.shadows):
        dimensions = (("ClusterId", ID), ("Policy", f"shadow-{number}"))
        yield Datum(
            name=SHADOW_TARGET, unit=Unit.COUNT, dimensions=dimensions, at=1.8e9, distribution=Distribution.of([1.0])
        )


def _sets(settings: Settings, workload: Workload) -> Iterator[tuple[Dimensions, tuple[Metric, ...]]]:
    every = tuple(metric for metric in METRICS if _is_published(metric, settings, workload))
    yield (("ClusterId", ID),), every
    if settings.cluster.name:
        yield (("ClusterName", settings.cluster.name),), every
    for number in range(names(settings, workload)):
        applications = tuple(metric for metric in every if metric.per_application)
        yield (("ClusterId", ID), ("AppName", f"application-{number:020}")), applications


def _full(metric: Metric, workload: Workload) -> Distribution:
    if metric.aggregation is not Aggregation.DISTRIBUTION:
        return Distribution.of([12_345_678_901.0])
    samples = workload.executors if metric.over is Over.EXECUTORS else workload.applications
    if metric.unit is Unit.PERCENT:
        return Distribution.of(float(value) for value in range(min(101, max(1, samples))))
    return Distribution.of(12_345_678_901.5 + value for value in range(min(MAX_VALUES, max(1, samples))))
