"""EMR instances that are real: core and task machines are NodeManagers, the primary is ResourceManager and NameNode."""

from __future__ import annotations

from collections.abc import Collection

from agent.sandbox.hadoop.cluster import HadoopCluster, Node
from agent.sandbox.hadoop.conf import MASTER_HOST
from agent.sandbox.nodes import Machine, NodePhase


class HadoopNodes:
    """A `NodeHost`: one instance is one NodeManager whose memory and cores follow its capacity units."""

    def __init__(self, cluster: HadoopCluster, *, drain_timeout_s: float = 60.0) -> None:
        self._cluster = cluster
        self._drain_timeout_s = drain_timeout_s
        self._nodes: dict[str, Node] = {}
        self._ended_primaries: set[str] = set()

    def launch(self, machine: Machine) -> str:
        if machine.role == "MASTER":
            return MASTER_HOST
        node = self._cluster.add_node(machine.units, core=machine.role == "CORE")
        self._nodes[machine.id] = node
        return node.host

    def phase(self, machine: Machine) -> NodePhase:
        node = self._nodes.get(machine.id)
        if node is None:
            return self._primary_phase(machine)
        if node.gone:
            return NodePhase.GONE
        if node.draining:
            return NodePhase.DRAINING
        if self._cluster.alive(node):
            return NodePhase.READY
        return NodePhase.FAILED if node.process.poll() is not None else NodePhase.STARTING

    def idle(self, machines: Collection[Machine]) -> frozenset[str]:
        known = [(machine.id, self._nodes[machine.id]) for machine in machines if machine.id in self._nodes]
        return frozenset(machine_id for machine_id, node in known if self._cluster.idle(node))

    def decommission(self, machine: Machine) -> None:
        if (node := self._nodes.get(machine.id)) is not None:
            self._cluster.decommission(node, self._drain_timeout_s)
        else:
            self._end_primary(machine)

    def terminate(self, machine: Machine) -> None:
        if (node := self._nodes.get(machine.id)) is not None:
            self._cluster.terminate(node)
        else:
            self._end_primary(machine)

    def node(self, machine_id: str) -> Node | None:
        return self._nodes.get(machine_id)

    def _end_primary(self, machine: Machine) -> None:
        if machine.id not in self._ended_primaries:
            self._ended_primaries.add(machine.id)
            self._cluster.end_primary()

    def _primary_phase(self, machine: Machine) -> NodePhase:
        if machine.id in self._ended_primaries:
            running = any(process.poll() is None for process in self._cluster.primary.daemons.values())
            return NodePhase.DRAINING if running else NodePhase.GONE
        return NodePhase.READY if self._cluster.view is not None else NodePhase.STARTING
