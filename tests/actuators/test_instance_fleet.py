"""The task fleet, read and resized over HTTP by the agent's own client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.actuators.instance_fleet import InstanceFleets
from agent.domain.decisions import Outcome, Resize
from agent.domain.faults import PermanentFault, TransientFault
from agent.domain.fleets import Collection, Fleet
from agent.sandbox.emr import Market, Quota
from tests.actuators.hands import agent_clients, fleet_settings, resize
from tests.sandbox.emr_world import World, fleets, groups, world

TYPES = [
    {"instance_type": "r5.xlarge", "weighted_capacity": 4},
    {"instance_type": "r5.2xlarge", "weighted_capacity": 8},
]


def hands(it: World, cluster: str, attempts: int = 1, checked: bool = True, **settings: Any) -> InstanceFleets:
    return InstanceFleets(agent_clients(it, attempts, checked), cluster, fleet_settings(**settings), it.clock)


def changes(it: World) -> list[Any]:
    sent = (*it.server.api.calls("ModifyInstanceFleet"), *it.server.api.calls("AddInstanceFleet"))
    return [call.request["InstanceFleet"] for call in sent]


@pytest.mark.parametrize("single", [True, False])
def test_a_cluster_of_one_node_has_no_core_fleet(single: bool) -> None:
    with world() as it:
        made = fleets(task=False)
        instances = {**made, "InstanceFleets": made["InstanceFleets"][:1]} if single else made
        cluster = it.ready(Instances=instances)
        assert hands(it, cluster).read().has_core is not single


def test_a_fleet_is_read_with_its_units_weights_and_hosts() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(weight=4, spot=6, on_demand=1))
        fleet = hands(it, cluster).read()
        assert (fleet.collection, fleet.state, fleet.at) == (Collection.FLEET, "RUNNING", it.clock.now)
        assert (fleet.target_on_demand, fleet.target_spot) == (1, 6)
        assert (fleet.provisioned_on_demand, fleet.provisioned_spot) == (4, 8)
        assert fleet.largest_unit == 4 and fleet.has_core
        assert fleet.nodes is not None and [node.units for node in fleet.nodes] == [4, 4, 4]
        listed = it.instances(cluster, InstanceFleetType="TASK")
        assert [set(n.hosts) for n in fleet.nodes] == [{i["PrivateIpAddress"], i["PrivateDnsName"]} for i in listed]


def test_every_page_of_fleets_and_instances_is_read() -> None:
    with world(page_size=1) as it:
        cluster = it.ready(Instances=fleets(spot=3))
        fleet = hands(it, cluster).read()
        assert fleet.id == it.emr.list_instance_fleets(ClusterId=cluster, Marker="2")["InstanceFleets"][0]["Id"]
        assert fleet.nodes is not None and len(fleet.nodes) == 3


def test_terminated_instances_are_no_nodes_and_new_ones_have_no_hosts_yet() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2))
        it.resize(cluster, spot=1)
        it.pass_time(60)
        it.resize(cluster, spot=2)
        it.pass_time(10)
        fleet = hands(it, cluster).read()
        assert fleet.nodes is not None and sorted(len(node.hosts) for node in fleet.nodes) == [0, 2]


def test_an_empty_fleet_costs_one_call_and_is_settled() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        fleet = hands(it, cluster).read()
        assert fleet.nodes == () and fleet.settled
        assert len(it.server.api.calls("ListInstances")) == 0


def test_a_cluster_without_a_task_fleet_has_a_fleet_without_id() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(task=False))
        fleet = hands(it, cluster, instance_types=TYPES).read()
        assert (fleet.id, fleet.state, fleet.target, fleet.nodes, fleet.largest_unit) == (None, "ABSENT", 0, (), 8)
        assert fleet.settled


def test_a_state_that_nobody_knows_is_kept_and_not_settled() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        it.server.emr.show_state(it.fleet(cluster)["Id"], "REBALANCING")
        fleet = hands(it, cluster, checked=False).read()
        assert (fleet.state, fleet.settled) == ("REBALANCING", False)


def test_a_suspended_fleet_is_not_settled_and_takes_its_target_again() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        it.server.emr.suspend(it.fleet(cluster)["Id"])
        mine = hands(it, cluster)
        fleet = mine.read()
        assert (fleet.state, fleet.settled) == ("SUSPENDED", False)
        assert mine.resize(fleet, resize(1, 2)).outcome is Outcome.APPLIED
        it.pass_time(200)
        assert mine.read().settled


def test_a_scale_out_sends_both_targets_and_only_spot_changes() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2, on_demand=3))
        mine = hands(it, cluster, resize_timeout_minutes=7)
        result = mine.resize(mine.read(), resize(5, 9))
        assert result.outcome is Outcome.APPLIED
        assert changes(it) == [
            {
                "InstanceFleetId": it.fleet(cluster)["Id"],
                "TargetOnDemandCapacity": 3,
                "TargetSpotCapacity": 6,
                "ResizeSpecifications": {"SpotResizeSpecification": {"TimeoutDurationMinutes": 7}},
            }
        ]
        it.pass_time(200)
        assert mine.read().provisioned == 9


def test_on_demand_growth_keeps_the_spot_target() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2, on_demand=1))
        mine = hands(it, cluster, on_demand=True)
        assert mine.resize(mine.read(), resize(3, 5)).outcome is Outcome.APPLIED
        sent = changes(it)[0]
        assert (sent["TargetOnDemandCapacity"], sent["TargetSpotCapacity"]) == (3, 2)
        assert "OnDemandResizeSpecification" in sent["ResizeSpecifications"]


def test_a_scale_in_never_touches_the_other_market() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2, on_demand=3))
        mine = hands(it, cluster)
        assert mine.resize(mine.read(), resize(5, 1)).outcome is Outcome.APPLIED
        sent = changes(it)[0]
        assert (sent["TargetOnDemandCapacity"], sent["TargetSpotCapacity"]) == (3, 0)
        it.pass_time(60)
        again = mine.resize(mine.read(), resize(3, 1))
        assert again.outcome is Outcome.REFUSED and "on-demand" in again.detail
        assert len(changes(it)) == 1


def test_the_first_scale_out_adds_the_task_fleet() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(task=False))
        mine = hands(it, cluster, instance_types=TYPES)
        result = mine.resize(mine.read(), resize(0, 6))
        assert result.outcome is Outcome.APPLIED
        it.pass_time(200)
        fleet = mine.read()
        assert fleet.id is not None and fleet.id in result.detail
        assert (fleet.target_spot, fleet.target_on_demand, fleet.provisioned_spot) == (6, 0, 8)
        assert fleet.settled and fleet.largest_unit == 8
        assert "LaunchSpecifications" not in changes(it)[0]


def test_without_instance_types_no_task_fleet_is_added() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(task=False))
        mine = hands(it, cluster)
        result = mine.resize(mine.read(), resize(0, 6))
        assert result.outcome is Outcome.REFUSED and "fleet.instance_types" in result.detail
        assert changes(it) == []


def test_weights_overshoot_and_the_fleet_is_settled_all_the_same() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(weight=4))
        mine = hands(it, cluster)
        mine.resize(mine.read(), resize(0, 5))
        it.pass_time(200)
        fleet = mine.read()
        assert (fleet.target, fleet.provisioned, fleet.settled) == (5, 8, True)


def test_a_shortage_is_a_shortfall_and_no_error() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        it.server.emr.limit(Market.SPOT, 1)
        mine = hands(it, cluster, resize_timeout_minutes=5)
        assert mine.resize(mine.read(), resize(0, 3)).outcome is Outcome.APPLIED
        it.pass_time(400)
        fleet = mine.read()
        assert (fleet.state, fleet.shortfall, fleet.settled) == ("RUNNING", 2, False)


def changed(it: World, cluster: str, fleet: Fleet) -> None:
    it.resize(cluster, spot=3)


def changed_but_the_sum(it: World, cluster: str, fleet: Fleet) -> None:
    it.resize(cluster, spot=1, on_demand=1)


@pytest.mark.parametrize("other_hand", [changed, changed_but_the_sum])
def test_nothing_is_sent_when_another_hand_has_changed_the_targets(other_hand: Any) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2))
        mine = hands(it, cluster)
        fleet = mine.read()
        other_hand(it, cluster, fleet)
        before = changes(it)
        result = mine.resize(fleet, resize(2, 7))
        assert result.outcome is Outcome.REFUSED and "targets have changed" in result.detail
        assert changes(it) == before


def test_nothing_is_sent_for_a_decision_about_another_target_or_another_fleet() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(task=False))
        mine = hands(it, cluster, instance_types=TYPES)
        absent = mine.read()
        assert mine.resize(absent, resize(4, 6)).outcome is Outcome.REFUSED
        mine.resize(absent, resize(0, 4))
        assert mine.resize(absent, resize(0, 4)).outcome is Outcome.REFUSED, "added meanwhile: not a second one"
        assert len(changes(it)) == 1
        there = mine.read()
        other = hands(it, it.ready(Instances=fleets(task=False)), instance_types=TYPES)
        gone = other.resize(there, resize(4, 8))
        assert gone.outcome is Outcome.REFUSED and "is gone" in gone.detail


def test_a_refusal_of_emr_is_refused_with_its_text() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster)
        fleet = mine.read()
        it.server.api.fail_next("ModifyInstanceFleet", code="InvalidRequestException", status=400)
        result = mine.resize(fleet, resize(1, 2))
        assert result.outcome is Outcome.REFUSED and "InvalidRequestException" in result.detail


def test_a_cluster_that_is_ending_refuses() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster)
        fleet = mine.read()
        with it.server.emr.lock:
            it.server.emr.cluster(cluster).end("USER_REQUEST", "", it.clock.now)
        result = mine.resize(fleet, resize(1, 2))
        assert result.outcome is Outcome.REFUSED and "may not be modified" in result.detail


@pytest.mark.parametrize("operation", ["ListInstanceFleets", "ModifyInstanceFleet"])
def test_a_500_that_stays_is_failed(operation: str) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster, attempts=2)
        fleet = mine.read()
        it.server.api.fail_next(operation, times=2)
        result = mine.resize(fleet, resize(1, 2))
        assert result.outcome is Outcome.FAILED and "InternalServerException" in result.detail
        assert it.fleet(cluster)["TargetSpotCapacity"] == 1


def test_a_500_after_the_deed_is_repeated_without_harm() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster, attempts=2)
        fleet = mine.read()
        it.server.api.fail_next("ModifyInstanceFleet", applied=True)
        assert mine.resize(fleet, resize(1, 2)).outcome is Outcome.APPLIED
        assert it.fleet(cluster)["TargetSpotCapacity"] == 2
        assert len(changes(it)) == 2


def test_throttling_is_transient_for_a_read_and_failed_for_a_resize() -> None:
    quotas = {"ListInstanceFleets": Quota(3, 0), "ModifyInstanceFleet": Quota(0, 0)}
    with world(quotas=quotas) as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster)
        fleet = mine.read()
        result = mine.resize(fleet, resize(1, 2))
        assert result.outcome is Outcome.FAILED and "Rate exceeded" in result.detail
        mine.read()
        with pytest.raises(TransientFault, match="Rate exceeded") as caught:
            mine.read()
        assert caught.value.__cause__ is not None


def asked_for(current: int, target: int) -> Resize:
    return replace(resize(current, target), request="r")


@pytest.mark.parametrize(
    "quotas", [{"ModifyInstanceFleet": Quota(0, 0)}, {"ListInstanceFleets": Quota(1, 0)}], ids=["sent", "not sent"]
)
def test_what_somebody_asked_for_and_emr_had_no_time_for_is_postponed(quotas: dict[str, Quota]) -> None:
    with world(quotas=quotas) as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster, attempts=3)
        result = mine.resize(mine.read(), asked_for(1, 2))
        assert result.outcome is Outcome.POSTPONED and "Rate exceeded" in result.detail
        assert len(it.server.api.calls("ModifyInstanceFleet")) <= 1, "the next turn is the next attempt"


def test_a_first_fleet_that_was_asked_for_is_postponed_too() -> None:
    with world(quotas={"AddInstanceFleet": Quota(0, 0)}) as it:
        mine = hands(it, it.ready(Instances=fleets(task=False)), instance_types=TYPES)
        assert mine.resize(mine.read(), asked_for(0, 4)).outcome is Outcome.POSTPONED


def test_a_lost_answer_and_then_no_time_is_not_postponed() -> None:
    """The first attempt was a yes: asked for again, five more would be ten."""
    with world(quotas={"ModifyInstanceFleet": Quota(1, 0)}) as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster)
        fleet = mine.read()
        it.server.api.fail_next("ModifyInstanceFleet", applied=True)
        result = mine.resize(fleet, asked_for(1, 6))
        assert result.outcome is Outcome.FAILED and "Rate exceeded" in result.detail
        assert it.fleet(cluster)["TargetSpotCapacity"] == 6


def test_a_lost_answer_to_what_somebody_asked_for_is_repeated_without_harm() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster)
        fleet = mine.read()
        it.server.api.fail_next("ModifyInstanceFleet", applied=True)
        assert mine.resize(fleet, asked_for(1, 6)).outcome is Outcome.APPLIED
        assert it.fleet(cluster)["TargetSpotCapacity"] == 6


def test_an_unreachable_emr_is_transient_and_failed() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        mine = hands(it, cluster)
        fleet = mine.read()
    with pytest.raises(TransientFault):
        mine.read()
    assert mine.resize(fleet, resize(1, 2)).outcome is Outcome.FAILED


def test_a_cluster_of_groups_is_a_permanent_fault() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups())
        with pytest.raises(PermanentFault, match="instance groups"):
            hands(it, cluster).read()


def test_a_lost_answer_to_the_first_scale_out_is_not_known_and_not_asked_again() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(task=False))
        mine = hands(it, cluster, attempts=3, checked=False, instance_types=TYPES)
        it.server.api.fail_next("AddInstanceFleet", applied=True)
        assert mine.resize(mine.read(), resize(0, 8)).outcome is Outcome.FAILED
        assert len(it.server.api.calls("AddInstanceFleet")) == 1
        assert mine.read().target == 8
