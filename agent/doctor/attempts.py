"""Each right of the policy, tried by a call that cannot change anything.

What only reads is asked for as the agent does. EMR has no dry run: a resize is tried on a fleet (group) whose id
cannot exist, an addition with a second primary of an instance type that does not exist. PutMetricData is sent one
value with two counts, UpdateItem a condition that never holds, DeleteAlarms a name that no alarm has, ReceiveMessage a
wish for eleven messages, DeleteMessage the handle of none, Publish an empty message under too long a subject. AWS
judges the right first and then refuses the request: a refusal for any other reason than a missing right is the good
answer. Nothing of the kind is safe for TerminateJobFlows: with this cluster's id it would end it, and for another's
the policy's tag condition does not hold. It is never called here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.alarms.alarm import MAKER
from agent.aws.errors import AWS_ERRORS, is_denied, is_not_found, is_refused, reason
from agent.aws.rights import LEVELS, RIGHTS, TAG, Right, advice
from agent.doctor.findings import Finding, fail, ok, skip, warn
from agent.domain.rights import Capability
from agent.lifecycle.rows import cluster_key
from agent.lifecycle.table import KEY
from agent.notices.route import topic
from agent.settings import Settings
from agent.settings_fleet import ActuatorKind

if TYPE_CHECKING:
    from agent.aws.clients import Clients

RESIZES = {ActuatorKind.INSTANCE_FLEET: ("Fleet",), ActuatorKind.INSTANCE_GROUPS: ("Groups",)}
"""How the names of the operations end that an actuator resizes with; others may use any."""

NO_FLEET, NO_GROUP, NO_TYPE = "if-TIDEMARKDOCTOR", "ig-TIDEMARKDOCTOR", "none.doctor"
NO_CLUSTER = "j-TIDEMARKDOCTOR"
NO_ALARM = "doctor: no such alarm"
MILD = frozenset({Capability.DIAGNOSE, Capability.ALARMS})
"""What the agent does its work without."""

Request = Callable[[Settings, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Attempt:
    service: str
    method: str
    """boto3's name of the operation."""
    request: Request
    """Of the settings and the cluster id."""


def _of_cluster(settings: Settings, cluster_id: str) -> Mapping[str, Any]:  # noqa: ARG001
    return {"ClusterId": cluster_id}


def _no_fleet(_: Settings, cluster_id: str) -> Mapping[str, Any]:
    fleet = {"InstanceFleetId": NO_FLEET, "TargetOnDemandCapacity": 0, "TargetSpotCapacity": 0}
    return {"ClusterId": cluster_id, "InstanceFleet": fleet}


def _no_group(_: Settings, cluster_id: str) -> Mapping[str, Any]:
    return {"ClusterId": cluster_id, "InstanceGroups": [{"InstanceGroupId": NO_GROUP, "InstanceCount": 0}]}


def _second_primary_fleet(_: Settings, cluster_id: str) -> Mapping[str, Any]:
    types = [{"InstanceType": NO_TYPE}]
    fleet = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types}
    return {"ClusterId": cluster_id, "InstanceFleet": fleet}


def _second_primary_group(_: Settings, cluster_id: str) -> Mapping[str, Any]:
    group = {"InstanceRole": "MASTER", "InstanceType": NO_TYPE, "InstanceCount": 1}
    return {"JobFlowId": cluster_id, "InstanceGroups": [group]}


def _two_counts(settings: Settings, _: str) -> Mapping[str, Any]:
    datum = {"MetricName": "DoctorRan", "Values": [1.0], "Counts": [1.0, 1.0]}
    return {"Namespace": settings.sinks.cloudwatch.namespace, "MetricData": [datum]}


def _no_message(settings: Settings, _: str) -> Mapping[str, Any]:
    return {"TopicArn": topic(settings) or "", "Subject": "x" * 101, "Message": ""}


def _one_alarm(_: Settings, __: str) -> Mapping[str, Any]:
    return {"MaxRecords": 1}


def _no_alarm(_: Settings, cluster_id: str) -> Mapping[str, Any]:
    return {"AlarmNames": [f"{MAKER} {cluster_id or 'j-'} {NO_ALARM}"]}


def _of_queue(settings: Settings, _: str) -> Mapping[str, Any]:
    return {"QueueUrl": settings.actions.queue_url or "", "AttributeNames": ["QueueArn"]}


