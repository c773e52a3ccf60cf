"""The cluster's state, who else scales it, and its end, over HTTP by the agent's own client."""

from __future__ import annotations

from typing import Any

import pytest

from agent.actuators.cluster import ClusterControl
from agent.domain.decisions import Outcome
from agent.domain.faults import PermanentFault, TransientFault
from agent.domain.fleets import Collection
from agent.sandbox.emr import Quota
from tests.actuators.hands import agent_client
from tests.sandbox.emr_world import BEGIN, COMPUTE_LIMITS, SCALING_POLICY, World, fleets, groups, task_group, world


def control(it: World, cluster: str, attempts: int = 1) -> ClusterControl:
    return ClusterControl(agent_client(it, attempts), cluster, it.clock)


def terminations(it: World) -> int:
    return len(it.server.api.calls("TerminateJobFlows"))


def test_a_cluster_is_read_with_two_calls() -> None:
    with world() as it:
        cluster = it.ready(Name="nightly", Instances=fleets(TerminationProtected=True))
        before = len(it.server.api.calls())
        read = control(it, cluster).read()
        assert (read.id, read.name, read.state, read.collection) == (cluster, "nightly", "WAITING", Collection.FLEET)
        assert (read.created_at, read.at) == (BEGIN, it.clock.now)
        assert read.termination_protected and read.resizable and not read.ending
        assert read.foreign_scaler is None
        assert [call.operation for call in it.server.api.calls()[before:]] == [
            "DescribeCluster", "GetManagedScalingPolicy",
        ]  # fmt: skip


def test_a_managed_scaling_policy_is_a_foreign_scaler() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(), ManagedScalingPolicy={"ComputeLimits": COMPUTE_LIMITS})
        assert control(it, cluster).read().foreign_scaler == "managed scaling policy"
        it.emr.remove_managed_scaling_policy(ClusterId=cluster)
        assert control(it, cluster).read().foreign_scaler is None


def test_an_automatic_scaling_policy_of_any_group_is_a_foreign_scaler() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1), task_group(1)))
        mine = control(it, cluster)
        assert mine.read().foreign_scaler is None
        assert mine.read().collection is Collection.GROUP
        second = it.emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"][3]["Id"]
        it.emr.put_auto_scaling_policy(ClusterId=cluster, InstanceGroupId=second, AutoScalingPolicy=SCALING_POLICY)
        assert mine.read().foreign_scaler == "automatic scaling policy"


@pytest.mark.parametrize(
    ("code", "status", "fault"),
    [("AccessDeniedException", 400, PermanentFault), ("InternalServerError", 500, TransientFault)],
)
def test_not_knowing_who_else_scales_is_a_fault_and_not_nobody(code: str, status: int, fault: type[Exception]) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = ClusterControl(agent_client(it, checked=False), cluster, it.clock)
        it.server.api.fail_next("GetManagedScalingPolicy", code=code, status=status)
        with pytest.raises(fault, match="GetManagedScalingPolicy"):
            mine.read()


def test_an_idle_cluster_is_ended_through_the_api() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = control(it, cluster)
        result = mine.terminate("idle for an hour")
        assert result.outcome is Outcome.APPLIED and result.detail == "idle for an hour"
        assert mine.read().ending
        it.pass_time(60)
        assert mine.read().state == "TERMINATED"


def test_a_protected_cluster_is_refused_and_the_protection_is_left_on() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(TerminationProtected=True))
        result = control(it, cluster).terminate("idle")
        assert result.outcome is Outcome.REFUSED and "termination protection" in result.detail
        assert terminations(it) == 0 and not it.server.api.calls("SetTerminationProtection")
        assert it.cluster(cluster)["TerminationProtected"] is True


def test_protection_that_comes_on_between_the_look_and_the_call_is_refused_by_emr() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        client = agent_client(it)

        def protect(**_: Any) -> None:
            it.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=True)

        client.meta.events.register("before-call.emr.TerminateJobFlows", protect)
        result = ClusterControl(client, cluster, it.clock).terminate("idle")
        assert result.outcome is Outcome.REFUSED
        assert "since they are termination protected" in result.detail
        assert it.state(cluster) == "WAITING"


def test_ending_twice_is_applied_and_sent_once() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = control(it, cluster)
        mine.terminate("idle")
        again = mine.terminate("idle")
        assert again.outcome is Outcome.APPLIED and "already" in again.detail
        assert terminations(it) == 1


def test_a_500_after_the_deed_is_repeated_without_harm_and_one_that_stays_is_failed() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = control(it, cluster, attempts=2)
        it.server.api.fail_next("TerminateJobFlows", times=2, code="InternalServerError")
        assert mine.terminate("idle").outcome is Outcome.FAILED
        assert it.state(cluster) == "WAITING"
        it.server.api.fail_next("TerminateJobFlows", code="InternalServerError", applied=True)
        assert mine.terminate("idle").outcome is Outcome.APPLIED


def test_throttling_is_failed_and_transient() -> None:
    with world(quotas={"DescribeCluster": Quota(0, 0)}) as it:
        cluster = it.launch(Instances=fleets())
        assert control(it, cluster).terminate("idle").outcome is Outcome.FAILED
        with pytest.raises(TransientFault, match="Rate exceeded"):
            control(it, cluster).read()
        assert terminations(it) == 0


def test_an_unknown_cluster_is_a_permanent_fault() -> None:
    with world() as it, pytest.raises(PermanentFault, match="is not valid"):
        control(it, "j-none").read()
