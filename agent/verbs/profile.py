"""`profile put` and `profile show`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.verbs.common import AS_JSON, SETTINGS_FILE, warn
from agent.verbs.lifecycle_place import Place, faults_told, place, print_json, show, where

if TYPE_CHECKING:
    from agent.lifecycle.profiles import Profiles
    from agent.lifecycle.rows import ClusterProfile, JobProfile


@click.group()
def profile() -> None:
    """Kinds of clusters and of jobs: how they are launched, kept and ended, and what they run."""


@profile.command()
@where
@click.option("--dry-run", is_flag=True, help="Read and check it, and say what would change.")
@click.argument("file", type=SETTINGS_FILE)
def put(file: Path, dry_run: bool, **options: Any) -> None:
    """Check the profiles of FILE, TOML or JSON, and put them into the table. `bootstrap/profiles` has examples.

    Nothing is put when anything is wrong. Clusters that are there keep what they were launched with.
    """
    from agent.lifecycle.profile_rules import hints

    found = _read(file)
    here = place(**options)
    with faults_told(here):
        _end_with(file, list(_faults_of_references(found, here)))
        every: list[ClusterProfile | JobProfile] = [*found.clusters, *found.jobs]
        for one in every:
            kind, before = _before(here, one)
            word = "is the same" if before == one else "changed" if before is not None else "new"
            if not dry_run and before != one:
                here.store.put_profile(one)
            click.echo(f"{'would put ' if dry_run and before != one else ''}{kind} {one.name}: {word}")
    warn([f"{one.name}: {text}" for one in found.clusters for text in hints(one)])


@profile.command(name="show")
@where
@AS_JSON
@click.argument("name", required=False)
def show_(name: str | None, as_json: bool, **options: Any) -> None:
    """All profiles, or one: as JSON it is what `profile put` reads."""
    from agent.lifecycle import report
    from agent.lifecycle.profile_rules import nearest
    from agent.lifecycle.profiles import written

    here = place(**options)
    with faults_told(here):
        clusters = sorted(here.store.profiles(), key=lambda one: one.name)
        jobs = sorted(here.store.job_profiles(), key=lambda one: one.name)
    if name is not None:
        names = {one.name for one in clusters} | {one.name for one in jobs}
        if name not in names:
            raise click.ClickException(f"there is no profile {name!r}{nearest(name, names)}")
        clusters = [one for one in clusters if one.name == name]
        jobs = [one for one in jobs if one.name == name]
    if as_json or name is not None:
        _print_written([*map(written, clusters), *map(written, jobs)])
    elif not clusters and not jobs:
        click.echo("there are none: `tidemark profile put FILE`")
    else:
        show(report.cluster_profiles(clusters), report.job_profiles(jobs))


def _print_written(tables: list[dict[str, Any]]) -> None:
    merged: dict[str, dict[str, Any]] = {}
    for table in tables:
        for kind, named in table.items():
            merged.setdefault(kind, {}).update(named)
    print_json(merged)


def _read(file: Path) -> Profiles:
    from agent.aws.emr_requests import faults_of_run_job_flow
    from agent.lifecycle import profiles
    from agent.settings_faults import SettingsError

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error
    try:
        return profiles.read(text, str(file), faults_of_run_job_flow)
    except SettingsError as error:
        _end_with(file, [str(fault) for fault in error.faults])
        raise AssertionError("a SettingsError has faults") from error


def _faults_of_references(found: Profiles, here: Place) -> Iterator[str]:
    """Jobs need a pool: in the file, or in the table. A pool that jobs need stays one."""
    from agent.lifecycle.profile_rules import nearest

    pools = {one.name: one for one in here.store.profiles()} | {one.name: one for one in found.clusters}
    jobs = {one.name: one for one in here.store.job_profiles()} | {one.name: one for one in found.jobs}
    written = {one.name for one in found.clusters}
    for job in jobs.values():
        wanted = pools.get(job.cluster_profile)
        mine = job in found.jobs
        if wanted is None and mine:
            near = nearest(job.cluster_profile, pools)
            yield f"job.{job.name}.cluster_profile: there is no cluster profile {job.cluster_profile!r}{near}"
        elif wanted is not None and not wanted.pooled and (mine or wanted.name in written):
            yield f"job.{job.name}.cluster_profile: {wanted.name!r} is no pool: its maximum is 0"


def _before(here: Place, one: ClusterProfile | JobProfile) -> tuple[str, ClusterProfile | JobProfile | None]:
    from agent.lifecycle.rows import ClusterProfile

    if isinstance(one, ClusterProfile):
        return "cluster profile", here.store.profile(one.name)
    return "job profile", here.store.job_profile(one.name)


def _end_with(file: Path, faults: list[str]) -> None:
    if not faults:
        return
    click.secho(f"{file}: {len(faults)} fault{'s' if len(faults) != 1 else ''}", fg="red", err=True)
    for fault in faults:
        click.echo(f"  {fault}", err=True)
    sys.exit(2)
