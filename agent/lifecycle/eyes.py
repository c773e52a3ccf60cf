"""EMR, looked at within our share of its quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.aws.emr_calls import ask
from agent.domain.ports import Clock
from agent.lifecycle.budget import Spender
from agent.lifecycle.ports import Described, Listed
from agent.lifecycle.words import ENDED, LAUNCHING, State

GOING = tuple(state.value for state in (State.STARTING, State.BOOTSTRAPPING, State.RUNNING, State.WAITING))
"""The states of ListClusters in which a cluster has not begun to end; TERMINATING ones need nothing of us."""
MOST_PAGES = 40
"""Of ListClusters, 50 clusters a page: an account may have 500 active ones (Service Quotas)."""


class EmrEyes:
    """Eyes over a boto3 EMR client that makes one attempt, for each is a call that has been paid for."""

    def __init__(self, client: Any, budget: Spender, clock: Clock) -> None:
        self._client = client
        self._budget = budget
        self._clock = clock

    def describe(self, cluster_id: str, *, fleets: bool = False) -> Described | None:
        """Nodes are counted where EMR calls the cluster ready; without room for that call the answer is without."""
        at = self._clock()
        if not self._budget.spend("DescribeCluster", at):
            return None
        answer = ask("DescribeCluster", self._client.describe_cluster, ClusterId=cluster_id)["Cluster"]
        found = described(answer, at)
        if not fleets or found.state in ENDED | LAUNCHING | {State.TERMINATING}:
            return found
        by_fleet = answer.get("InstanceCollectionType") == "INSTANCE_FLEET"
        counts = self._of_fleets(cluster_id) if by_fleet else self._of_groups(cluster_id)
        return replace(found, masters=counts.get("MASTER", 0), cores=counts.get("CORE")) if counts else found

    def listed(self, created_after: float, *, ended: bool = False) -> list[Listed] | None:
        """All pages or none."""
        found: list[Listed] = []
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            if not self._budget.spend("ListClusters", self._clock()):
                return None
            request = {"CreatedAfter": created_after, **({} if ended else {"ClusterStates": list(GOING)}), **more}
            page = ask("ListClusters", self._client.list_clusters, **request)
            found += [_listed(one) for one in page.get("Clusters", ())]
            if not (marker := page.get("Marker")):
                return found
            more = {"Marker": marker}
        return None

    def _of_fleets(self, cluster_id: str) -> dict[str, int] | None:
        """Units that are there, by role. None: no room for the call."""
        if not self._budget.spend("ListInstanceFleets", self._clock()):
            return None
        fleets = ask("ListInstanceFleets", self._client.list_instance_fleets, ClusterId=cluster_id)["InstanceFleets"]
        return {
            one["InstanceFleetType"]: one.get("ProvisionedOnDemandCapacity", 0) + one.get("ProvisionedSpotCapacity", 0)
            for one in fleets
        }

    def _of_groups(self, cluster_id: str) -> dict[str, int] | None:
        """The primary and core groups are on the first page: it holds 50, and a cluster has that many at most."""
        if not self._budget.spend("ListInstanceGroups", self._clock()):
            return None
        groups = ask("ListInstanceGroups", self._client.list_instance_groups, ClusterId=cluster_id)["InstanceGroups"]
        counts: dict[str, int] = {}
        for one in groups:
            role = one["InstanceGroupType"]
            counts[role] = counts.get(role, 0) + one.get("RunningInstanceCount", 0)
        return counts


def described(cluster: Mapping[str, Any], at: float) -> Described:
    """Of DescribeCluster's `Cluster`. The first code of ErrorDetails stands behind a slash: it tells want of capacity
    from a mistake in the request."""
    status: Mapping[str, Any] = cluster["Status"]
    reason = status.get("StateChangeReason", {})
    errors = [one["ErrorCode"] for one in status.get("ErrorDetails", ()) if one.get("ErrorCode")]
    code = "/".join(filter(None, [reason.get("Code"), *errors[:1]]))
    return Described(
        cluster_id=cluster["Id"],
        name=cluster.get("Name", ""),
        state=State(status["State"]),
        code=code or None,
        message=reason.get("Message", ""),
        at=at,
        created_at=_created_at(status),
        protected=bool(cluster.get("TerminationProtected", False)),
        ready_at=_ready_at(status),
        subnet=cluster.get("Ec2InstanceAttributes", {}).get("Ec2SubnetId"),
        tags={tag["Key"]: tag.get("Value", "") for tag in cluster.get("Tags", ())},
    )


def _listed(cluster: Mapping[str, Any]) -> Listed:
    status = cluster["Status"]
    return Listed(
        cluster_id=cluster["Id"],
        name=cluster.get("Name", ""),
        state=State(status["State"]),
        created_at=_created_at(status),
    )


def _created_at(status: Mapping[str, Any]) -> float:
    return float(status["Timeline"]["CreationDateTime"].timestamp())


def _ready_at(status: Mapping[str, Any]) -> float | None:
    """When it first took steps; None: not yet, or never."""
    ready = status["Timeline"].get("ReadyDateTime")
    return None if ready is None else float(ready.timestamp())
