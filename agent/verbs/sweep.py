"""`sweep`."""

from __future__ import annotations

from typing import Any

import click

from agent.verbs.lifecycle_place import faults_told, place, where


@click.command()
@where
def sweep(**options: Any) -> None:
    """Look at every cluster, launch and job that has not ended, and do what nobody has done: end what is overdue, lost
    or nobody's, go on with launches and jobs that somebody left behind. A schedule does it every few minutes.
    """
    import time

    here = place(**options)
    with faults_told(here):
        sent = here.ask({"sweep": {"at": time.time()}})
    click.echo("asked for" if sent else "done; `tidemark cluster list` shows what is there")
