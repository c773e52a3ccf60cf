"""`simulate`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agent.verbs.common import SETTINGS_FILE, load


@click.command()
@click.argument("trace", type=SETTINGS_FILE, required=False)
@click.option("--shape", help="A generated workload instead of a file: square, ramp, short, long, waiting.")
@click.option("--journal", is_flag=True, help="TRACE is a journal of tidemark, not a SWIM trace.")
@click.option("--config", "path", type=SETTINGS_FILE, help="Settings whose limits and own policy take part.")
@click.option("--max-units", type=click.IntRange(min=1), default=60, show_default=True, help="Without --config.")
@click.option(
    "--mean-slots",
    type=click.FloatRange(min=0.1),
    default=96.0,
    show_default=True,
    help="How many slots a SWIM trace keeps busy on average: its scale.",
)
@click.option(
    "--spot-series",
    "market",
    type=SETTINGS_FILE,
    help="A recorded spot market: CSV with the columns time_s,available_units.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of delays, placement and generated work.")
@click.option("--report", type=SETTINGS_FILE, help="Where to leave the HTML page.")
def simulate(
    trace: Path | None,
    shape: str | None,
    journal: bool,
    path: Path | None,
    max_units: int,
    mean_slots: float,
    market: Path | None,
    seed: int,
    report: Path | None,
) -> None:
    """Try policies on a workload: TRACE in the SWIM format, a journal, or a generated --shape.

    Discrete events around the agent's own policies and guards. Every policy gets the same jobs; cost and delay stand
    side by side, beside the Dataproc formula tuned on these jobs, the best single size, instant elasticity and a
    clairvoyant, which know no spot market.
    """
    from rich.console import Console
    from rich.progress import Progress

    from agent.settings import Settings

    try:
        from agent.simulate import session
        from agent.simulate.report import WIDTH
    except ModuleNotFoundError as error:
        raise click.ClickException("a node has only what runs there: simulate with an installed tidemark") from error
    base = Settings.model_validate({"fleet": {"max_capacity_units": max_units}}) if path is None else load(path)
    try:
        found = session.workload(trace, shape, journal=journal, mean_slots=mean_slots, seed=seed, market=market)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    with Progress(console=console, transient=True) as progress:
        compared = session.compare_all(found, base, own=path is not None, bars=progress)
    console.print(session.table(compared))
    if report is None:
        return
    try:
        session.write(compared, report)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; the page needs: pip install 'tidemark[simulate]'") from error
    except OSError as error:
        raise click.ClickException(f"{report} cannot be written: {error.strerror}") from error
    console.print(f"Report: {report}")
