"""Policies side by side on one workload, with the ends of the scale: one size, no delay, hindsight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from agent.settings import PolicySettings, Settings
from agent.settings_policy import PolicyKind
from agent.simulate.bounds import Reference, clairvoyant, elastic
from agent.simulate.outcome import Outcome, outcome
from agent.simulate.run import Ran, run, run_static
from agent.simulate.workload import Workload
from agent.simulate.world import World

Tick = Callable[[float], None]
"""Hears the simulated time as a run goes on."""


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    policy: Mapping[str, Any]
    """What of the table `policy` differs from the base settings."""


def _thresholds(out: int, back: int) -> dict[str, Any]:
    rule = {"signal": "MemoryAvailablePercent"}
    return {
        "kind": PolicyKind.THRESHOLD,
        "rules": (
            {**rule, "name": "low", "comparison": "<", "bound": 15, "for_s": 300, "adjustment_units": out},
            {**rule, "name": "free", "comparison": ">", "bound": 75, "for_s": 180, "adjustment_units": -back},
        ),
    }


DEFAULT_DATAPROC = "dataproc default"
CONTENDERS: Sequence[Contender] = (
    Contender("threshold +5/−3", _thresholds(5, 3)),
    Contender("threshold +1/−1", _thresholds(1, 1)),
    Contender(DEFAULT_DATAPROC, {"kind": PolicyKind.DATAPROC, "dataproc": {}}),
    Contender("demand", {"kind": PolicyKind.DEMAND}),
)


FACTORS = tuple(product((0.1, 0.2, 0.4), (0.3, 0.6, 1.0)))
"""Upwards and downwards: what the Dataproc formula is tuned over, on the workload itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    ran: Ran
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Comparison:
    workload: Workload
    world: World
    entries: tuple[Entry, ...]
    """The policies, the formula tuned on this workload after the default one; the last is the best single size."""
    sizes: tuple[Entry, ...]
    """Clusters of one size that were tried for it."""
    references: tuple[Reference, ...]


def settings_for(policy: Mapping[str, Any], base: Settings, turn_period_s: float) -> Settings:
    """The base settings with that policy. The watchdog is off: what is compared is scaling."""
    table = {**base.policy.model_dump(exclude={"rules"}), "rules": base.policy.rules, **policy}
    told = PolicySettings.model_validate({**table, "shadows": (), "turn_period_s": turn_period_s})
    idle = base.idle.model_copy(update={"enabled": False, "terminate_after_s": None})
    return base.model_copy(update={"policy": told, "idle": idle})


def compare(
    workload: Workload,
    world: World,
    base: Settings,
    contenders: Sequence[Contender] = CONTENDERS,
    *,
    tick: Callable[[str], Tick] = lambda _: lambda _: None,
) -> Comparison:
    """Every contender on the same jobs. `tick` is called with each run's name and gives who hears its time."""
    most = base.fleet.max_capacity_units
    ideal = run_static("all capacity", workload, replace(world, spot_cap=()), base, most)

    def played(contender: Contender) -> Entry:
        settings = settings_for(contender.policy, base, world.turn_period_s)
        ran = run(contender.name, workload, world, settings, tick=tick(contender.name))
        return Entry(contender.name, ran, outcome(ran, ideal))

    entries = []
    for contender in contenders:
        entries.append(played(contender))
        if contender.name == DEFAULT_DATAPROC:
            entries.append(_tuned(entries[-1], played))
    goal = next((e.outcome.mean_delay_s for e in entries if e.name == DEFAULT_DATAPROC), 0.0)
    sizes = tuple(_sizes(workload, replace(world, spot_cap=()), base, ideal, goal))
    best = _cheapest(sizes, goal) or sizes[0]
    return Comparison(workload, world, (*entries, best), sizes, (elastic(ideal, world), clairvoyant(ideal, world)))


def _tuned(default: Entry, played: Callable[[Contender], Entry]) -> Entry:
    """The cheapest setting of the formula whose mean delay is no longer than the default's, the default included."""
    tried = [default]
    for up, down in FACTORS:
        told = {"scale_up_factor": up, "scale_down_factor": down}
        tried.append(
            played(Contender(f"dataproc tuned {up:g}/{down:g}", {"kind": PolicyKind.DATAPROC, "dataproc": told}))
        )
    best = _cheapest(tried, default.outcome.mean_delay_s) or default
    return best if best is not default else Entry("dataproc tuned 1/1", best.ran, best.outcome)


def _cheapest(entries: Sequence[Entry], delay_s: float) -> Entry | None:
    enough = (entry for entry in entries if entry.outcome.mean_delay_s <= delay_s + 1e-9)
    return min(enough, key=lambda entry: entry.outcome.node_hours, default=None)


def _sizes(workload: Workload, world: World, base: Settings, ideal: Ran, goal_s: float) -> Iterator[Entry]:
    """Sizes by bisection for the smallest whose mean delay is no longer than that; the largest is always among them."""
    low, high = 0, base.fleet.max_capacity_units
    yield _size(workload, world, base, ideal, high)
    if world.core_nodes == 0:
        low = 1
    while low < high:
        nodes = (low + high) // 2
        entry = _size(workload, world, base, ideal, nodes)
        yield entry
        low, high = (low, nodes) if entry.outcome.mean_delay_s <= goal_s else (nodes + 1, high)


def _size(workload: Workload, world: World, base: Settings, ideal: Ran, nodes: int) -> Entry:
    name = f"always {nodes} nodes"
    ran = run_static(name, workload, world, base, nodes)
    return Entry(name, ran, outcome(ran, ideal))
