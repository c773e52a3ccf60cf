"""The task instance group that the agent sizes: one unit is one instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.actuators.emr_calls import LIVE_INSTANCES, EmrClients, ask, outcome, pages, refused
from agent.actuators.instance_fleet import ABSENT, FLEET_NAME, node
from agent.domain.decisions import Outcome, Resize, Result
from agent.domain.faults import Fault
from agent.domain.fleets import Collection, Fleet, FleetNode
from agent.domain.ports import Clock
from agent.settings import FleetSettings

GONE = frozenset({"TERMINATING", "TERMINATED", "SHUTTING_DOWN", "ENDED"})


class InstanceGroups:
    """A FleetReader and FleetActuator over one task group of a cluster that may have many.

    The group is the one that `fleet.group` names (by id or name). Without it: the only task group; of several the
    first (in EMR's order) on the market that the agent buys on, or the first of all.
    """

    def __init__(self, clients: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> None:
        self._client = clients.client
        self._once = clients.once
        self._cluster_id = cluster_id
        self._settings = settings
        self._clock = clock

    def read(self) -> Fleet:
        """The group with its live instances; `id` is None when the cluster has no such group.

        One ListInstanceGroups, and one ListInstances unless the group is empty. Raises Fault.
        """
        group = self._describe()
        if group is None:
            return self._fleet(None, ())
        empty = group["RequestedInstanceCount"] == 0 and group["RunningInstanceCount"] == 0
        return self._fleet(group, () if empty else self._nodes(group))

    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        """Send the decided count. The group is read again right before, and nothing is sent when it is no longer
        the one that was decided on. A scale-in is graceful: no instance is named, EMR chooses and drains."""
        try:
            now = self._describe()
            if (difference := _difference(now, fleet, decision)) is not None:
                return refused(difference)
            return self._add(decision) if now is None else self._modify(now, decision)
        except Fault as error:
            return outcome(error)

    def _modify(self, now: Mapping[str, Any], decision: Resize) -> Result:
        ask(
            "ModifyInstanceGroups",
            self._client.modify_instance_groups,
            ClusterId=self._cluster_id,
            InstanceGroups=[{"InstanceGroupId": now["Id"], "InstanceCount": decision.target}],
        )
        return Result(Outcome.APPLIED, f"{now['Id']}: {decision.target} instances")

    def _add(self, decision: Resize) -> Result:
        """A task group is added by its first scale out, with the first of the configured types."""
        if not self._settings.instance_types:
            return refused("the cluster has no task group and fleet.instance_types names no type for one")
        group = {
            "Name": self._settings.group or FLEET_NAME,
            "InstanceRole": "TASK",
            "Market": self._market,
            "InstanceType": self._settings.instance_types[0].instance_type,
            "InstanceCount": decision.target,
        }
        answer = ask(
            "AddInstanceGroups",
            self._once.add_instance_groups,
            JobFlowId=self._cluster_id,
            InstanceGroups=[group],
        )
        return Result(Outcome.APPLIED, f"{answer['InstanceGroupIds'][0]}: added with {decision.target} instances")

    @property
    def _market(self) -> str:
        return "ON_DEMAND" if self._settings.on_demand else "SPOT"

    def _describe(self) -> Mapping[str, Any] | None:
        groups = [
            group
            for group in pages(self._client, "list_instance_groups", "InstanceGroups", ClusterId=self._cluster_id)
            if group["InstanceGroupType"] == "TASK" and group["Status"]["State"] not in GONE
        ]
        return self._choose(groups)

    def _choose(self, groups: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        wanted = self._settings.group
        if wanted:
            return next((g for g in groups if wanted in (g["Id"], g.get("Name"))), None)
        ours = [group for group in groups if group["Market"] == self._market]
        return next(iter([*ours, *groups]), None)

    def _nodes(self, group: Mapping[str, Any]) -> tuple[FleetNode, ...]:
        instances = pages(
            self._client,
            "list_instances",
            "Instances",
            ClusterId=self._cluster_id,
            InstanceGroupId=group["Id"],
            InstanceStates=list(LIVE_INSTANCES),
        )
        return tuple(node(instance, 1) for instance in instances)

    def _fleet(self, group: Mapping[str, Any] | None, nodes: tuple[FleetNode, ...]) -> Fleet:
        it = group or {}
        requested, running = it.get("RequestedInstanceCount", 0), it.get("RunningInstanceCount", 0)
        spot = it.get("Market", self._market) == "SPOT"
        return Fleet(
            at=self._clock(),
            id=it.get("Id"),
            collection=Collection.GROUP,
            state=ABSENT if group is None else group["Status"]["State"],
            target_on_demand=0 if spot else requested,
            target_spot=requested if spot else 0,
            provisioned_on_demand=0 if spot else running,
            provisioned_spot=running if spot else 0,
            nodes=nodes,
        )


def _difference(now: Mapping[str, Any] | None, fleet: Fleet, decision: Resize) -> str | None:
    """Why the group now is not the one that was decided on; None when it is."""
    if decision.current != fleet.target:
        return f"decided on {decision.current} instances, the group read had {fleet.target}"
    if now is None:
        return None if fleet.id is None else f"group {fleet.id} is gone"
    if now["Id"] != fleet.id:
        return f"decided on group {fleet.id}, the cluster now has {now['Id']}"
    if now["RequestedInstanceCount"] != fleet.target:
        return f"the requested count has changed from {fleet.target} to {now['RequestedInstanceCount']}"
    return None
