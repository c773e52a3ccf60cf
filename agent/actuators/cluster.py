"""The cluster itself: its state, and who else scales it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agent.aws.emr_calls import ask, pages
from agent.domain.fleets import Cluster, Collection
from agent.domain.ports import Clock

DETACHED = frozenset({"DETACHED", "FAILED"})
"""AutoScalingPolicyState in which a policy does nothing; in every other one it may act."""


DEADLINE_TAG = "tidemark:terminate-at"
"""The cluster's tag that names its hard deadline, in Unix seconds."""


class ClusterView:
    """A ClusterReader."""

    def __init__(self, client: Any, cluster_id: str, clock: Clock) -> None:
        self._client = client
        self._cluster_id = cluster_id
        self._clock = clock

    def read(self) -> Cluster:
        """DescribeCluster and GetManagedScalingPolicy; on a cluster of groups ListInstanceGroups too. Raises Fault:
        whether somebody else scales must be known, so a denied call is not taken for `nobody`."""
        cluster = self._describe()
        return cluster if cluster.ending else replace(cluster, foreign_scaler=self._foreign_scaler(cluster.collection))

    def collection(self) -> Collection:
        """Whether the cluster has instance fleets or groups, which never changes: one DescribeCluster. Raises Fault."""
        return self._describe().collection

    def _describe(self) -> Cluster:
        """Without a word on who else scales."""
        answer = ask("DescribeCluster", self._client.describe_cluster, ClusterId=self._cluster_id)
        described: Mapping[str, Any] = answer["Cluster"]
        status = described["Status"]
        return Cluster(
            at=self._clock(),
            id=described["Id"],
            name=described.get("Name", ""),
            state=status["State"],
            created_at=status["Timeline"]["CreationDateTime"].timestamp(),
            collection=Collection(described.get("InstanceCollectionType", Collection.GROUP)),
            termination_protected=bool(described.get("TerminationProtected", False)),
            foreign_scaler=None,
            terminate_at=_deadline(described.get("Tags", ())),
        )

    def _foreign_scaler(self, collection: Collection) -> str | None:
        answer = ask("GetManagedScalingPolicy", self._client.get_managed_scaling_policy, ClusterId=self._cluster_id)
        if answer.get("ManagedScalingPolicy"):
            return "managed scaling policy"
        if collection is Collection.GROUP and self._group_policy_is_attached():
            return "automatic scaling policy"
        return None

    def _group_policy_is_attached(self) -> bool:
        groups = pages(self._client, "list_instance_groups", "InstanceGroups", ClusterId=self._cluster_id)
        policies = [group["AutoScalingPolicy"] for group in groups if group.get("AutoScalingPolicy")]
        return any(policy.get("Status", {}).get("State") not in DETACHED for policy in policies)


def _deadline(tags: Iterable[Mapping[str, str]]) -> float | None:
    """What the tag says; one that is no time is none."""
    for tag in tags:
        if tag.get("Key") == DEADLINE_TAG:
            try:
                at = float(tag.get("Value", ""))
            except ValueError:
                return None
            return at if math.isfinite(at) and at > 0 else None
    return None
