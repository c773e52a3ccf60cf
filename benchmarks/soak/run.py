"""Runs the days, then lets everything come to rest, and says what is left."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.lifecycle.words import JobState, LaunchState
from benchmarks.soak import people
from benchmarks.soak.chance import Rates
from benchmarks.soak.world import BEGIN, World

REST_S = 16 * 3600.0
"""The longest time that anything may need after the last arrival: the longest deadline, its end and the sweeps."""
RAN = "failed on"
"""In the reason of a job whose step has failed by itself."""
SWEEP = '{"sweep"'
"""A sweep that died each time is followed by others anyway."""
KEPT = {"small": 3, "large": 0}
"""Clusters that pools keep when nobody wants any."""


@dataclass(slots=True)
class Found:
    world: World
    launches: list[str]
    jobs: list[str]
    took_s: float
    job_states: Counter[str] = field(default_factory=Counter)
    launch_states: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Every promise by itself."""
        self.faults += [*self._of_launches(), *self._of_jobs(), *self._of_clusters(), *self._of_the_way()]

    def _of_launches(self) -> Iterator[str]:
        for launch_id in self.launches:
            launch = self.world.store.launch(launch_id)
            state = launch.state if launch is not None else "LOST"
            self.launch_states[state] += 1
            self.attempts[launch.attempt if launch is not None else 0] += 1
            if state not in (LaunchState.ENDED, LaunchState.FAILED, LaunchState.CANCELLED):
                yield f"launch {launch_id} is {state}"

    def _of_jobs(self) -> Iterator[str]:
        for job_id in self.jobs:
            job = self.world.store.job(job_id)
            self.job_states[job.state if job is not None else "LOST"] += 1
            if job is None or job.state not in (JobState.SUCCEEDED, JobState.FAILED):
                yield f"job {job_id} is {'lost' if job is None else job.state}"
            elif job.state is JobState.FAILED and not any(RAN in why for why in job.why):
                yield f"job {job_id} failed without having run to its end: {job.why}"

    def _of_clusters(self) -> Iterator[str]:
        world = self.world
        for name, kept in KEPT.items():
            there = sum(row.profile == name for row in world.store.open_clusters())
            if there != kept:
                yield f"pool {name} has {there} clusters, {kept} are kept"
        living = [one for one in world.emr.emr.going() if not one.state.ending]
        if len(living) != sum(KEPT.values()):
            yield f"{len(living)} clusters are alive"
        if twice := [step for step, runs in world.emr.steps.runs.items() if runs > 1]:
            yield f"steps that ran twice: {twice[:3]}"

    def _of_the_way(self) -> Iterator[str]:
        world = self.world
        dead = [one.body for one in world.queue.dead if not one.body.startswith(SWEEP)]
        for what, found in {
            "orphans past a sweep": dict(world.watched.orphans),
            "double launches past a sweep": dict(world.watched.doubles),
            "throttled": world.emr.throttled,
            "jobs that a less urgent one passed": world.watched.passed_over,
            "dead letters": dead[:3],
        }.items():
            if found:
                yield f"{what}: {found}"

    def table(self) -> Table:
        world = self.world
        table = Table(title="what happened", show_header=False)
        clusters = len(world.emr.emr.clusters)
        rows = {
            "launches by owners": f"{len(self.launches)}: {_told(self.launch_states)}",
            "attempts they took": _told(self.attempts),
            "jobs": f"{len(self.jobs)}: {_told(self.job_states)}",
            "clusters that EMR made": str(clusters),
            "nodes lost": _told({k: v for k, v in world.counts.items() if k.startswith("Lost.")}),
            "ended by us": _told({k[14:]: v for k, v in world.counts.items() if k.startswith("ClustersEnded.")}),
            "events lost, doubled": f"{world.queue.lost}, {world.queue.twice}",
            "deaths of the handler": f"{world.chance.deaths} in {world.chance.calls} calls, and "
            f"{world.chance.lost_answers} answers lost",
            "heartbeats, looks of watchers, sweeps": f"{world.beats}, {world.pokes}, {world.sweeps}",
            "calls to EMR": _told(world.emr.asked),
            "throttled": _told(world.emr.throttled) or "none",
            "orphans": f"{world.watched.orphans_met} met, none longer than {world.watched.longest_orphan_s:.0f} s",
            "double launches": f"{world.watched.doubles_met} met, none longer than "
            f"{world.watched.longest_double_s:.0f} s",
            "claims, passed over": f"{world.watched.claims}, {world.watched.passed_over}",
            "it took": f"{self.took_s:.0f} s",
        }
        for name, value in rows.items():
            table.add_row(name, value)
        return table


def soak(
    *,
    days: int,
    launches: int,
    jobs: int,
    watchers: int,
    seed: int,
    rates: Rates,
    console: Console,
) -> Found:
    began = time.monotonic()
    rng = random.Random(seed)
    world = World(seed, watchers, rates)
    owners: list[str] = []
    submitted: list[str] = []
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("simulated time", total=days * people.DAY_S + REST_S)
        for day in range(days):
            for owner, said in people.owners(rng, day, launches, BEGIN):
                owners.append(owner)
                for one in said:
                    world.say(one)
            for job, one in people.jobs(rng, day, jobs, BEGIN):
                submitted.append(job)
                world.say(one)
            while world.now < BEGIN + (day + 1) * people.DAY_S:
                world.tick()
                progress.update(bar, completed=world.now - BEGIN)
        while world.now < BEGIN + days * people.DAY_S + REST_S:
            world.tick()
            progress.update(bar, completed=world.now - BEGIN)
    found = Found(world, owners, submitted, time.monotonic() - began)
    found.judge()
    return found


def _told(counts: object) -> str:
    assert isinstance(counts, dict)
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items(), key=lambda one: str(one[0])))
