"""Every metric that Tidemark publishes, in one table. Roll-up, signals and `docs/metrics.md` are held to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from agent.domain.datums import Unit


class Over(StrEnum):
    """What a metric is taken over; it also tells which reading a signal's age comes from."""

    EXECUTORS = "executors"
    DRIVERS = "drivers"
    WORKERS = "workers"
    MASTERS = "masters"
    CLUSTER = "cluster"
    HDFS = "hdfs"
    FLEET = "fleet"
    NODE = "node"
    AGENT = "agent"


class Aggregation(StrEnum):
    """How one period becomes one datum."""

    DISTRIBUTION = "distribution"
    """One sample each, as Values and Counts: average, extremes and percentiles come from one billed metric."""
    SUM = "sum"
    """The last values, added up."""
    DELTA = "delta"
    """What counters grew by since the period before, added up."""
    LAST = "last"
    """The last value."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    unit: Unit
    over: Over
    aggregation: Aggregation
    meaning: str
    """One sentence."""
    marks_loss: bool = False
    """Above zero it says that some data was lost on its way."""
    per_application: bool = False
    """Published under `{ClusterId, AppName}` too, where that is switched on."""


_SPARK = (
    Metric(
        "ExecutorHeapUsedPercent",
        Unit.PERCENT,
        Over.EXECUTORS,
        Aggregation.DISTRIBUTION,
        "Heap in use against its maximum, whole percents; an executor that died of memory counts as 100.",
        per_application=True,
    ),
    Metric(
        "JvmHeapUsed",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.DISTRIBUTION,
        "Heap in use; an executor that died of memory counts with its maximum heap.",
        per_application=True,
    ),
    Metric(
        "ExecutorHeapUsed",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.SUM,
        "Heap in use, all executors together; one that died of memory counts with its maximum heap.",
        per_application=True,
    ),
    Metric(
        "ExecutorHeapMax",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.SUM,
        "Maximum heap, all executors together; one that died of memory still counts.",
        per_application=True,
    ),
    Metric(
        "ExecutorOldGenUsedPercent",
        Unit.PERCENT,
        Over.EXECUTORS,
        Aggregation.DISTRIBUTION,
        "Old generation in use against its maximum, whole percents: calmer than the heap, which swings between "
        "collections; an executor that died of memory counts as 100.",
        per_application=True,
    ),
    Metric(
        "ExecutorUnifiedMemoryUsed",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.SUM,
        "Execution and storage memory in use, on and off the heap.",
        per_application=True,
    ),
    Metric(
        "ExecutorOffHeapUsed",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.SUM,
        "Memory that the JVMs use outside the heap: classes, compiled code.",
        per_application=True,
    ),
    Metric(
        "ExecutorDirectMemory",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.SUM,
        "Direct buffers in use.",
        per_application=True,
    ),
    Metric(
        "ExecutorRssPercent",
        Unit.PERCENT,
        Over.EXECUTORS,
        Aggregation.DISTRIBUTION,
        "Resident memory of an executor's processes (JVM, Python, others) against its maximum heap, whole percents, "
        "beyond 100 at need; only where Spark's process tree metrics are on.",
        per_application=True,
    ),
    Metric(
        "ExecutorGcTimePercent",
        Unit.PERCENT,
        Over.EXECUTORS,
        Aggregation.DISTRIBUTION,
        "Share of the time that collectors were at work, whole percents, at most 100.",
        per_application=True,
    ),
    Metric(
        "ExecutorCpuPercent",
        Unit.PERCENT,
        Over.EXECUTORS,
        Aggregation.DISTRIBUTION,
        "CPU time of the JVM against elapsed time, whole percents of one core: two busy cores are 200.",
        per_application=True,
    ),
    Metric(
        "ExecutorsReporting",
        Unit.COUNT,
        Over.EXECUTORS,
        Aggregation.LAST,
        "Executors that report.",
        per_application=True,
    ),
    Metric(
        "ExecutorsLost",
        Unit.COUNT,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Executors that fell silent while their application went on.",
    ),
    Metric(
        "ExecutorMemoryDeaths",
        Unit.COUNT,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Executors found to have died of memory.",
        per_application=True,
    ),
    Metric(
        "TaskSlotsActive",
        Unit.COUNT,
        Over.EXECUTORS,
        Aggregation.SUM,
        "Tasks that run now.",
        per_application=True,
    ),
    Metric(
        "TasksCompleted",
        Unit.COUNT,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Tasks that ended, well or not.",
        per_application=True,
    ),
    Metric(
        "SpillBytes",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Bytes spilled to disk for want of execution memory.",
        per_application=True,
    ),
    Metric(
        "ShuffleReadBytes",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Shuffle bytes read, local and remote.",
        per_application=True,
    ),
    Metric(
        "ShuffleWriteBytes",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Shuffle bytes written.",
        per_application=True,
    ),
    Metric(
        "InputBytes",
        Unit.BYTES,
        Over.EXECUTORS,
        Aggregation.DELTA,
        "Bytes that tasks read from their sources.",
        per_application=True,
    ),
    Metric(
        "DriverHeapUsedPercent",
        Unit.PERCENT,
        Over.DRIVERS,
        Aggregation.DISTRIBUTION,
        "Heap in use against its maximum, whole percents.",
        per_application=True,
    ),
    Metric(
        "DriverJvmHeapUsed",
        Unit.BYTES,
        Over.DRIVERS,
        Aggregation.DISTRIBUTION,
        "Heap in use.",
        per_application=True,
    ),
    Metric("ActiveJobs", Unit.COUNT, Over.DRIVERS, Aggregation.SUM, "Jobs that run.", per_application=True),
    Metric("RunningStages", Unit.COUNT, Over.DRIVERS, Aggregation.SUM, "Stages that run.", per_application=True),
    Metric("WaitingStages", Unit.COUNT, Over.DRIVERS, Aggregation.SUM, "Stages that wait.", per_application=True),
    Metric(
        "ExecutorsNeeded",
        Unit.COUNT,
        Over.DRIVERS,
        Aggregation.SUM,
        "Executors that the tasks at hand could use beyond those that are there; only with dynamic allocation.",
        per_application=True,
    ),
    Metric(
        "ListenerEventsDropped",
        Unit.COUNT,
        Over.DRIVERS,
        Aggregation.DELTA,
        "Events that Spark's own listener queues dropped: the driver's figures are wrong from then on.",
        marks_loss=True,
        per_application=True,
    ),
    Metric(
        "StreamingInputRate",
        Unit.COUNT_PER_SECOND,
        Over.DRIVERS,
        Aggregation.DISTRIBUTION,
        "Records that arrive: one sample a streaming query, or a DStream application.",
        per_application=True,
    ),
    Metric(
        "StreamingProcessingRate",
        Unit.COUNT_PER_SECOND,
        Over.DRIVERS,
        Aggregation.DISTRIBUTION,
        "Records that are processed: one sample a streaming query, or a DStream application.",
        per_application=True,
    ),
    Metric(
        "StreamingBatchLatency",
        Unit.MILLISECONDS,
        Over.DRIVERS,
        Aggregation.DISTRIBUTION,
        "Duration of the last trigger of a streaming query, or total delay of the last batch of a DStream application.",
        per_application=True,
    ),
    Metric(
        "StreamingSchedulingDelay",
        Unit.MILLISECONDS,
        Over.DRIVERS,
        Aggregation.DISTRIBUTION,
        "How long the last batch of a DStream application waited before it was started.",
        per_application=True,
    ),
    Metric(
        "StreamingBatchesWaiting",
        Unit.COUNT,
        Over.DRIVERS,
        Aggregation.SUM,
        "Batches of DStream applications that wait.",
        per_application=True,
    ),
    Metric(
        "WorkerJvmHeapUsed",
        Unit.BYTES,
        Over.WORKERS,
        Aggregation.DISTRIBUTION,
        "Heap in use of the standalone worker daemons themselves.",
    ),
    Metric(
        "MasterJvmHeapUsed",
        Unit.BYTES,
        Over.MASTERS,
        Aggregation.DISTRIBUTION,
        "Heap in use of the standalone master daemon itself.",
    ),
)

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
    Metric("AppsRunning", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Applications that run."),
    Metric("AppsPending", Unit.COUNT, Over.CLUSTER, Aggregation.LAST, "Applications that wait to run."),
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
)

_AGENT = (
    Metric("NodeCpuPercent", Unit.PERCENT, Over.NODE, Aggregation.LAST, "CPU in use on the agent's node, all cores."),
    Metric("NodeMemoryUsedPercent", Unit.PERCENT, Over.NODE, Aggregation.LAST, "Memory in use on the agent's node."),
    Metric("NodeLoad", Unit.NONE, Over.NODE, Aggregation.LAST, "Load average of the agent's node over one minute."),
    Metric("AgentCpuPercent", Unit.PERCENT, Over.NODE, Aggregation.LAST, "CPU that the agent uses, of one core."),
    Metric("AgentMemory", Unit.BYTES, Over.NODE, Aggregation.LAST, "Resident memory of the agent's processes."),
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
        "PollErrors", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Polls of YARN, HDFS, Spark or the node that failed."
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
    Metric("LoopErrors", Unit.COUNT, Over.AGENT, Aggregation.DELTA, "Steps of the agent's own loops that failed."),
)

METRICS: tuple[Metric, ...] = _SPARK + _CLUSTER + _AGENT
"""In the order in which they are published."""

BY_NAME: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in METRICS})

NAMESPACE = "Tidemark"
"""The default namespace; `sinks.cloudwatch.namespace` sets another."""
