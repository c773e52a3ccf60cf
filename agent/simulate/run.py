"""One simulation: a workload on a world, under the production policies and guards."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from agent.domain.decisions import Decision, Outcome, Resize, Result
from agent.domain.fleets import Fleet
from agent.domain.observation import History, Observation
from agent.policy import settling
from agent.policy.consider import consider
from agent.policy.guards import GUARDS, Guard
from agent.policy.history import record
from agent.settings import Settings
from agent.simulate.capacity import Capacity
from agent.simulate.events import Events
from agent.simulate.eyes import EPOCH, Eyes
from agent.simulate.scheduler import Scheduler
from agent.simulate.workload import Workload
from agent.simulate.world import World

VERSION = "1"
"""Of the simulator: results of another one do not compare."""
LONGEST_FACTOR = 20.0
"""A run that has not ended after so many horizons never will: its policy starves the work."""


@dataclass(frozen=True, slots=True)
class Point:
    """The cluster at one turn."""

    at: float
    target: int
    ready: int
    pending: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of it. Times in seconds."""

    name: str
    ended: float
    billed_s: float
    """Task-node time from launch on."""
    completions: tuple[float, ...]
    """From submission to the end, job by job in the workload's order."""
    resizes: int
    nodes_launched: int
    wasted_births: int
    """Nodes that were billed and never got a container."""
    wasted_s: float
    killed_s: float
    killed_tasks: int
    lost_outputs: int
    interrupted: int
    tasks_done: int
    busy_s: float
    highest_target: int
    lowest_target: int
    points: tuple[Point, ...]
    reasons: Mapping[str, int]
    """Turns by the code of the decision's last own reason."""


class Simulation:
    """The parts of a run, put together; `turn` may be driven by hand."""

    def __init__(self, workload: Workload, world: World, settings: Settings, guards: Sequence[Guard] = GUARDS) -> None:
        self.workload = workload
        self.world = world
        self.settings = settings
        self.events = Events()
        self.capacity = Capacity(self.events, world, settings.fleet.resize_timeout_minutes * 60.0)
        self.scheduler = Scheduler(self.events, world, self.capacity.emptied)
        self.capacity.open(self.scheduler)
        self.eyes = Eyes(world, self.capacity, self.scheduler)
        self.history = History(started_at=EPOCH)
        self.reasons: Counter[str] = Counter()
        self.points: list[Point] = []
        self.resizes = 0
        self._guards = guards
        self._random = Random(world.seed * 31 + 3)
        self._fleet: Fleet | None = None
        for job in workload.jobs:
            self.events.after(job.submitted, self.scheduler.submit, job)

    def turn(self) -> tuple[Observation, Decision, Result]:
        """One turn of the agent now."""
        self._read_fleet()
        seen = self.eyes.look(self.events.now, self.history, self._fleet)
        considered = consider(seen, self.settings, self._guards)
        result = self._act(considered.decision)
        self.history = record(considered.observation.history, considered.decision, result, considered.observation)
        self.reasons[considered.decision.because[-1].code] += 1
        return considered.observation, considered.decision, result

    def _read_fleet(self) -> None:
        """Every so often as the agent does, sooner while a resize is in flight; a call may be turned down."""
        at, limits = EPOCH + self.events.now, self.settings.fleet
        last = self._fleet
        moving = last is not None and settling.in_flight(last, self.history, at, limits) is not None
        period = limits.settle_poll_period_s if moving else limits.poll_period_s
        if last is None or at - last.at >= period:
            self._ask_fleet(at)

    def _ask_fleet(self, at: float) -> bool:
        if self._random.random() < self.world.faults.throttled_share:
            return False
        self._fleet = self.capacity.fleet(at)
        return True

    def _act(self, decision: Decision) -> Result:
        if not isinstance(decision, Resize):
            return Result(Outcome.NONE)
        at = EPOCH + self.events.now
        if not self._ask_fleet(at):
            return Result(Outcome.NONE, "EMR could not be asked just before acting")
        if self._random.random() < self.world.faults.throttled_share:
            return Result(Outcome.REFUSED, "Rate exceeded")
        self.capacity.resize(decision.target)
        self.resizes += 1
        return Result(Outcome.APPLIED)

    def note(self) -> None:
        capacity, scheduler = self.capacity, self.scheduler
        self.points.append(
            Point(self.events.now, capacity.target, capacity.ready, scheduler.pending, scheduler.running)
        )


