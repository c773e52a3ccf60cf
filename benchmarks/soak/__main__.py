"""A simulated week of the lifecycle, with everything going wrong that can.

    python -m benchmarks.soak [--days 7] [--launches 3000] [--jobs 2500] [--watchers 100] [--seed 1]

The lifecycle's own code runs in simulated time against the sandbox's EMR, with EMR's real quotas as token buckets, and
a table in memory whose indexes are behind. Events are lost, doubled, late; the handler dies around its calls; answers
get lost. Exit code 1 when something is left that must not be.
"""

from __future__ import annotations

import gc
import logging
import sys

import click
from rich.console import Console

from benchmarks.soak.chance import Rates
from benchmarks.soak.run import soak


@click.command()
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 31))
@click.option("--launches", default=3000, show_default=True, help="A day, by owners.")
@click.option("--jobs", default=2500, show_default=True, help="A day, to pools.")
@click.option("--watchers", default=100, show_default=True, help="Each looks once a minute.")
@click.option("--seed", default=1, show_default=True)
def main(days: int, launches: int, jobs: int, watchers: int, seed: int) -> None:
    logging.disable(logging.WARNING)
    # a week leaves a million rows behind, and looking through them for cycles would take longer than the week
    gc.set_threshold(500_000, 50, 1000)
    console = Console()
    found = soak(days=days, launches=launches, jobs=jobs, watchers=watchers, seed=seed, rates=Rates(), console=console)
    console.print(found.table())
    for fault in found.faults:
        console.print(f"[red]left: {fault}[/red]")
    sys.exit(1 if found.faults else 0)


main()
