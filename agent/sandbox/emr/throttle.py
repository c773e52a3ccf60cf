"""EMR's request quotas: per account and Region, shared by every caller."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sandbox.throttle import ALL_CALLS, Quota, Throttle

__all__ = ["ALL_CALLS", "NO_QUOTAS", "QUOTAS", "Quota", "Throttle"]

QUOTAS: Mapping[str, Quota] = {
    ALL_CALLS: Quota(25, 5),
    "AddInstanceFleet": Quota(5, 0.5),
    "AddInstanceGroups": Quota(5, 0.2),
    "AddJobFlowSteps": Quota(10, 0.5),
    "AddTags": Quota(5, 0.5),
    "CancelSteps": Quota(10, 0.5),
    "DescribeCluster": Quota(10, 1),
    "DescribeStep": Quota(10, 0.5),
    "ListClusters": Quota(20, 0.5),
    "ListInstanceFleets": Quota(5, 0.5),
    "ListInstanceGroups": Quota(10, 1),
    "ListInstances": Quota(10, 0.5),
    "ListSteps": Quota(10, 0.5),
    "ModifyInstanceFleet": Quota(5, 0.5),
    "ModifyInstanceGroups": Quota(5, 0.5),
    "RemoveTags": Quota(5, 0.5),
    "RunJobFlow": Quota(10, 0.5),
    "SetTerminationProtection": Quota(5, 0.2),
    "TerminateJobFlows": Quota(10, 0.5),
}
"""The defaults of Service Quotas for Amazon EMR; an operation that is not named shares only the common bucket."""

NO_QUOTAS: Mapping[str, Quota] = {}
