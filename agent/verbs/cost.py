"""`cost`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.verbs.common import AS_JSON, EMR_ID, ON_THE_NODE, SETTINGS_FILE, WEB_ADDRESS, load, reached, warn

if TYPE_CHECKING:
    from agent.costing import Asked
    from agent.settings import Settings


@click.command()
@click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True)
@click.option("--applications", type=click.IntRange(0), default=1, show_default=True, help="Names in an hour.")
@click.option("--executors", type=click.IntRange(0), default=100, show_default=True, help="At once.")
@click.option("--hours-per-day", type=click.FloatRange(0, 24), default=24.0, show_default=True)
@click.option("--shadows", type=click.IntRange(0), help="Shadow policies [those of the settings].")
@click.option("--reasons", type=click.IntRange(0), default=5, show_default=True, help="Reasons that occur in an hour.")
@click.option("--streaming", is_flag=True, help="There are streaming queries.")
@click.option("--process-tree", is_flag=True, help="Spark's process tree metrics are on.")
@click.option("--static-allocation", is_flag=True, help="Spark's dynamic allocation is off.")
@click.option("--dashboards", type=click.IntRange(0), default=0, show_default=True)
@click.option("--target", type=click.IntRange(0), help="Capacity units, instead of the fleet's own target.")
@click.option("--unit-usd-per-hour", type=click.FloatRange(0), help="Of a capacity unit, instead of what is known.")
@click.option("--ask", "asks", is_flag=True, help="Ask AWS for the fleet and for the prices of now.")
@click.option("--cluster-id", type=EMR_ID, help="Where neither the settings nor this node tell it; with --ask.")
@click.option("--region", help="Instead of that of the settings, the node or the AWS configuration; with --ask.")
@click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own; with --ask.")
@AS_JSON
def cost(
    path: Path,
    applications: int,
    executors: int,
    hours_per_day: float,
    shadows: int | None,
    reasons: int,
    streaming: bool,
    process_tree: bool,
    static_allocation: bool,
    dashboards: int,
    target: int | None,
    unit_usd_per_hour: float | None,
    asks: bool,
    cluster_id: str | None,
    region: str | None,
    endpoint_url: str | None,
    as_json: bool,
) -> None:
    """What watching a cluster costs a month with these settings, and what its task capacity costs an hour.

    Prices of CloudWatch are those of the settings' table [costs]. What is not known stays unknown.
    """
    from agent.costs import report
    from agent.costs.bill import bill
    from agent.costs.capacity import capacity
    from agent.costs.workload import Workload
    from agent.domain.prices import UnitPrices

    settings = load(path)
    workload = Workload(
        applications=applications,
        executors=executors,
        hours_per_day=hours_per_day,
        shadows=len(settings.policy.shadows) if shadows is None else shadows,
        reasons=reasons,
        streaming=streaming,
        process_tree=process_tree,
        dynamic_allocation=not static_allocation,
        dashboards=dashboards,
    )
    asked = _asked(settings, asks, cluster_id, region, endpoint_url)
    prices = asked.prices
    if unit_usd_per_hour is not None:
        prices = UnitPrices(at=prices.at, spot=unit_usd_per_hour, on_demand=unit_usd_per_hour)
    sizes = capacity(settings, prices, asked.fleet, target)
    found = bill(settings, workload)
    if as_json:
        click.echo(report.as_json(found, workload, settings.costs, sizes, prices))
    else:
        from rich.console import Console

        console = Console(highlight=False, width=None if sys.stdout.isatty() else report.WIDTH)
        console.print(report.watching(found, workload, settings.costs))
        console.print(report.task_capacity(sizes, prices))
    warn(list(asked.warnings))


def _asked(
    settings: Settings, asks: bool, cluster_id: str | None, region: str | None, endpoint_url: str | None
) -> Asked:
    import time

    from agent import costing

    if not asks:
        return costing.Asked(costing.by_settings(settings, time.time()), None, ())
    clients, identity = reached(settings, region, endpoint_url)
    named = cluster_id or settings.cluster.id or identity.cluster_id or ""
    return costing.ask(settings, named, clients, time.time())
