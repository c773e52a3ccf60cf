"""One cluster: its pools, its steps and its own state, advanced with the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.groups import Group
from agent.sandbox.emr.orders import Order, Reports
from agent.sandbox.emr.pools import Instance, Pool, Supply, new_id
from agent.sandbox.emr.refusals import invalid_request, validation
from agent.sandbox.emr.states import ClusterState, PoolState, Role
from agent.sandbox.emr.steps import Step, StepQueue

BROKEN = frozenset({"STEP_FAILURE", "BOOTSTRAP_FAILURE", "INSTANCE_FLEET_TIMEOUT", "INTERNAL_ERROR"})
"""The reasons for which a cluster ends as TERMINATED_WITH_ERRORS."""


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
        self.pools: list[Pool] = []
        for pool in _pools(self.id, instances, delays, now):
            self.add(pool)
        subnets = instances.get("Ec2SubnetIds") or [instances[key] for key in ("Ec2SubnetId",) if key in instances]
        self.subnets: tuple[str, ...] = tuple(subnets)
        self.zone: str | None = None
        self.steps = StepQueue(self.id, int(request.get("StepConcurrencyLevel", 1)))
        self.steps.steps.extend(Step(config, now) for config in request.get("Steps", ()))
        self._ending_since = 0.0

    def add(self, pool: Pool) -> None:
        """Raises Refusal when the cluster cannot have it beside those that it has."""
        alike = [p for p in self.pools if p.role is pool.role]
        if isinstance(pool, Fleet) and alike:
            raise invalid_request(f"The cluster already has an instance fleet of type {pool.role}.")
        if isinstance(pool, Group) and alike and pool.role is not Role.TASK:
            raise validation(f"The cluster already has an instance group of role {pool.role}.")
        if len(alike) >= 48:
            raise validation("A cluster can have at most 48 task instance groups.")
        self.pools.append(pool)

    @property
    def instances(self) -> list[Instance]:
        return [instance for pool in self.pools for instance in pool.instances]

    @property
    def primary(self) -> Instance | None:
        return next((i for i in self.instances if i.machine.role == Role.MASTER), None)

    def advance(self, now: float, reports: Reports, supply: Supply) -> Iterator[Order]:
        if self.state.ended:
            return
        if self.state is ClusterState.TERMINATING:
            yield from self._advance_end(now, reports)
            return
        for pool in self.pools:
            yield from pool.advance(now, reports, supply)
        yield from self.steps.advance(now, reports, runnable=self.state.modifiable)
        self._advance_state(now)

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
        elif self.ready_at is not None:
            self._advance_work(now)
        elif all(pool.complete for pool in essential):
            self.ready_at = now
            self._advance_work(now)
        elif any(pool.state == PoolState.RUNNING and not pool.complete for pool in essential):
            self.end("INSTANCE_FLEET_TIMEOUT", "Provisioning timed out", now)
        elif all(i.launched for pool in essential for i in pool.instances):
            self.state = ClusterState.BOOTSTRAPPING

    def _advance_work(self, now: float) -> None:
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
            broken = self.reason is not None and self.reason[0] in BROKEN
            self.state = ClusterState.TERMINATED_WITH_ERRORS if broken else ClusterState.TERMINATED
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
