"""Clusters that have lost their core nodes, or their primary: who ends, and who stays for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.sandbox.emr import Delays, LostPrimary, Market, Role
from tests.sandbox.bus_world import Ear
from tests.sandbox.emr_world import World, fleets, groups, world

MINUTE = 60


@pytest.fixture
def it() -> Iterator[World]:
    with world() as made:
        yield made


def reason(it: World, cluster: str) -> Mapping[str, str]:
    found: Mapping[str, str] = it.cluster(cluster)["Status"]["StateChangeReason"]
    return found


def running(it: World, cluster: str, role: str) -> list[Mapping[str, Any]]:
    found = it.instances(cluster, InstanceFleetType=role, InstanceStates=["RUNNING"])
    return list(found)


def three_primaries(**more: Any) -> Mapping[str, Any]:
    made: dict[str, Any] = {**fleets(), **more}
    first, *others = made["InstanceFleets"]
    made["InstanceFleets"] = [{**first, "TargetOnDemandCapacity": 3}, *others]
    return made


def test_without_core_nodes_an_unprotected_cluster_ends_after_45_minutes(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"], detail={"severity": ["CRITICAL"]}) as ear:
        cluster = it.ready(Instances=fleets())
        it.server.lose(cluster, Role.CORE)
        it.pass_time(44 * MINUTE, step=30)
        assert it.state(cluster) == "WAITING"
        assert it.fleet(cluster, "CORE")["ProvisionedOnDemandCapacity"] == 0
        assert it.fleet(cluster, "CORE")["TargetOnDemandCapacity"] == 1
        assert running(it, cluster, "CORE") == []
        it.pass_time(3 * MINUTE, step=30)
        heard = [event["detail"]["state"] for event in ear.heard()]
    assert it.state(cluster) == "TERMINATED_WITH_ERRORS"
    assert reason(it, cluster)["Code"] == "INSTANCE_FAILURE"
    assert "NO_SLAVES_LEFT" in reason(it, cluster)["Message"]
    assert heard == ["TERMINATED_WITH_ERRORS"]


def test_a_protected_one_waits_for_ever(it: World) -> None:
    cluster = it.ready(Instances=fleets(TerminationProtected=True))
    it.server.lose(cluster, Role.CORE)
    it.pass_time(24 * 60 * MINUTE, step=300)
    assert (it.state(cluster), running(it, cluster, "CORE")) == ("WAITING", [])
    it.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
    it.emr.terminate_job_flows(JobFlowIds=[cluster])
    it.pass_time(MINUTE)
    assert it.state(cluster) == "TERMINATED"


def test_core_nodes_that_come_back_in_time_save_it(it: World) -> None:
    cluster = it.ready(Instances=fleets())
    it.server.lose(cluster, Role.CORE)
    it.pass_time(40 * MINUTE, step=30)
    config = {"InstanceFleetId": it.fleet(cluster, "CORE")["Id"], "TargetOnDemandCapacity": 2, "TargetSpotCapacity": 0}
    it.emr.modify_instance_fleet(ClusterId=cluster, InstanceFleet=config)
    it.pass_time(60 * MINUTE, step=30)
    assert (it.state(cluster), len(running(it, cluster, "CORE"))) == ("WAITING", 2)


def test_spot_that_is_reclaimed_and_not_sold_again_is_lost_too(it: World) -> None:
    one = [{"InstanceType": "m5.xlarge"}]
    instances = {
        "InstanceFleets": [
            {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": one},
            {"InstanceFleetType": "CORE", "TargetSpotCapacity": 1, "InstanceTypeConfigs": one},
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
    }
    cluster = it.ready(Instances=instances)
    (core,) = running(it, cluster, "CORE")
    it.server.emr.limit(Market.SPOT, 0)
    it.server.interrupt(core["Id"])
    it.pass_time(46 * MINUTE, step=30)
    assert reason(it, cluster)["Code"] == "INSTANCE_FAILURE"


def test_a_core_node_that_can_be_replaced_is_replaced(it: World) -> None:
    cluster = it.ready(Instances=fleets())
    (core,) = running(it, cluster, "CORE")
    it.server.interrupt(core["Id"])
    it.pass_time(60 * MINUTE, step=60)
    assert (it.state(cluster), len(running(it, cluster, "CORE"))) == ("WAITING", 1)


def test_a_cluster_that_never_had_core_nodes_misses_none(it: World) -> None:
    cluster = it.ready(Instances={"MasterInstanceType": "m5.xlarge", "InstanceCount": 1,
                                  "KeepJobFlowAliveWhenNoSteps": True})  # fmt: skip
    it.pass_time(60 * MINUTE, step=60)
    assert it.state(cluster) == "WAITING"


@pytest.mark.parametrize("instances", [fleets(), groups(), fleets(TerminationProtected=True)])
def test_a_lost_primary_ends_the_cluster(it: World, instances: Mapping[str, Any]) -> None:
    cluster = it.ready(Instances=instances)
    it.server.lose(cluster, Role.MASTER)
    it.pass_time(2 * MINUTE)
    assert (it.state(cluster), reason(it, cluster)["Code"]) == ("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE")


def test_a_primary_that_is_reclaimed_is_not_replaced(it: World) -> None:
    cluster = it.ready(Instances=fleets())
    (primary,) = running(it, cluster, "MASTER")
    it.server.interrupt(primary["Ec2InstanceId"])
    it.pass_time(2 * MINUTE)
    assert reason(it, cluster)["Code"] == "INSTANCE_FAILURE"


def test_or_the_cluster_is_shown_waiting_without_its_primary() -> None:
    delays = Delays(provision_s=60, bootstrap_s=120, terminate_s=20, lost_primary=LostPrimary.STAYS)
    with world(delays=delays) as it:
        cluster = it.ready(Instances=fleets())
        it.server.lose(cluster, Role.MASTER)
        it.pass_time(120 * MINUTE, step=60)
        assert it.state(cluster) == "WAITING"
        assert it.fleet(cluster, "MASTER")["ProvisionedOnDemandCapacity"] == 0


def test_three_primaries_are_protected_and_kept_alive_by_themselves(it: World) -> None:
    cluster = it.ready(Instances=three_primaries(KeepJobFlowAliveWhenNoSteps=False))
    assert it.cluster(cluster)["TerminationProtected"]
    assert not it.cluster(cluster)["AutoTerminate"]
    with pytest.raises(ClientError, match="termination protected"):
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
    it.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
    it.emr.terminate_job_flows(JobFlowIds=[cluster])
    it.pass_time(MINUTE)
    assert it.state(cluster) == "TERMINATED"


def test_of_three_primaries_a_lost_one_is_replaced(it: World) -> None:
    cluster = it.ready(Instances=three_primaries())
    first, *_ = running(it, cluster, "MASTER")
    it.server.interrupt(first["Id"])
    it.pass_time(10 * MINUTE)
    assert (it.state(cluster), len(running(it, cluster, "MASTER"))) == ("WAITING", 3)
    it.server.lose(cluster, Role.MASTER)
    it.pass_time(2 * MINUTE)
    assert reason(it, cluster)["Code"] == "INSTANCE_FAILURE"


@pytest.mark.parametrize("targets", [(2, 0), (0, 3), (4, 0)])
def test_other_numbers_of_primaries_are_refused(it: World, targets: tuple[int, int]) -> None:
    made = three_primaries()
    primaries = {"TargetOnDemandCapacity": targets[0], "TargetSpotCapacity": targets[1]}
    made = {**made, "InstanceFleets": [{**made["InstanceFleets"][0], **primaries}, *made["InstanceFleets"][1:]]}
    with pytest.raises(ClientError, match="MASTER instance fleet"):
        it.launch(Instances=made)
