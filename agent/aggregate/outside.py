"""Figures that do not come from a JVM: the cluster manager, HDFS, the task fleet, the node, the agent itself."""

from __future__ import annotations

from collections.abc import Iterable

from agent.aggregate.catalogue import METRICS, Aggregation, Over
from agent.aggregate.growth import counted
from agent.aggregate.snapshot import Snapshot
from agent.domain.fleets import Fleet
from agent.domain.readings import Application, ClusterManager, ClusterReading, NodeCounts
from agent.domain.slots import executor_size, free_slots
from agent.domain.waiting import PENDING, masters_on_task_nodes, queue_limited

Figures = dict[str, Iterable[float | None]]

MEBIBYTE = 1024 * 1024
RUNNING = frozenset({"RUNNING", "FINISHING"})
"""YARN's YarnApplicationState where work goes on, and the standalone master's word for it."""

COUNTED = frozenset(
    metric.name for metric in METRICS if metric.over is Over.AGENT and metric.aggregation is Aggregation.DELTA
)
ONLY_WITH_A_TABLE = frozenset({"LifecycleErrors"})
"""Absent, and not zero, where nobody has ever counted."""


def cluster_figures(now: Snapshot) -> Figures:
    reading = now.cluster
    return {
        **_memory(reading),
        **_slots(reading),
        **_nodes(reading),
        **_applications(reading),
        "RemainingWorkSeconds": [None if now.remaining is None else now.remaining.total_s],
        **_hdfs(now),
    }


def fleet_figures(fleet: Fleet | None, reading: ClusterReading | None, usd_per_hour: float | None = None) -> Figures:
    masters = masters_on_task_nodes(reading, fleet)
    if fleet is None:
        return {}
    return {
        "AppMastersOnTaskNodes": [None if masters is None else float(len(masters))],
        "TaskFleetTarget": [float(fleet.target)],
        "TaskFleetProvisioned": [float(fleet.provisioned)],
        "TaskFleetShortfall": [float(fleet.shortfall)],
        "TaskFleetUsdPerHour": [usd_per_hour],
    }


def node_figures(now: Snapshot) -> Figures:
    node = now.node
    if node is None:
        return {}
    return {
        "NodeCpuPercent": [node.cpu_percent],
        "NodeMemoryUsedPercent": [node.memory_used_percent],
        "NodeLoad": [node.load_1m],
        "AgentCpuPercent": [node.agent_cpu_percent],
        "AgentMemory": [float(node.agent_rss_bytes)],
    }


def agent_figures(now: Snapshot, before: Snapshot | None, idle: bool | None) -> Figures:
    figures: Figures = {
        "Heartbeat": [1.0],
        "SeriesActive": [float(sum(len(one.values) for one in now.instances))],
        "ClusterIdle": [None if idle is None else float(idle)],
        "ExecutorsLost": [None if before is None else float(max(0, now.executors_lost - before.executors_lost))],
    }
    for name in COUNTED - (ONLY_WITH_A_TABLE - now.counts.keys()):
        figures[name] = [counted(now, before, name)]
    return figures


def _memory(reading: ClusterReading | None) -> Figures:
    if reading is None or (not reading.leader and reading.memory_total_mb == 0):
        return {}
    total, available, pending = reading.memory_total_mb, reading.memory_available_mb, reading.memory_pending_mb
    return {
        "MemoryAvailablePercent": [min(100.0, max(0.0, 100 * available / total)) if total > 0 else None],
        "MemoryTotal": [total * MEBIBYTE],
        "MemoryAvailable": [max(0.0, available) * MEBIBYTE],
        "MemoryPending": [None if pending is None else pending * MEBIBYTE],
        "ContainersPending": [None if reading.containers_pending is None else float(reading.containers_pending)],
    }


def _slots(reading: ClusterReading | None) -> Figures:
    """Executor slots, where it is told what fills one; and whether what waits would fit."""
    if reading is None or reading.nodes is None or reading.applications is None:
        return {}
    figures: Figures = {}
    if reading.manager is ClusterManager.YARN:
        figures["QueueLimited"] = [float(queue_limited(reading) is not None)]
    size = executor_size(reading)
    if size is not None:
        figures["ExecutorSlotMemory"] = [size.memory_mb * MEBIBYTE]
        figures["ExecutorSlotsFree"] = [float(free_slots(reading.nodes, size))]
    return figures


def _nodes(reading: ClusterReading | None) -> Figures:
    """A standalone master counts no states, but lists its workers."""
    if reading is None:
        return {}
    counts, nodes = reading.node_counts or NodeCounts(), reading.nodes
    active = counts.active if nodes is None or counts.active is not None else sum(node.alive for node in nodes)
    states = {
        "NodesActive": active,
        "NodesUnhealthy": counts.unhealthy,
        "NodesLost": counts.lost,
        "NodesDecommissioning": counts.decommissioning,
        "NodesDecommissioned": counts.decommissioned,
    }
    return {name: [None if number is None else float(number)] for name, number in states.items()}


def _applications(reading: ClusterReading | None) -> Figures:
    if reading is None or reading.applications is None:
        return {}
    return {
        "AppsRunning": [_in_state(reading.applications, RUNNING)],
        "AppsPending": [_in_state(reading.applications, PENDING)],
    }


def _in_state(applications: tuple[Application, ...], states: frozenset[str]) -> float:
    return float(sum(application.state in states for application in applications))


def _hdfs(now: Snapshot) -> Figures:
    hdfs = now.hdfs
    if hdfs is None:
        return {}
    nodes = hdfs.live_data_nodes
    return {
        "HdfsTotalLoad": [float(hdfs.total_load)],
        "HdfsTotalLoadPerDataNode": [hdfs.total_load / nodes if nodes > 0 else None],
    }
