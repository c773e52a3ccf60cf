"""An instance group: one instance type on one market, sized in instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.instances import Instance, new_id
from agent.sandbox.emr.orders import Order
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.refusals import validation
from agent.sandbox.emr.states import Market, PoolState, Role


class Group(Pool):
    def __init__(self, cluster_id: str, config: Mapping[str, Any], delays: Delays, now: float) -> None:
        """`config` is an InstanceGroupConfig as it came over the wire. Raises Refusal."""
        self.config = config
        self.market = Market(config.get("Market", Market.ON_DEMAND))
        self.requested = int(config["InstanceCount"])
        self.shrink_policy: Mapping[str, Any] = {}
        self.auto_scaling_policy: Mapping[str, Any] | None = config.get("AutoScalingPolicy")
        role = Role(config["InstanceRole"])
        if self.requested < 0 or (self.requested == 0 and role is not Role.TASK):
            raise validation(f"Invalid instance count {self.requested} of the {role} instance group.")
        super().__init__(new_id("ig"), cluster_id, role, delays, now)

    def wanted(self, market: Market) -> int:
        return self.requested if market is self.market else 0

    def check_launch(self, _: float) -> None:
        """Nothing: a group has no time-out of its own."""

    def offers(self) -> Iterator[tuple[str, int]]:
        yield self.config["InstanceType"], 1

    @property
    def resize_minutes(self) -> float:
        return self.delays.default_resize_minutes

    def check(self, config: Mapping[str, Any]) -> None:
        """Whether an InstanceGroupModifyConfig can be taken. Raises Refusal."""
        if self.role is Role.MASTER:
            raise validation("The MASTER instance group cannot be resized.")
        if self.state == PoolState.RECONFIGURING:
            raise validation(f"Instance group {self.id} is being reconfigured and may not be modified.")
        if int(config.get("InstanceCount", 0)) < 0:
            raise validation("The instance count cannot be negative.")
        if "Configurations" in config:
            raise validation("The sandbox does not reconfigure instance groups.")
        known = {instance.machine.ec2_id for instance in self.live}
        unknown = set(config.get("EC2InstanceIdsToTerminate", ())) - known
        if unknown:
            raise validation(f"Instances are not in instance group {self.id}: {', '.join(sorted(unknown))}")

    def modify(self, config: Mapping[str, Any], now: float) -> list[Order]:
        """Take a checked InstanceGroupModifyConfig. Instances named for termination end at once, without a drain,
        and the group does not return to its size before."""
        orders: list[Order] = []
        doomed = set(config.get("EC2InstanceIdsToTerminate", ()))
        for instance in self.live:
            if instance.machine.ec2_id in doomed:
                orders.extend(self._end_instance(instance, now))
        self.take_in_turn({"InstanceCount": self.requested - len(doomed), **config}, now)
        return orders

    def take(self, config: Mapping[str, Any], now: float) -> None:
        self.shrink_policy = config.get("ShrinkPolicy", self.shrink_policy)
        self.requested = int(config["InstanceCount"])
        self.retarget(now)

    def drain_s(self, instance: Instance) -> float | None:
        """By the shrink policy, in seconds (the CDK's own unit for both): one time-out for instances that it names,
        one for all. They are as much shorter here as a minute is."""
        policy = self.shrink_policy.get("InstanceResizePolicy", {})
        limit_s = self.shrink_policy.get("DecommissionTimeout")
        if instance.machine.ec2_id in policy.get("InstancesToTerminate", ()):
            limit_s = policy.get("InstanceTerminationTimeout", limit_s)
        return None if limit_s is None else limit_s * self.delays.minute_s / 60

    def victims(self, staying: list[Instance], idle: frozenset[str]) -> list[Instance]:
        """As of every pool, but first what the shrink policy names, and never what it protects."""
        policy = self.shrink_policy.get("InstanceResizePolicy", {})
        named, kept = set(policy.get("InstancesToTerminate", ())), set(policy.get("InstancesToProtect", ()))
        allowed = [i for i in super().victims(staying, idle) if i.machine.ec2_id not in kept]
        return sorted(allowed, key=lambda i: i.machine.ec2_id not in named)
