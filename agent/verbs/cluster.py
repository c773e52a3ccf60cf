"""`cluster launch`, `cluster list`, `cluster wait`, `cluster end` and `cluster usage`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.verbs.common import AS_JSON, EMR_ID, SETTINGS_FILE, Duration, warn
from agent.verbs.lifecycle_place import Place, faults_told, new_id, place, print_json, show, where, who

if TYPE_CHECKING:
    from agent.lifecycle.monitor import Monitor


INTERRUPTED = 130
WITHHELD = {
    "EndsWithheld.protected": "not ended: it is protected, and its profile does not say lift_protection",
    "EndsWithheld.quota": "not ended yet: our share of EMR's quota is used up; try again in a minute",
    "EndsWithheld.unknown": "not ended: it is not in the table",
}


@click.group()
def cluster() -> None:
    """Clusters from their launch to their end, as the lifecycle's table has them."""


@cluster.command()
@where
@click.option("--owner", help="Whom it is for: it is ended when that owner is done, fails or is gone [you].")
@click.option("--alias", help="A second name of the owner, such as a worker group.")
@click.option("--steps", type=SETTINGS_FILE, help="A JSON list of steps (StepConfig), put behind the profile's own.")
@click.option("--terminate-after", type=Duration(), help="Its time from now on, instead of the profile's.")
@click.option("--retry", type=click.Choice(["start", "lost", "never"]), help="Instead of the profile's.")
@click.option("--id", "launch_id", help="Asked for a second time with the same id it is the same launch [a new one].")
@AS_JSON
@click.argument("profile")
def launch(
    profile: str,
    owner: str | None,
    alias: str | None,
    steps: Path | None,
    terminate_after: float | None,
    retry: str | None,
    launch_id: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Launch a cluster of the kind PROFILE. `tidemark cluster wait` with the id that is printed waits for it."""
    import time

    from agent.lifecycle.profile_rules import nearest

    here, now = place(**options), time.time()
    made = launch_id or new_id("launch")
    with faults_told(here):
        kind = here.store.profile(profile)
        if kind is None:
            near = nearest(profile, [one.name for one in here.store.profiles()])
            raise click.ClickException(f"there is no cluster profile {profile!r}{near}: `tidemark profile show`")
        if kind.pooled:
            raise click.ClickException(f"{profile!r} is a pool, which launches by itself: `tidemark job submit`")
        asked: dict[str, Any] = {"id": made, "profile": profile, "owner": owner or who(), "at": now}
        asked |= {"alias": alias} if alias else {}
        asked |= {"steps": _steps(steps)} if steps else {}
        asked |= {"terminate_at": now + terminate_after} if terminate_after else {}
        asked |= {"retry": retry} if retry else {}
        sent = here.ask({"launch": asked})
        row = None if sent else here.store.launch(made)
    if as_json:
        print_json({"id": made, "sent": sent, "launch": row})
        return
    state = "sent to the queue" if row is None else f"{row.state} {row.cluster_id or row.why or ''}".rstrip()
    click.echo(f"{made}: {state}; `tidemark cluster wait {made}` waits for it")


@cluster.command(name="list")
@where
@click.option("--profile", help="Only clusters of this kind.")
@click.option("--owner", help="Only those of this owner, by either of its names; those that have ended too.")
@click.option("--all", "also_ended", is_flag=True, help="Those that have ended too: the whole table is read.")
@AS_JSON
def list_(profile: str | None, owner: str | None, also_ended: bool, as_json: bool, **options: Any) -> None:
    """Clusters that have not ended, the pools against their limits, and what people should look at.

    Ends with 1 when there is something to look at.
    """
    import time

    from agent.lifecycle import report
    from agent.lifecycle.rows import ClusterRow

    here, now = place(**options), time.time()
    with faults_told(here):
        found = _health(here, now)
        if owner is not None:
            rows = list(here.store.of_owner(owner)[0])
        else:
            rows = list(here.every(ClusterRow, "CLUSTER#") if also_ended else here.store.open_clusters())
    rows = sorted((one for one in rows if not profile or one.profile == profile), key=lambda one: -one.created_at)
    if as_json:
        print_json({"clusters": rows, "health": found})
    else:
        if rows:
            show(report.clusters(rows, now))
        show(*report.health(found))
        warn(list(found.troubles))
    sys.exit(1 if found.troubles else 0)


@cluster.command()
@where
@click.option("--until", type=click.Choice(["ended", "ready"]), default="ended", show_default=True)
@click.option("--timeout", type=Duration(), help="Give up waiting after so long; nothing is ended for it [never].")
@click.option("--every", type=Duration(), default="10s", show_default=True, help="How often to look.")
@AS_JSON
@click.argument("which")
def wait(which: str, until: str, timeout: float | None, every: float, as_json: bool, **options: Any) -> None:
    """Wait for a cluster, by its id or that of its launch, and end by what came of it.

    0: it succeeded, or is ready. 1: it failed. 3: it was lost, and another try may do. 4: somebody ended it.
    5: it is still there after --timeout. 130: Ctrl-C.
    """
    import time

    from agent.verbs.lifecycle_wait import Waiter

    here = place(**options)
    waiter = Waiter(here, which, ready=until == "ready")
    began = time.monotonic()
    told = ""
    with faults_told(here, code=2), _stopped():
        while (seen := waiter.look(time.time())).kind is None:
            if not as_json and seen.text != told:
                click.echo(f"{seen.text} after {time.monotonic() - began:.0f} s", err=True)
            told = seen.text
            if timeout is not None and time.monotonic() - began >= timeout:
                break
            time.sleep(every)
    if as_json:
        print_json({"which": which, "outcome": seen.kind, "why": seen.text, "cluster": seen.row})
    else:
        click.echo(f"{seen.kind or 'still there'}: {seen.text}")
    sys.exit(seen.code)


@cluster.command()
@where
@click.option("--owner", help="All clusters and launches of this owner, by either of its names.")
@click.option("--why", default="", help="For whoever reads the reasons.")
@click.argument("ids", nargs=-1, type=EMR_ID)
def end(ids: tuple[str, ...], owner: str | None, why: str, **options: Any) -> None:
    """End clusters, whatever runs there. Termination protection is lifted only where the profile says so."""
    import time

    if bool(ids) == bool(owner):
        raise click.UsageError("name the clusters by their ids, or the owner with --owner")
    here, failed = place(**options), False
    why = why or f"asked for {who()}"
    with faults_told(here):
        if owner is not None:
            clusters, launches = here.store.of_owner(owner)
            if not clusters and not launches:
                raise click.ClickException(f"there is no owner {owner!r}: `tidemark cluster list`")
            sent = here.ask({"owner": owner, "event": "gone", "at": time.time(), "why": why})
            live = [one.id for one in clusters if not one.ended]
            click.echo(f"{owner}: {'asked for' if sent else 'done'}: {', '.join(live) or 'no cluster is there'}")
        for cluster_id in ids:
            row = here.store.cluster(cluster_id)
            if row is not None and row.ended:
                click.echo(f"{cluster_id}: has ended already")
                continue
            here.counted.clear()
            sent = here.ask({"end": {"cluster_id": cluster_id, "why": why}})
            withheld = next((WITHHELD.get(one, one) for one in here.counted if one.startswith("EndsWithheld.")), None)
            failed = failed or withheld is not None
            click.echo(f"{cluster_id}: {'asked for' if sent else withheld or 'ends'}")
    sys.exit(1 if failed else 0)


@cluster.command()
@where
@click.option("--since", type=Duration(), default="7d", show_default=True, help="So long until now; rows stay 90 days.")
@AS_JSON
def usage(since: float, as_json: bool, **options: Any) -> None:
    """What clusters, launches and jobs have used, and how long jobs took. The whole table is read for it."""
    import time

    from agent.lifecycle import report
    from agent.lifecycle.rows import ClusterRow, JobRow, LaunchRow
    from agent.lifecycle.usage import usage as used

    here, now = place(**options), time.time()
    with faults_told(here):
        rows = (here.every(ClusterRow, "CLUSTER#"), here.every(LaunchRow, "LAUNCH#"), here.every(JobRow, "JOB#"))
        found = used(*rows, since=now - since, until=now)
    if as_json:
        print_json(found)
    else:
        show(*report.usage(found))


@contextmanager
def _stopped() -> Iterator[None]:
    """Who stops waiting has not learned that it failed: the code is that of shells for Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("waits no more; nothing is ended for that", err=True)
        sys.exit(INTERRUPTED)


def _health(here: Place, now: float) -> Monitor:
    from agent.lifecycle.monitor import monitor

    store = here.store
    return monitor(
        store.open_clusters(),
        store.open_launches(),
        store.open_jobs(),
        store.profiles(),
        now,
        here.settings,
        here.dead_letters(),
    )


def _steps(file: Path) -> list[dict[str, Any]]:
    from pydantic import TypeAdapter, ValidationError

    from agent.lifecycle.rows import StepSpec

    try:
        found = TypeAdapter(list[StepSpec]).validate_json(file.read_bytes())
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = (f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise click.ClickException("\n".join([f"{file} is no list of steps:", *faults])) from error
    return [one.model_dump(mode="json") for one in found]
