"""The alarms that the settings ask for, as plain data. Pure.

`docs/alarms.md` says of each what it means and what to do; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.aggregate.catalogue import BY_NAME, METRICS
from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Alarm, AnyAlarm, Composite, Query, Subject
from agent.domain.datums import Unit
from agent.domain.signals import Statistic
from agent.settings import Settings
from agent.settings_alarms import MissingData, On, OwnAlarm, Watch
from agent.settings_rules import Comparison

LOSS_PERIOD_S = 300
"""Losses are looked for over five minutes: one refused line is no trend."""
NEEDS_A_PERSON = "needs-a-person"

LOSSES = tuple(m.name for m in METRICS if m.marks_loss and m.name != "ListenerEventsDropped")
"""Events that Spark's own listeners dropped have an alarm of their own: they are Spark's loss."""


def alarms(settings: Settings, cluster_id: str) -> tuple[AnyAlarm, ...]:
    """All of them, a composite after those that it is made of. Without a cluster id (`""`) only those that outlive a
    cluster. Nothing is known of faults here: see `agent.alarms.faults`."""
    subjects = _subjects(settings, cluster_id)
    found = tuple(_metric_alarms(settings, subjects))
    return (*found, *_composites(settings, found))


def subjects(settings: Settings, cluster_id: str) -> tuple[Subject, ...]:
    """The cluster and its name, as far as there are such."""
    return tuple({subject.dimension: subject for subject in _subjects(settings, cluster_id).values()}.values())


def _subjects(settings: Settings, cluster_id: str) -> Mapping[On, Subject]:
    found = {}
    if cluster_id:
        found[On.CLUSTER] = found[On.AUTO] = Subject(CLUSTER_ID, cluster_id)
    if settings.cluster.name:
        found[On.NAME] = found[On.AUTO] = Subject(CLUSTER_NAME, settings.cluster.name)
    return found


def _metric_alarms(settings: Settings, subjects: Mapping[On, Subject]) -> Iterator[Alarm]:
    for setting, make in WATCHES.items():
        watch: Watch = getattr(settings.alarms, setting)
        if watch.enabled and watch.on in subjects:
            yield _built(settings, setting, subjects[watch.on], make(settings))
    for number, own in enumerate(settings.alarms.own):
        if own.on in subjects:
            yield _own(settings, own, number, subjects[own.on])


def _composites(settings: Settings, found: tuple[Alarm, ...]) -> Iterator[Composite]:
    """On the name only: to delete a composite alarm one must be allowed to delete every alarm of the account
    (CloudWatch API reference, DeleteAlarms), which no cluster's own node should be."""
    topics = settings.alarms.person_topic_arns
    meant = [alarm for alarm in found if alarm.person and alarm.subject.dimension == CLUSTER_NAME]
    if topics and meant:
        yield Composite(
            path="alarms.person_topic_arns",
            what=NEEDS_A_PERSON,
            subject=meant[0].subject,
            of=tuple(alarm.name for alarm in meant),
            topics=topics,
            text="One or more of the alarms that need a person are on.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
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


def _built(settings: Settings, setting: str, subject: Subject, shape: _Shape) -> Alarm:
    breaching, evaluated = _periods(shape.for_s, shape.within_s, shape.period_s)
    return Alarm(
        path=f"alarms.{setting}",
        what=what(setting),
        subject=subject,
        namespace=settings.sinks.cloudwatch.namespace,
        queries=shape.queries,
        expression=shape.expression,
        comparison=shape.comparison,
        bound=shape.bound,
        unit=BY_NAME[shape.queries[0].metric].unit,
        period_s=shape.period_s,
        breaching=breaching,
        evaluated=evaluated,
        missing_data=shape.missing_data,
        topics=settings.alarms.topic_arns,
        text=shape.text,
        person=shape.person,
    )


def _own(settings: Settings, own: OwnAlarm, number: int, subject: Subject) -> Alarm:
    period_s = own.period_s or _period_s(settings)
    breaching, evaluated = _periods(own.for_s, own.within_s, period_s)
    known = BY_NAME.get(own.metric)
    return Alarm(
        path=f"alarms.own.{number}",
        what=own.name,
        subject=subject,
        namespace=settings.sinks.cloudwatch.namespace,
        queries=(Query("value", own.metric, own.statistic),),
        comparison=own.comparison,
        bound=own.bound,
        unit=Unit.NONE if known is None else known.unit,
        period_s=period_s,
        breaching=breaching,
        evaluated=evaluated,
        missing_data=own.missing_data,
        topics=settings.alarms.topic_arns if own.topic_arns is None else own.topic_arns,
        text=own.text or f"{own.statistic} of {own.metric} {own.comparison} {own.bound:g}.",
        person=own.person,
    )


def _heap_high(settings: Settings) -> _Shape:
    given = settings.alarms.heap_high
    return _Shape(
        queries=(Query("heap", "ExecutorHeapUsedPercent", Statistic.P90),),
        bound=given.above_percent,
        period_s=_period_s(settings),
        for_s=given.for_s,
        within_s=given.within_s,
        text="A tenth of the executors have little heap left: raise spark.executor.memory, or give them fewer cores.",
    )


def _heap_used_high(settings: Settings) -> _Shape:
    given = settings.alarms.heap_used_high
    return _Shape(
        queries=(Query("heap", "JvmHeapUsed", Statistic.MAXIMUM),),
        bound=given.above_bytes,
        period_s=_period_s(settings),
        for_s=given.for_s,
        within_s=given.within_s,
        text="An executor uses more heap than the bound: look for skew, or raise the bound to what executors may use.",
    )


def _hdfs_load_high(settings: Settings) -> _Shape:
    given = settings.alarms.hdfs_load_high
    return _Shape(
        queries=(Query("load", "HdfsTotalLoadPerDataNode", Statistic.AVERAGE),),
        bound=given.above,
        period_s=_period_s(settings),
        for_s=given.for_s,
        text="DataNodes move more at once than the bound: more core nodes, or less on HDFS. Task nodes do not help.",
    )


def _memory_low(settings: Settings) -> _Shape:
    given = settings.alarms.memory_low
    return _Shape(
        queries=(
            Query("available", "MemoryAvailablePercent", Statistic.AVERAGE),
            Query("pending", "MemoryPending", Statistic.MAXIMUM),
        ),
        expression="IF(pending > 0, available, 100)",
        comparison=Comparison.BELOW,
        bound=given.below_percent,
        period_s=_period_s(settings),
        for_s=given.for_s,
        text="Work waits, there is no memory for it, and scaling has not helped: look why the agent holds.",
        person=True,
    )


def _heartbeat_missing(settings: Settings) -> _Shape:
    given = settings.alarms.heartbeat_missing
    return _Shape(
        queries=(Query("heartbeat", "Heartbeat", Statistic.SUM),),
        comparison=Comparison.BELOW,
        bound=1,
        period_s=_period_s(settings),
        for_s=given.for_s,
        missing_data=MissingData.BREACHING,
        text="The agent is dead or cannot reach CloudWatch: nothing scales this cluster, and nothing ends it.",
        person=True,
    )


def _listener_events_dropped(settings: Settings) -> _Shape:
    given = settings.alarms.listener_events_dropped
    return _Shape(
        queries=(Query("dropped", "ListenerEventsDropped", Statistic.SUM),),
        bound=0,
        period_s=_period_s(settings),
        for_s=given.for_s,
        text="Spark's driver dropped events, so what it says of its jobs and executors is wrong from now on: "
        "raise spark.scheduler.listenerbus.eventqueue.capacity.",
        person=True,
    )


def _spot_shortfall(settings: Settings) -> _Shape:
    given = settings.alarms.spot_shortfall
    return _Shape(
        queries=(Query("shortfall", "TaskFleetShortfall", Statistic.MINIMUM),),
        bound=0,
        period_s=max(LOSS_PERIOD_S, _period_s(settings)),
        for_s=given.for_s,
        text="The spot market has not filled the order for long: allow more instance types or Availability Zones, "
        "or a share on demand.",
    )


def _metrics_lost(settings: Settings) -> _Shape:
    given = settings.alarms.metrics_lost
    queries = tuple(Query(name[0].lower() + name[1:], name, Statistic.SUM) for name in LOSSES)
    return _Shape(
        queries=queries,
        expression=" + ".join(query.id for query in queries),
        bound=0,
        period_s=max(LOSS_PERIOD_S, _period_s(settings)),
        for_s=given.for_s,
        text="Some of the data does not arrive: the metrics that mark loss say which, and where.",
        person=True,
    )


WATCHES: Mapping[str, Callable[[Settings], _Shape]] = MappingProxyType(
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


def _period_s(settings: Settings) -> int:
    """No shorter than what a datum is made over, or every other period would have no data."""
    return 60 * max(1, math.ceil(settings.sinks.cloudwatch.period_s / 60))


def _periods(for_s: float, within_s: float | None, period_s: int) -> tuple[int, int]:
    """M of N periods."""
    breaching = math.ceil(for_s / period_s)
    return breaching, breaching if within_s is None else math.ceil(within_s / period_s)