def _too_many_messages(settings: Settings, _: str) -> Mapping[str, Any]:
    return {"QueueUrl": settings.actions.queue_url or "", "MaxNumberOfMessages": 11, "WaitTimeSeconds": 0}


def _no_handle(settings: Settings, _: str) -> Mapping[str, Any]:
    return {"QueueUrl": settings.actions.queue_url or "", "ReceiptHandle": "doctor"}


def _own_row(settings: Settings, cluster_id: str) -> Mapping[str, Any]:
    return {"TableName": settings.lifecycle.table, "Key": {KEY: {"S": cluster_key(cluster_id or NO_CLUSTER)}}}


def _own_row_never(settings: Settings, cluster_id: str) -> Mapping[str, Any]:
    # that the key is there and is not can never hold, so nothing is written
    never = {"ConditionExpression": "attribute_exists(#k) AND attribute_not_exists(#k)"}
    return {**_own_row(settings, cluster_id), **never, "ExpressionAttributeNames": {"#k": KEY}}


def _no_query(_: Settings, __: str) -> Mapping[str, Any]:
    # one query costs a thousandth of a cent, and none is refused
    return {"MetricDataQueries": [], "StartTime": 0, "EndTime": 60}


def _one_history(_: Settings, __: str) -> Mapping[str, Any]:
    return {"InstanceTypes": ["m5.xlarge"], "MaxResults": 1}


def _few_types(_: Settings, __: str) -> Mapping[str, Any]:
    return {"MaxResults": 5}


def _one_product(_: Settings, __: str) -> Mapping[str, Any]:
    return {"ServiceCode": "AmazonEC2", "MaxResults": 1}


ATTEMPTS: Mapping[str, Attempt] = {
    "DescribeCluster": Attempt("emr", "describe_cluster", _of_cluster),
    "GetManagedScalingPolicy": Attempt("emr", "get_managed_scaling_policy", _of_cluster),
    "GetAutoTerminationPolicy": Attempt("emr", "get_auto_termination_policy", _of_cluster),
    "ListInstanceFleets": Attempt("emr", "list_instance_fleets", _of_cluster),
    "ListInstanceGroups": Attempt("emr", "list_instance_groups", _of_cluster),
    "ListInstances": Attempt("emr", "list_instances", _of_cluster),
    "ListSteps": Attempt("emr", "list_steps", _of_cluster),
    "ModifyInstanceFleet": Attempt("emr", "modify_instance_fleet", _no_fleet),
    "ModifyInstanceGroups": Attempt("emr", "modify_instance_groups", _no_group),
    "AddInstanceFleet": Attempt("emr", "add_instance_fleet", _second_primary_fleet),
    "AddInstanceGroups": Attempt("emr", "add_instance_groups", _second_primary_group),
    "PutMetricData": Attempt("cloudwatch", "put_metric_data", _two_counts),
    "DescribeInstanceTypes": Attempt("ec2", "describe_instance_types", _few_types),
    "DescribeSpotPriceHistory": Attempt("ec2", "describe_spot_price_history", _one_history),
    "GetProducts": Attempt("pricing", "get_products", _one_product),
    "GetMetricData": Attempt("cloudwatch", "get_metric_data", _no_query),
    "DescribeAlarms": Attempt("cloudwatch", "describe_alarms", _one_alarm),
    "DeleteAlarms": Attempt("cloudwatch", "delete_alarms", _no_alarm),
    "GetQueueAttributes": Attempt("sqs", "get_queue_attributes", _of_queue),
    "ReceiveMessage": Attempt("sqs", "receive_message", _too_many_messages),
    "DeleteMessage": Attempt("sqs", "delete_message", _no_handle),
    "GetItem": Attempt("dynamodb", "get_item", _own_row),
    "UpdateItem": Attempt("dynamodb", "update_item", _own_row_never),
    "Publish": Attempt("sns", "publish", _no_message),
}


