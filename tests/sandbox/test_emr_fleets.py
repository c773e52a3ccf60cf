"""Instance fleets over HTTP, with the time stepped by the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sandbox.emr import Delays, Market, SecondResize, TimedNodes
from agent.sandbox.emr.clockwork import Clockwork
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.processes import StepProcesses
from tests.sandbox.emr_world import DELAYS, ManualClock, fleets, world


def provisioned(fleet: Any) -> int:
    return int(fleet["ProvisionedSpotCapacity"]) + int(fleet["ProvisionedOnDemandCapacity"])


def test_the_fleets_of_run_job_flow_are_listed_with_their_targets() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2))
        listed = it.emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
        assert [f["InstanceFleetType"] for f in listed] == ["MASTER", "CORE", "TASK"]
        assert [f["Status"]["State"] for f in listed] == ["RUNNING"] * 3
        assert (listed[2]["TargetSpotCapacity"], listed[2]["ProvisionedSpotCapacity"]) == (2, 2)
        assert it.cluster(cluster)["InstanceCollectionType"] == "INSTANCE_FLEET"


def test_a_scale_out_is_provisioned_then_bootstrapped_then_running() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        it.resize(cluster, spot=1)
        assert it.fleet(cluster)["Status"]["State"] == "RUNNING", "right after the call nothing shows yet"
        seen = []
        for _ in range(38):
            it.pass_time(5)
            states = [i["Status"]["State"] for i in it.instances(cluster, InstanceFleetType="TASK")]
            now = (it.fleet(cluster)["Status"]["State"], *states)
            if not seen or seen[-1] != now:
                seen.append(now)
        assert seen == [("RESIZING", "PROVISIONING"), ("RESIZING", "BOOTSTRAPPING"), ("RUNNING", "RUNNING")]
        assert it.clock.now - 240 - 1_700_000_000 >= 180


def test_weights_overshoot_the_target_by_less_than_one_instance() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(weight=4))
        it.resize(cluster, spot=6)
        it.pass_time(200)
        fleet = it.fleet(cluster)
        assert (fleet["TargetSpotCapacity"], fleet["ProvisionedSpotCapacity"]) == (6, 8)
        assert len(it.instances(cluster, InstanceFleetId=fleet["Id"])) == 2


def test_a_scale_in_drains_idle_instances_first_and_counts_them_until_they_are_gone() -> None:
    with world() as it:
        assert isinstance(it.server.nodes, TimedNodes)
        cluster = it.ready(Instances=fleets(spot=3))
        instances = it.instances(cluster, InstanceFleetType="TASK")
        it.server.nodes.busy |= {instances[0]["Id"], instances[2]["Id"]}
        it.resize(cluster, spot=2)
        it.pass_time(10)
        assert it.fleet(cluster)["Status"]["State"] == "RESIZING"
        assert it.fleet(cluster)["ProvisionedSpotCapacity"] == 3
        it.pass_time(40)
        assert (it.fleet(cluster)["Status"]["State"], it.fleet(cluster)["ProvisionedSpotCapacity"]) == ("RUNNING", 2)
        ended = it.instances(cluster, InstanceFleetType="TASK", InstanceStates=["TERMINATED"])
        assert [i["Id"] for i in ended] == [instances[1]["Id"]]
        assert ended[0]["Status"]["Timeline"]["EndDateTime"].timestamp() <= it.clock.now


def test_a_scale_in_never_goes_below_the_target() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(weight=4, spot=8))
        it.resize(cluster, spot=3)
        it.pass_time(60)
        assert it.fleet(cluster)["ProvisionedSpotCapacity"] == 4


def test_a_new_resize_is_taken_while_the_last_one_goes_on() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        it.resize(cluster, spot=4)
        it.pass_time(10)
        assert it.fleet(cluster)["Status"]["State"] == "RESIZING"
        it.resize(cluster, spot=1, on_demand=1)
        it.pass_time(200)
        fleet = it.fleet(cluster)
        assert (fleet["ProvisionedSpotCapacity"], fleet["ProvisionedOnDemandCapacity"]) == (1, 1)
        assert fleet["Status"]["State"] == "RUNNING"


def test_a_second_resize_can_wait_for_the_first_and_a_third_takes_its_place() -> None:
    with world(delays=replace(DELAYS, second_resize=SecondResize.QUEUED)) as it:
        cluster = it.ready(Instances=fleets())
        it.resize(cluster, spot=4)
        it.pass_time(10)
        it.resize(cluster, spot=1)
        it.resize(cluster, spot=2)
        it.pass_time(100)
        assert it.fleet(cluster)["TargetSpotCapacity"] == 4, "the first one goes on"
        it.pass_time(80)
        fleet = it.fleet(cluster)
        assert (fleet["TargetSpotCapacity"], fleet["ProvisionedSpotCapacity"]) == (2, 4)
        it.pass_time(60)
        assert provisioned(it.fleet(cluster)) == 2


def test_a_queued_resize_begins_when_the_first_one_has_timed_out() -> None:
    timeout = {"SpotResizeSpecification": {"TimeoutDurationMinutes": 10}}
    with world(delays=replace(DELAYS, second_resize=SecondResize.QUEUED)) as it:
        cluster = it.ready(Instances=fleets())
        it.server.emr.limit(Market.SPOT, 1)
        it.resize(cluster, spot=5, ResizeSpecifications=timeout)
        it.pass_time(300)
        it.resize(cluster, spot=1, on_demand=2)
        it.pass_time(290)
        assert provisioned(it.fleet(cluster)) == 1
        it.pass_time(300)
        fleet = it.fleet(cluster)
        assert (fleet["ProvisionedSpotCapacity"], fleet["ProvisionedOnDemandCapacity"]) == (1, 2)


def test_a_fleet_that_is_being_reconfigured_takes_no_new_target() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        it.server.emr.hold_state(it.fleet(cluster)["Id"], "RECONFIGURING")
        with pytest.raises(ClientError, match="is being reconfigured") as caught:
            it.resize(cluster, spot=2)
        assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
        it.pass_time(100)
        it.server.emr.hold_state(it.fleet(cluster)["Id"], None)
        it.resize(cluster, spot=2)
        it.pass_time(200)
        assert provisioned(it.fleet(cluster)) == 2


def test_a_shortage_ends_with_the_resize_timeout_and_leaves_a_shortfall() -> None:
    timeout = {"SpotResizeSpecification": {"TimeoutDurationMinutes": 10}}
    with world() as it:
        cluster = it.ready(Instances=fleets())
        it.server.emr.limit(Market.SPOT, 2)
        it.resize(cluster, spot=5, ResizeSpecifications=timeout)
        it.pass_time(590)
        assert it.fleet(cluster)["Status"]["State"] == "RESIZING"
        it.pass_time(20)
        fleet = it.fleet(cluster)
        assert (fleet["Status"]["State"], fleet["TargetSpotCapacity"], provisioned(fleet)) == ("RUNNING", 5, 2)
        assert fleet["ResizeSpecifications"] == timeout
        it.server.emr.limit(Market.SPOT, None)
        it.pass_time(300)
        assert provisioned(it.fleet(cluster)) == 2, "EMR has stopped trying"
        it.resize(cluster, spot=5)
        it.pass_time(300)
        assert provisioned(it.fleet(cluster)) == 5


def test_an_interrupted_instance_is_replaced_toward_the_target() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=2))
        lost = it.instances(cluster, InstanceFleetType="TASK")[0]
        it.server.interrupt(lost["Ec2InstanceId"])
        it.pass_time(20)
        assert provisioned(it.fleet(cluster)) == 1
        assert it.fleet(cluster)["Status"]["State"] == "RESIZING"
        it.pass_time(200)
        assert provisioned(it.fleet(cluster)) == 2
        ended = it.instances(cluster, InstanceFleetType="TASK", InstanceStates=["TERMINATED"])
        assert ended[0]["Status"]["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"


def test_bootstrap_failures_suspend_the_fleet_until_a_target_is_sent_again() -> None:
    with world() as it:
        assert isinstance(it.server.nodes, TimedNodes)
        cluster = it.ready(Instances=fleets())
        it.server.nodes.broken_types.add("r5.xlarge")
        it.resize(cluster, spot=1)
        it.pass_time(600)
        fleet = it.fleet(cluster)
        assert (fleet["Status"]["State"], provisioned(fleet)) == ("SUSPENDED", 0)
        assert it.state(cluster) == "WAITING"
        assert len(it.instances(cluster, InstanceFleetType="TASK")) == 1, "a suspended fleet does not try again"
        it.server.nodes.broken_types.clear()
        it.resize(cluster, spot=1)
        it.pass_time(200)
        assert (it.fleet(cluster)["Status"]["State"], provisioned(it.fleet(cluster))) == ("RUNNING", 1)


def test_a_task_fleet_can_be_added_once() -> None:
    added = {
        "InstanceFleetType": "TASK",
        "TargetSpotCapacity": 3,
        "InstanceTypeConfigs": [{"InstanceType": "r5.xlarge", "WeightedCapacity": 2}],
    }
    with world() as it:
        cluster = it.ready(Instances=fleets(task=False))
        answer = it.emr.add_instance_fleet(ClusterId=cluster, InstanceFleet=added)
        it.pass_time(200)
        assert it.fleet(cluster)["Id"] == answer["InstanceFleetId"]
        assert it.fleet(cluster)["ProvisionedSpotCapacity"] == 4
        with pytest.raises(ClientError, match="already has an instance fleet of type TASK"):
            it.emr.add_instance_fleet(ClusterId=cluster, InstanceFleet=added)


def modify(**config: Any) -> Any:
    return lambda it, cluster, fleet: it.emr.modify_instance_fleet(
        ClusterId=cluster, InstanceFleet={"InstanceFleetId": fleet, **config}
    )


def add(**config: Any) -> Any:
    types = [{"InstanceType": "r5.xlarge"}]
    return lambda it, cluster, _: it.emr.add_instance_fleet(
        ClusterId=cluster, InstanceFleet={"InstanceTypeConfigs": types, **config}
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (modify(TargetSpotCapacity=1), "should have both targetOnDemandCapacity and targetSpotCapacity specified"),
        (modify(TargetOnDemandCapacity=1), "should have both"),
        (modify(InstanceFleetId="if-none", TargetOnDemandCapacity=0, TargetSpotCapacity=1), "'if-none' is not valid"),
        (
            modify(ResizeSpecifications={"SpotResizeSpecification": {"TimeoutDurationMinutes": 4}}),
            "between 5 and 10080",
        ),
        (add(InstanceFleetType="TASK"), "greater than 0"),
        (add(InstanceFleetType="CORE", TargetSpotCapacity=1), "Only an instance fleet of type TASK"),
        (lambda it, cluster, _: it.emr.list_instance_groups(ClusterId=cluster), "mutually exclusive"),
        (lambda it, *_: it.emr.list_instance_fleets(ClusterId="j-none"), "'j-none' is not valid"),
        (lambda it, *_: it.emr.list_instances(ClusterId="j-none"), "'j-none' is not valid"),
    ],
)
def test_what_emr_refuses_is_an_invalid_request_and_changes_nothing(call: Any, text: str) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        before = it.fleet(cluster)
        with pytest.raises(ClientError, match=text) as caught:
            call(it, cluster, before["Id"])
        assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
        assert it.fleet(cluster) == before


def test_a_fleet_is_only_modified_while_the_cluster_is_running_or_waiting() -> None:
    with world() as it:
        cluster = it.launch(Instances=fleets())
        with pytest.raises(ClientError, match="may only be modified when the cluster is running or waiting"):
            it.resize(cluster, spot=1)
        it.pass_time(240)
        it.resize(cluster, spot=1)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        with pytest.raises(ClientError, match="shutting down, terminated, or finished"):
            it.resize(cluster, spot=2)


def test_instances_are_listed_by_fleet_type_and_state_over_pages() -> None:
    with world(page_size=2) as it:
        cluster = it.ready(Instances=fleets(spot=5))
        paginator = it.emr.get_paginator("list_instances")
        every = [i for page in paginator.paginate(ClusterId=cluster) for i in page["Instances"]]
        assert len(every) == len({i["Id"] for i in every}) == 7
        task = [
            i
            for page in paginator.paginate(ClusterId=cluster, InstanceFleetType="TASK", InstanceStates=["RUNNING"])
            for i in page["Instances"]
        ]
        assert len(task) == 5
        assert {i["Market"] for i in task} == {"SPOT"}
        assert all(i["PrivateDnsName"].startswith("ip-10-0-") and i["PrivateIpAddress"] for i in task)
        assert it.instances(cluster, InstanceStates=["BOOTSTRAPPING"]) == []
        assert len([f for p in it.emr.get_paginator("list_instance_fleets").paginate(ClusterId=cluster)
                    for f in p["InstanceFleets"]]) == 3  # fmt: skip


class Unattended:
    """A model with its clock and no HTTP, for many short lives."""

    def __init__(self, weight: int) -> None:
        self.clock = ManualClock()
        self.emr = Emr(DELAYS, "eu-west-1", "123456789012")
        cluster = Cluster({"Name": "x", "Instances": fleets(weight=weight)}, DELAYS, self.clock.now)
        self.emr.add(cluster)
        self.fleet = cluster.pools[2]
        self.nodes = TimedNodes(DELAYS, self.clock)
        self.clockwork = Clockwork(self.emr, self.nodes, StepProcesses(Path("unused"), {}, None), self.clock)

    def pass_time(self, seconds: int) -> None:
        for _ in range(0, seconds, 10):
            self.clock.now += 10
            self.clockwork.tick()


@settings(max_examples=60, deadline=None)
@given(
    weight=st.integers(1, 5),
    moves=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 300)), max_size=6),
)
def test_after_any_resizes_a_fleet_settles_within_one_weight_of_its_targets(
    weight: int, moves: list[tuple[int, int, int]]
) -> None:
    it = Unattended(weight)
    assert isinstance(it.fleet, Fleet)
    it.pass_time(300)
    for on_demand, spot, seconds in moves:
        it.fleet.modify({"TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot}, it.clock.now)
        it.pass_time(seconds)
    it.pass_time(400)
    assert it.fleet.state == "RUNNING"
    for market in Market:
        assert 0 <= it.fleet.provisioned(market) - it.fleet.wanted(market) < weight


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(0, 10), target=st.integers(1, 12))
def test_a_market_never_sells_more_than_its_limit(limit: int, target: int) -> None:
    it = Unattended(weight=1)
    assert isinstance(it.fleet, Fleet)
    it.pass_time(300)
    it.emr.limit(Market.SPOT, limit)
    it.fleet.modify({"TargetOnDemandCapacity": 0, "TargetSpotCapacity": target}, it.clock.now)
    it.pass_time(400)
    assert it.fleet.provisioned(Market.SPOT) == min(limit, target)


def test_delays_default_to_a_demo_and_not_to_minutes() -> None:
    assert Delays().provision_s + Delays().bootstrap_s < 30
