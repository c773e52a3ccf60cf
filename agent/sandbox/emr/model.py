"""All clusters of one account and Region. Not thread-safe: who drives it holds its lock."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType

from agent.sandbox.emr.chronicle import Chronicle
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.groups import Group
from agent.sandbox.emr.instances import Instance
from agent.sandbox.emr.orders import Order, Question, Reports
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.refusals import invalid_request, not_valid, validation
from agent.sandbox.emr.states import Market, PoolState, Role
from agent.sandbox.events.event import Event
from agent.sandbox.nodes import Machine, NodePhase


class Emr:
    def __init__(
        self, delays: Delays, region: str, account: str, zones: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`zones`: in which Availability Zone each subnet is; those that are not named are in the first."""
        self.lock = threading.RLock()
        self.delays = delays
        self.region = region
        self.account = account
        self.clusters: dict[str, Cluster] = {}
        """All that can be described, the oldest first; `add` and `forget` change it."""
        self._going: dict[str, Cluster] = {}
        self._chronicles: dict[str, Chronicle] = {}
        self._events: list[Event] = []
        self.zones = zones
        self.limits: dict[tuple[Market, str | None], int] = {}
        """Units that each market sells at most at one time, all clusters together, in a zone and (None) in all of
        them; no entry: no limit."""
        self._due: list[Order] = []

    def add(self, cluster: Cluster) -> None:
        """Take up a new cluster."""
        if len(cluster.subnets) <= 1:
            cluster.place(self)
        self.clusters[cluster.id] = self._going[cluster.id] = cluster
        self._chronicles[cluster.id] = Chronicle()

    def forget(self, ended_before: float) -> int:
        """Know nothing any more of the clusters that ended before this time; how many they were. EMR itself keeps
        them for two months."""
        with self.lock:
            old = [c.id for c in self.clusters.values() if c.ended_at is not None and c.ended_at < ended_before]
            for cluster_id in old:
                del self.clusters[cluster_id]
            return len(old)

    def going(self) -> list[Cluster]:
        """Those that have not ended, the oldest first."""
        return list(self._going.values())

    def take_events(self) -> list[Event]:
        """What EMR has to tell since this was asked last, in order. Whoever drives the model asks after each
        `advance`: until then it is kept."""
        with self.lock:
            events, self._events = self._events, []
            return events

    # what a request can look up

    def cluster(self, cluster_id: str) -> Cluster:
        if cluster_id not in self.clusters:
            raise not_valid(cluster_id)
        return self._awake(cluster_id)

    def job_flow(self, cluster_id: str) -> Cluster:
        """The same for the older operations, which refuse otherwise."""
        if cluster_id not in self.clusters:
            raise validation("Specified job flow ID does not exist.")
        return self._awake(cluster_id)

    def fleet(self, cluster: Cluster, fleet_id: str) -> Fleet:
        for pool in cluster.pools:
            if isinstance(pool, Fleet) and pool.id == fleet_id:
                return pool
        raise invalid_request(f"Instance fleet id '{fleet_id}' is not valid.")

    def group(self, group_id: str) -> tuple[Cluster, Group]:
        for cluster in self.clusters.values():
            for pool in cluster.pools:
                if isinstance(pool, Group) and pool.id == group_id:
                    return self._awake(cluster.id), pool
        raise validation(f"Instance group id '{group_id}' is not valid.")

    def arn(self, cluster: Cluster) -> str:
        return f"arn:aws:elasticmapreduce:{self.region}:{self.account}:cluster/{cluster.id}"

    # what a test or a demo can do to the world

    def limit(self, market: Market, units: int | None, zone: str | None = None) -> None:
        """Let the market sell at most `units` at one time, in the zone or (None) in all together; no `units`: no
        limit. What is sold already stays."""
        with self.lock:
            self.limits.pop((market, zone), None)
            if units is not None:
                self.limits[market, zone] = units

    def interrupt(self, instance_id: str, now: float) -> None:
        """EC2 reclaims the instance with this EMR or EC2 id. Raises KeyError when there is none."""
        with self.lock:
            pool, instance = self._find(instance_id)
            self._due.extend(pool.interrupt(instance, now))

    def lose(self, cluster_id: str, role: Role, now: float) -> None:
        """EC2 takes all instances of the role back, and EMR gets no others for it until it is resized. Raises
        KeyError when there is no such cluster going."""
        with self.lock:
            for pool in self._going[cluster_id].pools:
                if pool.role is role:
                    self._due.extend(pool.lose(now))

    def suspend(self, pool_id: str) -> None:
        """The fleet or group gives up, as after bootstrap failures; a new target makes it try again."""
        with self.lock:
            self._pool(pool_id).suspend("INSTANCE_FAILURE", "Instances failed to bootstrap")

    def show_state(self, pool_id: str, state: str) -> None:
        """Let the fleet or group report a state of this name until the next tick."""
        with self.lock:
            self._pool(pool_id).state = state

    def hold_state(self, pool_id: str, state: str | None) -> None:
        """Keep the fleet or group in a state of this name, in which it neither grows nor shrinks; None: let it go."""
        with self.lock:
            pool = self._pool(pool_id)
            pool.held, pool.state = state is not None, state or PoolState.RUNNING

    # what the clock does

    def grants(self, market: Market, units: int, zone: str | None) -> bool:
        limited = [where for where in {zone, None} if (market, where) in self.limits]
        return all(self._held(market, where) + units <= self.limits[market, where] for where in limited)

    def zone_of(self, subnet: str | None) -> str:
        return self.zones.get(subnet or "", f"{self.region}a")

    def question(self) -> Question:
        going = self._going.values()
        return Question(
            machines=tuple(machine for cluster in going for machine in cluster.machines),
            choices=tuple(
                m for cluster in going if not cluster.state.ending for pool in cluster.pools for m in pool.choices()
            ),
        )

    def advance(self, now: float, reports: Reports) -> list[Order]:
        orders, self._due = self._due, []
        unready = frozenset(machine for machine, phase in reports.phases.items() if phase is not NodePhase.READY)
        for cluster in self.going():
            if cluster.rests(unready, reports.exits.keys()):
                continue
            orders.extend(cluster.advance(now, reports, self))
            self._events.extend(self._chronicles[cluster.id].news(cluster, now))
            if cluster.state.ended:
                # a long run has thousands of them: nothing that happens at each tick may look at them
                del self._going[cluster.id], self._chronicles[cluster.id]
        return orders

    def order(self, orders: list[Order]) -> None:
        """To be carried out at the next tick."""
        self._due.extend(orders)

    def launched(self, machine: Machine, address: str) -> None:
        for instance in self.clusters[machine.cluster_id].instances:
            if instance.machine == machine:
                instance.address = address

    def addresses(self) -> Mapping[str, str]:
        """Private addresses of the live instances by EMR instance id."""
        with self.lock:
            live = [i for c in self._going.values() for i in c.instances if i.live and i.address]
            return {i.machine.id: i.address or "" for i in live}

    def _awake(self, cluster_id: str) -> Cluster:
        cluster = self.clusters[cluster_id]
        cluster.wake()
        return cluster

    def _held(self, market: Market, zone: str | None) -> int:
        instances = (i for c in self._going.values() if zone in (None, c.zone) for i in c.instances)
        return sum(i.units for i in instances if i.live and i.machine.market == market)

    def _pool(self, pool_id: str) -> Pool:
        return {pool.id: pool for cluster in self.clusters.values() for pool in cluster.pools}[pool_id]

    def _find(self, instance_id: str) -> tuple[Pool, Instance]:
        for cluster in self._going.values():
            for pool in cluster.pools:
                for instance in pool.instances:
                    if instance_id in (instance.machine.id, instance.machine.ec2_id):
                        return pool, instance
        raise KeyError(instance_id)
