"""An instance fleet: targets in weighted units for each market, several instance types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.pools import Instance, Pool, new_id
from agent.sandbox.emr.refusals import both_targets, invalid_request
from agent.sandbox.emr.states import Market, PoolState, Role

TIMEOUT_MINUTES = range(5, 10081)
"""What EMR accepts as TimeoutDurationMinutes of a resize."""


class Fleet(Pool):
    def __init__(self, cluster_id: str, config: Mapping[str, Any], delays: Delays, now: float) -> None:
        """`config` is an InstanceFleetConfig as it came over the wire. Raises Refusal."""
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
        if role is Role.MASTER and sum(self.targets.values()) != 1:
            raise invalid_request("The MASTER instance fleet should have a target capacity of 1.")
        _check_timeouts(self.resize_specifications)
        super().__init__(new_id("if"), cluster_id, role, delays, now)

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


def _timed(specifications: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [s for s in specifications.values() if "TimeoutDurationMinutes" in s]


def _check_timeouts(specifications: Mapping[str, Any]) -> None:
    for specification in _timed(specifications):
        if specification["TimeoutDurationMinutes"] not in TIMEOUT_MINUTES:
            raise invalid_request("The resize timeout duration should be between 5 and 10080 minutes.")
