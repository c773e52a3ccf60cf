"""What an operator sees at a glance, from the top: state, memory, capacity and money, decisions, work, health. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Subject
from agent.dashboard.widgets import Graph, Line, Mark, Outside, Scope, Search, Text, Widget, body
from agent.settings import Settings

STREAMING, HDFS = "streaming", "hdfs"
PARTS = (STREAMING, HDFS)
"""What only some clusters have."""
MAX_NAME = 255
"""Letters of a dashboard's name (PutDashboard)."""


def dashboard(settings: Settings, subject: Subject, region: str, parts: frozenset[str]) -> dict[str, object]:
    """The body of the dashboard of a cluster, or of all clusters of a name."""
    return body(widgets(settings, subject, parts), scope(settings, subject, region))


def scope(settings: Settings, subject: Subject, region: str) -> Scope:
    sink = settings.sinks.cloudwatch
    return Scope(
        dimension=subject.dimension,
        value=subject.value,
        namespace=sink.namespace,
        region=region,
        period_s=max(60, -(-int(sink.period_s) // 60) * 60),
    )


def name(subject: Subject) -> str:
    """CloudWatch takes letters, digits, `-` and `_` (PutDashboard). Different for different subjects."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in subject.value
    )
    found = f"Tidemark-{plain}"
    if plain == subject.value and len(found) <= MAX_NAME:
        return found
    # other names may look the same without their signs, and one dashboard would take the other's place
    own = hashlib.sha256(subject.value.encode()).hexdigest()[:8]
    return f"{found[: MAX_NAME - len(own) - 1]}-{own}"


def parts_of(settings: Settings) -> frozenset[str]:
    """Those that the settings speak of: a rule on a streaming signal, a Kinesis stream, a NameNode that is polled."""
    streams = any(rule.signal.startswith(("Streaming", "Kinesis")) for rule in settings.policy.rules)
    found = {STREAMING: streams or bool(settings.sources.kinesis), HDFS: bool(settings.sources.hdfs.url)}
    return frozenset(part for part, there in found.items() if there)


def widgets(settings: Settings, subject: Subject, parts: frozenset[str]) -> Iterator[Widget]:
    yield _head(subject)
    yield from _state()
    yield from _memory()
    yield from _capacity(settings)
    yield from _decisions(subject)
    yield from _work()
    if STREAMING in parts:
        yield from _streaming(settings)
    if HDFS in parts:
        yield _hdfs()
    yield from _health()


def _head(subject: Subject) -> Widget:
    which = f"cluster `{subject.value}`" if subject.dimension == CLUSTER_ID else f"clusters named `{subject.value}`"
    reasons = (
        "" if subject.dimension == CLUSTER_ID else " Reasons are kept by cluster: make a dashboard of one to see them."
    )
    return Text(
        f"# Tidemark: {which}\n"
        "Made by `tidemark dashboard put`, which replaces it as a whole. What is not drawn is not known, not zero; "
        f"docs/metrics.md says what each means.{reasons}"
    )


def _state() -> Iterator[Widget]:
    yield Graph(
        title="Now",
        numbers=True,
        width=24,
        height=3,
        lines=(
            Line(metric="MemoryAvailablePercent", label="Memory available"),
            Line(metric="ExecutorHeapUsedPercent", statistic="p90", label="Heap p90"),
            Line(metric="TaskFleetProvisioned", label="Units there"),
            Line(metric="TaskFleetShortfall", label="Units missing"),
            Line(metric="AppsRunning", label="Applications"),
            Line(metric="ClusterIdle", statistic="Minimum", label="Idle"),
        ),
    )


def _memory() -> Iterator[Widget]:
    yield Graph(
        title="Memory of the cluster, available",
        percent=True,
        lines=(Line(metric="MemoryAvailablePercent", label="Average"),
               Line(metric="MemoryAvailablePercent", statistic="Minimum", label="Minimum")),
    )  # fmt: skip
    yield Graph(
        title="Heap of the executors, over executors",
        percent=True,
        lines=tuple(
            Line(metric="ExecutorHeapUsedPercent", statistic=statistic, label=label)
            for statistic, label in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("Maximum", "max"))
        ),
    )
    yield Graph(
        title="What the heap holds after collections, and their time",
        percent=True,
        lines=(
            Line(metric="ExecutorLiveSetPercent", statistic="p90", label="Live set p90"),
            Line(metric="ExecutorGcTimePercent", statistic="p90", label="Collectors' time p90"),
            Line(metric="ExecutorMemoryDeaths", statistic="Sum", label="Deaths of memory", right=True),
        ),
    )


def _capacity(settings: Settings) -> Iterator[Widget]:
    fleet = settings.fleet
    yield Graph(
        title="Task capacity",
        unit="capacity units",
        lines=(
            Line(metric="TaskFleetTarget", label="Target"),
            Line(metric="TaskFleetProvisioned", label="Provisioned"),
            Line(metric="TaskFleetShortfall", label="Shortfall"),
        ),
        marks=(
            Mark(fleet.max_capacity_units, "Maximum"),
            *((Mark(fleet.min_capacity_units, "Minimum"),) if fleet.min_capacity_units else ()),
        ),
    )
    cap = fleet.max_usd_per_hour
    yield Graph(
        title="Cost of the task capacity" if settings.wants_prices else "Cost (known only with prices.watch)",
        unit="USD an hour",
        lines=(Line(metric="TaskFleetUsdPerHour", label="USD an hour"),),
        marks=() if cap is None else (Mark(cap, "Cap"),),
    )
    yield Graph(
        title="Nodes",
        lines=(
            Line(metric="NodesActive", label="Active"),
            Line(metric="NodesDecommissioning", label="Decommissioning"),
            Line(metric="NodesUnhealthy", label="Unhealthy"),
            Line(metric="NodesLost", label="Lost"),
        ),
    )


def _decisions(subject: Subject) -> Iterator[Widget]:
    yield Graph(
        title="Resizes, and turns in which one was withheld",
        lines=(
            Line(metric="ResizeActions", statistic="Sum", label="Resizes"),
            Line(metric="DecisionsWithheld", statistic="Sum", label="Turns withheld", right=True),
        ),
    )
    if subject.dimension == CLUSTER_NAME:
        yield Graph(
            title="Advice, and turns in which a shadow differed",
            lines=(
                Line(metric="AdviceGiven", statistic="Sum", label="Advice"),
                Line(metric="ShadowDecisionsDiffering", statistic="Sum", label="Shadow differed"),
            ),
        )
    else:
        yield Graph(
            title="Why decisions were withheld (turns)",
            stacked=True,
            lines=(Search(metric="DecisionsWithheld", dimension="Reason"),),
        )
    yield Graph(
        title="Idle, applications",
        lines=(
            Line(metric="AppsRunning", label="Running"),
            Line(metric="AppsPending", label="Waiting"),
            Line(metric="ClusterIdle", statistic="Minimum", label="Idle", right=True),
        ),
    )


def _work() -> Iterator[Widget]:
    yield Graph(
        title="What waits",
        lines=(
            Line(metric="ContainersPending", label="Containers pending"),
            Line(metric="ExecutorsNeeded", label="Executors needed"),
            Line(metric="MemoryPending", label="Memory pending", right=True),
        ),
    )
    yield Graph(
        title="Work that is left",
        unit="container seconds",
        lines=(Line(metric="RemainingWorkSeconds", label="Remaining"),),
    )
    yield Graph(
        title="Tasks and executors",
        lines=(
            Line(metric="TaskSlotsActive", label="Tasks running"),
            Line(metric="ExecutorsReporting", label="Executors"),
            Line(metric="ExecutorsLost", statistic="Sum", label="Executors lost"),
        ),
    )


def _streaming(settings: Settings) -> Iterator[Widget]:
    yield Graph(
        title="Streams: time needed of the time there is (above 100 behind)",
        unit="percent",
        lines=(
            Line(metric="StreamingLoadPercent", statistic="Maximum", label="Worst"),
            Line(metric="StreamingLoadPercent", label="Average"),
        ),
        marks=(Mark(100, "Falls behind"),),
    )
    yield Graph(
        title="Streams: records a second",
        lines=(
            Line(metric="StreamingInputRate", statistic="Sum", label="Arriving"),
            Line(metric="StreamingProcessingRate", statistic="Sum", label="Processed"),
        ),
    )
    ages = tuple(
        Outside(
            namespace="AWS/Kinesis",
            name="GetRecords.IteratorAgeMilliseconds",
            dimensions=(("StreamName", stream.stream),),
            statistic="Maximum",
            label=f"Readers of {stream.stream}",
        )
        if stream.consumer is None
        else Outside(
            namespace="AWS/Kinesis",
            name="SubscribeToShardEvent.MillisBehindLatest",
            dimensions=(("StreamName", stream.stream), ("ConsumerName", stream.consumer)),
            statistic="Maximum",
            label=f"{stream.consumer} of {stream.stream}",
        )
        for stream in settings.sources.kinesis
    )
    yield Graph(
        title="Streams: how far behind",
        unit="milliseconds",
        lines=(
            Line(metric="StreamingBatchLatency", statistic="Maximum", label="Batch"),
            Line(metric="StreamingSchedulingDelay", statistic="Maximum", label="Scheduling delay"),
            Line(metric="StreamingWatermarkLag", statistic="Maximum", label="Watermark"),
            *ages,
        ),
    )


def _hdfs() -> Widget:
    return Graph(
        title="HDFS: transfers",
        lines=(
            Line(metric="HdfsTotalLoad", label="Total load"),
            Line(metric="HdfsTotalLoadPerDataNode", label="For each DataNode", right=True),
        ),
    )


def _health() -> Iterator[Widget]:
    yield Graph(
        title="The agent: alive",
        lines=(
            Line(metric="Heartbeat", statistic="Sum", label="Heartbeats"),
            Line(metric="AgentCpuPercent", label="CPU of one core, percent", right=True),
        ),
    )
    yield Graph(
        title="The agent: what was lost or failed",
        stacked=True,
        lines=tuple(
            Line(metric=metric, statistic="Sum")
            for metric in ("DatumsLost", "LinesRejected", "ReportsRejected", "ConnectionsRejected", "PollErrors",
                           "EmrReadErrors", "PublishErrors", "CallsDenied", "LoopErrors", "ListenerEventsDropped")
        ),
    )  # fmt: skip
    yield Graph(
        title="The primary",
        percent=True,
        lines=(
            Line(metric="NodeMemoryUsedPercent", label="Memory used"),
            Line(metric="NodeCpuPercent", label="CPU"),
        ),
    )
