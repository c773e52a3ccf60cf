"""What `tidemark simulate` does: find the workload, run every contender on it, show progress."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from agent.settings import Settings
from agent.simulate import recorded, spot, swim
from agent.simulate.compare import CONTENDERS, Comparison, Contender, compare
from agent.simulate.report import table, write
from agent.simulate.shapes import SHAPES
from agent.simulate.workload import Workload
from agent.simulate.world import World

__all__ = ["Found", "compare_all", "spot_series", "table", "workload", "write"]


@dataclass(frozen=True, slots=True)
class Found:
    workload: Workload
    world: World


def workload(
    trace: Path | None,
    shape: str | None,
    *,
    journal: bool,
    mean_slots: float,
    seed: int,
    market: Path | None = None,
) -> Found:
    """The workload that was asked for and the world it runs in. Raises ValueError or OSError."""
    world = World(seed=seed, spot_cap=() if market is None else spot_series(market))
    if (trace is None) == (shape is None):
        raise ValueError("give either a TRACE or a --shape")
    if shape is not None:
        known = SHAPES.get(shape)
        if known is None:
            near = difflib.get_close_matches(shape, SHAPES, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{shape!r} is no shape: {', '.join(SHAPES)}{hint}")
        return Found(known.workload(shape, seed), known.world(world))
    assert trace is not None
    with trace.open(encoding="utf-8", errors="replace") as lines:
        if journal:
            return Found(recorded.from_journal(trace.stem, lines, seed=seed), world)
        scale = swim.SwimScale(mean_slots=mean_slots, seed=seed)
        return Found(swim.scaled(trace.stem, swim.read(lines), scale), world)


def spot_series(path: Path) -> tuple[tuple[float, int], ...]:
    """The recorded spot market of that file. Raises ValueError, which names it, or OSError."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        try:
            return spot.read(lines)
        except spot.NotSpotSeries as error:
            raise ValueError(f"{path}: {error}") from error


def compare_all(found: Found, base: Settings, *, own: bool, bars: Progress) -> Comparison:
    """Every contender; with `own` also what the settings themselves say. One bar a run."""
    contenders = list(CONTENDERS)
    if own:
        contenders.append(Contender("these settings", {}))
    world = replace(found.world, turn_period_s=max(found.world.turn_period_s, base.policy.turn_period_s))

    def ticks(name: str) -> Callable[[float], None]:
        bar = bars.add_task(name, total=found.workload.horizon_s)
        return lambda at: bars.update(bar, completed=at)

    return compare(found.workload, world, base, contenders, tick=ticks)
