"""The roll-up: one period of everything that the table holds, as one distribution a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from agent.aggregate import jvm, streaming
from agent.aggregate.binning import distribution
from agent.aggregate.catalogue import METRICS
from agent.aggregate.growth import Pair, pairs
from agent.aggregate.outside import agent_figures, cluster_figures, fleet_figures, node_figures
from agent.aggregate.snapshot import Instance, MemoryDeath, Role, Snapshot
from agent.domain.datums import Distribution
from agent.domain.fleets import Fleet

Gauge = Callable[[Instance], float | None]
RollUp = Mapping[str, Distribution]
"""By metric name, in the catalogue's order. A metric of which nothing is known is absent, never zero."""

EXECUTOR_SUMS: Mapping[str, Gauge] = {
    "ExecutorUnifiedMemoryUsed": jvm.unified_memory,
    "ExecutorOffHeapUsed": jvm.off_heap,
    "ExecutorDirectMemory": jvm.direct_memory,
    "TaskSlotsActive": lambda executor: jvm.value(executor, "executor.threadpool.activeTasks"),
}
EXECUTOR_DELTAS = {
    "TasksCompleted": "executor.threadpool.completeTasks",
    "SpillBytes": "executor.diskBytesSpilled.count",
    "ShuffleReadBytes": "executor.shuffleTotalBytesRead.count",
    "ShuffleWriteBytes": "executor.shuffleBytesWritten.count",
    "InputBytes": "executor.bytesRead.count",
}
DRIVER_SUMS: Mapping[str, Gauge] = {
    "ActiveJobs": lambda driver: jvm.value(driver, "DAGScheduler.job.activeJobs"),
    "RunningStages": lambda driver: jvm.value(driver, "DAGScheduler.stage.runningStages"),
    "WaitingStages": lambda driver: jvm.value(driver, "DAGScheduler.stage.waitingStages"),
    "ExecutorsNeeded": jvm.executors_needed,
}
STREAMS: Mapping[str, Callable[[Pair], Iterator[float]]] = {
    "StreamingInputRate": streaming.input_rates,
    "StreamingProcessingRate": streaming.processing_rates,
    "StreamingBatchLatency": streaming.batch_latencies,
    "StreamingSchedulingDelay": streaming.scheduling_delays,
    "StreamingLoadPercent": streaming.load_percents,
    "StreamingWatermarkLag": lambda pair: streaming.watermark_lags(pair.now),
}
ORDER = {metric.name: position for position, metric in enumerate(METRICS)}
NANOSECONDS = 1e-9
MILLISECONDS = 1e-3


def roll_up(
    now: Snapshot,
    before: Snapshot | None,
    *,
    fleet: Fleet | None,
    idle: bool | None,
    usd_per_hour: float | None = None,
) -> RollUp:
    """The period between two snapshots; without the one before there are no deltas and no shares of time.

    `usd_per_hour` is what the fleet costs, where that is known.
    """
    figures: dict[str, Iterable[float | None]] = {
        **application_figures(now, before),
        **_daemon_figures(now),
        **cluster_figures(now),
        **fleet_figures(fleet, now.cluster, usd_per_hour),
        **node_figures(now),
        **agent_figures(now, before, idle),
    }
    return distributions(figures)


def application_figures(now: Snapshot, before: Snapshot | None) -> dict[str, Iterable[float | None]]:
    """Samples by metric of all that executors and drivers say; also right for the part of one application."""
    return {**_executor_figures(now, before), **_driver_figures(now, before)}


def distributions(figures: Mapping[str, Iterable[float | None]]) -> RollUp:
    """In the catalogue's order. A sample that cannot be (negative, not finite) counts as not known.

    An unknown name is a bug, and so a KeyError.
    """
    return {
        name: known
        for name in sorted(figures, key=ORDER.__getitem__)
        if (known := distribution(s for s in figures[name] if s is not None and 0 <= s < math.inf)) is not None
    }


def alive(now: Snapshot) -> list[Instance]:
    """Executors but for those that died of memory and have not yet been forgotten: a death stands for them."""
    dead = {(death.app, death.executor) for death in now.memory_deaths}
    return [one for one in now.instances if one.role is Role.EXECUTOR and (one.app, one.id) not in dead]


