"""One cluster: its pools, its steps and its own state, advanced with the time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.groups import Group
from agent.sandbox.emr.instances import Instance, Supply, new_id
from agent.sandbox.emr.orders import Order, Reports
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.refusals import invalid_request, validation
from agent.sandbox.emr.states import ClusterState, LostPrimary, Market, PoolState, Role, ZoneChoice
from agent.sandbox.emr.steps import Step, StepQueue
from agent.sandbox.nodes import Machine

PLANNED = frozenset({"USER_REQUEST", "ALL_STEPS_COMPLETED"})
"""The reasons for which a cluster ends as TERMINATED; all others: TERMINATED_WITH_ERRORS."""

NO_CAPACITY = "INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ"
"""The code in the error details when EC2 has not what is asked for (emr: error codes with ErrorDetail)."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """What a cluster was like when nothing was left to happen in it."""

    state: ClusterState
    steps: int
    alive: frozenset[str]
    machines: tuple[Machine, ...]
    machine_ids: frozenset[str]


class Cluster:
    def __init__(self, request: Mapping[str, Any], delays: Delays, now: float) -> None:
        """`request` is that of RunJobFlow as it came over the wire. Raises Refusal."""
        instances = request["Instances"]
        self.id = new_id("j")
        self.request = request
        self.delays = delays
        self.state = ClusterState.STARTING
        self.reason: tuple[str, str] | None = None
        self.created_at = now
        self.ready_at: float | None = None
        self.ended_at: float | None = None
        self.protected = bool(instances.get("TerminationProtected", False))
        self.keep_alive = bool(instances.get("KeepJobFlowAliveWhenNoSteps", False))
        self.unhealthy_node_replacement = bool(instances.get("UnhealthyNodeReplacement", False))
        self.visible = bool(request.get("VisibleToAllUsers", True))
        self.tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}
        self.managed_scaling: Mapping[str, Any] | None = request.get("ManagedScalingPolicy")
        self.auto_termination: Mapping[str, Any] | None = request.get("AutoTerminationPolicy")
        self.uses_fleets = "InstanceFleets" in instances
        subnets = instances.get("Ec2SubnetIds") or [instances[key] for key in ("Ec2SubnetId",) if key in instances]
        self.subnets: tuple[str, ...] = tuple(subnets)
        self.subnet: str | None = None
        """The one of them that EMR has chosen."""
        self.zone: str | None = None
        self.error_details: list[Mapping[str, Any]] = []
        self.pools: list[Pool] = []
        for pool in _pools(self.id, instances, delays, now):
            self.add(pool)
        if self.high_availability:
            # emr: clusters with multiple primary nodes override both settings of the request
            self.protected = self.keep_alive = True
        self.steps = StepQueue(self.id, int(request.get("StepConcurrencyLevel", 1)))
        self.steps.check(request.get("Steps", ()))
        self.steps.steps.extend(Step(config, now) for config in request.get("Steps", ()))
        self._ending_since = 0.0
        self._no_core_since: float | None = None
        self._rest: _Rest | None = None

    def add(self, pool: Pool) -> None:
        """Raises Refusal when the cluster cannot have it beside those that it has."""
        alike = [p for p in self.pools if p.role is pool.role]
        if isinstance(pool, Fleet) and alike:
            raise invalid_request(f"The cluster already has an instance fleet of type {pool.role}.")
        if isinstance(pool, Group) and alike and pool.role is not Role.TASK:
            raise validation(f"The cluster already has an instance group of role {pool.role}.")
        if len(alike) >= 48:
            raise validation("A cluster can have at most 48 task instance groups.")
        pool.zone = self.zone
        self.pools.append(pool)

    @property
    def high_availability(self) -> bool:
        return sum(pool.wanted(market) for pool in self.pools if pool.role is Role.MASTER for market in Market) > 1

    def place(self, supply: Supply) -> None:
        """Choose a subnet, and with it the zone of all instances. Nothing when that has been done."""
        if self.zone is not None:
            return
        named = self.request["Instances"].get("Placement", {}).get("AvailabilityZone")
        choices: list[tuple[str | None, str]] = [(subnet, supply.zone_of(subnet)) for subnet in self.subnets]
        choices = choices or [(None, named or supply.zone_of(None))]
        if self.delays.zone_choice is ZoneChoice.SUPPLIED:
            choices.sort(key=lambda choice: not self._supplied(choice[1], supply))
        self.subnet, self.zone = choices[0]
        for pool in self.pools:
            pool.zone = self.zone

    def _supplied(self, zone: str, supply: Supply) -> bool:
        asked = {market: sum(pool.wanted(market) for pool in self.pools) for market in Market}
        return all(not units or supply.grants(market, units, zone) for market, units in asked.items())

    @property
    def instances(self) -> list[Instance]:
        return [instance for pool in self.pools for instance in pool.instances]

    @property
    def primary(self) -> Instance | None:
        return next((i for i in self.instances if i.machine.role == Role.MASTER), None)

    def rests(self, unready: frozenset[str], exits: Collection[str]) -> bool:
        """Whether `advance` would change nothing, whatever the time: true of most clusters at most ticks. `unready` are
        the ids of machines that are not ready, `exits` those of steps whose process has ended."""
        rest = self._rest
        return (
            rest is not None
            and rest.state is self.state
            and rest.steps == len(self.steps.steps)
            and rest.machine_ids.isdisjoint(unready)
            and rest.alive.isdisjoint(exits)
            and all(pool.settled for pool in self.pools)
        )

    def wake(self) -> None:
        """Somebody may change it: it does not rest until it has advanced again."""
        self._rest = None

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Those that are launched and not gone."""
        if self._rest is not None:
            return self._rest.machines
        return tuple(i.machine for i in self.instances if i.launched and i.live)

    def advance(self, now: float, reports: Reports, supply: Supply) -> Iterator[Order]:
        self._rest = None
        if self.state.ended:
            return
        if self.state is ClusterState.TERMINATING:
            yield from self._advance_end(now, reports)
            return
        self.place(supply)
        for pool in self.pools:
            yield from pool.advance(now, reports, supply)
        yield from self.steps.advance(now, reports, runnable=self.state.modifiable)
        self._advance_state(now)
        if self.state.modifiable and self.steps.at_rest and all(pool.settled for pool in self.pools):
            machines = self.machines
            ids = frozenset(machine.id for machine in machines)
            self._rest = _Rest(self.state, len(self.steps.steps), self.steps.alive, machines, ids)

    def end(self, code: str, message: str, now: float) -> None:
        """Begin to end; nothing when that has begun before."""
        if not self.state.ending:
            self.state = ClusterState.TERMINATING
            self.reason = (code, message)
            self._ending_since = now

    def _advance_state(self, now: float) -> None:
        essential = [pool for pool in self.pools if pool.role is not Role.TASK]
        if any(pool.failed for pool in essential):
            self.end("BOOTSTRAP_FAILURE", "On the primary or a core instance a bootstrap action failed", now)
        elif any(pool.launch_failed for pool in self.pools):
            self._end_unsupplied("INSTANCE_FLEET_TIMEOUT", Market.SPOT, now)
        elif self.ready_at is not None:
            self._advance_work(now)
        elif all(pool.complete for pool in essential):
            self._make_ready(now)
            self._advance_work(now)
        elif late := [pool for pool in essential if pool.state == PoolState.RUNNING and not pool.complete]:
            on_demand = any(Market.ON_DEMAND in pool.timed_out for pool in late)
            market = Market.ON_DEMAND if on_demand else Market.SPOT
            code = "VALIDATION_ERROR" if on_demand or not self.uses_fleets else "INSTANCE_FLEET_TIMEOUT"
            self._end_unsupplied(code, market, now)
        elif all(not pool.short and i.launched for pool in essential for i in pool.instances):
            self.state = ClusterState.BOOTSTRAPPING

    def _make_ready(self, now: float) -> None:
        self.ready_at = now
        for pool in self.pools:
            # of three primaries a lost one is replaced, of one there is nothing left to start another from
            pool.replaces = pool.role is not Role.MASTER or self.high_availability

    def _end_unsupplied(self, code: str, market: Market, now: float) -> None:
        types = sorted({kind for pool in self.pools if pool.timed_out for kind, _ in pool.offers()})
        words = "Spot" if market is Market.SPOT else "On-Demand"
        text = f"EC2 has not enough {words} capacity for {', '.join(types)} in {self.zone}: provisioning timed out."
        data = [{"instance-type": ", ".join(types)}, {"availability-zone": self.zone or ""}]
        self.error_details = [{"ErrorCode": NO_CAPACITY, "ErrorData": data, "ErrorMessage": text}]
        self.end(code, text, now)

    def _advance_losses(self, now: float) -> None:
        primaries = [pool for pool in self.pools if pool.role is Role.MASTER]
        if not any(pool.at_work for pool in primaries) and self.delays.lost_primary is LostPrimary.ENDS:
            self.end("INSTANCE_FAILURE", "The primary instance was terminated", now)
        core = [pool for pool in self.pools if pool.role is Role.CORE]
        if not core or any(pool.at_work for pool in core):
            self._no_core_since = None
            return
        self._no_core_since = now if self._no_core_since is None else self._no_core_since
        if not self.protected and now >= self._no_core_since + self.delays.no_core_minutes * self.delays.minute_s:
            self.end("INSTANCE_FAILURE", "NO_SLAVES_LEFT: the cluster has no core instance any more", now)

    def _advance_work(self, now: float) -> None:
        self._advance_losses(now)
        if self.state.ending:
            return
        if self.steps.cluster_must_end:
            self.end("STEP_FAILURE", "Shut down as step failed", now)
        elif self.steps.active:
            self.state = ClusterState.RUNNING
        elif self.keep_alive:
            self.state = ClusterState.WAITING
        else:
            self.end("ALL_STEPS_COMPLETED", "Steps completed", now)

    def _advance_end(self, now: float, reports: Reports) -> Iterator[Order]:
        yield from self.steps.end(now, reports)
        for pool in self.pools:
            yield from pool.end(now, reports)
        gone = all(pool.state == PoolState.TERMINATED for pool in self.pools) and not self.steps.processes_alive
        if gone and now >= self._ending_since + self.delays.terminate_s:
            planned = self.reason is not None and self.reason[0] in PLANNED
            self.state = ClusterState.TERMINATED if planned else ClusterState.TERMINATED_WITH_ERRORS
            self.ended_at = now


def _pools(cluster_id: str, instances: Mapping[str, Any], delays: Delays, now: float) -> Iterator[Pool]:
    if "InstanceFleets" in instances:
        if "InstanceGroups" in instances:
            raise validation("Instance fleets and instance groups are mutually exclusive.")
        for config in instances["InstanceFleets"]:
            yield Fleet(cluster_id, config, delays, now)
        return
    for config in instances.get("InstanceGroups") or _from_count(instances):
        yield Group(cluster_id, config, delays, now)


def _from_count(instances: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The groups that the short form (MasterInstanceType, SlaveInstanceType, InstanceCount) stands for."""
    if "MasterInstanceType" not in instances:
        raise validation("Instances should have InstanceFleets, InstanceGroups or MasterInstanceType.")
    primary = instances["MasterInstanceType"]
    yield {"InstanceRole": Role.MASTER, "InstanceType": primary, "InstanceCount": 1}
    core = int(instances.get("InstanceCount", 1)) - 1
    if core > 0:
        core_type = instances.get("SlaveInstanceType", primary)
        yield {"InstanceRole": Role.CORE, "InstanceType": core_type, "InstanceCount": core}
