"""The demo with another policy than thresholds, beside what thresholds make of the same job."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rich.console import Console

from agent.sandbox.demo import figures, runner
from agent.sandbox.demo.figures import Figures
from agent.sandbox.demo.plan import Plan
from agent.sandbox.demo.runner import Ending, Stand
from agent.settings_policy import PolicyKind

BESIDE = "threshold"
"""Folder of the run to compare with, in the demo's own."""


def run(
    plan: Plan, folder: Path, console: Console, stand: Stand, *, compare: bool, beside: Figures | None = None
) -> Ending:
    """The demo; with `compare` after a run of the same job with thresholds, which ends when the fleet has shrunk, or
    beside the given figures. The figures are printed at the end. Raises what `runner.run` raises.
    """
    if compare and beside is None:
        console.print(f"First the same job with policy {PolicyKind.THRESHOLD}, to compare with.", style="bold")
        first = dataclasses.replace(plan, policy=PolicyKind.THRESHOLD, ends_cluster=False)
        ending = runner.run(first, folder / BESIDE, console, stand)
        if ending.missing is not None:
            return ending
        beside = ending.figures
        console.print(f"\nNow with policy {plan.policy}.", style="bold")
    ending = runner.run(plan, folder, console, stand, beside)
    _tell(console, ending.figures, beside)
    return ending


def _tell(console: Console, run: Figures, beside: Figures | None) -> None:
    console.print()
    console.print(figures.table((run,) if beside is None else (beside, run)))
    if beside is not None:
        console.print(figures.verdict(run, beside), style="bold")
