"""Of which types the task capacity grows, and in which zone, as EMR describes the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.aws.errors import AWS_ERRORS, fault
from agent.domain.fleets import Collection
from agent.market.asking import pages
from agent.market.facts import Capacity
from agent.settings_fleet import FleetSettings

GONE = frozenset({"TERMINATING", "TERMINATED", "SHUTTING_DOWN", "ENDED"})
"""States of a fleet or group that no longer counts."""


def read(client: Any, cluster_id: str, settings: FleetSettings) -> Capacity:
    """The task fleet's types with their weights, or those that the agent would add one with; of groups each instance
    is a unit. Two calls to EMR. Raises Fault."""
    try:
        cluster = client.describe_cluster(ClusterId=cluster_id)["Cluster"]
    except AWS_ERRORS as error:
        raise fault(error, "DescribeCluster") from error
    zone = cluster.get("Ec2InstanceAttributes", {}).get("Ec2AvailabilityZone") or None
    if cluster.get("InstanceCollectionType") == Collection.GROUP:
        return Capacity(_of_groups(client, cluster_id, settings), zone)
    fleets = pages(client, "list_instance_fleets", "InstanceFleets", ClusterId=cluster_id)
    weights = of_fleets(fleet for fleet in fleets if fleet["InstanceFleetType"] == "TASK" and _lives(fleet))
    return Capacity(weights or configured(settings), zone)


def configured(settings: FleetSettings) -> Mapping[str, int]:
    """The types that the settings name for a task fleet that the agent adds, with their weights."""
    return {one.instance_type: one.weighted_capacity for one in settings.instance_types}


def of_fleets(fleets: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    """Weights by type in ListInstanceFleets' answer. WeightedCapacity is 1 where it is not given."""
    return {
        one["InstanceType"]: int(one.get("WeightedCapacity", 1))
        for fleet in fleets
        for one in fleet.get("InstanceTypeSpecifications", ())
    }


def _of_groups(client: Any, cluster_id: str, settings: FleetSettings) -> Mapping[str, int]:
    groups = [
        group
        for group in pages(client, "list_instance_groups", "InstanceGroups", ClusterId=cluster_id)
        if group["InstanceGroupType"] == "TASK" and _lives(group)
    ]
    named = [group for group in groups if {group["Id"], group.get("Name")} & set(settings.groups)]
    wanted = {group["InstanceType"]: 1 for group in named or groups}
    return wanted or dict.fromkeys(configured(settings), 1)


def _lives(capacity: Mapping[str, Any]) -> bool:
    return capacity["Status"]["State"] not in GONE
