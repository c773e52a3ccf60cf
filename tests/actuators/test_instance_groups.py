"""The task group, read and resized over HTTP by the agent's own client."""

from __future__ import annotations

from typing import Any

import pytest

from agent.actuators.instance_groups import InstanceGroups
from agent.domain.decisions import Outcome
from agent.domain.faults import PermanentFault, TransientFault
from agent.domain.fleets import Collection
from agent.sandbox.emr import Quota
from tests.actuators.hands import agent_clients, fleet_settings, resize
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
        assert fleet.largest_unit == 1 and fleet.settled
        assert fleet.nodes is not None
        assert [(len(node.hosts), node.units) for node in fleet.nodes] == [(2, 1), (2, 1)]


def test_a_group_grows_and_shrinks_and_settles() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        mine = hands(it, cluster)
        assert mine.resize(mine.read(), resize(1, 3)).outcome is Outcome.APPLIED
        it.pass_time(10)
        assert not mine.read().settled
        it.pass_time(200)
        fleet = mine.read()
        assert fleet.settled and fleet.provisioned == 3
        assert mine.resize(fleet, resize(3, 0)).outcome is Outcome.APPLIED
        it.pass_time(60)
        assert mine.read().provisioned == 0 and mine.read().nodes == ()
        assert [sent["ClusterId"] for sent in changes(it)] == [cluster, cluster]
        assert changes(it)[1]["InstanceGroups"] == [{"InstanceGroupId": fleet.id, "InstanceCount": 0}]


def test_of_several_task_groups_the_first_on_our_market_is_taken_unless_one_is_named() -> None:
    on_demand, first, second = (
        task_group(1, "ON_DEMAND", Name="steady"), task_group(2, Name="a"), task_group(3, Name="b"),
    )  # fmt: skip
    with world() as it:
        cluster = it.ready(Instances=groups(on_demand, first, second))
        assert hands(it, cluster).read().target_spot == 2
        assert hands(it, cluster, on_demand=True).read().target_on_demand == 1
        assert hands(it, cluster, group="b").read().target == 3
        by_id = hands(it, cluster, group=it.group(cluster)["Id"]).read()
        assert (by_id.target_on_demand, by_id.provisioned_on_demand) == (1, 1)
        assert hands(it, cluster, group="none").read().id is None


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
        other.resize(other.read(), resize(1, 2))
        result = mine.resize(fleet, resize(1, 5))
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
        assert "is gone" in other.resize(there, resize(1, 2)).detail


def test_faults_are_the_result_of_a_resize_and_raised_by_a_read() -> None:
    with world(quotas={"ModifyInstanceGroups": Quota(0, 0)}) as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        mine = hands(it, cluster)
        assert mine.resize(mine.read(), resize(1, 2)).outcome is Outcome.FAILED
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