def attempted(right: Right, settings: Settings, clients: Clients, cluster_id: str | None) -> Finding:
    """Whether the node has this right, as far as the settings ask for it."""
    if (why := _not_needed(right, settings)) is not None:
        return skip(why)
    attempt = ATTEMPTS.get(right.operation)
    if attempt is None:
        return _untried(right, clients, cluster_id)
    if cluster_id is None and attempt.service == "emr":
        return skip("the cluster is not known")
    call = getattr(getattr(clients, attempt.service), attempt.method)
    try:
        call(**attempt.request(settings, cluster_id or ""))
    except AWS_ERRORS as error:
        if is_denied(error):
            bad = warn if right.capability in MILD else fail
            return bad("denied", advice(right.operation, str(error)))
        if is_not_found(error):
            return fail("what it names does not exist", f"correct the settings: {error}")
        if is_refused(error):
            return ok("allowed (refused for what it asked, as meant)")
        again = {"throttled": "the quota is the account's: run it again later", "unavailable": "run it again later"}
        why = reason(error)
        return warn(f"not known: {why}", again.get(why, "see the endpoint and the credentials"))
    return ok("allowed")


def _untried(right: Right, clients: Clients, cluster_id: str | None) -> Finding:
    """What can be said without calling it: whether the cluster's tag lets the project's policy give the right."""
    if cluster_id is None:
        return skip("the cluster is not known")
    how = f"whoever may use IAM can ask: aws iam simulate-principal-policy … --action-names {right.action}"
    try:
        described = clients.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    except AWS_ERRORS as error:
        return skip(f"cannot be tried without doing it; the cluster's tags are not known: {reason(error)}", how)
    tags = {tag.get("Key"): tag.get("Value") for tag in described.get("Tags", ())}
    level = tags.get(TAG)
    if level in LEVELS[right.capability]:
        return skip(f"cannot be tried without doing it; the cluster's tag {TAG} is {level}, as it should be", how)
    given = f"is {level}" if level is not None else "is not there"
    return warn(
        f"cannot be tried without doing it; the cluster's tag {TAG} {given}",
        f"with the statement {right.sid} of iam-policy.json the tag must be {' or '.join(LEVELS[right.capability])}",
    )


def _not_needed(right: Right, settings: Settings) -> str | None:
    """Why these settings do without it; None when they need it."""
    actuator, fleet = settings.fleet.actuator, settings.fleet
    match right.capability:
        case capability if (why := _switched_off(settings).get(capability)) is not None:
            return why
        case Capability.RESIZE | Capability.TERMINATE | Capability.ALARMS if actuator is ActuatorKind.DRY_RUN:
            return "fleet.actuator is dry_run"
        case Capability.TERMINATE if not _is_ended(settings):
            return "neither idle, a deadline nor a table ends the cluster: only the loss of all core nodes does"
        case Capability.RESIZE if not right.operation.endswith(RESIZES.get(actuator, ("Fleet", "Groups"))):
            return f"fleet.actuator is {actuator}"
        case Capability.RESIZE if right.operation.startswith("Add") and not fleet.instance_types:
            return "fleet.instance_types names nothing to add"
    return None


def _is_ended(settings: Settings) -> bool:
    idle = settings.idle
    return idle.enabled or idle.terminate_after_s is not None or bool(settings.lifecycle.table)


def _switched_off(settings: Settings) -> Mapping[Capability, str]:
    """By capability: the setting without which nobody needs it."""
    idle = settings.idle
    off = {
        Capability.PUBLISH: (not settings.sinks.cloudwatch.enabled, "sinks.cloudwatch is off"),
        Capability.PRICES: (not settings.wants_prices, "fleet.max_usd_per_hour is unset, prices.watch is off"),
        Capability.NOTIFY: (topic(settings) is None, "notices.topic_arn is unset"),
        Capability.STREAMS: (not settings.sources.kinesis, "sources.kinesis names no stream"),
        Capability.ALARMS: (not settings.alarms.remove_at_end, "alarms.remove_at_end is false"),
        Capability.ACTIONS: (settings.actions.queue_url is None, "actions.queue_url is unset"),
        Capability.LIFECYCLE: (not settings.lifecycle.table, "lifecycle.table is unset"),
        Capability.STEPS: (not idle.enabled, "idle is off"),
    }
    return {capability: why for capability, (is_off, why) in off.items() if is_off}


def needed() -> tuple[Right, ...]:
    """Those of the agent itself, in the order of the table."""
    return tuple(right for right in RIGHTS.values() if right.capability is not Capability.INSTALL)
