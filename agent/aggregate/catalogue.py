"""Every metric that Tidemark publishes, in one table. Roll-up, signals and `docs/metrics.md` are held to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.aggregate.metric import Aggregation, Metric, Over
from agent.aggregate.spark_metrics import SPARK_METRICS
from agent.domain.datums import Unit

__all__ = ["BY_NAME", "METRICS", "NAMESPACE", "REMOTE", "SIGNALS", "Aggregation", "Metric", "Over"]

_CLUSTER = (
    Metric(
        "MemoryAvailablePercent",
        Unit.PERCENT,
        Over.CLUSTER,
        Aggregation.LAST,
        "Headroom: memory that YARN or the standalone master can still give out, against all that it manages.",
    ),
    Metric("MemoryTotal", Unit.BYTES, Over.CLUSTER, Aggregation.LAST, "Memory that the cluster manager manages."),
    Metric("MemoryAvailable", Unit.BYTES, Over.CLUSTER, Aggregation.LAST, "Memory that it can still give out."),
    Metric("MemoryPending", Unit.BYTES, Over.CLUSTER, Aggregation.LAST, "Memory that is asked for and not given."),
    Metric(
        "ContainersPending", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Containers that are asked for and not given."
    ),
    Metric(
        "ExecutorSlotsFree",
        Unit.COUNT,
        Over.CLUSTER,
        Aggregation.LAST,
        "Executor containers that really fit in what each node has free, over all nodes that still take work.",
    ),
    Metric(
        "ExecutorSlotMemory",
        Unit.BYTES,
        Over.CLUSTER,
        Aggregation.LAST,
        "Memory of one such container, from what running applications ask for or hold.",
    ),
    Metric(
        "QueueLimited",
        Unit.NONE,
        Over.CLUSTER,
        Aggregation.LAST,
        "1 while work waits although all of it fits in what is free, 0 otherwise or where that is not certain.",
    ),
    Metric("NodesActive", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Nodes that take work."),
    Metric("NodesUnhealthy", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Nodes that their own checks find unfit."),
    Metric("NodesLost", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Nodes that fell silent."),
    Metric("NodesDecommissioning", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Nodes that drain."),
    Metric("NodesDecommissioned", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Nodes that have drained and left."),
    Metric(
        "AppMastersOnTaskNodes",
        Unit.COUNT,
        Over.CLUSTER,
        Aggregation.LAST,
        "Applications whose master runs on task capacity, where a spot interruption or a scale in ends it.",
    ),
    Metric("AppsRunning", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Applications that run."),
    Metric("AppsPending", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Applications that wait to run."),
    Metric(
        "RemainingWorkSeconds",
        Unit.SECONDS,
        Over.STAGES,
        Aggregation.LAST,
        "Container-seconds that the active stages of all running applications still have to do; absent while one has "
        "not told, or nothing tells how long a task takes.",
    ),
    Metric(
        "HdfsTotalLoad",
        Unit.COUNT,
        Over.HDFS,
        Aggregation.LAST,
        "Transfers going on at all DataNodes (TotalLoad of the NameNode's FSNamesystem).",
    ),
    Metric(
        "HdfsTotalLoadPerDataNode", Unit.COUNT, Over.HDFS, Aggregation.LAST, "The same for each DataNode that is live."
    ),
    Metric("TaskFleetTarget", Unit.COUNT, Over.FLEET, Aggregation.LAST, "Capacity units asked for."),
    Metric("TaskFleetProvisioned", Unit.COUNT, Over.FLEET, Aggregation.LAST, "Capacity units that are there."),
    Metric(
        "TaskFleetShortfall",
        Unit.COUNT,
        Over.FLEET,
        Aggregation.LAST,
        "Capacity units that are asked for and not there.",
    ),
    Metric(
        "TaskFleetUsdPerHour",
        Unit.NONE,
        Over.FLEET,
        Aggregation.LAST,
        "USD an hour for the units that are there, EMR's fee included; only while prices are asked for.",
    ),
)

_AGENT = (
    Metric("NodeCpuPercent", Unit.PERCENT, Over.NODE, Aggregation.LAST, "CPU in use on the agent's node, all cores."),
    Metric("NodeMemoryUsedPercent", Unit.PERCENT, Over.NODE, Aggregation.LAST, "Memory in use on the agent's node."),
    Metric("NodeLoad", Unit.NONE, Over.NODE, Aggregation.LAST, "Load average of the agent's node over one minute."),
    Metric("AgentCpuPercent", Unit.PERCENT, Over.NODE, Aggregation.LAST, "CPU that the agent uses, of one core."),
    Metric("AgentMemory", Unit.BYTES, Over.NODE, Aggregation.LAST, "Resident memory of the agent's processes."),
    Metric(
        "DecisionsWithheld",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Turns in which a guard withheld a resize or an end; under `Reason` the code of the guard's reason.",
    ),
    Metric(
        "DecisionsLimited",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Turns in which a guard made the target of a resize gentler; under `Reason` the code of the guard's reason.",
    ),
    Metric(
        "ShadowDecisionsDiffering",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Turns in which a shadow policy would have done something else; under `Reason` the policy.",
    ),
    Metric(
        "AdviceGiven",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Turns in which executors looked too small or too large; under `Reason` which.",
    ),
    Metric(
        "InterruptionNotices",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "EC2's spot notices about the primary itself; under `Reason` what EC2 is about to do.",
    ),
    Metric("ResizeActions", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Resizes that EMR took."),
    Metric(
        "ClusterIdle", Unit.NONE, Over.AGENT, Aggregation.LAST, "1 when every probe says idle, 0 when one says busy."
    ),
    Metric("Heartbeat", Unit.COUNT, Over.AGENT, Aggregation.LAST, "1 while the agent is alive; alarm on its absence."),
    Metric("SeriesActive", Unit.COUNT, Over.AGENT, Aggregation.LAST, "Values that the table holds."),
    Metric("Connections", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Connections accepted from Spark."),
    Metric("ConnectionsRejected", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Connections cut short.", marks_loss=True),
    Metric("LinesReceived", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Lines that arrived."),
    Metric(
        "LinesRejected",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Lines that were refused; the agent keeps count by reason, and publishes the total.",
        marks_loss=True,
    ),
    Metric(
        "ReportsRejected",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Whole reports that were refused.",
        marks_loss=True,
    ),
    Metric(
        "BytesDiscarded",
        Unit.BYTES,
        Over.AGENT,
        Aggregation.DELTA,
        "Bytes dropped past the listener's bounds.",
        marks_loss=True,
    ),
    Metric(
        "PollErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Polls of YARN, HDFS, Spark, Kinesis' lag or the node that failed.",
    ),
    Metric(
        "PublishErrors", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "PutMetricData calls that failed; most are retried."
    ),
    Metric("DatumsDelivered", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Datums that CloudWatch took."),
    Metric(
        "DatumsLost",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Datums that never reached CloudWatch, for any reason.",
        marks_loss=True,
    ),
    Metric(
        "FileErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Datums that could not be written to the file.",
        marks_loss=True,
    ),
    Metric(
        "JournalErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Turns that could not be written to the journal.",
        marks_loss=True,
    ),
    Metric("EmrReadErrors", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Calls that describe the cluster and failed."),
    Metric(
        "PriceErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Questions about prices that were not answered; without an answer a fleet with a cap in money does not grow.",
    ),
    Metric(
        "AlarmNoticesRefused",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Notices of alarms that led to nothing; under `Reason` why, such as late, forged or a duplicate.",
    ),
    Metric(
        "RequestsSettled",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Resizes that alarms and people asked for and that are over; under `Reason` what became of them.",
    ),
    Metric(
        "QueueErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Calls to the alarms' queue that failed; without it no alarm is heard.",
    ),
    Metric(
        "LifecycleErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Heartbeats that the lifecycle's table did not answer; without an answer nobody knows whether a job has the "
        "cluster.",
    ),
    Metric(
        "CallsDenied",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "AWS calls denied for want of a right; by reason it names the capability that is missing.",
    ),
    Metric("LoopErrors", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Steps of the agent's own loops that failed."),
    Metric(
        "StatusErrors",
        Unit.COUNT,
        Over.AGENT,
        Aggregation.DELTA,
        "Faults of the status page: its port was taken, or it could not be made.",
    ),
)

METRICS: tuple[Metric, ...] = SPARK_METRICS + _CLUSTER + _AGENT
"""In the order in which they are published."""

REMOTE: tuple[Metric, ...] = (
    Metric(
        "KinesisIteratorAge",
        Unit.MILLISECONDS,
        Over.STREAMS,
        Aggregation.DISTRIBUTION,
        "How far the readers of each stream of `[[sources.kinesis]]` are behind: one sample a stream, its maximum.",
    ),
)
"""Signals that are read from CloudWatch and not published again."""

SIGNALS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in METRICS + REMOTE})
"""What a rule may name."""

BY_NAME: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in METRICS})

NAMESPACE = "Tidemark"
"""The default namespace; `sinks.cloudwatch.namespace` sets another."""
