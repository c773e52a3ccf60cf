"""`quote`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.verbs.common import AS_JSON, ON_THE_NODE, SETTINGS_FILE, WEB_ADDRESS, JvmSize, load, warn

if TYPE_CHECKING:
    pass


@click.command()
@click.option("--config", "path", type=SETTINGS_FILE, help=f"The settings file [{ON_THE_NODE}, where there is one].")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="One candidate [those of the task capacity].")
@click.option("--zone", "zones", multiple=True, metavar="ZONE", help="Only this availability zone [all].")
@click.option("--executor-memory", type=JvmSize(), default="8g", show_default=True, help="spark.executor.memory")
@click.option("--executor-cores", type=click.IntRange(min=1), default=4, show_default=True)
@click.option(
    "--executor-overhead",
    type=click.FloatRange(min=0),
    help="Memory overhead as a part of its memory [0.1875, as EMR sets it].",
)
@click.option("--hours", type=click.IntRange(1, 2160), default=24, show_default=True, help="What the median is of.")
@click.option("--region", help="Instead of that of the settings, the node or the AWS configuration.")
@click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own.")
@AS_JSON
def quote(path: Path | None, types: tuple[str, ...], region: str | None, as_json: bool, **options: Any) -> None:
    """Rank instance types by what a GB of memory costs that executors can really use, on the spot market of now.

    Memory counts as far as YARN gets it and executors of the given size fill it. What is not known comes last.
    """
    import time

    from agent import quoting
    from agent.market import report

    given = load(path) if path is not None else (load(ON_THE_NODE) if ON_THE_NODE.exists() else None)
    try:
        question, clients = quoting.prepared(given, types, region, **options)
        found = quoting.ask(question, clients, time.time())
    except quoting.QuoteError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(report.as_json(found.rows, question.executor, found.region, found.at, found.fee_percent))
    else:
        from rich.console import Console

        console = Console(highlight=False, width=None if sys.stdout.isatty() else report.WIDTH)
        console.print(report.table(found.rows, question.executor, question.hours, console.width))
    warn(list(found.warnings))
