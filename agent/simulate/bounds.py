"""What no policy can beat, and what hindsight would have done: the ends of the scale for every comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.simulate.run import Ran
from agent.simulate.world import World


@dataclass(frozen=True, slots=True)
class Reference:
    """Task-node hours and the mean delay that go with them."""

    name: str
    node_hours: float
    mean_delay_s: float | None
    """None where the model behind it has no jobs."""


def elastic(ideal: Ran, world: World) -> Reference:
    """Capacity that comes and goes in an instant: what the run with everything used beyond the core nodes."""
    hours = sum(_units(point.running, world) for point in ideal.points) * world.turn_period_s / 3600
    return Reference("instantly elastic", hours, 0.0)


def clairvoyant(ideal: Ran, world: World, saving_s_per_unit_s: float | None = None) -> Reference:
    """The cheapest plan that knows all demand beforehand and still pays for each node's start and end.

    Dynamic programming over time and nodes: a node costs its time, each one started also what is billed before it takes
    work and after it has none. The cost is a sum over layers (the n-th node is wanted or not), so each layer is solved
    for itself, with two states. Without a price on waiting, all demand is met; with one, a unit-second of demand that
    is not met costs that many unit-seconds, and none of the work comes later: a bound, not a plan.
    """
    demand = [_units(point.running, world) for point in ideal.points]
    birth_s = _birth_s(world)
    unmet = math.inf if saving_s_per_unit_s is None else saving_s_per_unit_s
    total = sum(
        _layer([min(1.0, max(0.0, want - layer)) for want in demand], world.turn_period_s, birth_s, unmet)
        for layer in range(math.ceil(max(demand, default=0.0)))
    )
    name = "clairvoyant, no delay" if math.isinf(unmet) else f"clairvoyant, waiting at {saving_s_per_unit_s:g}"
    return Reference(name, total / 3600, 0.0 if math.isinf(unmet) else None)


def plan(ran: Ran, world: World, saving_s_per_unit_s: float | None = None) -> tuple[int, ...]:
    """The nodes of the clairvoyant's plan at each turn, for what was used in that run."""
    demand = [_units(point.running, world) for point in ran.points]
    unmet = math.inf if saving_s_per_unit_s is None else saving_s_per_unit_s
    layers = [
        _nodes([min(1.0, max(0.0, want - layer)) for want in demand], world.turn_period_s, _birth_s(world), unmet)
        for layer in range(math.ceil(max(demand, default=0.0)))
    ]
    return tuple(sum(on) for on in zip(*layers, strict=True)) if layers else (0,) * len(demand)


def _birth_s(world: World) -> float:
    """What is billed of a node before it takes work and after it has none."""
    return max(0.0, world.provisioning_s - world.launch_s) + world.leave_s


def _nodes(wanted: Sequence[float], step_s: float, birth_s: float, unmet: float) -> list[int]:
    """The plan behind `_layer`: 1 at each step at which the node is on."""
    off, on = 0.0, birth_s
    came_from = []
    for want in wanted:
        came_from.append((int(on < off), int(on <= off + birth_s)))
        off, on = min(off, on) + _unmet(want, step_s, unmet), min(on, off + birth_s) + step_s
    state, found = int(on < off), []
    for before in reversed(came_from):
        found.append(state)
        state = before[state]
    return found[::-1]


def _unmet(want: float, step_s: float, price: float) -> float:
    return 0.0 if want == 0 else want * step_s * price


def _layer(wanted: Sequence[float], step_s: float, birth_s: float, unmet: float) -> float:
    """The least cost of one node that is on or off at each step, in seconds."""
    off, on = 0.0, birth_s
    for want in wanted:
        off, on = min(off, on) + _unmet(want, step_s, unmet), min(on, off + birth_s) + step_s
    return min(off, on)


def _units(containers: int, world: World) -> float:
    """Task nodes that so many containers fill, beyond the core nodes."""
    slots = world.slots_per_node
    return max(0, math.ceil((containers - world.core_nodes * slots) / slots))
