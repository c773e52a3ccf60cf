"""The task group, read and resized over HTTP by the agent's own client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.actuators.instance_groups import InstanceGroups
from agent.domain.decisions import Outcome
from agent.domain.faults import PermanentFault, TransientFault
from agent.domain.fleets import Collection
from agent.domain.readings import Application
from agent.sandbox.emr import Quota, TimedNodes
from tests.actuators.hands import agent_clients, fleet_settings, placed, resize
from tests.policy.build import node, reading
from tests.sandbox.emr_world import World, fleets, groups, task_group, world

TYPES = [{"instance_type": "r5.xlarge"}, {"instance_type": "r5.2xlarge"}]


def hands(it: World, cluster: str, attempts: int = 1, checked: bool = True, **settings: Any) -> InstanceGroups:
    return InstanceGroups(agent_clients(it, attempts, checked), cluster, fleet_settings(**settings), it.clock)


def changes(it: World) -> list[Any]:
    return [call.request for call in it.server.api.calls("ModifyInstanceGroups")]


def test_a_group_is_read_in_instances_of_its_market() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(2)))
        fleet = hands(it, cluster).read()
        assert (fleet.id, fleet.collection, fleet.state) == (it.group(cluster)["Id"], Collection.GROUP, "RUNNING")
        assert (fleet.target_spot, fleet.target_on_demand, fleet.provisioned_spot) == (2, 0, 2)
        assert fleet.largest_unit == 1 and fleet.settled and fleet.has_core
        assert fleet.nodes is not None
        assert [(len(node.hosts), node.units) for node in fleet.nodes] == [(2, 1), (2, 1)]


def test_a_group_grows_and_shrinks_and_settles() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        mine = hands(it, cluster)
        fleet = mine.read()
        assert mine.resize(fleet, placed(fleet, 3)).outcome is Outcome.APPLIED
        it.pass_time(10)
        assert not mine.read().settled
        it.pass_time(200)
        fleet = mine.read()
        assert fleet.settled and fleet.provisioned == 3
        assert mine.resize(fleet, placed(fleet, 0)).outcome is Outcome.APPLIED
        it.pass_time(60)
        assert mine.read().provisioned == 0 and mine.read().nodes == ()
        assert [sent["ClusterId"] for sent in changes(it)] == [cluster, cluster]
        grown, shrunk = (sent["InstanceGroups"] for sent in changes(it))
        assert grown == [{"InstanceGroupId": fleet.id, "InstanceCount": 3}]
        assert shrunk[0]["InstanceCount"] == 0
        assert fleet.nodes is not None
        named = shrunk[0]["ShrinkPolicy"]["InstanceResizePolicy"]["InstancesToTerminate"]
        assert sorted(named) == sorted(node.id for node in fleet.nodes)


def test_of_several_task_groups_the_first_on_our_market_is_taken_unless_one_is_named() -> None:
    on_demand, first, second = (
        task_group(1, "ON_DEMAND", Name="steady"), task_group(2, Name="a"), task_group(3, Name="b"),
    )  # fmt: skip
    with world() as it:
        cluster = it.ready(Instances=groups(on_demand, first, second))
        assert hands(it, cluster).read().target_spot == 2
        assert hands(it, cluster, on_demand=True).read().target_on_demand == 1
        assert hands(it, cluster, groups=["b"]).read().target == 3
        by_id = hands(it, cluster, groups=[it.group(cluster)["Id"]]).read()
        assert (by_id.target_on_demand, by_id.provisioned_on_demand) == (1, 1)
        assert hands(it, cluster, groups=["none"]).read().id is None


def test_several_groups_are_one_capacity_in_the_order_of_their_names() -> None:
    with world() as it:
        cluster = it.ready(
            Instances=groups(
                task_group(1, "ON_DEMAND", Name="steady"), task_group(2, Name="a"), task_group(3, Name="b")
            )
        )
        fleet = hands(it, cluster, groups=["b", "none", "steady"]).read()
        assert (fleet.target_spot, fleet.target_on_demand) == (3, 1)
        assert (fleet.provisioned_spot, fleet.provisioned_on_demand) == (3, 1)
        assert [(group.on_demand, group.target) for group in fleet.groups] == [(False, 3), (True, 1)]
        assert fleet.settled and fleet.nodes is not None
        assert [node.group for node in fleet.nodes] == [fleet.groups[0].id] * 3 + [fleet.groups[1].id]


def test_growth_goes_to_the_first_group_and_past_one_that_is_stopped() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1, Name="a"), task_group(1, "ON_DEMAND", Name="b")))
        mine = hands(it, cluster, groups=["a", "b"])
        fleet = mine.read()
        assert mine.resize(fleet, placed(fleet, 4)).outcome is Outcome.APPLIED
        it.pass_time(200)
        first, second = (group.id for group in fleet.groups)
        assert [(group.id, group.provisioned) for group in mine.read().groups] == [(first, 3), (second, 1)]
        it.server.emr.hold_state(first, "ARRESTED")
        stopped = mine.read()
        assert (stopped.state, stopped.target, stopped.provisioned) == ("RUNNING", 4, 4)
        more = placed(stopped, 6)
        assert more.on_demand == 3, "what is bought is on demand, and the cap in money has to know"
        assert mine.resize(stopped, more).outcome is Outcome.APPLIED
        it.pass_time(200)
        assert [group.provisioned for group in mine.read().groups] == [3, 3]
        assert len(changes(it)) == 2


def test_what_a_stopped_group_has_not_got_is_no_order_and_is_counted_where_nothing_else_is() -> None:
    with world() as it:
        assert isinstance(it.server.nodes, TimedNodes)
        bad = task_group(0, Name="a", InstanceType="r5.2xlarge")
        cluster = it.ready(Instances=groups(bad, task_group(2, Name="b")))
        it.server.nodes.broken_types.add("r5.2xlarge")
        both, alone = hands(it, cluster, groups=["a", "b"]), hands(it, cluster, groups=["a"])
        fleet = both.read()
        assert both.resize(fleet, placed(fleet, 5)).outcome is Outcome.APPLIED
        it.pass_time(400)
        assert (both.read().target, both.read().provisioned, both.read().state) == (2, 2, "RUNNING")
        assert (alone.read().target, alone.read().provisioned, alone.read().state) == (3, 0, "SUSPENDED")


def test_nodes_without_work_leave_before_those_with_it_and_masters_stay() -> None:
    """The sandbox would choose others: to it all are idle, and the newest go first."""
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(3, Name="a"), task_group(3, Name="b")))
        mine = hands(it, cluster, groups=["a", "b"])
        fleet = mine.read()
        assert fleet.nodes is not None
        hosts = [one.hosts[0] for one in fleet.nodes]
        works, idle, shuffles, master, light, heavy = hosts
        seen = reading(
            nodes=(
                node(works, 1024.0), node(idle), node(shuffles), node(master, 1024.0),
                node(light, 1024.0), node(heavy, 1024.0),
            ),
            applications=(
                Application(id="app", name="app", state="RUNNING", memory_used_mb=0.0, master_host=master),
            ),
        )  # fmt: skip
        shuffle = {shuffles: 5e9, light: 1e9, heavy: 2e9}
        decision = placed(fleet, 2, reading=seen, shuffle=shuffle)
        ids = {one.hosts[0]: one.id for one in fleet.nodes}
        assert [(one.target, one.leaving) for one in decision.groups] == [
            (1, (ids[idle], ids[shuffles])),
            (1, (ids[light], ids[heavy])),
        ]
        assert mine.resize(fleet, decision).outcome is Outcome.APPLIED
        assert len(changes(it)) == 1, "both groups in one request, which EMR takes or refuses as a whole"
        it.pass_time(60)
        left = mine.read()
        assert left.nodes is not None and [one.hosts[0] for one in left.nodes] == [works, master]


def test_idle_nodes_of_the_last_group_leave_first() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(2, Name="a"), task_group(2, Name="b")))
        mine = hands(it, cluster, groups=["b", "a"])
        fleet = mine.read()
        assert fleet.nodes is not None
        idle = reading(nodes=tuple(node(one.hosts[0]) for one in fleet.nodes))
        first, last = fleet.groups
        assert [(one.id, one.target) for one in placed(fleet, 2, reading=idle).groups] == [(last.id, 0)]
        assert [(one.id, one.target) for one in placed(fleet, 1, reading=idle).groups] == [(first.id, 1), (last.id, 0)]


def test_what_has_not_come_is_given_back_before_what_is_there() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(2, Name="a"), task_group(0, Name="b")))
        mine = hands(it, cluster, groups=["a", "b"])
        fleet = mine.read()
        mine.resize(fleet, placed(fleet, 4))
        it.pass_time(10)
        growing = mine.read()
        assert growing.nodes is not None
        there = {one.id for one in growing.nodes if one.running}
        back = placed(growing, 2)
        assert not there & {id for one in back.groups for id in one.leaving}
        assert mine.resize(growing, back).outcome is Outcome.APPLIED
        it.pass_time(300)
        left = mine.read()
        assert left.nodes is not None and {one.id for one in left.nodes} == there


@pytest.mark.parametrize("state", ["RECONFIGURING", "SUSPENDED", "ARRESTED", "MEDITATING"])
def test_nothing_is_sent_to_a_group_that_has_stopped_since_the_decision(state: str) -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1, Name="a"), task_group(1, Name="b")))
        mine = hands(it, cluster, checked=False, groups=["a", "b"])
        fleet = mine.read()
        it.server.emr.hold_state(fleet.groups[0].id, state)
        result = mine.resize(fleet, placed(fleet, 4))
        assert result.outcome is Outcome.REFUSED and state in result.detail
        assert changes(it) == []


def test_an_only_task_group_is_taken_whatever_its_market() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1, "ON_DEMAND")))
        assert hands(it, cluster).read().target_on_demand == 1


def test_the_first_scale_out_adds_a_spot_task_group() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups())
        mine = hands(it, cluster, instance_types=TYPES)
        absent = mine.read()
        assert (absent.id, absent.settled) == (None, True)
        assert hands(it, cluster).resize(absent, resize(0, 2)).outcome is Outcome.REFUSED, "no type is configured"
        assert mine.resize(absent, resize(0, 2)).outcome is Outcome.APPLIED
        it.pass_time(200)
        group = it.group(cluster)
        assert (group["Market"], group["InstanceType"], group["RunningInstanceCount"]) == ("SPOT", "r5.xlarge", 2)
        assert mine.read().id == group["Id"]


def test_nothing_is_sent_when_the_group_has_changed_since_the_decision() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        mine = hands(it, cluster)
        fleet = mine.read()
        other = hands(it, cluster)
        other.resize(fleet, placed(fleet, 2))
        result = mine.resize(fleet, placed(fleet, 5))
        assert result.outcome is Outcome.REFUSED and "from 1 to 2" in result.detail
        assert mine.resize(mine.read(), resize(1, 5)).outcome is Outcome.REFUSED
        assert len(changes(it)) == 1


def test_a_group_that_was_added_or_is_gone_meanwhile_is_not_resized() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups())
        mine = hands(it, cluster, instance_types=TYPES)
        absent = mine.read()
        mine.resize(absent, resize(0, 1))
        assert mine.resize(absent, resize(0, 1)).outcome is Outcome.REFUSED
        there = mine.read()
        other = hands(it, it.ready(Instances=groups()), instance_types=TYPES)
        assert "now has none" in other.resize(there, resize(there.target, 2)).detail


def test_faults_are_the_result_of_a_resize_and_raised_by_a_read() -> None:
    with world(quotas={"ModifyInstanceGroups": Quota(0, 0)}) as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        mine = hands(it, cluster)
        fleet = mine.read()
        decision = placed(fleet, 2)
        assert mine.resize(fleet, decision).outcome is Outcome.FAILED
        assert mine.resize(fleet, replace(decision, request="r")).outcome is Outcome.POSTPONED
        it.server.api.fail_next("ListInstanceGroups")
        with pytest.raises(TransientFault):
            mine.read()
        with pytest.raises(PermanentFault, match="uses instance fleets"):
            hands(it, it.ready(Instances=fleets())).read()


def test_a_lost_answer_to_the_first_scale_out_adds_no_second_group() -> None:
    """botocore would send it again, and EMR allows many task groups: twice the capacity, past every maximum."""
    with world() as it:
        cluster = it.ready(Instances=groups())
        mine = hands(it, cluster, attempts=3, checked=False, instance_types=TYPES)
        it.server.api.fail_next("AddInstanceGroups", applied=True)
        assert mine.resize(mine.read(), resize(0, 2)).outcome is Outcome.FAILED
        assert len(it.server.api.calls("AddInstanceGroups")) == 1
        assert mine.read().target == 2
