"""`version`, `run`, `check` and `config`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import agent
from agent.verbs.common import SETTINGS_FILE, load, warn

if TYPE_CHECKING:
    pass


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"tidemark {agent.__version__}")


@click.command()
@click.option("--config", "path", type=SETTINGS_FILE, required=True, help="The settings file.")
def run(path: Path) -> None:
    """Run the agent until it is asked to stop (SIGTERM, Ctrl-C).

    This process becomes a small supervisor; the agent itself is its child. A child that stops answering is
    ended, so that its port refuses Spark's connections instead of holding them.
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "agent.supervisor", str(path)])


@click.command()
@click.argument("path", metavar="FILE", type=SETTINGS_FILE)
def check(path: Path) -> None:
    """Say whether the settings in FILE can be used; every fault at once."""
    from agent.notices.route import remarks

    settings = load(path)
    click.secho(f"{path}: good", fg="green")
    warn(list(remarks(settings)))


@click.command()
@click.argument("path", metavar="FILE", type=SETTINGS_FILE)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting over what FILE says.")
@click.option("--default", "defaults", multiple=True, metavar="KEY=VALUE", help="One setting that FILE may leave out.")
@click.option("--given", is_flag=True, help="Leave out what has its value by Tidemark's own default only.")
def config(path: Path, sets: tuple[str, ...], defaults: tuple[str, ...], given: bool) -> None:
    """Print the settings that FILE puts in force, defaults included, as a settings file."""
    from agent import settings_file

    click.echo(settings_file.render(load(path, sets, defaults), given), nl=False)
