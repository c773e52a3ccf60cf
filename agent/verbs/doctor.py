"""`doctor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.verbs.common import AS_JSON, SETTINGS_FILE

if TYPE_CHECKING:
    pass


@click.command()
@click.option("--config", "path", type=SETTINGS_FILE, help="The settings file [ROOT/etc/tidemark/config.toml].")
@click.option("--offline", is_flag=True, help="Only what needs neither network nor cluster.")
@AS_JSON
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    show_default=True,
    help="Where the node's file system begins.",
)
def doctor(path: Path | None, offline: bool, as_json: bool, root: Path) -> None:
    """Look at all that the agent needs on this node, change nothing, and say what to do.

    Best run on the primary as root, or as the agent's user. It takes less than half a minute, however much hangs.
    """
    from agent.doctor.diagnosis import diagnose
    from agent.doctor.findings import failed

    findings = diagnose(path, root, only_offline=offline)
    if as_json:
        from agent.doctor.report import as_json as data

        click.echo(data(findings))
    else:
        from rich.console import Console

        from agent.doctor.report import WIDTH, summary, table

        console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
        console.print(table(findings))
        console.print(summary(findings))
    sys.exit(1 if failed(findings) else 0)
