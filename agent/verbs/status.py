"""`status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.verbs.common import AS_JSON, EMR_ID, ON_THE_NODE, SETTINGS_FILE, WEB_ADDRESS, load

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

FASTEST_WATCH_S = 1.0

Seen = tuple[str, "Callable[[], RenderableType]"]
"""The status as JSON, and how it becomes something for a terminal; that may raise StatusError."""
Look = Callable[[], Seen]
"""Raises StatusError."""


@click.command()
@click.option("--config", "path", type=SETTINGS_FILE, help=f"The agent's settings [{ON_THE_NODE}, where there is one].")
@click.option("--url", help="Where the agent's page is, instead of what the settings say.")
@click.option(
    "--cluster",
    "cluster_id",
    type=EMR_ID,
    metavar="j-…",
    help="Ask CloudWatch and EMR about this cluster instead.",
)
@click.option("--name", default="", help="Ask CloudWatch for the figures under this stable name (cluster.name).")
@click.option("--region", help="Of the cluster [that of the AWS configuration].")
@click.option("--namespace", default="Tidemark", show_default=True, help="Where its figures are published.")
@click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own.")
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=FASTEST_WATCH_S),
    default=None,
    help="Seconds between two looks of --watch.  [default: 2; 60 with --cluster or --name]",
)
@AS_JSON
def status(
    path: Path | None,
    url: str | None,
    cluster_id: str | None,
    name: str,
    region: str | None,
    namespace: str,
    endpoint_url: str | None,
    watch: bool,
    every_s: float | None,
    as_json: bool,
) -> None:
    """What the agent sees, what it decided and why it holds.

    On the primary, or through a tunnel, from the agent itself. With --cluster or --name from anywhere: what it
    published to CloudWatch and what EMR tells, each figure with its age. The exit code is 1 when there is nothing to
    see.
    """
    away = bool(cluster_id or name)
    if away and (url is not None or path is not None):
        raise click.UsageError("--url and --config are of an agent that is asked itself; --cluster and --name of AWS")
    if region is not None and not away:
        raise click.UsageError("--region is of a cluster that is looked at from elsewhere: add --cluster j-…")
    look = _of_aws(cluster_id or "", name, region, namespace, endpoint_url) if away else _of_agent(path, url)
    if watch:
        _watch(look, every_s or (60.0 if away else 2.0), as_json)
        return
    _once(look, as_json)


def _once(look: Look, as_json: bool) -> None:
    from agent.status.local import StatusError

    try:
        text, shown = look()
        if as_json:
            click.echo(text)
        else:
            _console().print(shown())
    except StatusError as error:
        raise click.ClickException(str(error)) from error


def _watch(look: Look, every_s: float, as_json: bool) -> None:
    """Until Ctrl-C. An agent that is gone for a while is said, and asked again."""
    from rich.live import Live
    from rich.text import Text

    from agent.status.local import StatusError

    try:
        if as_json:
            while True:
                _once(look, as_json)
                time.sleep(every_s)
        with Live(console=_console(), screen=sys.stdout.isatty(), auto_refresh=False) as live:
            while True:
                try:
                    live.update(look()[1](), refresh=True)
                except StatusError as error:
                    live.update(Text(str(error), "yellow"), refresh=True)
                time.sleep(every_s)
    except KeyboardInterrupt:
        return


def _console() -> Console:
    from rich.console import Console

    from agent.status.terminal import WIDTH

    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def _of_agent(path: Path | None, url: str | None) -> Look:
    from agent.settings_status import StatusSettings
    from agent.status import local, terminal

    if url is None:
        file = path if path is not None else (ON_THE_NODE if ON_THE_NODE.exists() else None)
        settings = StatusSettings() if file is None else load(file).status
        if not settings.enabled:
            raise click.ClickException(f"status.enabled is false in {file}: the agent has no page to ask")
        url = local.address(settings)

    def look() -> Seen:
        body = local.fetch(url)
        return body.decode("utf-8", "replace"), lambda: terminal.local(local.parse(body, url))

    return look


def _of_aws(cluster_id: str, name: str, region: str | None, namespace: str, endpoint_url: str | None) -> Look:
    from agent.aws.clients import Clients
    from agent.settings import AwsSettings
    from agent.status import remote, terminal
    from agent.status.local import StatusError

    clients = Clients(AwsSettings(region=region or "", endpoint_url=endpoint_url))
    if clients.region is None:
        raise click.ClickException("no Region: give --region, or set one in the AWS configuration")
    place = remote.Place(cluster_id, name, namespace)

    def look() -> Seen:
        found = remote.look(clients, place, time.time())
        if found.nothing:
            raise StatusError(
                "; ".join(found.faults)
                or f"CloudWatch has nothing of {cluster_id or name} in {namespace} in {clients.region}: is the name, "
                "the Region and the namespace right, and does its agent publish?"
            )
        return terminal.remote_json(found), lambda: terminal.remote(found)

    return look
