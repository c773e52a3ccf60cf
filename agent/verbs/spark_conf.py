"""`spark-conf`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.verbs.common import SETTINGS_FILE, load

if TYPE_CHECKING:
    from agent.settings import Settings


@click.command("spark-conf")
@click.argument("doing", metavar="apply|remove|show", type=click.Choice(["apply", "remove", "show"]))
@click.option("--config", "path", type=SETTINGS_FILE, help="The settings file [ROOT/etc/tidemark/config.toml].")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    show_default=True,
    help="Where the node's file system begins.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say only what has changed or failed.")
def spark_conf(doing: str, path: Path | None, root: Path, quiet: bool) -> None:
    """Have Spark on this node report to the agent, or no longer.

    apply writes a block of lines into /etc/spark/conf/metrics.properties, names in it the primary whose agent acts,
    and leaves all other lines alone; where Spark is not there (yet) it does nothing. remove takes the block out.
    show prints the file and what apply would name. Applications read the file when they start.
    """
    from agent.node import verb
    from agent.node.spark_conf import SparkConf, State

    if doing == "show":
        for line in verb.shown(_node_settings(path, root), root):
            click.echo(line)
        return
    nothing_new = {State.NO_SPARK, State.UNCHANGED, State.LATER} if quiet else set()
    report = SparkConf(root).remove() if doing == "remove" else verb.applied(_node_settings(path, root), root)
    if report.state in nothing_new:
        return
    for note in report.notes:
        click.secho(f"note: {note}", fg="yellow", err=True)
    if report.state is State.REFUSED:
        raise click.ClickException(report.text)
    click.echo(f"{report.state}: {report.text}")


def _node_settings(path: Path | None, root: Path) -> Settings:
    return load(path if path is not None else root / "etc" / "tidemark" / "config.toml")
