"""`alarms put`, `alarms list` and `alarms delete`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.verbs.common import AS_JSON, EMR_ID, ON_THE_NODE, SETTINGS_FILE, WEB_ADDRESS, load, reached, warn

if TYPE_CHECKING:
    from agent.alarms.alarm import Subject
    from agent.alarms.found import Found
    from agent.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def _where(command: F) -> F:
    for option in (
        click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own."),
        click.option("--region", help="Instead of that of the settings, the node or the AWS configuration."),
        click.option("--cluster-id", type=EMR_ID, help="Where neither the settings nor this node tell it."),
        click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True),
    ):
        command = option(command)
    return command


@click.group()
def alarms() -> None:
    """CloudWatch alarms on this cluster and on clusters of its name, from the settings' table [alarms]."""


@alarms.command()
@_where
@click.option("--dry-run", is_flag=True, help="Compare, and say what would be sent.")
@click.option("--prune", is_flag=True, help="Delete those of ours that the settings no longer ask for.")
@AS_JSON
def put(dry_run: bool, prune: bool, as_json: bool, **where: Any) -> None:
    """Make the alarms that the settings ask for. A second time it changes nothing, and says so."""
    import time

    from agent.alarms import cloudwatch, report
    from agent.alarms.definitions import alarms as wanted
    from agent.alarms.plan import Step, plan
    from agent.domain.faults import Fault

    place = _place(**where)
    try:
        there = [one for subject in place.subjects for one in cloudwatch.beginning_with(place.client, subject)]
        steps = plan(wanted(place.settings, place.cluster_id), there, place.subjects)
        if not dry_run:
            due = [one.alarm for one in steps if one.step in {Step.CREATE, Step.CHANGE} and one.alarm is not None]
            for sent in cloudwatch.put(place.client, due, time.sleep):
                click.echo(f"put {sent.name}", err=True)
            if prune:
                cloudwatch.delete(place.client, _left_over(steps))
    except Fault as fault:
        raise click.ClickException(str(fault)) from fault
    if as_json:
        click.echo(report.planned_json(steps, dry_run))
    else:
        _print(report.planned(steps), report.summary(steps, dry_run))
    warn(place.warnings + _warnings(place.settings, steps, prune and not dry_run))
    sys.exit(1 if any(one.step is Step.TAKEN for one in steps) else 0)


@alarms.command(name="list")
@_where
@AS_JSON
def list_(as_json: bool, **where: Any) -> None:
    """Our alarms that are there, with their state."""
    import time

    from agent.alarms import report
    from agent.alarms.definitions import alarms as wanted

    place = _place(**where)
    asked = {alarm.name: alarm for alarm in wanted(place.settings, place.cluster_id)}
    rows = [(one, asked.get(one.name)) for one in _ours(place)]
    if as_json:
        click.echo(report.listed_json(rows))
    elif rows:
        _print(report.listed(rows, time.time()))
    missing = sorted(asked.keys() - {one.name for one, _ in rows})
    if missing and not as_json:
        click.echo(f"{len(missing)} of {len(asked)} that the settings ask for are not there: `tidemark alarms put`")
    warn(place.warnings)


@alarms.command()
@_where
@click.option("--all", "and_named", is_flag=True, help="Those on `cluster.name` too: they serve its other clusters.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted.")
@AS_JSON
def delete(and_named: bool, dry_run: bool, as_json: bool, **where: Any) -> None:
    """Delete our alarms on this cluster, as the agent does when it ends. Those of anybody else stay."""
    import json

    from agent.alarms import cloudwatch
    from agent.alarms.alarm import CLUSTER_ID
    from agent.domain.faults import Fault

    place = _place(**where)
    meant = tuple(each for each in place.subjects if and_named or each.dimension == CLUSTER_ID)
    if not meant:
        raise click.UsageError("no cluster is named: give --cluster-id, or --all for those on cluster.name")
    found = _ours(place, meant)
    if not dry_run:
        try:
            cloudwatch.delete(place.client, found)
        except Fault as fault:
            raise click.ClickException(str(fault)) from fault
    names = [one.name for one in found]
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "deleted": names}, indent=2))
        return
    for name in names:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {name}")
    if not names:
        click.echo("there are none to delete")


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose alarms are meant, and where they are."""

    settings: Settings
    cluster_id: str
    subjects: tuple[Subject, ...]
    client: Any
    warnings: list[str]


def _place(path: Path, cluster_id: str | None, region: str | None, endpoint_url: str | None) -> _Place:
    from agent.alarms.definitions import subjects

    settings = load(path)
    clients, identity = reached(settings, region, endpoint_url)
    named = cluster_id or settings.cluster.id or identity.cluster_id or ""
    found = subjects(settings, named)
    if not found:
        raise click.UsageError("nothing says which cluster: give --cluster-id, or set cluster.id or cluster.name")
    warnings = [] if named else ["no cluster is named (--cluster-id): only the alarms on cluster.name are looked at"]
    return _Place(settings, named, found, clients.cloudwatch, warnings)


def _ours(place: _Place, subjects: tuple[Subject, ...] | None = None) -> list[Found]:
    from agent.alarms import cloudwatch
    from agent.domain.faults import Fault

    try:
        return [one for each in subjects or place.subjects for one in cloudwatch.of(place.client, each)]
    except Fault as fault:
        raise click.ClickException(str(fault)) from fault


def _left_over(steps: Any) -> list[Found]:
    from agent.alarms.plan import Step

    return [one.found for one in steps if one.step is Step.LEFT_OVER]


def _warnings(settings: Settings, steps: Any, pruned: bool) -> list[str]:
    from agent.alarms.plan import Step

    found = [f"{one.name!r} is somebody else's: rename or delete it" for one in steps if one.step is Step.TAKEN]
    if left := _left_over(steps):
        gone = "deleted" if pruned else "--prune deletes them"
        found.append(f"{len(left)} of ours are not in the settings; {gone}")
    if not settings.alarms.topic_arns:
        found.append("alarms.topic_arns is empty: nobody is told when an alarm goes off")
    if not settings.sinks.cloudwatch.enabled:
        found.append("sinks.cloudwatch.enabled is false: no data will reach these alarms")
    return found


def _print(*parts: Any) -> None:
    from rich.console import Console

    from agent.alarms.report import WIDTH

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    for part in parts:
        console.print(part)
