"""The capacity of one fleet or group: its instances, and how they follow its targets as time goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.instances import Instance, Supply, new_ec2_id, new_id
from agent.sandbox.emr.orders import Decommission, End, Launch, Order, Reports
from agent.sandbox.emr.states import InstanceState, Market, PoolState, Role, SecondResize
from agent.sandbox.nodes import Machine, NodePhase


class Pool(ABC):
    """What fleets and groups share. Time is an argument; nothing here waits, locks or does I/O."""

    def __init__(self, pool_id: str, cluster_id: str, role: Role, delays: Delays, now: float) -> None:
        self.id = pool_id
        self.cluster_id = cluster_id
        self.role = role
        self.delays = delays
        self.instances: list[Instance] = []
        self.state: str = PoolState.PROVISIONING
        self.reason: tuple[str, str] | None = None
        self.created_at = now
        self.ready_at: float | None = None
        self.ended_at: float | None = None
        self.held = False
        """Whether somebody holds it in its state: time does not lead it out, and it neither grows nor shrinks."""
        self.failed = False
        """Whether an instance could not be made ready: a bootstrap failure."""
        self.zone: str | None = None
        """Availability Zone; None until EMR has chosen one."""
        self.replaces = True
        """Whether EMR buys what is missing; not in place of the only primary, and not after `lose`."""
        self.launch_failed = False
        """The time-out of the first provisioning has passed, and its action is to end the cluster."""
        self._all_busy_since: float | None = None
        """Since when a scale-in has found work on every instance that may go."""
        self.short: frozenset[Market] = frozenset()
        """The markets that did not sell what is missing, the last time that they were asked."""
        self.timed_out: frozenset[Market] = frozenset()
        """The markets on which something is missing that is not asked for any more."""
        self._queued: Mapping[str, Any] | None = None
        self._settled: tuple[str, ...] | None = None
        """Machines of a pool that has all that it wants, and in which nothing happens until one of them is not ready
        any more or somebody asks for something; None while that is not so."""
        self._grow_until = now + self.resize_minutes * delays.minute_s
        self._drain_until = now + delays.drain_report_minutes * delays.minute_s

    @abstractmethod
    def take(self, config: Mapping[str, Any], now: float) -> None:
        """Follow a checked modify config from now on."""

    @abstractmethod
    def wanted(self, market: Market) -> int:
        """Capacity units asked for."""

    @abstractmethod
    def offers(self) -> Iterable[tuple[str, int]]:
        """Instance types and their units, the best first."""

    @property
    @abstractmethod
    def resize_minutes(self) -> float: ...

    @property
    def live(self) -> list[Instance]:
        return [instance for instance in self.instances if instance.live]

    def staying(self, market: Market) -> list[Instance]:
        return [i for i in self.live if i.machine.market == market and not i.leaving]

    def provisioned(self, market: Market) -> int:
        """Units that EC2 has given and that are not gone; an instance that drains still counts."""
        given = [i for i in self.live if i.machine.market == market and i.state is not InstanceState.PROVISIONING]
        return sum(instance.units for instance in given)

    @property
    def settled(self) -> bool:
        """Whether nothing happens in it while its machines are ready and nobody asks for anything."""
        return self._settled is not None and not self.held and self.state == PoolState.RUNNING

    @property
    def complete(self) -> bool:
        """Every target is met by running instances."""
        return all(
            sum(i.units for i in self.staying(market) if i.state is InstanceState.RUNNING) >= self.wanted(market)
            for market in Market
        )

    @abstractmethod
    def drain_s(self, instance: Instance) -> float | None:
        """How long it may drain; None: as long as it takes."""

    def take_in_turn(self, config: Mapping[str, Any], now: float) -> None:
        """Follow it from now on, or after the resize that goes on."""
        if self.state == PoolState.RESIZING and self.delays.second_resize is SecondResize.QUEUED:
            self._queued = config
        else:
            self.take(config, now)

    def retarget(self, now: float) -> None:
        """Targets have changed, or were sent again: the time-outs start anew and a suspension is tried again."""
        self._grow_until = now + self.resize_minutes * self.delays.minute_s
        self._drain_until = now + self.delays.drain_report_minutes * self.delays.minute_s
        self.replaces = True
        self._settled = None
        if self.state == PoolState.SUSPENDED:
            self.state = PoolState.RESIZING
            self.reason = None

    def suspend(self, code: str, message: str) -> None:
        self._settled = None
        self.state = PoolState.SUSPENDED
        self.reason = (code, message)

    def choices(self) -> Iterator[Machine]:
        """The machines among which a scale-in that is due has to choose."""
        if self._settled is not None:
            return
        for market in Market:
            staying = self.staying(market)
            if sum(i.units for i in staying) > self.wanted(market):
                yield from (i.machine for i in staying if i.launched)

    def advance(self, now: float, reports: Reports, supply: Supply) -> Iterator[Order]:
        if self._nothing_happens(reports):
            return
        self._settled = None
        for instance in self.live:
            yield from self._advance_instance(instance, now, reports)
        if self.held:
            return
        self.short = self.timed_out = frozenset()
        self.check_launch(now)
        if self.state != PoolState.SUSPENDED and self.replaces:
            for market in Market:
                self._grow(market, now, supply)
        for market in Market:
            yield from self._shrink(market, now, reports)
        self._advance_state(now)
        if self._queued is not None and self.state != PoolState.RESIZING:
            queued, self._queued = self._queued, None
            self.take(queued, now)
        elif self.state == PoolState.RUNNING and self.complete and all(self._is_at_rest(i) for i in self.live):
            settled = not any(True for _ in self.choices())
            self._settled = tuple(i.machine.id for i in self.live) if settled else None

    def _nothing_happens(self, reports: Reports) -> bool:
        if self._settled is None or not self.settled:
            return False
        return all(reports.phases.get(machine, NodePhase.READY) is NodePhase.READY for machine in self._settled)

    @abstractmethod
    def check_launch(self, now: float) -> None:
        """What is to be done when the first provisioning takes too long."""

    def lose(self, now: float) -> Iterator[Order]:
        """EC2 takes all instances back, and EMR gets no others until the next resize."""
        self.replaces = False
        for instance in self.live:
            yield from self.interrupt(instance, now)

    @property
    def at_work(self) -> bool:
        """Whether an instance of it runs."""
        return any(i.state is InstanceState.RUNNING and not i.leaving for i in self.instances)

    def end(self, now: float, reports: Reports) -> Iterator[Order]:
        """The cluster ends: so does every instance, without a drain."""
        for instance in self.live:
            yield from self._advance_instance(instance, now, reports)
        for instance in self.live:
            instance.reason = ("CLUSTER_TERMINATED", "The cluster is ending")
            yield from self._end_instance(instance, now)
        self.state = PoolState.TERMINATING if self.live else PoolState.TERMINATED
        self.reason = ("CLUSTER_TERMINATED", "The cluster is ending")
        if not self.live and self.ended_at is None:
            self.ended_at = now

    def interrupt(self, instance: Instance, now: float) -> Iterator[Order]:
        """EC2 takes the instance back: it ends without a drain, and EMR tries to replace it."""
        instance.reason = ("INSTANCE_FAILURE", "The instance was reclaimed by EC2")
        self._grow_until = now + self.resize_minutes * self.delays.minute_s
        yield from self._end_instance(instance, now)

    def _advance_instance(self, instance: Instance, now: float, reports: Reports) -> Iterator[Order]:
        if not instance.launched:
            if now >= instance.created_at + self.delays.provision_s:
                instance.launched = True
                instance.state = InstanceState.BOOTSTRAPPING
                yield Launch(instance.machine)
            return
        if instance.leaving and instance.drain_until is not None and now >= instance.drain_until:
            yield from self._end_instance(instance, now)
        phase = reports.phases.get(instance.machine.id)
        if phase is NodePhase.GONE:
            self._gone(instance, now)
        elif phase is NodePhase.FAILED and not instance.ending:
            self._fault(instance, now)
            yield from self._end_instance(instance, now)
        elif phase is NodePhase.READY and instance.state is InstanceState.BOOTSTRAPPING:
            instance.state = InstanceState.RUNNING
            instance.ready_at = now

    def _gone(self, instance: Instance, now: float) -> None:
        if not instance.leaving:
            instance.reason = ("INSTANCE_FAILURE", "The instance was lost")
            self._grow_until = now + self.resize_minutes * self.delays.minute_s
        instance.end(now)

    def _fault(self, instance: Instance, now: float) -> None:
        if instance.state is InstanceState.BOOTSTRAPPING:
            instance.reason = ("BOOTSTRAP_FAILURE", "A bootstrap action failed")
            self.failed = True
            self.suspend("INSTANCE_FAILURE", "Instances failed to bootstrap")
        else:
            instance.reason = ("INSTANCE_FAILURE", "The instance failed")
            self._grow_until = now + self.resize_minutes * self.delays.minute_s

    def _end_instance(self, instance: Instance, now: float) -> Iterator[Order]:
        self._settled = None
        if not instance.launched:
            instance.end(now)
        elif not instance.ending:
            instance.leaving = instance.ending = True
            yield End(instance.machine)

    def _grow(self, market: Market, now: float, supply: Supply) -> None:
        missing = self.wanted(market) - sum(i.units for i in self.staying(market))
        if missing > 0 and now >= self._grow_until:
            self.timed_out |= {market}
        while missing > 0 and now < self._grow_until:
            offer = next((o for o in self.offers() if supply.grants(market, o[1], self.zone)), None)
            if offer is None:
                self.short |= {market}
                return
            self.instances.append(self._new_instance(market, *offer, now))
            missing -= offer[1]

    def _new_instance(self, market: Market, instance_type: str, units: int, now: float) -> Instance:
        machine = Machine(
            id=new_id("ci"),
            ec2_id=new_ec2_id(),
            cluster_id=self.cluster_id,
            role=self.role,
            market=market,
            instance_type=instance_type,
            units=units,
        )
        return Instance(machine=machine, state=InstanceState.PROVISIONING, created_at=now)

    def _shrink(self, market: Market, now: float, reports: Reports) -> Iterator[Order]:
        staying = self.staying(market)
        surplus = sum(i.units for i in staying) - self.wanted(market)
        if surplus <= 0 or any(i.launched and i.machine.id not in reports.asked for i in staying):
            return
        if self._waits_for_an_idle_one(staying, now, reports):
            return
        for instance in self.victims(staying, reports.idle):
            if instance.units <= surplus:
                surplus -= instance.units
                if not instance.launched:
                    instance.end(now)
                else:
                    limit_s = self.drain_s(instance)
                    instance.drain_until = None if limit_s is None else now + limit_s
                    instance.leaving = True
                    yield Decommission(instance.machine)

    def _waits_for_an_idle_one(self, staying: list[Instance], now: float, reports: Reports) -> bool:
        if any(not i.launched or i.machine.id in reports.idle for i in staying):
            self._all_busy_since = None
            return False
        since = self._all_busy_since = now if self._all_busy_since is None else self._all_busy_since
        if now - since < self.delays.choice_s:
            return True
        self._all_busy_since = None
        return False

    def victims(self, staying: list[Instance], idle: frozenset[str]) -> list[Instance]:
        """Those that may go, in order: what EC2 has not given yet, then idle ones, the newest first in each."""
        newest_first = list(reversed(staying))
        return sorted(newest_first, key=lambda i: (i.launched, i.machine.id not in idle))

    def _advance_state(self, now: float) -> None:
        if self.state == PoolState.SUSPENDED:
            return
        draining = any(instance.leaving for instance in self.live)
        waiting = not self.complete and (now < self._grow_until or any(not self._is_up(i) for i in self.live))
        if not waiting and not (draining and now < self._drain_until):
            self.state = PoolState.RUNNING
            self.ready_at = self.ready_at or now
        elif self.ready_at is not None:
            self.state = PoolState.RESIZING
        elif any(i.launched for i in self.live) and not any(not i.launched for i in self.live):
            self.state = PoolState.BOOTSTRAPPING
        else:
            self.state = PoolState.PROVISIONING

    @staticmethod
    def _is_at_rest(instance: Instance) -> bool:
        return instance.state is InstanceState.RUNNING and not instance.leaving

    @staticmethod
    def _is_up(instance: Instance) -> bool:
        return instance.leaving or instance.state is InstanceState.RUNNING
