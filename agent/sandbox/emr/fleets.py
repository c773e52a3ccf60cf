"""An instance fleet: targets in weighted units for each market, several instance types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.instances import Instance, new_id
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.refusals import both_targets, invalid_request
from agent.sandbox.emr.states import InstanceState, Market, PoolState, Role, TimeoutAction

TIMEOUT_MINUTES = range(5, 10081)
"""What EMR accepts as TimeoutDurationMinutes of a resize."""
LAUNCH_TIMEOUT_MINUTES = range(5, 1441)
"""The same of the first provisioning."""
PRIMARIES = (1, 3)


class Fleet(Pool):
    def __init__(
        self, cluster_id: str, config: Mapping[str, Any], delays: Delays, now: float, *, at_launch: bool = True
    ) -> None:
        """`config` is an InstanceFleetConfig as it came over the wire; `at_launch` is false for a fleet that is added
        later: the time-out of the first provisioning is not for it. Raises Refusal."""
        self.config = config
        self.types: tuple[Mapping[str, Any], ...] = tuple(config.get("InstanceTypeConfigs", ()))
        self.resize_specifications: Mapping[str, Any] = config.get("ResizeSpecifications", {})
        self.targets = {
            Market.ON_DEMAND: int(config.get("TargetOnDemandCapacity", 0)),
            Market.SPOT: int(config.get("TargetSpotCapacity", 0)),
        }
        role = Role(config["InstanceFleetType"])
        if not self.types:
            raise invalid_request("The instance fleet should have at least one instance type configuration.")
        if role is not Role.TASK and sum(self.targets.values()) == 0:
            raise invalid_request(f"The {role} instance fleet should have a target capacity greater than 0.")
        if role is Role.MASTER:
            _check_primaries(self.targets)
        _check_timeouts(self.resize_specifications)
        spot_launch = config.get("LaunchSpecifications", {}).get("SpotSpecification", {})
        minutes = spot_launch.get("TimeoutDurationMinutes")
        if minutes is not None and minutes not in LAUNCH_TIMEOUT_MINUTES:
            raise invalid_request("The Spot provisioning timeout duration should be between 5 and 1440 minutes.")
        self._launch_action = TimeoutAction(spot_launch.get("TimeoutAction", TimeoutAction.TERMINATE_CLUSTER))
        self._launch_until = now + minutes * delays.minute_s if at_launch and minutes is not None else None
        super().__init__(new_id("if"), cluster_id, role, delays, now)

    def check_launch(self, now: float) -> None:
        """After the time-out what spot has not given is asked of on-demand, or the cluster ends (emr:
        SpotProvisioningSpecification). That the targets then show what was moved is a guess."""
        if self._launch_until is None or now < self._launch_until:
            return
        self._launch_until = None
        given = [i for i in self.staying(Market.SPOT) if i.state is not InstanceState.PROVISIONING]
        missing = self.targets[Market.SPOT] - sum(instance.units for instance in given)
        if self.ready_at is not None or missing <= 0:
            return
        self.timed_out |= {Market.SPOT}
        if self._launch_action is TimeoutAction.TERMINATE_CLUSTER:
            self.launch_failed = True
            return
        for instance in self.staying(Market.SPOT):
            if instance not in given:
                instance.end(now)
        self.targets[Market.SPOT] -= missing
        self.targets[Market.ON_DEMAND] += missing
        self.retarget(now)

    def wanted(self, market: Market) -> int:
        return self.targets[market]

    def offers(self) -> Iterator[tuple[str, int]]:
        for config in sorted(self.types, key=lambda c: c.get("Priority", 0)):
            yield config["InstanceType"], max(1, int(config.get("WeightedCapacity", 1)))

    def drain_s(self, _: Instance) -> float | None:
        return None

    @property
    def resize_minutes(self) -> float:
        specified = [s["TimeoutDurationMinutes"] for s in _timed(self.resize_specifications)]
        return float(max(specified)) if specified else self.delays.default_resize_minutes

    def modify(self, config: Mapping[str, Any], now: float) -> None:
        """Take an InstanceFleetModifyConfig, now or in its turn. Raises Refusal, and then nothing has changed."""
        if self.state == PoolState.RECONFIGURING:
            raise invalid_request(f"The instance fleet ({self.id}) is being reconfigured and may not be modified.")
        if ("TargetOnDemandCapacity" in config) != ("TargetSpotCapacity" in config):
            raise both_targets(self.id)
        _check_timeouts(config.get("ResizeSpecifications", {}))
        self.take_in_turn(config, now)

    def take(self, config: Mapping[str, Any], now: float) -> None:
        self.resize_specifications = config.get("ResizeSpecifications", self.resize_specifications)
        if "TargetOnDemandCapacity" in config:
            self.targets = {
                Market.ON_DEMAND: int(config["TargetOnDemandCapacity"]),
                Market.SPOT: int(config["TargetSpotCapacity"]),
            }
        if "InstanceTypeConfigs" in config:
            self.types = tuple(config["InstanceTypeConfigs"])
        self.retarget(now)


def _check_primaries(targets: Mapping[Market, int]) -> None:
    if sum(targets.values()) not in PRIMARIES:
        raise invalid_request("The MASTER instance fleet should have a target capacity of 1 or 3.")
    if targets[Market.SPOT] > 1:
        raise invalid_request("The MASTER instance fleet of a cluster with 3 primary nodes should be on-demand.")


def _timed(specifications: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [s for s in specifications.values() if "TimeoutDurationMinutes" in s]


def _check_timeouts(specifications: Mapping[str, Any]) -> None:
    for specification in _timed(specifications):
        if specification["TimeoutDurationMinutes"] not in TIMEOUT_MINUTES:
            raise invalid_request("The resize timeout duration should be between 5 and 10080 minutes.")
