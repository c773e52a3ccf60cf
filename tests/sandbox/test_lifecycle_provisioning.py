"""The first provisioning of a cluster: subnets, zones, the spot time-out, and capacity that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.sandbox.emr import Delays, Market, ZoneChoice
from tests.sandbox.bus_world import Ear
from tests.sandbox.emr_world import World, fleets, groups, world

ZONES = {"subnet-1": "eu-west-1a", "subnet-2": "eu-west-1b", "subnet-3": "eu-west-1c"}
SUBNETS = list(ZONES)
FIRST = Delays(provision_s=60, bootstrap_s=120, terminate_s=20, zone_choice=ZoneChoice.FIRST)


@pytest.fixture
def it() -> Iterator[World]:
    with world(zones=ZONES) as made:
        yield made


def on_spot(action: str, core: int = 1, minutes: int = 10, **more: Any) -> Mapping[str, Any]:
    """Core nodes on spot, with a time-out."""
    one = [{"InstanceType": "r5.xlarge"}]
    launch = {"SpotSpecification": {"TimeoutDurationMinutes": minutes, "TimeoutAction": action}}
    made: Sequence[Mapping[str, Any]] = [
        {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": one},
        {"InstanceFleetType": "CORE", "TargetSpotCapacity": core, "InstanceTypeConfigs": one,
         "LaunchSpecifications": launch},
    ]  # fmt: skip
    return {"InstanceFleets": made, "KeepJobFlowAliveWhenNoSteps": True, **more}


def place(it: World, cluster: str) -> tuple[str, str]:
    attributes = it.cluster(cluster)["Ec2InstanceAttributes"]
    return attributes["Ec2SubnetId"], attributes["Ec2AvailabilityZone"]


def failure(it: World, cluster: str) -> tuple[str, str]:
    status = it.cluster(cluster)["Status"]
    return status["State"], status["StateChangeReason"]["Code"]


def test_emr_takes_one_subnet_and_says_which(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"], **{"detail-type": ["EMR Cluster State Change"]}) as ear:
        cluster = it.launch(Instances=fleets(Ec2SubnetIds=SUBNETS))
        assert "Ec2AvailabilityZone" not in it.cluster(cluster)["Ec2InstanceAttributes"]
        it.pass_time(240)
        heard = [event["detail"]["state"] for event in ear.heard()]
    assert place(it, cluster) == ("subnet-1", "eu-west-1a")
    assert it.cluster(cluster)["Ec2InstanceAttributes"]["RequestedEc2SubnetIds"] == SUBNETS
    assert heard == ["STARTING", "STARTING", "WAITING"]  # asked for, then in a zone


def test_one_subnet_is_known_from_the_beginning(it: World) -> None:
    cluster = it.launch(Instances=fleets(Ec2SubnetId="subnet-2"))
    assert place(it, cluster) == ("subnet-2", "eu-west-1b")


@pytest.mark.parametrize("market", [Market.SPOT, Market.ON_DEMAND])
def test_a_zone_without_supply_is_passed_over(it: World, market: Market) -> None:
    it.server.emr.limit(market, 1, "eu-west-1a")
    it.server.emr.limit(market, 0, "eu-west-1b")
    cluster = it.ready(Instances=fleets(spot=2, Ec2SubnetIds=SUBNETS))
    assert place(it, cluster) == ("subnet-3", "eu-west-1c")
    assert it.state(cluster) == "WAITING"


def test_a_limit_counts_its_own_zone_only(it: World) -> None:
    it.server.emr.limit(Market.SPOT, 3, "eu-west-1a")
    first = it.ready(Instances=fleets(spot=3, Ec2SubnetIds=["subnet-1"]))
    second = it.ready(Instances=fleets(spot=3, Ec2SubnetIds=["subnet-1", "subnet-2"]))
    assert (place(it, first)[0], place(it, second)[0]) == ("subnet-1", "subnet-2")
    assert it.fleet(second)["ProvisionedSpotCapacity"] == 3


def test_emr_can_choose_a_zone_that_has_nothing() -> None:
    with world(zones=ZONES, delays=FIRST) as it:
        it.server.emr.limit(Market.SPOT, 0, "eu-west-1a")
        bad = it.launch(Instances=on_spot("TERMINATE_CLUSTER", Ec2SubnetIds=SUBNETS))
        good = it.launch(Instances=on_spot("TERMINATE_CLUSTER", Ec2SubnetIds=SUBNETS[1:]))
        it.pass_time(700)
        assert failure(it, bad) == ("TERMINATED_WITH_ERRORS", "INSTANCE_FLEET_TIMEOUT")
        assert (place(it, bad)[1], it.state(good)) == ("eu-west-1a", "WAITING")


def test_spot_that_does_not_come_ends_the_cluster_with_its_reason(it: World) -> None:
    it.server.emr.limit(Market.SPOT, 1, "eu-west-1a")
    with Ear(it.server.endpoint, source=["aws.emr"]) as ear:
        cluster = it.launch(Instances=on_spot("TERMINATE_CLUSTER", core=2, Ec2SubnetIds=SUBNETS[:1]))
        it.pass_time(590)
        assert it.state(cluster) == "STARTING"
        it.pass_time(60)
        heard = ear.heard()
    assert failure(it, cluster) == ("TERMINATED_WITH_ERRORS", "INSTANCE_FLEET_TIMEOUT")
    (detail,) = it.cluster(cluster)["Status"]["ErrorDetails"]
    assert detail["ErrorCode"] == "INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ"
    assert detail["ErrorData"] == [{"instance-type": "r5.xlarge"}, {"availability-zone": "eu-west-1a"}]
    codes = [event["detail"].get("eventCode") for event in heard]
    assert codes.count("EC2 provisioning - Insufficient Instance Capacity") == 2
    assert codes.count("Spot Provisioning timeout") == 1
    assert heard[-1]["detail"]["severity"] == "CRITICAL"


def test_spot_that_does_not_come_is_bought_on_demand(it: World) -> None:
    it.server.emr.limit(Market.SPOT, 1)
    cluster = it.launch(Instances=on_spot("SWITCH_TO_ON_DEMAND", core=3, Ec2SubnetIds=SUBNETS[:1]))
    it.pass_time(590)
    assert it.state(cluster) == "STARTING"
    it.pass_time(240)
    assert it.state(cluster) == "WAITING"
    core = it.fleet(cluster, "CORE")
    assert (core["ProvisionedSpotCapacity"], core["ProvisionedOnDemandCapacity"]) == (1, 2)


def test_the_time_out_is_for_the_first_provisioning_only(it: World) -> None:
    cluster = it.ready(Instances=on_spot("TERMINATE_CLUSTER", Ec2SubnetIds=SUBNETS[:1]))
    it.server.emr.limit(Market.SPOT, 1)
    config = {"InstanceFleetId": it.fleet(cluster, "CORE")["Id"], "TargetOnDemandCapacity": 0, "TargetSpotCapacity": 4}
    it.emr.modify_instance_fleet(ClusterId=cluster, InstanceFleet=config)
    it.pass_time(1200)
    assert it.state(cluster) == "WAITING"


def test_a_task_fleet_that_is_added_later_has_no_launch_time_out(it: World) -> None:
    cluster = it.ready(Instances=fleets(task=False))
    it.server.emr.limit(Market.SPOT, 0)
    launch = {"SpotSpecification": {"TimeoutDurationMinutes": 5, "TimeoutAction": "TERMINATE_CLUSTER"}}
    it.emr.add_instance_fleet(
        ClusterId=cluster,
        InstanceFleet={
            "InstanceFleetType": "TASK",
            "TargetSpotCapacity": 2,
            "InstanceTypeConfigs": [{"InstanceType": "r5.xlarge"}],
            "LaunchSpecifications": launch,
        },
    )
    it.pass_time(900)
    assert it.state(cluster) == "WAITING"


@pytest.mark.parametrize("instances", [fleets(), groups()])
def test_on_demand_that_does_not_come_is_a_validation_error(it: World, instances: Mapping[str, Any]) -> None:
    it.server.emr.limit(Market.ON_DEMAND, 1)
    cluster = it.launch(Instances=instances)
    it.pass_time(3700, step=60)
    assert failure(it, cluster) == ("TERMINATED_WITH_ERRORS", "VALIDATION_ERROR")
    (detail,) = it.cluster(cluster)["Status"]["ErrorDetails"]
    assert detail["ErrorCode"] == "INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ"
    (summary,) = [c for c in it.emr.list_clusters()["Clusters"] if c["Id"] == cluster]
    assert summary["Status"]["ErrorDetails"] == [detail]


@pytest.mark.parametrize("minutes", [4, 1441])
def test_a_time_out_out_of_bounds_is_refused(it: World, minutes: int) -> None:
    with pytest.raises(ClientError, match="between 5 and 1440"):
        it.launch(Instances=on_spot("TERMINATE_CLUSTER", minutes=minutes))
