"""The operations on fleets, groups and instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.sandbox.emr import shapes
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.context import Context, Request, page
from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.groups import Group
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.refusals import (
    fleet_of_stopped_cluster,
    group_of_stopped_cluster,
    invalid_request,
    shut_down,
    validation,
    wrong_collection,
)
from agent.sandbox.emr.states import Role

FLEETS, GROUPS = "instance fleets", "instance groups"


def list_instance_fleets(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = _of_fleets(context, request, "ListInstanceFleets")
    fleets = [shapes.fleet(pool) for pool in cluster.pools if isinstance(pool, Fleet)]
    return page("InstanceFleets", fleets, request, context.page_size)


def add_instance_fleet(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = _of_fleets(context, request, "AddInstanceFleet")
    config = request["InstanceFleet"]
    if config["InstanceFleetType"] != Role.TASK:
        raise invalid_request("Only an instance fleet of type TASK can be added to a running cluster.")
    if config.get("TargetOnDemandCapacity", 0) + config.get("TargetSpotCapacity", 0) == 0:
        raise invalid_request("At least one of TargetSpotCapacity and TargetOnDemandCapacity should be greater than 0.")
    _check_fleet_modifiable(cluster)
    fleet = Fleet(cluster.id, config, context.emr.delays, context.now, at_launch=False)
    cluster.add(fleet)
    return {"ClusterId": cluster.id, "InstanceFleetId": fleet.id, "ClusterArn": context.emr.arn(cluster)}


def modify_instance_fleet(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = _of_fleets(context, request, "ModifyInstanceFleet")
    config = request["InstanceFleet"]
    fleet = context.emr.fleet(cluster, config["InstanceFleetId"])
    _check_fleet_modifiable(cluster)
    if fleet.role is Role.MASTER:
        raise invalid_request("The MASTER instance fleet cannot be resized.")
    fleet.modify(config, context.now)
    return {}


def list_instance_groups(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    if cluster.uses_fleets:
        raise wrong_collection("ListInstanceGroups", FLEETS)
    groups = [shapes.group(pool) for pool in cluster.pools if isinstance(pool, Group)]
    return page("InstanceGroups", groups, request, context.page_size)


def add_instance_groups(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.job_flow(request["JobFlowId"])
    _check_group_modifiable(cluster)
    if cluster.uses_fleets:
        raise validation("Instance fleets and instance groups are mutually exclusive.")
    if len(request["InstanceGroups"]) > 5:
        raise validation("At most 5 instance groups can be added in one request.")
    groups = [Group(cluster.id, config, context.emr.delays, context.now) for config in request["InstanceGroups"]]
    for group in groups:
        cluster.add(group)
    return {
        "JobFlowId": cluster.id,
        "InstanceGroupIds": [group.id for group in groups],
        "ClusterArn": context.emr.arn(cluster),
    }


def modify_instance_groups(context: Context, request: Request) -> Mapping[str, Any]:
    changes = []
    for config in request.get("InstanceGroups", ()):
        cluster, group = context.emr.group(config["InstanceGroupId"])
        if request.get("ClusterId", cluster.id) != cluster.id:
            raise validation(f"Instance group {group.id} does not belong to cluster {request['ClusterId']}.")
        _check_group_modifiable(cluster)
        group.check(config)
        changes.append((group, config))
    for group, config in changes:
        context.emr.order(group.modify(config, context.now))
    return {}


def put_auto_scaling_policy(context: Context, request: Request) -> Mapping[str, Any]:
    cluster, group = _scaled_group(context, request)
    group.auto_scaling_policy = request["AutoScalingPolicy"]
    return {
        "ClusterId": cluster.id,
        "InstanceGroupId": group.id,
        "AutoScalingPolicy": shapes.scaling_policy(group),
        "ClusterArn": context.emr.arn(cluster),
    }


def remove_auto_scaling_policy(context: Context, request: Request) -> Mapping[str, Any]:
    _, group = _scaled_group(context, request)
    group.auto_scaling_policy = None
    return {}


def list_instances(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    if "InstanceFleetId" in request:
        context.emr.fleet(cluster, request["InstanceFleetId"])
    states = request.get("InstanceStates")
    instances = [
        shapes.instance(pool, item, context.emr.region)
        for pool in cluster.pools
        if _chosen(pool, request)
        for item in pool.instances
        if not states or item.state in states
    ]
    return page("Instances", instances, request, context.page_size)


def _chosen(pool: Pool, request: Request) -> bool:
    wanted_id = request.get("InstanceFleetId") or request.get("InstanceGroupId")
    roles = request.get("InstanceGroupTypes") or [request.get("InstanceFleetType", pool.role)]
    return pool.id == (wanted_id or pool.id) and pool.role in roles


def _of_fleets(context: Context, request: Request, operation: str) -> Cluster:
    cluster = context.emr.cluster(request["ClusterId"])
    if not cluster.uses_fleets:
        raise wrong_collection(operation, GROUPS)
    return cluster


def _scaled_group(context: Context, request: Request) -> tuple[Cluster, Group]:
    cluster, group = context.emr.group(request["InstanceGroupId"])
    if cluster.id != request["ClusterId"]:
        raise validation(f"Instance group {group.id} does not belong to cluster {request['ClusterId']}.")
    return cluster, group


def _check_fleet_modifiable(cluster: Cluster) -> None:
    if cluster.state.ending:
        raise invalid_request("A job flow that is shutting down, terminated, or finished may not be modified.")
    if not cluster.state.modifiable:
        raise fleet_of_stopped_cluster()


def _check_group_modifiable(cluster: Cluster) -> None:
    if cluster.state.ending:
        raise shut_down()
    if not cluster.state.modifiable:
        raise group_of_stopped_cluster()
