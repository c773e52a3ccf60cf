"""`dashboard put`, `dashboard show` and `dashboard delete`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.verbs.common import AS_JSON, EMR_ID, ON_THE_NODE, SETTINGS_FILE, WEB_ADDRESS, load, reached, warn

if TYPE_CHECKING:
    from agent.alarms.alarm import Subject
    from agent.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def _where(command: F) -> F:
    for option in (
        click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own."),
        click.option("--region", help="Instead of that of the settings, the node or the AWS configuration."),
        click.option(
            "--cluster-id", type=EMR_ID, help="Of this one cluster, even where the settings have a cluster.name."
        ),
        click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True),
    ):
        command = option(command)
    return command


def _shown(command: F) -> F:
    for option in (
        click.option("--streaming/--no-streaming", default=None, help="Show streams.  [default: as the rules do]"),
        click.option("--hdfs/--no-hdfs", default=None, help="Show HDFS.  [default: where it is polled]"),
    ):
        command = option(command)
    return command


@click.group()
def dashboard() -> None:
    """A CloudWatch dashboard of all clusters of `cluster.name`, or of one cluster."""


@dashboard.command()
@_where
@_shown
@click.option("--dry-run", is_flag=True, help="Compare, and say what would be done.")
@AS_JSON
def put(dry_run: bool, as_json: bool, streaming: bool | None, hdfs: bool | None, **where: Any) -> None:
    """Make the dashboard, or replace what is there. A second time it changes nothing, and says so."""
    from agent.dashboard import calls
    from agent.domain.faults import Fault

    place = _place(**where)
    body = _body(place, streaming, hdfs)
    try:
        found = calls.there(place.client, place.name)
        does = "unchanged" if found == body else "create" if found is None else "replace"
        said = [] if dry_run or does == "unchanged" else calls.put(place.client, place.name, body)
    except (Fault, ValueError) as fault:
        raise click.ClickException(str(fault)) from fault
    metrics = sum(len(one["properties"].get("metrics", ())) for one in body["widgets"])
    told = {"dashboard": place.name, "region": place.region, "does": does, "dry_run": dry_run,
            "widgets": len(body["widgets"]), "metrics": metrics, "messages": list(said)}  # fmt: skip
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        done = {"unchanged": "is as it should be", "create": "made", "replace": "replaced"}[does]
        if dry_run and does != "unchanged":
            done = f"would be {done}"
        click.echo(f"{place.name} {done}: {len(body['widgets'])} widgets, {metrics} metrics, Region {place.region}")
    warn([f"CloudWatch says of {text}" for text in said])


@dashboard.command()
@_where
@_shown
@click.option("--there", is_flag=True, help="What is in CloudWatch instead of what would be put.")
@AS_JSON
def show(there: bool, as_json: bool, streaming: bool | None, hdfs: bool | None, **where: Any) -> None:  # noqa: ARG001
    """Print the dashboard's body, as PutDashboard takes it."""
    from agent.dashboard import calls
    from agent.domain.faults import Fault

    place = _place(**where)
    try:
        body = calls.there(place.client, place.name) if there else _body(place, streaming, hdfs)
    except Fault as fault:
        raise click.ClickException(str(fault)) from fault
    if body is None:
        raise click.ClickException(f"there is no dashboard {place.name}")
    click.echo(json.dumps(body, indent=2))


@dashboard.command()
@_where
@click.option("--dry-run", is_flag=True, help="Say what would be deleted.")
@AS_JSON
def delete(dry_run: bool, as_json: bool, **where: Any) -> None:
    """Delete the dashboard."""
    from agent.dashboard import calls
    from agent.domain.faults import Fault

    place = _place(**where)
    try:
        was = calls.there(place.client, place.name) is not None if dry_run else calls.delete(place.client, place.name)
    except Fault as fault:
        raise click.ClickException(str(fault)) from fault
    if as_json:
        click.echo(json.dumps({"dashboard": place.name, "dry_run": dry_run, "deleted": was}, indent=2))
    else:
        done = ("would be deleted" if dry_run else "deleted") if was else "is not there"
        click.echo(f"{place.name} {done}")


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose dashboard is meant, and where it is."""

    settings: Settings
    subject: Subject
    name: str
    region: str
    client: Any


def _place(path: Path, cluster_id: str | None, region: str | None, endpoint_url: str | None) -> _Place:
    from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Subject
    from agent.dashboard.contents import name

    settings = load(path)
    clients, identity = reached(settings, region, endpoint_url)
    if cluster_id is None and settings.cluster.name:
        subject = Subject(CLUSTER_NAME, settings.cluster.name)
    else:
        named = cluster_id or settings.cluster.id or identity.cluster_id
        if not named:
            raise click.UsageError("nothing says which cluster: give --cluster-id, or set cluster.id or cluster.name")
        subject = Subject(CLUSTER_ID, named)
    return _Place(settings, subject, name(subject), clients.region or "", clients.cloudwatch)


def _body(place: _Place, streaming: bool | None, hdfs: bool | None) -> dict[str, Any]:
    from agent.dashboard.contents import HDFS, STREAMING, dashboard, parts_of

    asked = {STREAMING: streaming, HDFS: hdfs}
    usual = parts_of(place.settings)
    parts = frozenset(part for part, wanted in asked.items() if (part in usual if wanted is None else wanted))
    return dict(dashboard(place.settings, place.subject, place.region, parts))
