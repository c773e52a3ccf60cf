"""`pause` and `resume`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.verbs.common import ON_THE_NODE, SETTINGS_FILE, Duration, load

if TYPE_CHECKING:
    pass


LONGEST_PAUSE_S = 7 * 86_400.0


@click.command()
@click.argument("duration", type=Duration())
@click.option("--why", default="", help="What for, for whoever reads the reasons.")
@click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True)
def pause(duration: float, why: str, path: Path) -> None:
    """Keep the agent on this node from changing anything for DURATION (30m, 2h; a week at most).

    It goes on watching and saying what it would do. A hard deadline (`idle.terminate_after_s`) holds all the same.
    """
    import getpass
    import time

    from agent.domain.observation import Pause
    from agent.sources.pause import PauseFile

    if not 0 < duration <= LONGEST_PAUSE_S:
        raise click.UsageError("a pause lasts longer than nothing and at most a week")
    file, until = load(path).policy.pause_path, time.time() + duration
    because = f"by {getpass.getuser()}" + (f", {why}" if why else "")
    try:
        PauseFile(file, time.time).write(Pause(until=until, why=because))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}; are you root?") from error
    click.echo(
        f"paused until {time.strftime('%Y-%m-%d %H:%M:%S %Z', time.localtime(until))}; `tidemark resume` ends it"
    )


@click.command()
@click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True)
def resume(path: Path) -> None:
    """End a pause before its time."""
    import time

    from agent.sources.pause import PauseFile

    file = load(path).policy.pause_path
    try:
        ended = PauseFile(file, time.time).clear()
    except OSError as error:
        raise click.ClickException(f"{file} cannot be removed: {error.strerror}; are you root?") from error
    click.echo("the pause is over" if ended else "there was no pause")
