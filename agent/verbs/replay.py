"""`replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.verbs.common import AS_JSON, SETTINGS_FILE, load

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("journal", metavar="JOURNAL", type=SETTINGS_FILE)
@click.option("--config", "path", type=SETTINGS_FILE, required=True, help="The settings to decide with.")
@click.option("--all", "everything", is_flag=True, help="List every turn, not only those that differ or act.")
@click.option("--shadows", is_flag=True, help="Also what the shadow policies of the journal said.")
@click.option(
    "--unit-usd-per-hour",
    "usd",
    type=click.FloatRange(min=0, min_open=True),
    help="What a capacity unit costs, instead of the prices that the journal holds.",
)
@AS_JSON
def replay(journal: Path, path: Path, everything: bool, shadows: bool, usd: float | None, as_json: bool) -> None:
    """Decide a JOURNAL again: where the decisions would differ, and what that comes to in capacity and money.

    The sum weighs each differing decision by itself. It is no forecast: what the cluster would have done under other
    decisions was not seen.
    """
    from rich.console import Console

    from agent.replay_report import Report

    settings = load(path)
    try:
        with journal.open(encoding="utf-8", errors="replace") as lines:
            report = Report.of(lines, settings, usd)
    except OSError as error:
        raise click.ClickException(f"{journal} cannot be read: {error.strerror}") from error
    if not report.turns:
        raise click.ClickException(f"{journal} holds no turn: is it a journal of tidemark?")
    if as_json:
        click.echo(report.as_json(everything=everything))
        return
    console = Console()
    console.print(report.table(everything=everything, shadows=shadows))
    console.print(report.summary(shadows=shadows))
