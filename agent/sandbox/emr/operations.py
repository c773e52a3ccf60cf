"""EMR's operations on the model. Requests and answers are JSON as on the wire; a refusal is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agent.sandbox.emr import capacity_operations as capacity
from agent.sandbox.emr import shapes, step_operations
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.context import Context, Request, page
from agent.sandbox.emr.refusals import invalid_request, protected, shut_down, validation
from agent.sandbox.emr.states import ClusterState

Operation = Callable[[Context, Request], Mapping[str, Any]]


def run_job_flow(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = Cluster(request, context.emr.delays, context.now)
    context.emr.add(cluster)
    return {"JobFlowId": cluster.id, "ClusterArn": context.emr.arn(cluster)}


def describe_cluster(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    return {"Cluster": shapes.cluster(cluster, context.emr.arn(cluster), context.emr.region)}


def list_clusters(context: Context, request: Request) -> Mapping[str, Any]:
    states = frozenset(request.get("ClusterStates") or ClusterState)
    after, before = request.get("CreatedAfter", 0), request.get("CreatedBefore", float("inf"))
    only_going = not any(state.ended for state in ClusterState if state in states)
    known = context.emr.going() if only_going else list(context.emr.clusters.values())
    chosen = [c for c in reversed(known) if c.state in states and after <= c.created_at <= before]
    shown = page("Clusters", chosen, request, context.page_size)
    summaries = [shapes.cluster_summary(cluster, context.emr.arn(cluster)) for cluster in shown["Clusters"]]
    return {**shown, "Clusters": summaries}


def terminate_job_flows(context: Context, request: Request) -> Mapping[str, Any]:
    """Ends those that are not protected, and then refuses if there was one that is. Ended ones are no error."""
    ids = request["JobFlowIds"]
    if len(ids) > 10:
        raise validation("At most 10 job flows can be terminated in one request.")
    clusters = [context.emr.job_flow(cluster_id) for cluster_id in ids]
    for cluster in clusters:
        if not cluster.protected:
            cluster.end("USER_REQUEST", "Terminated by user request", context.now)
    if any(cluster.protected and not cluster.state.ending for cluster in clusters):
        raise protected()
    return {}


def set_termination_protection(context: Context, request: Request) -> Mapping[str, Any]:
    for cluster in _changeable(context, request["JobFlowIds"]):
        cluster.protected = request["TerminationProtected"]
    return {}


def set_keep_alive(context: Context, request: Request) -> Mapping[str, Any]:
    for cluster in _changeable(context, request["JobFlowIds"]):
        cluster.keep_alive = request["KeepJobFlowAliveWhenNoSteps"]
    return {}


def set_unhealthy_node_replacement(context: Context, request: Request) -> Mapping[str, Any]:
    for cluster in _changeable(context, request["JobFlowIds"]):
        cluster.unhealthy_node_replacement = request["UnhealthyNodeReplacement"]
    return {}


def set_visible_to_all_users(context: Context, request: Request) -> Mapping[str, Any]:
    for cluster in _changeable(context, request["JobFlowIds"]):
        cluster.visible = request["VisibleToAllUsers"]
    return {}


def modify_cluster(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    if not cluster.state.modifiable:
        raise invalid_request("The cluster should be running or waiting.")
    cluster.steps.concurrency = request.get("StepConcurrencyLevel", cluster.steps.concurrency)
    return {"StepConcurrencyLevel": cluster.steps.concurrency}


def add_tags(context: Context, request: Request) -> Mapping[str, Any]:
    tags = context.emr.cluster(request["ResourceId"]).tags
    tags.update({tag["Key"]: tag.get("Value", "") for tag in request["Tags"]})
    return {}


def remove_tags(context: Context, request: Request) -> Mapping[str, Any]:
    tags = context.emr.cluster(request["ResourceId"]).tags
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


def put_managed_scaling_policy(context: Context, request: Request) -> Mapping[str, Any]:
    context.emr.cluster(request["ClusterId"]).managed_scaling = request["ManagedScalingPolicy"]
    return {}


def get_managed_scaling_policy(context: Context, request: Request) -> Mapping[str, Any]:
    """Empty when there is none."""
    policy = context.emr.cluster(request["ClusterId"]).managed_scaling
    return {} if policy is None else {"ManagedScalingPolicy": policy}


def remove_managed_scaling_policy(context: Context, request: Request) -> Mapping[str, Any]:
    context.emr.cluster(request["ClusterId"]).managed_scaling = None
    return {}


def put_auto_termination_policy(context: Context, request: Request) -> Mapping[str, Any]:
    """Kept and shown; the sandbox itself ends no cluster for it."""
    context.emr.cluster(request["ClusterId"]).auto_termination = request.get("AutoTerminationPolicy", {})
    return {}


def get_auto_termination_policy(context: Context, request: Request) -> Mapping[str, Any]:
    policy = context.emr.cluster(request["ClusterId"]).auto_termination
    return {} if policy is None else {"AutoTerminationPolicy": policy}


def remove_auto_termination_policy(context: Context, request: Request) -> Mapping[str, Any]:
    context.emr.cluster(request["ClusterId"]).auto_termination = None
    return {}


def list_bootstrap_actions(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    actions = [
        {
            "Name": action["Name"],
            "ScriptPath": action["ScriptBootstrapAction"]["Path"],
            "Args": action["ScriptBootstrapAction"].get("Args", []),
        }
        for action in cluster.request.get("BootstrapActions", ())
    ]
    return page("BootstrapActions", actions, request, context.page_size)


def _changeable(context: Context, ids: Sequence[str]) -> Iterable[Cluster]:
    clusters = [context.emr.job_flow(cluster_id) for cluster_id in ids]
    if any(cluster.state.ending for cluster in clusters):
        raise shut_down()
    return clusters


OPERATIONS: Mapping[str, Operation] = {
    "AddInstanceFleet": capacity.add_instance_fleet,
    "AddInstanceGroups": capacity.add_instance_groups,
    "AddJobFlowSteps": step_operations.add_job_flow_steps,
    "AddTags": add_tags,
    "CancelSteps": step_operations.cancel_steps,
    "DescribeCluster": describe_cluster,
    "DescribeStep": step_operations.describe_step,
    "GetAutoTerminationPolicy": get_auto_termination_policy,
    "GetManagedScalingPolicy": get_managed_scaling_policy,
    "ListBootstrapActions": list_bootstrap_actions,
    "ListClusters": list_clusters,
    "ListInstanceFleets": capacity.list_instance_fleets,
    "ListInstanceGroups": capacity.list_instance_groups,
    "ListInstances": capacity.list_instances,
    "ListSteps": step_operations.list_steps,
    "ModifyCluster": modify_cluster,
    "ModifyInstanceFleet": capacity.modify_instance_fleet,
    "ModifyInstanceGroups": capacity.modify_instance_groups,
    "PutAutoScalingPolicy": capacity.put_auto_scaling_policy,
    "PutAutoTerminationPolicy": put_auto_termination_policy,
    "PutManagedScalingPolicy": put_managed_scaling_policy,
    "RemoveAutoScalingPolicy": capacity.remove_auto_scaling_policy,
    "RemoveAutoTerminationPolicy": remove_auto_termination_policy,
    "RemoveManagedScalingPolicy": remove_managed_scaling_policy,
    "RemoveTags": remove_tags,
    "RunJobFlow": run_job_flow,
    "SetKeepJobFlowAliveWhenNoSteps": set_keep_alive,
    "SetTerminationProtection": set_termination_protection,
    "SetUnhealthyNodeReplacement": set_unhealthy_node_replacement,
    "SetVisibleToAllUsers": set_visible_to_all_users,
    "TerminateJobFlows": terminate_job_flows,
}
"""By name in the service model. What is in the model and not here is refused, or moto's: see `front.py`."""
