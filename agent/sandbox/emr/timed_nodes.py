"""The node host for when nothing real stands behind the instances: they take time, and nothing else."""

from __future__ import annotations

from collections.abc import Collection

from agent.domain.ports import Clock
from agent.sandbox.emr.delays import Delays
from agent.sandbox.nodes import Machine, NodePhase


class TimedNodes:
    """A NodeHost. `broken_types` and `busy` are there for tests to change."""

    def __init__(self, delays: Delays, clock: Clock) -> None:
        self._delays = delays
        self._clock = clock
        self._ready_at: dict[str, float] = {}
        self._gone_at: dict[str, float] = {}
        self.busy: set[str] = set()
        """Machine ids that are not idle."""
        self.broken_types: set[str] = set()
        """Instance types whose machines fail to bootstrap."""

    def launch(self, machine: Machine) -> str:
        self._ready_at[machine.id] = self._clock() + self._delays.bootstrap_s
        number = len(self._ready_at)
        return f"10.0.{number // 250}.{number % 250 + 1}"

    def phase(self, machine: Machine) -> NodePhase:
        now = self._clock()
        if machine.id in self._gone_at:
            return NodePhase.GONE if now >= self._gone_at[machine.id] else NodePhase.DRAINING
        if now < self._ready_at[machine.id]:
            return NodePhase.STARTING
        return NodePhase.FAILED if machine.instance_type in self.broken_types else NodePhase.READY

    def idle(self, machines: Collection[Machine]) -> frozenset[str]:
        return frozenset(machine.id for machine in machines if machine.id not in self.busy)

    def decommission(self, machine: Machine) -> None:
        self._gone_at.setdefault(machine.id, self._clock() + self._delays.decommission_s)

    def terminate(self, machine: Machine) -> None:
        self._gone_at[machine.id] = self._clock()
