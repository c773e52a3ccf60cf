"""The simulated world: EMR, a queue, a table, agents and watchers, and the lifecycle's own code in their midst."""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from agent.domain.faults import Fault
from agent.lifecycle import composing
from agent.lifecycle.budget import Budget
from agent.lifecycle.delivery import deliver
from agent.lifecycle.events import GoOn
from agent.lifecycle.eyes import EmrEyes
from agent.lifecycle.later import body_of, delay_s
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import ClusterRow, JobRow, rank
from agent.lifecycle.store import Store
from agent.lifecycle.watch import watch
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.instances import seed_ids
from agent.sandbox.emr.states import Role
from agent.settings_lifecycle import LifecycleSettings
from benchmarks.soak import people
from benchmarks.soak.chance import Chance, Died, Rates, Risky
from benchmarks.soak.emr import ACCOUNT, REGION, SimulatedEmr
from benchmarks.soak.queue import Message, SimulatedQueue, attributes
from benchmarks.soak.watched import ClaimsSeen, Watched

BEGIN = 1_700_000_000.0 - 1_700_000_000.0 % people.DAY_S
TICK_S = 30.0
SWEEP_S = 300.0
POKE_S = 60.0
INDEX_LAG_S = 2.0


@dataclass(slots=True)
class Agent:
    """On one cluster's primary; without one, or once it has died, nobody beats."""

    next_beat: float
    dies_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Luck of clusters, as shares of all of them."""

    no_agent: float = 0.05
    agent_dies: float = 0.02
    core_lost: float = 0.01
    primary_lost: float = 0.003


@dataclass(slots=True)
class Schedules:
    """One-time schedules of deadlines: ports.Deadlines."""

    world: World
    due: dict[str, float] = field(default_factory=dict)

    def set(self, cluster_id: str, at: float) -> None:
        if not self.world.chance.happens(self.world.chance.rates.schedule_lost):
            self.due[cluster_id] = at

    def drop(self, cluster_id: str) -> None:
        self.due.pop(cluster_id, None)

    def fire(self, now: float) -> None:
        for cluster_id in [one for one, at in self.due.items() if at <= now]:
            told = {"cluster_id": cluster_id, "terminate_at": self.due.pop(cluster_id)}
            self.world.queue.send(json.dumps({"deadline": told}), now)


class World:
    """`seed` makes everything: a day that is run again is the same."""

    def __init__(self, seed: int, watchers: int, rates: Rates, bad: Bad = Bad()) -> None:
        seed_ids(seed)
        self.now = BEGIN
        self.random = random.Random(seed)
        self.chance = Chance(seed + 1, rates)
        self.bad = bad
        self.emr = SimulatedEmr(lambda: self.now, self.chance)
        self.queue = SimulatedQueue(self.chance)
        self.counts: Counter[str] = Counter()
        self.watched = Watched()
        self.settings = LifecycleSettings(table="simulated")
        table = MemoryTable(index_lag_s=INDEX_LAG_S, clock=lambda: self.now)
        self.store = Store(table)
        self.schedules = Schedules(self)
        client = self.emr.client()
        self.conductor = composing.conductor(
            table=Risky(ClaimsSeen(table, self._claimed), self.chance),
            emr=client,
            settings=self.settings,
            clock=lambda: self.now,
            count=self.count,
            deadlines=Risky(self.schedules, self.chance),
            tokens=self,
            teller=self,
            later=Risky(self, self.chance),
        )
        self._eyes = EmrEyes(client, Budget(table, self.settings.calls_share, only_looks=True), lambda: self.now)
        self._agents: dict[str, Agent] = {}
        self._seen: set[str] = set()
        self._doom: list[tuple[float, str, str]] = []
        self._said: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._pokes = [(BEGIN + self.random.uniform(0, POKE_S), number) for number in range(watchers)]
        heapq.heapify(self._pokes)
        self.pokes = self.beats = self.sweeps = 0
        self.owners_ended: dict[str, float] = {}
        self.errors: Counter[str] = Counter()
        for profile in people.profiles():
            self.store.put_profile(profile)

    # what the handler acts through, beside EMR and the table

    def again(self, event: GoOn) -> None:
        self.queue.send(body_of(event), self.now, delay_s=delay_s(event))

    def ended(self, row: ClusterRow | JobRow) -> None:
        pass

    def still_runs(self, job: JobRow) -> None:
        pass

    def job_ended(self, job: JobRow) -> None:
        pass

    def _claimed(self, job_id: str) -> None:
        job = self.store.job(job_id)
        assert job is not None, "it has just been claimed"
        self.watched.claimed(self.store, job.cluster_profile, rank(job.priority, job.created_at, job.id), self.now)

    def count(self, name: str) -> None:
        self.counts[name] += 1

    # time

    def say(self, said: people.Said) -> None:
        heapq.heappush(self._said, (said.at, next(self._numbers), said.body))

    def tick(self) -> None:
        """Let so much time pass. Within it messages and looks come at their own times, for quotas are short windows."""
        until = self.now + TICK_S
        self._happens(until)
        self.now = until
        for event in self.emr.tick():
            body = event.body(f"e-{next(self._numbers)}", REGION, ACCOUNT)
            self.queue.event(json.dumps(body), self.now)
        self._meet_clusters()
        self._bad_luck()
        self._beat()
        while self._said and self._said[0][0] <= self.now:
            body = heapq.heappop(self._said)[2]
            self._remember_owner(body)
            self.queue.send(body, self.now)
        self.schedules.fire(self.now)
        if self.now % SWEEP_S < TICK_S:
            self.sweeps += 1
            self.watched.look(self.emr, self.store, self.owners_ended, self.now)
            if not self.chance.happens(self.chance.rates.sweep_lost):
                self.queue.send(json.dumps({"sweep": {}}), self.now)

    def _happens(self, until: float) -> None:
        """What is due by then, in its order."""
        while True:
            message_at, poke_at = self.queue.next_due, self._pokes[0][0] if self._pokes else float("inf")
            if min(message_at, poke_at) > until:
                return
            self.now = max(self.now, min(message_at, poke_at))
            if poke_at < message_at:
                self._poke()
            elif (message := self.queue.due(self.now)) is not None:
                self._deliver(message)

    def _remember_owner(self, body: str) -> None:
        told = json.loads(body)
        if "event" in told:
            self.owners_ended.setdefault(str(told["owner"]).removeprefix("wg-"), self.now)

    def _deliver(self, message: Message) -> None:
        self.chance.on = True
        try:
            deliver(self.conductor, message.body, attributes(message), self.now, self.count)
        except Died:
            self.queue.failed(message, self.now)
        except Fault as error:
            self.errors[str(error)[:60]] += 1
            self.queue.failed(message, self.now)
        finally:
            self.chance.on = False

    # clusters, their agents, their bad luck

    def _meet_clusters(self) -> None:
        for cluster in self.emr.emr.going():
            if cluster.id in self._seen or cluster.ready_at is None:
                continue
            self._seen.add(cluster.id)
            dice = self.random
            if dice.random() >= self.bad.no_agent:
                dies = self.now + dice.uniform(0, 7200) if dice.random() < self.bad.agent_dies else float("inf")
                self._agents[cluster.id] = Agent(self.now + dice.uniform(0, 60), dies)
            for share, role in ((self.bad.core_lost, Role.CORE), (self.bad.primary_lost, Role.MASTER)):
                if dice.random() < share:
                    heapq.heappush(self._doom, (self.now + dice.uniform(0, 5400), cluster.id, str(role)))

    def _bad_luck(self) -> None:
        while self._doom and self._doom[0][0] <= self.now:
            _, cluster_id, role = heapq.heappop(self._doom)
            if not self.emr.emr.cluster(cluster_id).state.ending:
                self.counts[f"Lost.{role}"] += 1
                self.emr.lose(cluster_id, role)

    def _beat(self) -> None:
        for cluster_id, agent in list(self._agents.items()):
            cluster = self.emr.emr.cluster(cluster_id)
            if cluster.state.ending or agent.dies_at <= self.now or not _live(cluster, Role.MASTER):
                del self._agents[cluster_id]
                continue
            if agent.next_beat <= self.now:
                agent.next_beat += self.settings.heartbeat_s
                self.beats += 1
                self.store.heartbeat(cluster_id, _figures(cluster), self.now)

    # watchers

    def _poke(self) -> None:
        """One watcher looks at its cluster."""
        due, number = heapq.heappop(self._pokes)
        heapq.heappush(self._pokes, (due + POKE_S, number))
        clusters = self.emr.emr.going()
        if clusters:
            self.pokes += 1
            cluster = clusters[number % len(clusters)]
            watch(cluster.id, self.store, self._eyes, self.now, self.random.random, self.settings)


def _live(cluster: Cluster, role: Role) -> int:
    return sum(one.live and one.machine.role == role for one in cluster.instances)


def _figures(cluster: Cluster) -> dict[str, Any]:
    running = cluster.steps.active
    return {"core_nodes": _live(cluster, Role.CORE), "apps": int(running)}
