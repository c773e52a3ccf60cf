"""Guard: a resize of several task groups is one of each, in the order of the settings.

Growth fills the first group that takes it: one that is stopped, full, or lately short is passed over. What is given
back is first what has not come, then nodes by what they hold (see `shrink`), of equal ones those of the last group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from agent.domain.decisions import Decision, GroupTarget, Reason, Resize
from agent.domain.fleets import Fleet, FleetNode, TaskGroup
from agent.domain.observation import Observation
from agent.policy.reasons import Why
from agent.policy.shortage import short_groups
from agent.policy.shrink import leaving_order
from agent.settings import Settings

GROUP_LIMIT = 2000
"""Instances of one group at most (EMR service quotas)."""


def placed(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """The same resize with what it means for each group. One group grows at a time, so that the market is one."""
    fleet = observation.fleet
    if not isinstance(decision, Resize) or fleet is None or not fleet.groups:
        return decision
    if decision.scales_out:
        return _grown(observation, fleet, decision, settings)
    return _shrunk(observation, fleet, decision)


def _grown(observation: Observation, fleet: Fleet, decision: Resize, settings: Settings) -> Decision:
    short = short_groups(observation.history.shortage, observation.at, settings)
    group = next((one for one in fleet.groups if one.usable and one.id not in short and one.target < GROUP_LIMIT), None)
    if group is None:
        text = "each task group is stopped, full, or was short of capacity lately"
        return decision.withheld(Reason(Why.NO_GROUP, text))
    room = GROUP_LIMIT - group.target
    if decision.target - decision.current > room:
        text = f"{group.id} takes {room} instances more, up to EMR's {GROUP_LIMIT}; another group has the next turn"
        limited = decision.limited_to(decision.current + room, Reason(Why.NO_GROUP, text))
        if not isinstance(limited, Resize):
            return limited
        decision = limited
    return _told(fleet, decision, (GroupTarget(group.id, group.target + decision.target - decision.current),))


def _shrunk(observation: Observation, fleet: Fleet, decision: Resize) -> Decision:
    """Each group that gets smaller, with its instances in the order in which they are to leave."""
    nodes, units = leaving_order(observation, fleet), decision.current - decision.target
    ordered = [*_unfilled(fleet, nodes), *_surplus_left_out(fleet, nodes), *_unlisted(fleet, nodes)]
    if len(ordered) < units:
        text = f"the groups that can be resized have {len(ordered)} instances to give back, not {units}"
        limited = decision.limited_to(decision.current - len(ordered), Reason(Why.NO_GROUP, text))
        if not isinstance(limited, Resize):
            return limited
        decision = limited
    less = Counter(ordered[:units])
    smaller = tuple(_smaller(group, group.target - less[group.id], nodes) for group in fleet.groups if less[group.id])
    return _told(fleet, decision, smaller)


def _smaller(group: TaskGroup, target: int, nodes: tuple[FleetNode, ...]) -> GroupTarget:
    """An instance that EC2 has not given yet has no id to be named by: EMR chooses it by itself."""
    members = [node.id for node in nodes if node.group == group.id]
    going = members[: max(0, len(members) - target)]
    return GroupTarget(group.id, target, tuple(id for id in going if id))


def _unfilled(fleet: Fleet, nodes: tuple[FleetNode, ...]) -> Iterator[str]:
    """A group's id for each instance that was asked for and is not even listed, the last group first."""
    listed = Counter(node.group for node in nodes)
    for group in reversed(fleet.groups):
        if group.usable:
            yield from [group.id] * max(0, group.target - max(listed[group.id], group.provisioned))


def _surplus_left_out(fleet: Fleet, nodes: tuple[FleetNode, ...]) -> Iterator[str]:
    """The group's id of each node; of those above its group's target, which leave already, none."""
    surplus = Counter(node.group for node in nodes)
    surplus.subtract({group.id: group.target for group in fleet.groups})
    for node in nodes:
        if surplus[node.group] > 0:
            surplus[node.group] -= 1
        else:
            yield node.group


def _unlisted(fleet: Fleet, nodes: tuple[FleetNode, ...]) -> Iterator[str]:
    """Instances that are there and were not listed go last: nobody knows what they hold."""
    listed = Counter(node.group for node in nodes)
    for group in reversed(fleet.groups):
        if group.usable:
            yield from [group.id] * max(0, min(group.target, group.provisioned) - listed[group.id])


def _told(fleet: Fleet, decision: Resize, groups: tuple[GroupTarget, ...]) -> Resize:
    """With the on-demand part that follows, for what it costs."""
    before = {group.id: group.target for group in fleet.groups if group.on_demand}
    more = sum(group.target - before[group.id] for group in groups if group.id in before)
    return replace(decision, groups=groups, on_demand=fleet.target_on_demand + more)
