"""Figures that do not come from a JVM: the cluster manager, HDFS, the task fleet, the node, the agent itself."""

from __future__ import annotations

from collections.abc import Iterable

from agent.aggregate.catalogue import METRICS, Aggregation, Over
from agent.aggregate.growth import counted
from agent.aggregate.snapshot import Snapshot
from agent.domain.fleets import Fleet
from agent.domain.readings import Application, ClusterReading

Figures = dict[str, Iterable[float | None]]

MEBIBYTE = 1024 * 1024
RUNNING = frozenset({"RUNNING", "FINISHING"})
"""YARN's YarnApplicationState where work goes on, and the standalone master's word for it."""
PENDING = frozenset({"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "WAITING"})

COUNTED = tuple(
    metric.name for metric in METRICS if metric.over is Over.AGENT and metric.aggregation is Aggregation.DELTA
)


def cluster_figures(now: Snapshot) -> Figures:
    return {**_memory(now.cluster), **_applications(now.cluster), **_hdfs(now)}


def fleet_figures(fleet: Fleet | None) -> Figures:
    if fleet is None:
        return {}
    return {
        "TaskFleetTarget": [float(fleet.target)],
        "TaskFleetProvisioned": [float(fleet.provisioned)],
        "TaskFleetShortfall": [float(fleet.shortfall)],
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
    for name in COUNTED:
        figures[name] = [counted(now, before, name)]
    return figures


def _memory(reading: ClusterReading | None) -> Figures:
    if reading is None:
        return {}
    total, available, pending = reading.memory_total_mb, reading.memory_available_mb, reading.memory_pending_mb
    return {
        "MemoryAvailablePercent": [min(100.0, max(0.0, 100 * available / total)) if total > 0 else None],
        "MemoryTotal": [total * MEBIBYTE],
        "MemoryAvailable": [max(0.0, available) * MEBIBYTE],
        "MemoryPending": [None if pending is None else pending * MEBIBYTE],
        "ContainersPending": [None if reading.containers_pending is None else float(reading.containers_pending)],
    }


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
