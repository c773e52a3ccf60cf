"""Every AWS operation that runs on the node, the IAM action behind it, and the statement of the policy that gives it.

`bootstrap/iam-policy.json` and the calls in the code are held to this table by tests. That EMR's actions here can all
be limited to a cluster and its tags is from the Service Authorization Reference for Amazon Elastic MapReduce; that
those that tell prices cannot be limited at all, from those for Amazon EC2 and AWS Price List.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.domain.rights import Capability

POLICY = "iam-policy.json"


@dataclass(frozen=True, slots=True)
class Right:
    operation: str
    """As botocore names it, such as `ListSteps`."""
    action: str
    sid: str
    capability: Capability


PRICES_SID = "TidemarkObservePrices"
PRICES_OF_EC2 = ("DescribeInstanceTypes", "DescribeSpotPriceHistory")
TABLE_SID = "TidemarkLifecycleTable"
OF_THE_TABLE = ("GetItem", "UpdateItem")
"""Of the rows of clusters alone (`dynamodb:LeadingKeys`)."""
OF_THE_QUEUE = ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")


def _rights() -> tuple[Right, ...]:
    emr = (
        ("DescribeCluster", "TidemarkObserveCluster", Capability.OBSERVE),
        ("GetManagedScalingPolicy", "TidemarkObserveCluster", Capability.OBSERVE),
        ("ListInstanceFleets", "TidemarkObserveCluster", Capability.OBSERVE),
        ("ListInstanceGroups", "TidemarkObserveCluster", Capability.OBSERVE),
        ("ListInstances", "TidemarkObserveCluster", Capability.OBSERVE),
        ("ListSteps", "TidemarkObserveCluster", Capability.STEPS),
        ("GetAutoTerminationPolicy", "TidemarkObserveCluster", Capability.DIAGNOSE),
        ("ModifyInstanceFleet", "TidemarkResizeTaskCapacity", Capability.RESIZE),
        ("ModifyInstanceGroups", "TidemarkResizeTaskCapacity", Capability.RESIZE),
        ("AddInstanceFleet", "TidemarkResizeTaskCapacity", Capability.RESIZE),
        ("AddInstanceGroups", "TidemarkResizeTaskCapacity", Capability.RESIZE),
        ("TerminateJobFlows", "TidemarkTerminateCluster", Capability.TERMINATE),
    )
    return (
        Right("PutMetricData", "cloudwatch:PutMetricData", "TidemarkPublishMetrics", Capability.PUBLISH),
        *(Right(name, f"elasticmapreduce:{name}", sid, capability) for name, sid, capability in emr),
        *(Right(name, f"ec2:{name}", PRICES_SID, Capability.PRICES) for name in PRICES_OF_EC2),
        Right("GetProducts", "pricing:GetProducts", PRICES_SID, Capability.PRICES),
        Right("GetMetricData", "cloudwatch:GetMetricData", "TidemarkObserveStreams", Capability.STREAMS),
        Right("DescribeAlarms", "cloudwatch:DescribeAlarms", "TidemarkObserveAlarms", Capability.ALARMS),
        Right("DeleteAlarms", "cloudwatch:DeleteAlarms", "TidemarkDeleteItsAlarms", Capability.ALARMS),
        *(Right(name, f"sqs:{name}", "TidemarkHearAlarms", Capability.ACTIONS) for name in OF_THE_QUEUE),
        *(Right(name, f"dynamodb:{name}", TABLE_SID, Capability.LIFECYCLE) for name in OF_THE_TABLE),
        Right("Publish", "sns:Publish", "TidemarkNotify", Capability.NOTIFY),
        Right("GetObject", "s3:GetObject", "TidemarkReadRelease", Capability.INSTALL),
    )


RIGHTS: Mapping[str, Right] = MappingProxyType({right.operation: right for right in _rights()})
"""By operation."""

OPERATOR_POLICY = "operator-policy.json"
BY_OPERATOR: Mapping[str, str] = MappingProxyType(
    {
        "PutMetricAlarm": "TidemarkPutAlarms",
        "TagResource": "TidemarkPutAlarms",
        "PutCompositeAlarm": "TidemarkChangeCompositeAlarms",
        "DeleteAlarms": "TidemarkChangeCompositeAlarms",
        "DescribeAlarms": "TidemarkObserveAlarms",
        "GetMetricData": "TidemarkReadMetrics",
        "ListMetrics": "TidemarkReadMetrics",
        "PutDashboard": "TidemarkChangeDashboards",
        "GetDashboard": "TidemarkChangeDashboards",
        "DeleteDashboards": "TidemarkChangeDashboards",
    }
)
"""By operation of CloudWatch: the statement of `bootstrap/operator-policy.json` for whoever runs `tidemark alarms`,
`tidemark dashboard`, or `tidemark status` from elsewhere than the primary.
Composite alarms can be told, put and deleted only by who may do so with all alarms (CloudWatch API reference)."""
BY_OPERATOR_OF_LIFECYCLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "GetItem": ("dynamodb:GetItem", "TidemarkReadLifecycle"),
        "Query": ("dynamodb:Query", "TidemarkReadLifecycle"),
        "Scan": ("dynamodb:Scan", "TidemarkReadLifecycle"),
        "UpdateItem": ("dynamodb:UpdateItem", "TidemarkPutProfiles"),
        "SendMessage": ("sqs:SendMessage", "TidemarkAskLifecycle"),
        "GetQueueAttributes": ("sqs:GetQueueAttributes", "TidemarkCountDeadLetters"),
        "GetQueueUrl": ("sqs:GetQueueUrl", "TidemarkCountDeadLetters"),
    }
)
"""By operation: its action, and the statement of `bootstrap/operator-policy.json` for whoever runs `tidemark cluster`,
`tidemark job`, `tidemark profile` or `tidemark sweep` with the lifecycle's queue. Without the queue they do what its
function does, and take its rights."""
IMPLIED = frozenset({"TagResource"})
"""Asked for by another operation, here PutMetricAlarm with tags."""

FREE = frozenset({"GetCallerIdentity"})
"""Operations that no policy has to allow (AWS STS API reference)."""


def advice(operation: str, said: str) -> str:
    """What to do about a denied operation; `said` is AWS's own message, which tells some causes apart."""
    right, by_operator = RIGHTS.get(operation), BY_OPERATOR.get(operation)
    of_lifecycle = BY_OPERATOR_OF_LIFECYCLE.get(operation, ("", None))[1]
    if "explicit deny" in said:
        return "a policy denies it explicitly (service control policy, boundary): adding a statement does not help"
    if "VPC endpoint policy" in said:
        return "the policy of the VPC endpoint does not let it through"
    if right is None and (sid := by_operator or of_lifecycle) is not None:
        return f"whoever runs this needs the statement {sid} of {OPERATOR_POLICY}"
    if right is None:
        return "the node's role is not allowed to do this"
    tagged = right.action.startswith("elasticmapreduce:")
    return f"add the statement {right.sid} of {POLICY} to the node's role" + (
        f", and see that the cluster carries the tag that it asks for ({TAG})"
        if tagged
        else f"; a person needs {of_lifecycle} of {OPERATOR_POLICY}"
        if of_lifecycle
        else ""
    )


TAG = "tidemark"
"""The cluster's tag that says how far the agent may go."""
OBSERVABLE, RESIZABLE, TERMINABLE = "observe", "resize", "terminate"
LEVELS: Mapping[Capability, tuple[str, ...]] = MappingProxyType(
    {
        Capability.OBSERVE: (OBSERVABLE, RESIZABLE, TERMINABLE),
        Capability.STEPS: (OBSERVABLE, RESIZABLE, TERMINABLE),
        Capability.DIAGNOSE: (OBSERVABLE, RESIZABLE, TERMINABLE),
        Capability.RESIZE: (RESIZABLE, TERMINABLE),
        Capability.TERMINATE: (TERMINABLE,),
    }
)
"""The tag's values with which the policy gives a capability: each level has those before it."""
