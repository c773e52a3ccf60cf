"""The task instance groups that the agent sizes, as one task capacity: one unit is one instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.actuators.instance_fleet import ABSENT, FLEET_NAME, node
from agent.aws.emr_calls import (
    LIVE_INSTANCES,
    EmrClients,
    ask_once,
    beforehand,
    change,
    outcome,
    pages,
    refused,
)
from agent.domain.decisions import GroupTarget, Outcome, Resize, Result
from agent.domain.faults import Fault
from agent.domain.fleets import RUNNING, Collection, Fleet, FleetNode, TaskGroup
from agent.domain.ports import Clock
from agent.settings_fleet import FleetSettings

GONE = frozenset({"TERMINATING", "TERMINATED", "SHUTTING_DOWN", "ENDED"})

DRAIN_S = 3600
"""How long a node that is named to leave may drain: YARN's own limit on EMR
(yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs), said so that no shorter one that somebody left
in the group's shrink policy holds."""


class InstanceGroups:
    """A FleetReader and FleetActuator over the task groups of a cluster that `fleet.groups` names (by id or name), in
    that order; names of groups that the cluster does not have are passed over.

    Without names: the only task group; of several the first (in EMR's order) on the market that the agent buys on, or
    the first of all.
    """

    def __init__(self, clients: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> None:
        self._clients = clients
        self._client = clients.client
        self._once = clients.once
        self._cluster_id = cluster_id
        self._settings = settings
        self._clock = clock

    def read(self) -> Fleet:
        """The groups with their live instances; `id` is None when the cluster has none of them.

        One ListInstanceGroups, and one ListInstances for each group that is not empty. Raises Fault.
        """
        listed = self._list()
        groups = self._ours(listed)
        nodes = tuple(found for group in groups if not _empty(group) for found in self._nodes(group))
        return self._fleet(groups, nodes, has_core=any(group["InstanceGroupType"] == "CORE" for group in listed))

    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        """Send the decided counts in one request, which EMR takes or refuses as a whole.

        The groups are read again right before, and nothing is sent when they are no longer those that were decided
        on. A scale in is graceful: the instances that are to leave are named in the shrink policy, and drain; should
        they be fewer than go, EMR chooses the others.
        """
        try:
            now = beforehand(self._describe)
            if (difference := _difference(now, fleet, decision)) is not None:
                return refused(difference)
            return self._modify(decision) if now else self._add(decision)
        except Fault as error:
            return outcome(error, decision)

    def _modify(self, decision: Resize) -> Result:
        changes = [_change(group, decision) for group in decision.groups]
        change(
            self._clients,
            decision,
            "ModifyInstanceGroups",
            "modify_instance_groups",
            ClusterId=self._cluster_id,
            InstanceGroups=changes,
        )
        return Result(Outcome.APPLIED, "; ".join(f"{one.id}: {one.target} instances" for one in decision.groups))

    def _add(self, decision: Resize) -> Result:
        """A task group is added by its first scale out, with the first of the configured types and names."""
        if not self._settings.instance_types:
            return refused("the cluster has no task group and fleet.instance_types names no type for one")
        group = {
            "Name": next(iter(self._settings.groups), FLEET_NAME),
            "InstanceRole": "TASK",
            "Market": self._market,
            "InstanceType": self._settings.instance_types[0].instance_type,
            "InstanceCount": decision.target,
        }
        answer = ask_once(
            "AddInstanceGroups",
            self._once.add_instance_groups,
            JobFlowId=self._cluster_id,
            InstanceGroups=[group],
        )
        return Result(Outcome.APPLIED, f"{answer['InstanceGroupIds'][0]}: added with {decision.target} instances")

    @property
    def _market(self) -> str:
        return "ON_DEMAND" if self._settings.on_demand else "SPOT"

    def _describe(self) -> Sequence[Mapping[str, Any]]:
        """Our groups, in their order, in EMR's words."""
        return self._ours(self._list())

    def _list(self) -> Sequence[Mapping[str, Any]]:
        """All of the cluster's groups."""
        return list(pages(self._client, "list_instance_groups", "InstanceGroups", ClusterId=self._cluster_id))

    def _ours(self, listed: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        groups = [
            group for group in listed if group["InstanceGroupType"] == "TASK" and group["Status"]["State"] not in GONE
        ]
        if self._settings.groups:
            return list(_named(groups, self._settings.groups))
        ours = [group for group in groups if group["Market"] == self._market]
        return [*ours, *groups][:1]

    def _nodes(self, group: Mapping[str, Any]) -> Iterator[FleetNode]:
        instances = pages(
            self._client,
            "list_instances",
            "Instances",
            ClusterId=self._cluster_id,
            InstanceGroupId=group["Id"],
            InstanceStates=list(LIVE_INSTANCES),
        )
        return (node({**instance, "InstanceGroupId": group["Id"]}, 1) for instance in instances)

    def _fleet(self, described: Sequence[Mapping[str, Any]], nodes: tuple[FleetNode, ...], *, has_core: bool) -> Fleet:
        groups = tuple(_group(one) for one in described)
        on_demand, spot = (tuple(one for one in groups if one.on_demand is market) for market in (True, False))
        nothing_else = all(group.stopped for group in groups)
        return Fleet(
            at=self._clock(),
            id=",".join(group.id for group in groups) or None,
            collection=Collection.GROUP,
            state=_state(groups),
            target_on_demand=sum(_asked(group, nothing_else) for group in on_demand),
            target_spot=sum(_asked(group, nothing_else) for group in spot),
            provisioned_on_demand=sum(group.provisioned for group in on_demand),
            provisioned_spot=sum(group.provisioned for group in spot),
            nodes=nodes,
            groups=groups,
            has_core=has_core,
        )


def _named(groups: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The first of each name, each group once."""
    left = list(groups)
    for name in names:
        found = next((group for group in left if name in (group["Id"], group.get("Name"))), None)
        if found is not None:
            left.remove(found)
            yield found


def _group(described: Mapping[str, Any]) -> TaskGroup:
    return TaskGroup(
        id=described["Id"],
        state=described["Status"]["State"],
        on_demand=described["Market"] == "ON_DEMAND",
        target=described["RequestedInstanceCount"],
        provisioned=described["RunningInstanceCount"],
    )


def _asked(group: TaskGroup, nothing_else: bool) -> int:
    """What a stopped group has not got it does not get: another one takes it over, where there is one."""
    return group.provisioned if group.stopped and not nothing_else else group.target


def _state(groups: Sequence[TaskGroup]) -> str:
    """That of the groups that can be resized; when none can, that of the first."""
    usable = [group.state for group in groups if group.usable]
    resizing = (state for state in usable if state != RUNNING)
    return next(resizing, None) or next(iter(usable), None) or next((group.state for group in groups), ABSENT)


def _empty(group: Mapping[str, Any]) -> bool:
    return bool(group["RequestedInstanceCount"] == 0 and group["RunningInstanceCount"] == 0)


def _change(group: GroupTarget, decision: Resize) -> Mapping[str, Any]:
    """An InstanceGroupModifyConfig. A scale in always says whom it means: the policy of an earlier one would hold."""
    change: dict[str, Any] = {"InstanceGroupId": group.id, "InstanceCount": group.target}
    if not decision.scales_out:
        policy = {"InstancesToTerminate": list(group.leaving), "InstanceTerminationTimeout": DRAIN_S}
        change["ShrinkPolicy"] = {"DecommissionTimeout": DRAIN_S, "InstanceResizePolicy": policy}
    return change


def _difference(now: Sequence[Mapping[str, Any]], fleet: Fleet, decision: Resize) -> str | None:
    """Why the groups now are not those that were decided on; None when they are."""
    if decision.current != fleet.target:
        return f"decided on {decision.current} instances, the groups read had {fleet.target}"
    found, before = tuple(_group(one) for one in now), fleet.groups
    if [group.id for group in found] != [group.id for group in before]:
        return f"decided on the groups {_ids(before)}, the cluster now has {_ids(found)}"
    for group, then in zip(found, before, strict=True):
        if group.target != then.target:
            return f"the requested count of {group.id} has changed from {then.target} to {group.target}"
        if group.usable != then.usable:
            return f"{group.id} was {then.state} and is {group.state}"
    known = {group.id for group in found if group.usable}
    if found and (not decision.groups or not {group.id for group in decision.groups} <= known):
        return "the decision names no group that can be resized"
    return None


def _ids(groups: Sequence[TaskGroup]) -> str:
    return ", ".join(group.id for group in groups) or "none"
