"""What each alarm of the settings looks for. Pure.

`docs/alarms.md` says of each what it means and what to do; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.aggregate.catalogue import METRICS
from agent.alarms.alarm import Query
from agent.domain.signals import Statistic
from agent.settings import Settings
from agent.settings_alarms import MissingData
from agent.settings_rules import Comparison

LOSS_PERIOD_S = 300
"""Losses are looked for over five minutes: one refused line is no trend."""

LOSSES = tuple(m.name for m in METRICS if m.marks_loss and m.name != "ListenerEventsDropped")
"""Events that Spark's own listeners dropped have an alarm of their own: they are Spark's loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What differs from one alarm to the next."""

    queries: tuple[Query, ...]
    expression: str | None = None
    comparison: Comparison = Comparison.ABOVE
    bound: float
    period_s: int
    for_s: float
    within_s: float | None = None
    missing_data: MissingData = MissingData.NOT_BREACHING
    text: str
    person: bool = False


def _heap_high(settings: Settings) -> Shape:
    given = settings.alarms.heap_high
    return Shape(
        queries=(Query("heap", "ExecutorHeapUsedPercent", Statistic.P90),),
        bound=given.above_percent,
        period_s=shortest_period_s(settings),
        for_s=given.for_s,
        within_s=given.within_s,
        text="A tenth of the executors have little heap left: raise spark.executor.memory, or give them fewer cores.",
    )


def _heap_used_high(settings: Settings) -> Shape:
    given = settings.alarms.heap_used_high
    return Shape(
        queries=(Query("heap", "JvmHeapUsed", Statistic.MAXIMUM),),
        bound=given.above_bytes,
        period_s=shortest_period_s(settings),
        for_s=given.for_s,
        within_s=given.within_s,
        text="An executor uses more heap than the bound: look for skew, or raise the bound to what executors may use.",
    )


def _hdfs_load_high(settings: Settings) -> Shape:
    given = settings.alarms.hdfs_load_high
    return Shape(
        queries=(Query("load", "HdfsTotalLoadPerDataNode", Statistic.AVERAGE),),
        bound=given.above,
        period_s=shortest_period_s(settings),
        for_s=given.for_s,
        text="DataNodes move more at once than the bound: more core nodes, or less on HDFS. Task nodes do not help.",
    )


def _memory_low(settings: Settings) -> Shape:
    given = settings.alarms.memory_low
    return Shape(
        queries=(
            Query("available", "MemoryAvailablePercent", Statistic.AVERAGE),
            Query("pending", "MemoryPending", Statistic.MAXIMUM),
        ),
        expression="IF(pending > 0, available, 100)",
        comparison=Comparison.BELOW,
        bound=given.below_percent,
        period_s=shortest_period_s(settings),
        for_s=given.for_s,
        text="Work waits, there is no memory for it, and scaling has not helped: look why the agent holds.",
        person=True,
    )


def _heartbeat_missing(settings: Settings) -> Shape:
    given = settings.alarms.heartbeat_missing
    return Shape(
        queries=(Query("heartbeat", "Heartbeat", Statistic.SUM),),
        comparison=Comparison.BELOW,
        bound=1,
        period_s=shortest_period_s(settings),
        for_s=given.for_s,
        missing_data=MissingData.BREACHING,
        text="The agent is dead or cannot reach CloudWatch: nothing scales this cluster, and nothing ends it.",
        person=True,
    )


def _listener_events_dropped(settings: Settings) -> Shape:
    given = settings.alarms.listener_events_dropped
    return Shape(
        queries=(Query("dropped", "ListenerEventsDropped", Statistic.SUM),),
        bound=0,
        period_s=shortest_period_s(settings),
        for_s=given.for_s,
        text="Spark's driver dropped events, so what it says of its jobs and executors is wrong from now on: "
        "raise spark.scheduler.listenerbus.eventqueue.capacity.",
        person=True,
    )


def _spot_shortfall(settings: Settings) -> Shape:
    given = settings.alarms.spot_shortfall
    return Shape(
        queries=(Query("shortfall", "TaskFleetShortfall", Statistic.MINIMUM),),
        bound=0,
        period_s=max(LOSS_PERIOD_S, shortest_period_s(settings)),
        for_s=given.for_s,
        text="The spot market has not filled the order for long: allow more instance types or Availability Zones, "
        "or a share on demand.",
    )


def _metrics_lost(settings: Settings) -> Shape:
    given = settings.alarms.metrics_lost
    queries = tuple(Query(name[0].lower() + name[1:], name, Statistic.SUM) for name in LOSSES)
    return Shape(
        queries=queries,
        expression=" + ".join(query.id for query in queries),
        bound=0,
        period_s=max(LOSS_PERIOD_S, shortest_period_s(settings)),
        for_s=given.for_s,
        text="Some of the data does not arrive: the metrics that mark loss say which, and where.",
        person=True,
    )


WATCHES: Mapping[str, Callable[[Settings], Shape]] = MappingProxyType(
    {
        "heap_high": _heap_high,
        "heap_used_high": _heap_used_high,
        "hdfs_load_high": _hdfs_load_high,
        "memory_low": _memory_low,
        "heartbeat_missing": _heartbeat_missing,
        "listener_events_dropped": _listener_events_dropped,
        "spot_shortfall": _spot_shortfall,
        "metrics_lost": _metrics_lost,
    }
)
"""By the name of their settings below `[alarms]`."""


def what(setting: str) -> str:
    """The end of the alarm's name."""
    return setting.replace("_", "-")


def shortest_period_s(settings: Settings) -> int:
    """No shorter than what a datum is made over, or every other period would have no data."""
    return 60 * max(1, math.ceil(settings.sinks.cloudwatch.period_s / 60))
