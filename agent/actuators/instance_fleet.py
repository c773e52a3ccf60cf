"""The task instance fleet of a cluster: reads it, and sends it new targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.aws.emr_calls import (
    LIVE_INSTANCES,
    EmrClients,
    ask_once,
    beforehand,
    change,
    outcome,
    pages,
    refused,
)
from agent.domain.decisions import Outcome, Resize, Result
from agent.domain.faults import Fault
from agent.domain.fleets import Collection, Fleet, FleetNode
from agent.domain.ports import Clock
from agent.settings_fleet import FleetSettings

ABSENT = "ABSENT"
"""Our own word for the state of a task fleet or group that the cluster does not have."""

FLEET_NAME = "tidemark-task"
"""Name of a task fleet or group that the agent adds."""

GONE = frozenset({"TERMINATING", "TERMINATED"})


class InstanceFleets:
    """A FleetReader and FleetActuator. Safe to use from more than one thread: it keeps nothing."""

    def __init__(self, clients: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> None:
        self._clients = clients
        self._client = clients.client
        self._once = clients.once
        self._cluster_id = cluster_id
        self._settings = settings
        self._clock = clock

    def read(self) -> Fleet:
        """The task fleet with its live instances; `id` is None when the cluster has none.

        One ListInstanceFleets, and one ListInstances unless the fleet is empty. Raises Fault; on a cluster of
        instance groups that is the PermanentFault of EMR's InvalidRequestException.
        """
        listed = self._list()
        described, has_core = _task_fleet(listed), any(fleet["InstanceFleetType"] == "CORE" for fleet in listed)
        if described is None:
            return self._fleet(None, (), has_core=has_core)
        empty = _target(described) == 0 and _provisioned(described) == 0
        return self._fleet(described, () if empty else self._nodes(described), has_core=has_core)

    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        """Send the decided target. The fleet is read again right before, and nothing is sent when it is no longer
        the one that was decided on: another hand is at work.

        Both targets are always sent, the one that does not change as just read: EMR refuses one alone. EMR's own
        retries do no harm, since targets are absolute.
        """
        try:
            now = beforehand(self._describe)
            if (difference := _difference(now, fleet, decision)) is not None:
                return refused(difference)
            return self._add(decision) if now is None else self._modify(now, decision)
        except Fault as error:
            return outcome(error, decision)

    def _modify(self, now: Mapping[str, Any], decision: Resize) -> Result:
        on_demand, spot = self._targets(now, decision)
        if (on_demand, spot) == (now["TargetOnDemandCapacity"], now["TargetSpotCapacity"]):
            kept = "spot" if self._settings.on_demand else "on-demand"
            return refused(f"nothing to change: the rest of the target is {kept} capacity, which is left alone")
        config = {
            "InstanceFleetId": now["Id"],
            "TargetOnDemandCapacity": on_demand,
            "TargetSpotCapacity": spot,
            "ResizeSpecifications": self._specifications(both=decision.on_demand is not None),
        }
        change(
            self._clients,
            decision,
            "ModifyInstanceFleet",
            "modify_instance_fleet",
            ClusterId=self._cluster_id,
            InstanceFleet=config,
        )
        return Result(Outcome.APPLIED, f"{now['Id']}: on-demand {on_demand}, spot {spot}")

    def _targets(self, now: Mapping[str, Any], decision: Resize) -> tuple[int, int]:
        """On-demand and spot. Unless the decision says how much is on demand, the market that we do not buy on keeps
        its own, so the sum may stay above the target."""
        target = decision.target
        if decision.on_demand is not None:
            return min(decision.on_demand, target), max(0, target - decision.on_demand)
        if self._settings.on_demand:
            spot = int(now["TargetSpotCapacity"])
            return max(0, target - spot), spot
        on_demand = int(now["TargetOnDemandCapacity"])
        return on_demand, max(0, target - on_demand)

    def _add(self, decision: Resize) -> Result:
        """A task fleet is added by its first scale out: EMR wants a target above zero, and there is no way back
        but to scale it to zero. Without LaunchSpecifications: a shortage must neither end the cluster nor buy
        on demand."""
        if not self._settings.instance_types:
            return refused("the cluster has no task fleet and fleet.instance_types names no types for one")
        on_demand, spot = (decision.target, 0) if self._settings.on_demand else (0, decision.target)
        config = {
            "Name": FLEET_NAME,
            "InstanceFleetType": "TASK",
            "TargetOnDemandCapacity": on_demand,
            "TargetSpotCapacity": spot,
            "InstanceTypeConfigs": [
                {"InstanceType": one.instance_type, "WeightedCapacity": one.weighted_capacity}
                for one in self._settings.instance_types
            ],
            "ResizeSpecifications": self._specifications(),
        }
        answer = ask_once(
            "AddInstanceFleet", self._once.add_instance_fleet, ClusterId=self._cluster_id, InstanceFleet=config
        )
        return Result(Outcome.APPLIED, f"{answer['InstanceFleetId']}: added with on-demand {on_demand}, spot {spot}")

    def _specifications(self, *, both: bool = False) -> Mapping[str, Any]:
        market = "OnDemandResizeSpecification" if self._settings.on_demand else "SpotResizeSpecification"
        markets = ("OnDemandResizeSpecification", "SpotResizeSpecification") if both else (market,)
        return {market: {"TimeoutDurationMinutes": self._settings.resize_timeout_minutes} for market in markets}

    def _describe(self) -> Mapping[str, Any] | None:
        """The cluster's one task fleet, in EMR's words; None when it has none."""
        return _task_fleet(self._list())

    def _list(self) -> Sequence[Mapping[str, Any]]:
        """All of the cluster's fleets, in EMR's words."""
        return list(pages(self._client, "list_instance_fleets", "InstanceFleets", ClusterId=self._cluster_id))

    def _nodes(self, fleet: Mapping[str, Any]) -> tuple[FleetNode, ...]:
        weights = _weights(fleet)
        instances = pages(
            self._client,
            "list_instances",
            "Instances",
            ClusterId=self._cluster_id,
            InstanceFleetId=fleet["Id"],
            InstanceStates=list(LIVE_INSTANCES),
        )
        return tuple(node(instance, weights.get(instance["InstanceType"], 1)) for instance in instances)

    def _fleet(self, described: Mapping[str, Any] | None, nodes: tuple[FleetNode, ...], *, has_core: bool) -> Fleet:
        it = described or {}
        return Fleet(
            at=self._clock(),
            id=it.get("Id"),
            collection=Collection.FLEET,
            state=ABSENT if described is None else described["Status"]["State"],
            target_on_demand=it.get("TargetOnDemandCapacity", 0),
            target_spot=it.get("TargetSpotCapacity", 0),
            provisioned_on_demand=it.get("ProvisionedOnDemandCapacity", 0),
            provisioned_spot=it.get("ProvisionedSpotCapacity", 0),
            largest_unit=max(self._offered(it).values(), default=1),
            nodes=nodes,
            has_core=has_core,
        )

    def _offered(self, described: Mapping[str, Any]) -> Mapping[str, int]:
        configured = {one.instance_type: one.weighted_capacity for one in self._settings.instance_types}
        return _weights(described) if described else configured


def node(instance: Mapping[str, Any], units: int) -> FleetNode:
    """An instance of ListInstances; without hosts while it has no address yet."""
    names = (instance.get("PrivateDnsName"), instance.get("PrivateIpAddress"))
    return FleetNode(
        hosts=tuple(name for name in names if name),
        units=units,
        id=instance.get("Ec2InstanceId", ""),
        group=instance.get("InstanceGroupId", ""),
        on_demand=None if "Market" not in instance else instance["Market"] == "ON_DEMAND",
        running=instance["Status"]["State"] == "RUNNING",
    )


def _task_fleet(listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    found = (one for one in listed if one["InstanceFleetType"] == "TASK" and one["Status"]["State"] not in GONE)
    return next(found, None)


def _weights(fleet: Mapping[str, Any]) -> Mapping[str, int]:
    types = fleet.get("InstanceTypeSpecifications", ())
    return {one["InstanceType"]: int(one.get("WeightedCapacity", 1)) for one in types}


def _target(fleet: Mapping[str, Any]) -> int:
    return int(fleet["TargetOnDemandCapacity"]) + int(fleet["TargetSpotCapacity"])


def _provisioned(fleet: Mapping[str, Any]) -> int:
    return int(fleet["ProvisionedOnDemandCapacity"]) + int(fleet["ProvisionedSpotCapacity"])


def _difference(now: Mapping[str, Any] | None, fleet: Fleet, decision: Resize) -> str | None:
    """Why the fleet now is not the one that was decided on; None when it is."""
    if decision.current != fleet.target:
        return f"decided on a target of {decision.current}, the fleet read had {fleet.target}"
    if now is None:
        return None if fleet.id is None else f"fleet {fleet.id} is gone"
    if now["Id"] != fleet.id:
        return f"decided on fleet {fleet.id}, the cluster now has {now['Id']}"
    targets = (now["TargetOnDemandCapacity"], now["TargetSpotCapacity"])
    if targets != (fleet.target_on_demand, fleet.target_spot):
        before = f"on-demand {fleet.target_on_demand}, spot {fleet.target_spot}"
        return f"the targets have changed from {before} to on-demand {targets[0]}, spot {targets[1]}"
    return None
