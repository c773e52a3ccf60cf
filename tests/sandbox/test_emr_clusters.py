"""Clusters: their states, their end, and what may be attached to them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from agent.sandbox.emr import TimedNodes
from tests.sandbox.emr_world import COMPUTE_LIMITS, World, fleets, world


def ended(it: World, cluster: str) -> None:
    it.emr.terminate_job_flows(JobFlowIds=[cluster])
    it.pass_time(60)


def test_a_cluster_starts_bootstraps_waits_and_ends() -> None:
    with world() as it:
        cluster = it.launch(Instances=fleets(spot=1))
        seen = [it.state(cluster)]
        for _ in range(40):
            it.pass_time(5)
            if it.state(cluster) != seen[-1]:
                seen.append(it.state(cluster))
        assert seen == ["STARTING", "BOOTSTRAPPING", "WAITING"]
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        assert it.state(cluster) == "TERMINATING"
        it.pass_time(15)
        assert it.state(cluster) == "TERMINATING", "it takes terminate_s at least"
        it.pass_time(10)
        status = it.cluster(cluster)["Status"]
        assert (status["State"], status["StateChangeReason"]["Code"]) == ("TERMINATED", "USER_REQUEST")
        assert {i["Status"]["State"] for i in it.instances(cluster)} == {"TERMINATED"}
        assert {f["Status"]["State"] for f in it.emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]} == {
            "TERMINATED"
        }


def test_describe_cluster_tells_what_was_asked_for() -> None:
    with world() as it:
        cluster = it.ready(
            Name="nightly",
            LogUri="s3://logs/",
            Applications=[{"Name": "Spark"}],
            Tags=[{"Key": "team", "Value": "data"}],
            Instances=fleets(Ec2SubnetId="subnet-1", TerminationProtected=True),
        )
        told = it.cluster(cluster)
        assert (told["Name"], told["LogUri"], told["ReleaseLabel"]) == ("nightly", "s3://logs/", "emr-7.10.0")
        assert told["Applications"] == [{"Name": "Spark"}]
        assert told["Tags"] == [{"Key": "team", "Value": "data"}]
        assert told["TerminationProtected"] is True and told["AutoTerminate"] is False
        assert told["MasterPublicDnsName"].endswith(".eu-west-1.compute.internal")
        assert told["Status"]["Timeline"]["CreationDateTime"].timestamp() == 1_700_000_000
        it.emr.add_tags(ResourceId=cluster, Tags=[{"Key": "a", "Value": "b"}])
        it.emr.remove_tags(ResourceId=cluster, TagKeys=["team"])
        assert it.cluster(cluster)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_protected_cluster_is_not_terminated_and_says_so_with_emrs_text() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(TerminationProtected=True))
        other = it.ready(Instances=fleets())
        with pytest.raises(ClientError) as caught:
            it.emr.terminate_job_flows(JobFlowIds=[cluster, other])
        assert caught.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": "Could not shut down one or more job flows since they are termination protected.",
        }
        it.pass_time(60)
        assert (it.state(cluster), it.state(other)) == ("WAITING", "TERMINATED")
        it.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
        ended(it, cluster)
        assert it.state(cluster) == "TERMINATED"


def test_terminating_again_changes_nothing() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        ended(it, cluster)
        before = it.cluster(cluster)
        ended(it, cluster)
        assert it.cluster(cluster) == before


def test_an_ended_cluster_and_an_unknown_one_refuse_changes() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        ended(it, cluster)
        with pytest.raises(ClientError, match="shutting down, terminated, or finished"):
            it.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=True)
        with pytest.raises(ClientError, match="does not exist"):
            it.emr.terminate_job_flows(JobFlowIds=["j-none"])
        with pytest.raises(ClientError, match="At most 10"):
            it.emr.terminate_job_flows(JobFlowIds=[cluster] * 11)


def test_a_failing_core_instance_ends_the_cluster_with_errors() -> None:
    with world() as it:
        assert isinstance(it.server.nodes, TimedNodes)
        it.server.nodes.broken_types.add("m5.xlarge")
        cluster = it.ready(Instances=fleets())
        status = it.cluster(cluster)["Status"]
        assert (status["State"], status["StateChangeReason"]["Code"]) == ("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE")


def test_a_managed_scaling_policy_is_there_from_put_to_remove() -> None:
    policy = {"ComputeLimits": COMPUTE_LIMITS}
    with world() as it:
        cluster = it.ready(Instances=fleets())
        assert "ManagedScalingPolicy" not in it.emr.get_managed_scaling_policy(ClusterId=cluster)
        it.emr.put_managed_scaling_policy(ClusterId=cluster, ManagedScalingPolicy=policy)
        assert it.emr.get_managed_scaling_policy(ClusterId=cluster)["ManagedScalingPolicy"] == policy
        it.emr.remove_managed_scaling_policy(ClusterId=cluster)
        assert "ManagedScalingPolicy" not in it.emr.get_managed_scaling_policy(ClusterId=cluster)


def test_an_auto_termination_policy_is_there_from_launch_to_remove() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(), AutoTerminationPolicy={"IdleTimeout": 600})
        got = it.emr.get_auto_termination_policy(ClusterId=cluster)
        assert got["AutoTerminationPolicy"] == {"IdleTimeout": 600}
        it.emr.put_auto_termination_policy(ClusterId=cluster, AutoTerminationPolicy={"IdleTimeout": 60})
        it.emr.remove_auto_termination_policy(ClusterId=cluster)
        assert "AutoTerminationPolicy" not in it.emr.get_auto_termination_policy(ClusterId=cluster)


def test_clusters_are_listed_by_state() -> None:
    with world() as it:
        first, second = it.ready(Name="a", Instances=fleets()), it.ready(Name="b", Instances=fleets())
        ended(it, first)
        waiting = it.emr.list_clusters(ClusterStates=["WAITING"])["Clusters"]
        assert [c["Id"] for c in waiting] == [second]
        assert {c["Name"] for c in it.emr.list_clusters()["Clusters"]} == {"a", "b"}


def test_switches_of_a_running_cluster_can_be_changed() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        it.emr.set_unhealthy_node_replacement(JobFlowIds=[cluster], UnhealthyNodeReplacement=True)
        it.emr.set_visible_to_all_users(JobFlowIds=[cluster], VisibleToAllUsers=False)
        it.emr.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=3)
        told = it.cluster(cluster)
        assert (told["UnhealthyNodeReplacement"], told["VisibleToAllUsers"], told["StepConcurrencyLevel"]) == (
            True, False, 3,
        )  # fmt: skip
        it.emr.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster], KeepJobFlowAliveWhenNoSteps=False)
        it.pass_time(60)
        assert it.cluster(cluster)["Status"]["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_bootstrap_actions_are_listed() -> None:
    action = {"Name": "install", "ScriptBootstrapAction": {"Path": "s3://b/install.sh", "Args": ["--x"]}}
    with world() as it:
        cluster = it.launch(Instances=fleets(), BootstrapActions=[action])
        listed = it.emr.list_bootstrap_actions(ClusterId=cluster)["BootstrapActions"]
        assert listed == [{"Name": "install", "ScriptPath": "s3://b/install.sh", "Args": ["--x"]}]
