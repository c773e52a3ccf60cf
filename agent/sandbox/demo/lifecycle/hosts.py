"""A node host made of two: which of them makes a machine real depends on its instance type."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent.sandbox.nodes import Machine, NodeHost, NodePhase


class ByType:
    """A NodeHost. Machines of a type that is not named are the other host's."""

    def __init__(self, hosts: Mapping[str, NodeHost], other: NodeHost) -> None:
        self._hosts = hosts
        self._other = other

    def launch(self, machine: Machine) -> str:
        return self._of(machine).launch(machine)

    def phase(self, machine: Machine) -> NodePhase:
        return self._of(machine).phase(machine)

    def idle(self, machines: Collection[Machine]) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for host in {id(one): one for one in map(self._of, machines)}.values():
            found |= host.idle([machine for machine in machines if self._of(machine) is host])
        return found

    def decommission(self, machine: Machine) -> None:
        self._of(machine).decommission(machine)

    def terminate(self, machine: Machine) -> None:
        self._of(machine).terminate(machine)

    def _of(self, machine: Machine) -> NodeHost:
        return self._hosts.get(machine.instance_type, self._other)
