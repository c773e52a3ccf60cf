"""A real YARN and HDFS read by the agent's own pollers, and what is asked of the daemons beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import requests

from agent.domain.readings import ExecutorRemoval, Reading
from agent.sandbox.hadoop import views
from agent.sandbox.hadoop.cluster import HadoopCluster, Node
from agent.settings_sources import RestSettings
from agent.sources.polls import SparkPoll, hdfs_poll, yarn_poll
from agent.sources.rest_poller import Poll, RestPoller
from agent.telemetry import Telemetry
from tests.sandbox.spark_world import wait_for


@dataclass
class Poller:
    """One of the agent's pollers, a poll at a time."""

    poll: Poll
    readings: list[Any] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def __post_init__(self) -> None:
        settings = RestSettings(url="", period_s=1.0, timeout_s=10.0)
        self._poller = RestPoller("it", settings, self.poll, self, time.time, self.telemetry)

    def take(self, reading: Reading) -> None:
        self.readings.append(reading)

    def once(self) -> Any:
        """The reading of one poll; None when there is none."""
        before = len(self.readings)
        self._poller.poll_once()
        return self.readings[-1] if len(self.readings) > before else None

    def errors(self) -> int:
        return self.telemetry.counts().get("PollErrors", 0)


def yarn_of(cluster: HadoopCluster) -> Poller:
    return Poller(yarn_poll(cluster.resource_manager_url))


def hdfs_of(cluster: HadoopCluster) -> Poller:
    return Poller(hdfs_poll(cluster.name_node_url))


def removals_of(cluster: HadoopCluster) -> Poller:
    """Of executors, at the addresses that the ResourceManager tells."""
    return Poller(SparkPoll(yarn_of(cluster).once))


def removed(told: Poller) -> set[str]:
    """The executors of which that poller has told so far that they were removed."""
    return {each.executor for each in told.readings if isinstance(each, ExecutorRemoval)}


def metrics(cluster: HadoopCluster) -> dict[str, Any]:
    answer = requests.get(f"{cluster.resource_manager_url}/ws/v1/cluster/metrics", timeout=30)
    found: dict[str, Any] = answer.json()["clusterMetrics"]
    return found


def at_rest(told: Callable[[], Any], read: Callable[[], Any]) -> tuple[Any, Any]:
    """What was told and what was read, from a moment in which what is told stayed the same around the reading."""

    def attempt() -> tuple[Any, Any] | None:
        before, found, after = told(), read(), told()
        return (before, found) if before == after and found is not None else None

    return wait_for(attempt, "a moment without change", 300)


def state(cluster: HadoopCluster, node: Node) -> str | None:
    seen = look(cluster, node)
    return seen.state if seen is not None else None


def containers(cluster: HadoopCluster, node: Node) -> int:
    seen = look(cluster, node)
    return seen.containers if seen is not None else 0


def look(cluster: HadoopCluster, node: Node) -> views.NodeView | None:
    view = cluster.read_view()
    return view.node(node.host) if view is not None else None


def nodes_up(cluster: HadoopCluster, *nodes: Node) -> None:
    def up() -> bool:
        for node in nodes:
            assert node.process.poll() is None, node.log.read_text()[-3000:]
        return all(cluster.alive(node) for node in nodes)

    wait_for(up, "the nodes have registered", 300)


def family_of(pid: int) -> set[int]:
    """Its descendants; none once it is gone."""
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def executors_on(node: Node) -> set[int]:
    """Pids of the executors that a NodeManager has started and that run."""
    return {
        pid for pid in family_of(node.process.pid) if any("ExecutorBackend" in line for line in command_lines({pid}))
    }


def command_lines(pids: set[int]) -> list[str]:
    """Those of the processes that still run."""
    lines = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            lines.append(" ".join(psutil.Process(pid).cmdline()))
    return lines
