"""How many core nodes are there, by two witnesses. One alone is never believed when it says that there are none."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.fleets import Fleet
from agent.domain.readings import ClusterManager, ClusterReading, HdfsReading


@dataclass(frozen=True, slots=True)
class NodesThere:
    """What YARN has of both kinds; None where that is not known."""

    core: int | None
    task: int | None


def by_yarn(reading: ClusterReading | None, fleet: Fleet | None) -> NodesThere:
    """Its nodes that run or drain; those that are no instance of the task capacity are core nodes.

    A node that EMR has just dropped or not listed yet counts as core: the number may be too high for a moment, and is
    never too low. Nodes that their own checks find unfit are there, but YARN's list does not tell which they are:
    beside one, none is not believed.
    """
    if reading is None or reading.manager is not ClusterManager.YARN or reading.nodes is None or not reading.leader:
        return NodesThere(None, None)
    hosts = [node.host.lower() for node in reading.nodes if node.alive or node.draining]
    unfit = reading.node_counts is None or reading.node_counts.unhealthy != 0
    if not hosts:
        return NodesThere(None if unfit else 0, 0)
    if fleet is None or fleet.nodes is None:
        return NodesThere(None, None)
    ours = {name.lower() for node in fleet.nodes for name in node.hosts}
    core = sum(host not in ours for host in hosts)
    return NodesThere(None if core == 0 and unfit else core, len(hosts) - core)


def core_nodes(reading: ClusterReading | None, fleet: Fleet | None, hdfs: HdfsReading | None) -> int | None:
    """How many, None where nobody knows; 0 only when both say so.

    HDFS is the better witness: its DataNodes run on core nodes only. Both drop a node that has fallen silent late, by
    their defaults after ten minutes (yarn.nm.liveness-monitor.expiry-interval-ms, 600 s; HDFS, 630 s:
    2 × dfs.namenode.heartbeat.recheck-interval + 10 × dfs.heartbeat.interval).
    """
    yarn = by_yarn(reading, fleet).core
    data_nodes = None if hdfs is None else hdfs.live_data_nodes
    if data_nodes:
        return data_nodes
    if yarn:
        return yarn
    return 0 if data_nodes == 0 and yarn == 0 else None