def run(
    name: str,
    workload: Workload,
    world: World,
    settings: Settings,
    *,
    guards: Sequence[Guard] = GUARDS,
    tick: Callable[[float], None] = lambda _: None,
) -> Ran:
    """The whole workload under these settings. `tick` hears the simulated time of each turn.

    Raises RuntimeError when the work does not come to an end.
    """
    simulation = Simulation(workload, world, settings, guards)
    return _play(name, simulation, simulation.turn, tick)


def run_static(name: str, workload: Workload, world: World, settings: Settings, nodes: int) -> Ran:
    """The same with so many task nodes from the beginning to the end, whatever happens."""
    simulation = Simulation(workload, world, settings)
    simulation.capacity.preset(nodes)
    return _play(name, simulation, lambda: None, lambda _: None)


def run_plan(name: str, workload: Workload, world: World, settings: Settings, nodes: Sequence[int]) -> Ran:
    """The same with a plan: so many task nodes ready at each turn, ordered as much earlier as a node takes to come.

    What the plan has no more is given back at once; after its end it is as at its end.
    """
    simulation = Simulation(workload, world, settings)
    ahead = math.ceil(world.provisioning_s / world.turn_period_s) + 1

    def turn() -> None:
        now = min(round(simulation.events.now / world.turn_period_s), len(nodes) - 1)
        target = max(nodes[now : now + ahead])
        if target != simulation.capacity.target:
            simulation.capacity.resize(target)
            simulation.resizes += 1

    return _play(name, simulation, turn, lambda _: None)


def _play(name: str, simulation: Simulation, turn: Callable[[], object], tick: Callable[[float], None]) -> Ran:
    workload, world, events = simulation.workload, simulation.world, simulation.events
    last = workload.jobs[-1].submitted
    at = 0.0
    while True:
        events.until(at)
        turn()
        simulation.note()
        tick(at)
        done = at > last and simulation.scheduler.unfinished == 0
        if done and at >= workload.horizon_s:
            break
        if at > LONGEST_FACTOR * max(workload.horizon_s, 3600.0):
            raise RuntimeError(f"{name}: {simulation.scheduler.unfinished} jobs have not ended after {at:.0f} s")
        at += world.turn_period_s
    return _ran(name, simulation)


def _ran(name: str, simulation: Simulation) -> Ran:
    capacity, scheduler, tally = simulation.capacity, simulation.scheduler, simulation.scheduler.tally
    billed = [node for node in capacity.all if node.launched_at is not None]
    wasted = [node for node in billed if not node.worked]
    ended = simulation.events.now
    targets = [point.target for point in simulation.points]
    return Ran(
        name=name,
        ended=ended,
        billed_s=capacity.billed_s(ended),
        completions=tuple(job.finished_at - job.job.submitted for job in scheduler.all if job.finished_at is not None),
        resizes=simulation.resizes,
        nodes_launched=len(billed),
        wasted_births=len(wasted),
        wasted_s=sum((node.gone_at or ended) - (node.launched_at or 0.0) for node in wasted),
        killed_s=tally.killed_s,
        killed_tasks=tally.killed_tasks,
        lost_outputs=tally.lost_outputs,
        interrupted=capacity.interrupted,
        tasks_done=tally.done,
        busy_s=tally.busy_s,
        highest_target=max(targets),
        lowest_target=min(targets),
        points=tuple(simulation.points),
        reasons=dict(simulation.reasons),
    )
