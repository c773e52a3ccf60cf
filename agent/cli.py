"""The verbs. The only module that prints.

Exit codes: 0 done, 1 failed, 2 wrong use or settings. What a verb needs is imported when it is called, so
that `tidemark run`, which becomes the small supervisor process, stays small.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import agent

if TYPE_CHECKING:
    from agent.settings import Settings

SETTINGS_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """An autoscaling agent for Spark on Amazon EMR: it decides from memory and says why."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"tidemark {agent.__version__}")


@main.command()
@click.option("--config", "path", type=SETTINGS_FILE, required=True, help="The settings file.")
def run(path: Path) -> None:
    """Run the agent until it is asked to stop (SIGTERM, Ctrl-C).

    This process becomes a small supervisor; the agent itself is its child. A child that stops answering is
    ended, so that its port refuses Spark's connections instead of holding them.
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "agent.supervisor", str(path)])


@main.command()
@click.argument("path", metavar="FILE", type=SETTINGS_FILE)
def check(path: Path) -> None:
    """Say whether the settings in FILE can be used; every fault at once."""
    _load(path)
    click.secho(f"{path}: good", fg="green")


@main.command()
@click.argument("path", metavar="FILE", type=SETTINGS_FILE)
def config(path: Path) -> None:
    """Print the settings that FILE puts in force, defaults included, as a settings file."""
    from agent import settings_file

    click.echo(settings_file.render(_load(path)), nl=False)


@main.command()
@click.argument("journal", metavar="JOURNAL", type=SETTINGS_FILE)
@click.option("--config", "path", type=SETTINGS_FILE, required=True, help="The settings to decide with.")
@click.option("--all", "everything", is_flag=True, help="List every turn, not only those that differ or act.")
def replay(journal: Path, path: Path, everything: bool) -> None:
    """Decide a JOURNAL again and show where the decisions would differ."""
    from agent import replay_report

    settings = _load(path)
    try:
        lines = journal.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise click.ClickException(f"{journal} cannot be read: {error.strerror}") from error
    if not replay_report.show(lines, settings, everything=everything):
        raise click.ClickException(f"{journal} holds no turn: is it a journal of tidemark?")


def _load(path: Path) -> Settings:
    """The settings, or the end of this process with every fault on standard error."""
    from agent.settings import SettingsError, load

    try:
        return load(path)
    except SettingsError as error:
        click.secho(str(error), fg="red", err=True)
        for fault in error.faults:
            click.echo(f"  {fault}", err=True)
        sys.exit(2)
