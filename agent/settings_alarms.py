"""Settings of CloudWatch alarms. What each of them means and asks for is in `docs/alarms.md`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from agent.domain.signals import Statistic
from agent.settings_base import Count, Model, Seconds
from agent.settings_rules import Comparison

Percent = Annotated[float, Field(ge=0, le=100)]
Bound = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TopicArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$")]


class On(StrEnum):
    """Which dimension an alarm watches."""

    AUTO = "auto"
    CLUSTER = "cluster"
    NAME = "name"


class MissingData(StrEnum):
    """What a period without data counts as; the words are CloudWatch's (TreatMissingData)."""

    NOT_BREACHING = "notBreaching"
    BREACHING = "breaching"
    IGNORE = "ignore"
    MISSING = "missing"


ON = (
    "`cluster`: this cluster (`ClusterId`), ends with it. `name`: all clusters of `cluster.name`, outlives them. "
    "`auto`: `name` where there is one."
)


class Watch(Model):
    enabled: bool = Field(True, description="Whether there is this alarm.")
    on: On = Field(On.AUTO, description=ON)


class HeapHigh(Watch):
    """Executors short of heap."""

    above_percent: Percent = Field(85.0, description="p90 of `ExecutorHeapUsedPercent`.")
    for_s: Seconds = Field(180.0, description="For so long…")
    within_s: Seconds = Field(300.0, description="…in so long.")


class HeapUsedHigh(Watch):
    """One executor with much heap in use."""

    above_bytes: Bound = Field(20e9, description="Maximum of `JvmHeapUsed`.")
    for_s: Seconds = Field(180.0, description="For so long…")
    within_s: Seconds = Field(300.0, description="…in so long.")


class HdfsLoadHigh(Watch):
    """HDFS under load."""

    above: Bound = Field(100.0, description="Average of `HdfsTotalLoadPerDataNode`.")
    for_s: Seconds = Field(600.0, description="For so long.")


class MemoryLow(Watch):
    """Work waits and there is no memory for it."""

    below_percent: Percent = Field(10.0, description="`MemoryAvailablePercent`, while `MemoryPending` is above zero.")
    for_s: Seconds = Field(900.0, description="For so long: longer than a scale out takes.")


class HeartbeatMissing(Watch):
    """The agent says nothing."""

    on: On = Field(On.CLUSTER, description=ON + " `name` suits only a cluster that is always there.")
    for_s: Seconds = Field(300.0, description="For so long.")


class ListenerEventsDropped(Watch):
    """Spark's listeners lost events."""

    for_s: Seconds = Field(60.0, description="In each period of so long.")


class SpotShortfall(Watch):
    """The spot market does not fill what was ordered."""

    for_s: Seconds = Field(1800.0, description="For so long without a break.")


class MetricsLost(Watch):
    """Data was lost on its way: the metrics that mark loss, added up."""

    for_s: Seconds = Field(900.0, description="In each of the periods of five minutes that make up so long.")


class OwnAlarm(Model):
    """An alarm of your own on any metric of `docs/metrics.md`."""

    name: str = Field(min_length=1, max_length=200, description="Unique; the end of the alarm's name.")
    metric: str = Field(description="A published metric, see `docs/metrics.md`.")
    statistic: Statistic = Field(Statistic.AVERAGE, description="Which statistic of it.")
    comparison: Comparison
    bound: Annotated[float, Field(allow_inf_nan=False)]
    for_s: Seconds = Field(description="How long it must breach…")
    within_s: Seconds | None = Field(None, description="…in so long. Unset: without a break.")
    period_s: Count | None = Field(
        None,
        description="Over so long it is taken: 10, 20, 30 (with `sinks.cloudwatch.storage_resolution_s = 1`) "
        "or a multiple of 60. Unset: the shortest multiple of 60 that is no shorter than `sinks.cloudwatch.period_s`.",
    )
    missing_data: MissingData = Field(MissingData.NOT_BREACHING, description="What a period without data counts as.")
    on: On = Field(On.AUTO, description=ON)
    topic_arns: tuple[TopicArn, ...] | None = Field(None, description="Instead of `alarms.topic_arns`.")
    person: bool = Field(False, description="Whether it is one of those that need a person.")
    text: str = Field("", max_length=700, description="What it means and what to do, for the alarm's description.")


class AlarmsSettings(Model):
    """The alarms that `tidemark alarms put` makes."""

    topic_arns: tuple[TopicArn, ...] = Field(
        (), description="SNS topics that hear of each alarm, when it begins and when it is over; five at most."
    )
    person_topic_arns: tuple[TopicArn, ...] = Field(
        (),
        description="SNS topics that hear, once, that one or more of the alarms that need a person are on: a composite "
        "alarm over those on `cluster.name`. Empty: there is no such alarm.",
    )
    remove_at_end: bool = Field(
        True, description="Whether the agent deletes the alarms of its own cluster when the cluster ends."
    )
    heap_high: HeapHigh = HeapHigh()
    heap_used_high: HeapUsedHigh = HeapUsedHigh()
    hdfs_load_high: HdfsLoadHigh = HdfsLoadHigh()
    memory_low: MemoryLow = MemoryLow()
    heartbeat_missing: HeartbeatMissing = HeartbeatMissing()
    listener_events_dropped: ListenerEventsDropped = ListenerEventsDropped()
    spot_shortfall: SpotShortfall = SpotShortfall()
    metrics_lost: MetricsLost = MetricsLost()
    own: tuple[OwnAlarm, ...] = ()

    @model_validator(mode="after")
    def _topics_are_unique(self) -> AlarmsSettings:
        for name, arns in (("topic_arns", self.topic_arns), ("person_topic_arns", self.person_topic_arns)):
            if len(set(arns)) < len(arns):
                raise ValueError(f"{name} names a topic twice")
        return self
