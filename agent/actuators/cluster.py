"""The cluster itself: its state, who else scales it, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.aws.emr_calls import ask, outcome, pages, refused
from agent.domain.decisions import Outcome, Result
from agent.domain.faults import Fault
from agent.domain.fleets import Cluster, Collection
from agent.domain.ports import Clock

DETACHED = frozenset({"DETACHED", "FAILED"})
"""AutoScalingPolicyState in which a policy does nothing; in every other one it may act."""


class ClusterControl:
    """A ClusterReader and ClusterActuator."""

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

    def terminate(self, reason: str) -> Result:
        """Ask EMR to end the cluster, so that it ends as TERMINATED. Protection is looked at right before and never
        lifted. A cluster that is ending already is APPLIED: asking twice does no harm."""
        try:
            cluster = self._describe()
            if cluster.ending:
                return Result(Outcome.APPLIED, f"the cluster is {cluster.state} already")
            if cluster.termination_protected:
                return refused("termination protection is on; it is not lifted")
            ask("TerminateJobFlows", self._client.terminate_job_flows, JobFlowIds=[self._cluster_id])
        except Fault as error:
            return outcome(error)
        return Result(Outcome.APPLIED, reason)

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
