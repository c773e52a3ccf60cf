"""Instance groups over HTTP: sizes that really change what ListInstances says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.emr_world import DELAYS, SCALING_POLICY, World, fleets, groups, task_group, world


def resize(it: World, cluster: str, count: int, **more: Any) -> None:
    change = {"InstanceGroupId": it.group(cluster)["Id"], "InstanceCount": count, **more}
    it.emr.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])


def running(it: World, cluster: str) -> list[str]:
    group = it.group(cluster)["Id"]
    return [i["Id"] for i in it.instances(cluster, InstanceGroupId=group, InstanceStates=["RUNNING"])]


def test_a_group_grows_and_shrinks_with_its_instances() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        assert it.cluster(cluster)["InstanceCollectionType"] == "INSTANCE_GROUP"
        resize(it, cluster, 3)
        it.pass_time(10)
        group = it.group(cluster)
        assert (group["RequestedInstanceCount"], group["RunningInstanceCount"]) == (3, 1)
        assert group["Status"]["State"] == "RESIZING"
        it.pass_time(200)
        assert it.group(cluster)["RunningInstanceCount"] == 3
        assert len(running(it, cluster)) == 3
        resize(it, cluster, 0)
        it.pass_time(60)
        assert it.group(cluster)["RunningInstanceCount"] == 0
        assert running(it, cluster) == []
        assert it.group(cluster)["Status"]["State"] == "RUNNING"


def test_named_instances_end_without_a_drain_and_are_not_replaced() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(3)))
        first = it.instances(cluster, InstanceGroupTypes=["TASK"])[0]
        change = {"InstanceGroupId": it.group(cluster)["Id"], "EC2InstanceIdsToTerminate": [first["Ec2InstanceId"]]}
        it.emr.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])
        it.pass_time(10)
        assert first["Id"] not in running(it, cluster)
        it.pass_time(300)
        group = it.group(cluster)
        assert (group["RequestedInstanceCount"], group["RunningInstanceCount"]) == (2, 2)


def test_a_shrink_policy_names_and_protects_instances() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(3)))
        first, _, third = it.instances(cluster, InstanceGroupTypes=["TASK"])
        policy = {
            "InstancesToTerminate": [first["Ec2InstanceId"]],
            "InstancesToProtect": [third["Ec2InstanceId"]],
        }
        resize(it, cluster, 1, ShrinkPolicy={"InstanceResizePolicy": policy})
        it.pass_time(60)
        assert running(it, cluster) == [third["Id"]]


def test_a_shrink_policy_that_names_too_few_leaves_the_others_to_emr() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(3)))
        first, second, _ = it.instances(cluster, InstanceGroupTypes=["TASK"])
        policy = {"InstancesToTerminate": [first["Ec2InstanceId"]]}
        resize(it, cluster, 1, ShrinkPolicy={"InstanceResizePolicy": policy})
        it.pass_time(60)
        assert running(it, cluster) == [second["Id"]], "the newest goes beside the one that is named"


@pytest.mark.parametrize(
    ("policy", "named_s", "other_s"),
    [
        ({}, 900, 900),
        ({"DecommissionTimeout": 300}, 300, 300),
        ({"DecommissionTimeout": 300, "InstanceResizePolicy": {"InstanceTerminationTimeout": 60}}, 60, 300),
        ({"InstanceResizePolicy": {"InstanceTerminationTimeout": 60}}, 60, 900),
    ],
)
def test_a_drain_is_cut_short_by_the_time_outs_of_the_shrink_policy(
    policy: dict[str, Any], named_s: int, other_s: int
) -> None:
    with world(delays=replace(DELAYS, decommission_s=900)) as it:
        cluster = it.ready(Instances=groups(task_group(2)))
        named, other = it.instances(cluster, InstanceGroupTypes=["TASK"])
        names = {"InstancesToTerminate": [named["Ec2InstanceId"]], **policy.get("InstanceResizePolicy", {})}
        resize(it, cluster, 0, ShrinkPolicy={**policy, "InstanceResizePolicy": names})
        it.pass_time(0)
        began, gone_at = it.clock.now, {}
        while len(gone_at) < 2:
            it.pass_time(30)
            ended = it.instances(cluster, InstanceGroupTypes=["TASK"], InstanceStates=["TERMINATED"])
            gone_at.update({one["Id"]: it.clock.now - began for one in ended if one["Id"] not in gone_at})
        assert gone_at[named["Id"]] == pytest.approx(named_s, abs=35)
        assert gone_at[other["Id"]] == pytest.approx(other_s, abs=35)


def test_a_group_that_is_being_reconfigured_takes_no_other_size() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        it.server.emr.hold_state(it.group(cluster)["Id"], "RECONFIGURING")
        with pytest.raises(ClientError, match="is being reconfigured") as caught:
            resize(it, cluster, 2)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        it.pass_time(300)
        assert it.group(cluster)["Status"]["State"] == "RECONFIGURING"
        it.server.emr.hold_state(it.group(cluster)["Id"], None)
        resize(it, cluster, 2)
        it.pass_time(200)
        assert it.group(cluster)["RunningInstanceCount"] == 2


def test_groups_are_added_with_their_ids_in_the_answer_and_with_instances() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups())
        answer = it.emr.add_instance_groups(JobFlowId=cluster, InstanceGroups=[task_group(2), task_group(1)])
        it.pass_time(200)
        assert answer["JobFlowId"] == cluster
        counts = [len(it.instances(cluster, InstanceGroupId=group)) for group in answer["InstanceGroupIds"]]
        assert counts == [2, 1]


def test_an_automatic_scaling_policy_shows_in_the_group_until_it_is_removed() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        group = it.group(cluster)["Id"]
        it.emr.put_auto_scaling_policy(ClusterId=cluster, InstanceGroupId=group, AutoScalingPolicy=SCALING_POLICY)
        attached = it.group(cluster)["AutoScalingPolicy"]
        assert (attached["Status"]["State"], attached["Constraints"]["MaxCapacity"]) == ("ATTACHED", 5)
        it.emr.remove_auto_scaling_policy(ClusterId=cluster, InstanceGroupId=group)
        assert "AutoScalingPolicy" not in it.group(cluster)


def test_the_short_form_of_run_job_flow_makes_groups() -> None:
    short = {"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "r5.xlarge", "InstanceCount": 3}
    with world() as it:
        cluster = it.ready(Instances={**short, "KeepJobFlowAliveWhenNoSteps": True})
        assert it.group(cluster, "CORE")["RunningInstanceCount"] == 2
        assert it.group(cluster, "CORE")["InstanceType"] == "r5.xlarge"


def test_what_emr_refuses_of_groups_is_a_validation_exception() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1)))
        calls: dict[str, Any] = {
            "is not valid": lambda: it.emr.modify_instance_groups(
                ClusterId=cluster, InstanceGroups=[{"InstanceGroupId": "ig-none", "InstanceCount": 1}]
            ),
            "does not belong": lambda: it.emr.modify_instance_groups(
                ClusterId="j-other", InstanceGroups=[{"InstanceGroupId": it.group(cluster)["Id"], "InstanceCount": 1}]
            ),
            "cannot be negative": lambda: resize(it, cluster, -1),
            "cannot be resized": lambda: it.emr.modify_instance_groups(
                ClusterId=cluster,
                InstanceGroups=[{"InstanceGroupId": it.group(cluster, "MASTER")["Id"], "InstanceCount": 2}],
            ),
            "At most 5": lambda: it.emr.add_instance_groups(JobFlowId=cluster, InstanceGroups=[task_group(1)] * 6),
            "already has an instance group": lambda: it.emr.add_instance_groups(
                JobFlowId=cluster, InstanceGroups=[task_group(1, InstanceRole="CORE")]
            ),
        }
        for text, call in calls.items():
            with pytest.raises(ClientError, match=text) as caught:
                call()
            assert caught.value.response["Error"]["Code"] == "ValidationException"
        group = it.group(cluster)["Id"]
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        with pytest.raises(ClientError, match="may not be modified"):
            it.emr.modify_instance_groups(
                ClusterId=cluster, InstanceGroups=[{"InstanceGroupId": group, "InstanceCount": 2}]
            )


def test_fleets_are_not_listed_of_a_cluster_of_groups() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups())
        with pytest.raises(ClientError, match="uses instance groups") as caught:
            it.emr.list_instance_fleets(ClusterId=cluster)
        assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
        other = it.ready(Instances=fleets())
        with pytest.raises(ClientError, match="mutually exclusive"):
            it.emr.add_instance_groups(JobFlowId=other, InstanceGroups=[task_group(1)])
