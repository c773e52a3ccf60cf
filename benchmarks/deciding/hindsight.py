"""What a day would have cost had all of its demand been known beforehand: how much there is to gain at all.

A plan meets the demand of a run that spreads each job over at most so many executors and has at most so many nodes; it
leaves unmet what is not worth a price. Played in the simulator, it orders each node so early that it comes in time. No
bound in the strict sense (another plan may be better), but nothing that learns of a job when it comes can do as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.table import Table

from agent.simulate.bounds import plan
from agent.simulate.outcome import Outcome, outcome
from agent.simulate.run import run_plan, run_static
from benchmarks.deciding.bench import WORLD, Bench
from benchmarks.deciding.families import DEFAULT_DATAPROC, MAX_UNITS

PLANS: Sequence[tuple[int, int, float | None]] = (
    (240, 60, None), (120, 60, None), (120, 40, None), (80, 60, None), (80, 40, None), (60, 40, None),
    (120, 60, 4), (120, 40, 4), (80, 40, 4), (60, 40, 4), (80, 40, 3), (80, 30, 3), (60, 30, 3), (60, 25, 3),
)  # fmt: skip
"""Executors of a job at most, nodes at most, and the price of a unit-second that is not met."""


def table(bench: Bench) -> Table:
    """Plans by their mean delay; those that another beats in both are left out."""
    settings = DEFAULT_DATAPROC.settings(WORLD.turn_period_s)
    ideal = run_static("ideal", bench.workload, WORLD, settings, MAX_UNITS)
    found: list[tuple[str, Outcome]] = []
    for executors, nodes, price in PLANS:
        spread = run_static("spread", bench.workload, replace(WORLD, max_executors=executors), settings, nodes)
        name = f"{executors} executors a job, {nodes} nodes, " + ("all met" if price is None else f"unmet at {price:g}")
        ran = run_plan(name, bench.workload, WORLD, settings, plan(spread, WORLD, price))
        found.append((name, outcome(ran, ideal)))
    shown = Table(title=f"{bench.workload.name}: plans in hindsight")
    for column in ("plan", "mean delay s", "p99 s", "node-hours"):
        shown.add_column(column, justify="left" if column == "plan" else "right")
    least = float("inf")
    for name, one in sorted(found, key=lambda each: (each[1].mean_delay_s, each[1].node_hours)):
        if one.node_hours < least:
            least = one.node_hours
            shown.add_row(name, f"{one.mean_delay_s:.1f}", f"{one.p99_delay_s:.0f}", f"{one.node_hours:.0f}")
    return shown
