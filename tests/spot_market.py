"""An agent at work on a sandbox fleet or on groups, over HTTP: its controller, its actuator, and a stepped time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.actuators import ACTUATORS
from agent.control import Controller, Outside
from agent.domain.datums import Distribution
from agent.domain.decisions import Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import Evidence, Interruption
from agent.domain.readings import ClusterManager, ClusterNode, ClusterReading
from agent.domain.signals import Signal
from agent.domain.turns import Turn
from agent.journal import Journal
from agent.lifecycle.ending import AgentEnder
from agent.policy.guards import GUARDS
from agent.settings import Settings
from agent.settings_fleet import ActuatorKind
from agent.telemetry import Telemetry
from tests.actuators.hands import agent_clients
from tests.sandbox.emr_world import World

OUT = {"name": "out", "signal": "Free", "comparison": "<", "bound": 15, "for_s": 60, "adjustment_units": 6}
IN = {"name": "in", "signal": "Free", "comparison": ">", "bound": 75, "for_s": 60, "adjustment_units": -3}
TURN_S = 10.0


def told(*, fleet: Mapping[str, Any] | None = None, **policy: Any) -> Settings:
    """Six units more below 15 % of free memory, three fewer above 75 %."""
    return Settings.model_validate(
        {
            "fleet": {"max_capacity_units": 20, **(fleet or {})},
            "policy": {"rules": [OUT, IN], **policy},
            "idle": {"enabled": False},
        }
    )


class Agent:
    """`free_percent` is what YARN says of its memory; `busy` are the hosts with containers on them.

    With a `load`, in nodes' worth of memory, the free memory follows from the nodes that are up.
    """

    def __init__(self, it: World, cluster: str, settings: Settings, path: Path, checked: bool = True) -> None:
        self.it = it
        self.cluster = cluster
        self.settings = settings
        self.free_percent = 50.0
        self.busy: set[str] = set()
        self.load: float | None = None
        self.interruption: Interruption | None = None
        self.telemetry = Telemetry()
        self.turns: list[Turn] = []
        hands = ACTUATORS[ActuatorKind.AUTO](agent_clients(it, checked=checked), cluster, settings.fleet, it.clock)
        outside = Outside(
            look=self._look,
            ask_manager=lambda: None,
            fleet=hands.fleet_reader,
            cluster=hands.cluster_reader,
            probes=(),
            steps=lambda: Evidence(probe="steps", busy=False, detail="none", at=it.clock()),
            resizer=hands.fleet,
            ender=AgentEnder(agent_clients(it, checked=checked).client, cluster, it.clock),
            journal=Journal(path, 1_000_000_000),
            interruption=lambda: self.interruption,
        )
        self.controller = Controller(
            settings, GUARDS, outside, self.telemetry, started_at=it.clock(), jitter=lambda: 0.5
        )

    def run(self, seconds: float) -> list[Turn]:
        """Turns for so long; the sandbox goes along."""
        until, turns = self.it.clock() + seconds, []
        while self.it.clock() < until:
            turns.append(self.controller.turn(self.it.clock()))
            self.it.pass_time(TURN_S)
        self.turns += turns
        return turns

    @property
    def sent(self) -> list[Any]:
        """The fleet targets that were asked for so far: on-demand, spot."""
        configs = [call.request["InstanceFleet"] for call in self.it.server.api.calls("ModifyInstanceFleet")]
        return [(config["TargetOnDemandCapacity"], config["TargetSpotCapacity"]) for config in configs]

    @property
    def fleet(self) -> Fleet:
        """As EMR tells it now, not as the agent last saw it."""
        seen = ACTUATORS[ActuatorKind.AUTO](agent_clients(self.it), self.cluster, self.settings.fleet, self.it.clock)
        return seen.fleet_reader.read()

    def targets(self) -> list[tuple[float, int]]:
        """When each resize was applied, and the target."""
        return [
            (turn.observation.at, turn.decision.target)
            for turn in self.turns
            if isinstance(turn.decision, Resize) and turn.result.outcome == "applied"
        ]

    def _look(self, at: float) -> tuple[Mapping[str, Signal], ClusterReading]:
        up = self.it.instances(self.cluster, InstanceGroupTypes=["TASK"], InstanceStates=["RUNNING"])
        nodes = tuple(self._node(one["PrivateDnsName"]) for one in up)
        if self.load is not None:
            self.free_percent = 100 * max(0.0, 1 - self.load / max(1, len(nodes)))
        reading = ClusterReading(
            at=at,
            manager=ClusterManager.YARN,
            memory_total_mb=1000.0,
            memory_available_mb=10 * self.free_percent,
            containers_pending=0,
            memory_pending_mb=0.0,
            nodes=nodes,
            applications=(),
        )
        return {"Free": Signal.of(at, Distribution.of([self.free_percent]))}, reading

    def _node(self, host: str) -> ClusterNode:
        used = 1024.0 if host in self.busy else 0.0
        return ClusterNode(
            host=host, alive=True, draining=False, memory_total_mb=4096.0, memory_used_mb=used, containers=int(used > 0)
        )
