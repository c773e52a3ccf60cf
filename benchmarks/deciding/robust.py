"""The policies as they come out of the box, in worlds where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.table import Table

from agent.simulate.outcome import Outcome
from agent.simulate.shapes import spot_caps
from agent.simulate.workload import Workload
from agent.simulate.world import Faults, Span, World
from benchmarks.deciding.bench import WORLD, Bench
from benchmarks.deciding.families import CLASSIC, DEFAULT_DEMAND, MAX_UNITS, Candidate

THRESHOLD, DEMAND = CLASSIC[0], DEFAULT_DEMAND
TOLERANCE = 1.1
"""No case may be worse than the threshold rule by more, in cost or in mean delay."""
HOUR_S = 3600.0
STALE_S = 600.0
STALE_EVERY_H = 3
THROTTLED_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    world: World
    fleet: Mapping[str, Any] = field(default_factory=dict)
    """Settings that go with that world."""

    @property
    def pair(self) -> tuple[Candidate, Candidate]:
        """The two that are compared in it: thresholds and demand."""
        return replace(THRESHOLD, fleet=self.fleet), replace(DEMAND, fleet=self.fleet)


def cases(workload: Workload, recorded: Sequence[tuple[float, int]] = ()) -> Mapping[str, Case]:
    """By what is wrong in them; with the recorded spot market where there is one."""
    hours = range(1, int(workload.horizon_s / HOUR_S), STALE_EVERY_H)
    stale = tuple(Span(hour * HOUR_S, hour * HOUR_S + STALE_S) for hour in hours)
    found = {
        "nothing": Case(WORLD),
        "remaining work × 4": Case(replace(WORLD, faults=Faults(work_factor=4.0))),
        "remaining work ÷ 4": Case(replace(WORLD, faults=Faults(work_factor=0.25))),
        "nodes in 180 s": Case(replace(WORLD, provisioning_s=180.0)),
        # with EMR's ten minutes half of all orders would be given up just before they come, whoever made them
        "nodes in 600 s": Case(replace(WORLD, provisioning_s=600.0), {"resize_timeout_minutes": 20}),
        "generated spot market": Case(replace(WORLD, spot_cap=spot_caps(1, workload.horizon_s, MAX_UNITS))),
        "metrics stale for 10 minutes, every 3 hours": Case(replace(WORLD, faults=Faults(stale=stale))),
        "3 of 10 calls to EMR throttled": Case(replace(WORLD, faults=Faults(throttled_share=THROTTLED_SHARE))),
    }
    if recorded:
        found["recorded spot market"] = Case(replace(WORLD, spot_cap=tuple(recorded)))
    return found


def table(bench: Bench, found: Mapping[str, Case]) -> tuple[Table, bool]:
    """The table of one trace, and whether every case is within the bounds."""
    shown = Table(title=f"{bench.workload.name}: what is wrong, thresholds +5/−3 and demand with default settings")
    for column in ("what is wrong", "threshold h", "demand h", "", "threshold s", "demand s", "", "highest", ""):
        shown.add_column(column, justify="left" if column.startswith("what") else "right")
    met = True
    for name, case in found.items():
        theirs, ours = (bench.of(candidate, case.world) for candidate in case.pair)
        good = within(ours, theirs)
        met = met and good
        shown.add_row(
            name,
            *_beside(ours, theirs, lambda one: one.node_hours, ".0f"),
            *_beside(ours, theirs, lambda one: one.mean_delay_s, ".1f"),
            str(ours.highest_target),
            "" if good else "missed",
        )
    return shown, met


def within(ours: Outcome, theirs: Outcome) -> bool:
    return (
        ours.node_hours <= TOLERANCE * theirs.node_hours
        and ours.mean_delay_s <= TOLERANCE * theirs.mean_delay_s
        and ours.highest_target <= MAX_UNITS
    )


def _beside(ours: Outcome, theirs: Outcome, figure: Callable[[Outcome], float], form: str) -> tuple[str, str, str]:
    one, other = figure(ours), figure(theirs)
    return f"{other:{form}}", f"{one:{form}}", f"{100 * (one / other - 1):+.0f} %"
