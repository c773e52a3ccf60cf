"""Runs the days, then lets everything come to rest, and says what is left."""

from __future__ import annotations

import random
import time
from collections import Counter
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
        world, fault = self.world, self.faults.append
        for launch_id in self.launches:
            launch = world.store.launch(launch_id)
            state = launch.state if launch is not None else "LOST"
            self.launch_states[state] += 1
            self.attempts[launch.attempt if launch is not None else 0] += 1
            if state not in (LaunchState.ENDED, LaunchState.FAILED, LaunchState.CANCELLED):
                fault(f"launch {launch_id} is {state}")
        for job_id in self.jobs:
            job = world.store.job(job_id)
            state = job.state if job is not None else "LOST"
            self.job_states[state] += 1
            if state not in (JobState.SUCCEEDED, JobState.FAILED):
                fault(f"job {job_id} is {state}: {job.why if job is not None else ''}")
            if job is not None and job.state is JobState.FAILED and not any("failed on" in why for why in job.why):
                fault(f"job {job_id} failed without having run to its end: {job.why}")
        for name, kept in KEPT.items():
            there = sum(row.profile == name for row in world.store.open_clusters())
            if there != kept:
                fault(f"pool {name} has {there} clusters, {kept} are kept")
        living = [one for one in world.emr.emr.going() if not one.state.ending]
        if len(living) != sum(KEPT.values()):
            fault(f"{len(living)} clusters are alive")
        if world.watched.orphans:
            fault(f"orphans past a sweep: {dict(world.watched.orphans)}")
        if world.watched.doubles:
            fault(f"double launches past a sweep: {dict(world.watched.doubles)}")
        if world.emr.throttled:
            fault(f"throttled: {world.emr.throttled}")
        if world.watched.passed_over:
            fault(f"{world.watched.passed_over} jobs were passed by less urgent ones")
        if world.queue.dead:
            fault(f"{len(world.queue.dead)} dead letters, such as {world.queue.dead[0].body[:120]}")
        if twice := [step for step, runs in world.emr.steps.runs.items() if runs > 1]:
            fault(f"steps that ran twice: {twice[:3]}")

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
    rest_s: float = REST_S,
) -> Found:
    began = time.monotonic()
    rng = random.Random(seed)
    world = World(seed, watchers, rates)
    owners: list[str] = []
    submitted: list[str] = []
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("simulated time", total=days * people.DAY_S + rest_s)
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
        while world.now < BEGIN + days * people.DAY_S + rest_s:
            world.tick()
            progress.update(bar, completed=world.now - BEGIN)
    found = Found(world, owners, submitted, time.monotonic() - began)
    found.judge()
    return found


def _told(counts: object) -> str:
    assert isinstance(counts, dict)
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items(), key=lambda one: str(one[0])))
