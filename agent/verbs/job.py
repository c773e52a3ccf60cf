"""`job submit`, `job list` and `job cancel`."""

from __future__ import annotations

from typing import Any

import click

from agent.verbs.common import AS_JSON
from agent.verbs.lifecycle_place import faults_told, new_id, place, print_json, show, where, who


@click.group()
def job() -> None:
    """Jobs that wait for a cluster of a pool, the most urgent first, and run there as a step."""


@job.command(context_settings={"ignore_unknown_options": True})
@where
@click.option("--owner", help="Whom it is for: when that owner fails or is gone, it is cancelled [you].")
@click.option("--priority", type=click.IntRange(0, 999), help="Instead of the profile's; the larger the more urgent.")
@click.option("--id", "job_id", help="Submitted a second time with the same id it is the same job [a new one].")
@AS_JSON
@click.argument("profile")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def submit(
    profile: str,
    args: tuple[str, ...],
    owner: str | None,
    priority: int | None,
    job_id: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Submit a job of the kind PROFILE; ARGS are put behind those of its step. Write them after `--`.

    What is wrong with it is said at once, as far as it can be told from here.
    """
    import time

    from agent.lifecycle.events import JobSubmitted
    from agent.lifecycle.jobs import submitted

    here, now = place(**options), time.time()
    event = JobSubmitted(
        id=job_id or new_id("job"), profile=profile, owner=owner or who(), at=now, args=args, priority=priority
    )
    with faults_told(here):
        kind = here.store.job_profile(profile)
        pool = None if kind is None else here.store.profile(kind.cluster_profile)
        known = [] if kind is not None else [one.name for one in here.store.job_profiles()]
        row = submitted(event, kind, pool, now, known)
        if row.ended:
            raise click.ClickException("rejected: " + "; ".join(row.why))
        asked = {"id": event.id, "profile": profile, "owner": event.owner, "at": now, "args": list(args)}
        sent = here.ask({"job": {**asked, **({} if priority is None else {"priority": priority})}})
        found = None if sent else here.store.job(event.id)
    if as_json:
        print_json({"id": event.id, "sent": sent, "job": found})
        return
    state = "sent to the queue" if found is None else f"{found.state}{_because(found.why)}"
    click.echo(f"{event.id}: {state}; `tidemark job list` shows it")


@job.command(name="list")
@where
@click.option("--profile", help="Only jobs of this kind.")
@click.option("--owner", help="Only jobs of this owner.")
@click.option("--all", "also_ended", is_flag=True, help="Those that have ended too: the whole table is read.")
@AS_JSON
def list_(profile: str | None, owner: str | None, also_ended: bool, as_json: bool, **options: Any) -> None:
    """Jobs that have not ended: those that run, then those that wait in the order in which they will be run."""
    import time

    from agent.lifecycle import report
    from agent.lifecycle.rows import JobRow

    here = place(**options)
    with faults_told(here):
        found = list(here.every(JobRow, "JOB#") if also_ended else here.store.open_jobs())
    rows = [one for one in found if (not profile or one.profile == profile) and (not owner or one.owner == owner)]
    rows.sort(key=lambda one: (one.ended, one.rank is not None, one.rank or "", -one.created_at))
    if as_json:
        print_json(rows)
    elif rows:
        show(report.jobs(rows, time.time()))
    else:
        click.echo("there are none" if also_ended else "none waits or runs; --all shows those that have ended")


@job.command()
@where
@click.option("--why", default="", help="For whoever reads the reasons.")
@click.argument("ids", nargs=-1, required=True)
def cancel(ids: tuple[str, ...], why: str, **options: Any) -> None:
    """Cancel jobs: one that waits is taken out of the queue, of one that runs EMR is asked to cancel the step."""
    here = place(**options)
    with faults_told(here):
        rows = {one: here.store.job(one) for one in ids}
        if missing := [one for one, row in rows.items() if row is None]:
            raise click.ClickException(f"there is no job {', '.join(missing)}: `tidemark job list --all`")
        for job_id, row in rows.items():
            if row is not None and row.ended:
                click.echo(f"{job_id}: is {row.state} already")
                continue
            sent = here.ask({"cancel_job": {"id": job_id, "why": why or f"cancelled {who()}"}})
            click.echo(f"{job_id}: {'asked for' if sent else 'cancelled'}")


def _because(why: tuple[str, ...]) -> str:
    return f" ({'; '.join(why)})" if why else ""
