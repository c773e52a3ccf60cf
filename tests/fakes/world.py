"""A cluster on a stepping clock, in process: what the controller reads and acts through, behaving.

Capacity comes `delay_s` after it was asked for and leaves `drain_s` after it was given back; each unit is one node.
Steps, applications, memory and faults are what the test sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from agent.control import Controller, Outside
from agent.domain.datums import Distribution
from agent.domain.decisions import Outcome, Resize, Result
from agent.domain.faults import Fault
from agent.domain.fleets import Cluster, Collection, Fleet, FleetNode
from agent.domain.observation import Evidence, Pause
from agent.domain.orders import Orders
from agent.domain.ports import NO_REQUESTS, RequestDesk, TurnJournal
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading
from agent.domain.signals import Signal
from agent.domain.turns import Turn
from agent.journal import Journal
from agent.policy.guards import GUARDS
from agent.settings import Settings
from agent.telemetry import Telemetry

BEGINNING = 1_000_000.0

T = TypeVar("T")


@dataclass
class World:
    settings: Settings
    path: Path
    now: float = BEGINNING
    free_percent: float = 50.0
    deaths: float = 0.0
    applications: tuple[str, ...] = ()
    step: str | None = None
    target: int = 0
    units: list[float] = field(default_factory=list)
    """When each unit is or was there."""
    leaving: list[float] = field(default_factory=list)
    """When each unit that was given back is gone."""
    delay_s: float = 240.0
    drain_s: float = 60.0
    spot: int = 1000
    """Units that the spot market has at all."""
    protected: bool = False
    foreign: str | None = None
    ended: bool = False
    fault: Fault | None = None
    """What every read of EMR raises, while set."""
    manager_answers: bool = True
    refuses: bool = False
    postpones: int = 0
    """How many resizes EMR has no time for."""
    on_confirm: Callable[[], None] = lambda: None
    """Called when the cluster manager is asked just before an end or a scale in."""
    paused: Pause | None = None
    requests: RequestDesk = NO_REQUESTS
    """What somebody outside asks for."""
    busy_hosts: int = 0
    """How many of the task nodes hold work."""
    calls: list[tuple[float, str]] = field(default_factory=list)
    notices: list[tuple[float, str]] = field(default_factory=list)
    """When an end was announced, and why."""
    answered_at: float = BEGINNING
    end_refused: bool = False
    orders: Orders | None = None
    """What the lifecycle's table wants; None where there is none."""
    table_answers: bool = True
    ends_without_table: list[bool] = field(default_factory=list)
    """Of each end, whether it was to go on without the table."""
    cleared: list[float] = field(default_factory=list)
    """When the controller said to clear up."""

    # what the controller looks at

    def look(self, at: float) -> tuple[Mapping[str, Signal], ClusterReading | None]:
        if self.manager_answers:
            self.answered_at = at
        figures = {"Free": (self.free_percent, self.answered_at), "ExecutorMemoryDeaths": (self.deaths, at)}
        signals = {name: Signal.of(then, Distribution.of([value])) for name, (value, then) in figures.items()}
        return signals, self._reading()

    def ask_manager(self) -> None:
        self.calls.append((self.now, "ask_manager"))
        self.on_confirm()

    def read_fleet(self) -> Fleet:
        self._called("read_fleet")
        there = sum(at <= self.now for at in self.units) + sum(at > self.now for at in self.leaving)
        return Fleet(
            at=self.now,
            id="if-1",
            collection=Collection.FLEET,
            state="RUNNING" if there == self.target else "RESIZING",
            target_on_demand=0,
            target_spot=self.target,
            provisioned_on_demand=0,
            provisioned_spot=there,
            nodes=tuple(FleetNode(hosts=(f"task-{number}",), units=1) for number in range(there)),
        )

    def read_cluster(self) -> Cluster:
        self._called("read_cluster")
        return Cluster(
            at=self.now,
            id="j-1",
            name="test",
            state="TERMINATING" if self.ended else "WAITING",
            created_at=BEGINNING,
            collection=Collection.FLEET,
            termination_protected=self.protected,
            foreign_scaler=self.foreign,
        )

    def isbusy(self) -> Evidence:
        return Evidence(probe="isbusy", busy=False, detail="no such file", at=self.now)

    def steps(self) -> Evidence:
        self.calls.append((self.now, "steps"))
        return Evidence(probe="steps", busy=self.step is not None, detail=self.step or "none", at=self.now)

    def heard(self) -> Orders | None:
        if self.orders is not None and self.table_answers:
            self.orders = replace(self.orders, heard_at=self.now)
        return self.orders

    # what it acts through

    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        self.calls.append((self.now, f"resize {self.target} -> {decision.target}"))
        assert fleet.target == self.target == decision.current, "acted on an old view"
        if self.refuses:
            return Result(Outcome.REFUSED, "no")
        if self.postpones:
            self.postpones -= 1
            return Result(Outcome.POSTPONED, "Rate exceeded")
        more = decision.target - self.target
        if more > 0:
            room = max(0, self.spot - len(self.units))
            self.units += [self.now + self.delay_s] * min(more, room)
        else:
            kept = sorted(self.units)[: decision.target]
            self.leaving += [self.now + self.drain_s] * (len(self.units) - len(kept))
            self.units = kept
        self.target = decision.target
        return Result(Outcome.APPLIED)

    def terminate(self, reason: str, code: str, *, without_table: bool = False) -> Result:  # noqa: ARG002
        self.ends_without_table.append(without_table)
        self.calls.append((self.now, "terminate"))
        if self.end_refused:
            return Result(Outcome.REFUSED, "no")
        self.ended = True
        return Result(Outcome.APPLIED, reason)

    # driving

    def controller(self, journal: TurnJournal | None = None) -> Controller:
        """A new agent on this cluster, with an empty history."""
        outside = Outside(
            look=self.look,
            ask_manager=self.ask_manager,
            fleet=_Reader(self.read_fleet),
            cluster=_Reader(self.read_cluster),
            probes=(self.isbusy,),
            steps=self.steps,
            resizer=self,
            ender=self,
            journal=journal or Journal(self.path, 1_000_000_000),
            pause=lambda: self.paused,
            requests=self.requests,
            orders=self.heard,
            ending=lambda: self.cleared.append(self.now),
        )
        self.telemetry = Telemetry()
        return Controller(self.settings, GUARDS, outside, self.telemetry, started_at=self.now, jitter=lambda: 0.5)

    def run(self, controller: Controller, seconds: float, period: float = 10.0) -> list[Turn]:
        """Turns a period apart, from now on, for so long; afterwards it is that much later."""
        turns = []
        until = self.now + seconds
        while self.now < until:
            turns.append(controller.turn(self.now))
            if (notice := turns[-1].notice) is not None:
                self.notices.append((self.now, notice.text))
            self.now += period
        return turns

    def acts(self) -> list[tuple[float, str]]:
        """Calls that change something, in seconds from the beginning."""
        return [(at - BEGINNING, call) for at, call in self.calls if call.startswith(("resize", "terminate"))]

    def count(self, call: str) -> int:
        return sum(name == call for _, name in self.calls)

    def _called(self, name: str) -> None:
        self.calls.append((self.now, name))
        if self.fault is not None:
            raise self.fault

    def _reading(self) -> ClusterReading:
        hosts = sum(at <= self.now for at in self.units) + sum(at > self.now for at in self.leaving)
        nodes = tuple(
            ClusterNode(
                host=f"task-{number}",
                alive=True,
                draining=False,
                memory_total_mb=4096.0,
                memory_used_mb=1024.0 if number < self.busy_hosts else 0.0,
                containers=None,
            )
            for number in range(hosts)
        )
        return ClusterReading(
            at=self.answered_at,
            manager=ClusterManager.YARN,
            memory_total_mb=1000.0,
            memory_available_mb=10 * self.free_percent,
            nodes=nodes,
            applications=tuple(
                Application(id=name, name=name, state="RUNNING", memory_used_mb=0.0) for name in self.applications
            ),
        )


@dataclass(frozen=True)
class _Reader(Generic[T]):
    read: Callable[[], T]