def _executor_figures(now: Snapshot, before: Snapshot | None) -> dict[str, Iterable[float | None]]:
    executors = alive(now)
    grown = list(pairs(now, before, Role.EXECUTOR))
    figures: dict[str, Iterable[float | None]] = dict(_heap_figures(executors, now.memory_deaths))
    figures["ExecutorRssPercent"] = map(jvm.resident_percent, executors)
    figures["ExecutorGcTimePercent"] = [
        _capped(pair.share_of_time(jvm.collector_times(pair.now.values), MILLISECONDS)) for pair in grown
    ]
    figures["ExecutorCpuPercent"] = [pair.share_of_time(("JVMCPU.jvmCpuTime",), NANOSECONDS) for pair in grown]
    figures["ExecutorsReporting"] = [float(len(executors))]
    figures["ExecutorMemoryDeaths"] = [_deaths(now, before)]
    for name, gauge in EXECUTOR_SUMS.items():
        figures[name] = _sum(map(gauge, executors))
    for name, counter in EXECUTOR_DELTAS.items():
        figures[name] = _sum(pair.growth(counter) for pair in grown)
    return figures


def _heap_figures(
    executors: list[Instance], deaths: tuple[MemoryDeath, ...]
) -> Iterator[tuple[str, Iterable[float | None]]]:
    """An executor that died of memory is as full as can be until its hold is over: death is no relief."""
    full: list[float | None] = [100.0] * len(deaths)
    lost: list[float | None] = [death.heap_max_bytes for death in deaths if death.heap_max_bytes > 0]
    used = [*map(jvm.heap_used, executors), *lost]
    yield "ExecutorHeapUsedPercent", [*map(jvm.heap_percent, executors), *full]
    yield "JvmHeapUsed", used
    yield "ExecutorHeapUsed", _sum(used)
    yield "ExecutorHeapMax", _sum([*map(jvm.heap_max, executors), *lost])
    yield "ExecutorOldGenUsedPercent", [*map(jvm.old_generation_percent, executors), *full]
    yield "ExecutorLiveSetPercent", [*map(jvm.live_set_percent, executors), *full]


def _driver_figures(now: Snapshot, before: Snapshot | None) -> dict[str, Iterable[float | None]]:
    grown = list(pairs(now, before, Role.DRIVER))
    drivers = [pair.now for pair in grown]
    waiting = (size for driver in drivers for size in streaming.stream_gauges(driver, "waitingBatches"))
    figures: dict[str, Iterable[float | None]] = {
        "DriverHeapUsedPercent": map(jvm.heap_percent, drivers),
        "DriverJvmHeapUsed": map(jvm.heap_used, drivers),
        "ListenerEventsDropped": _sum(pair.growth_of(jvm.dropped_events(pair.now.values)) for pair in grown),
        "StreamingBatchesWaiting": _sum(waiting),
        "StreamingStateRows": _sum(
            size for one in drivers for size in streaming.query_gauges(one, ".states-rowsTotal")
        ),
        "StreamingStateMemory": _sum(
            size for one in drivers for size in streaming.query_gauges(one, ".states-usedBytes")
        ),
    }
    for name, gauge in DRIVER_SUMS.items():
        figures[name] = _sum(map(gauge, drivers))
    for name, samples in STREAMS.items():
        figures[name] = [sample for pair in grown for sample in samples(pair)]
    return figures


def _daemon_figures(now: Snapshot) -> dict[str, Iterable[float | None]]:
    return {
        "WorkerJvmHeapUsed": [jvm.heap_used(one) for one in now.instances if one.role is Role.WORKER],
        "MasterJvmHeapUsed": [jvm.heap_used(one) for one in now.instances if one.role is Role.MASTER],
    }


def _deaths(now: Snapshot, before: Snapshot | None) -> float:
    """New ones; those that were known before are only still on hold. Without a snapshot before, all are new: a death
    in the first moments must not go unseen."""
    known = {(death.app, death.executor) for death in before.memory_deaths} if before is not None else set()
    return float(sum((death.app, death.executor) not in known for death in now.memory_deaths))


def _sum(samples: Iterable[float | None]) -> list[float | None]:
    """One sample, their total; none when nothing is known."""
    known = [sample for sample in samples if sample is not None]
    return [math.fsum(known)] if known else []


def _capped(share: float | None) -> float | None:
    """Cycles and pauses of a concurrent collector are counted both: together they may pass the time that passed."""
    return None if share is None else min(100.0, share)
