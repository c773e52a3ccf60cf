"""The cluster's state, and who else scales it, over HTTP by the agent's own client."""

from __future__ import annotations

import pytest

from agent.actuators.cluster import DEADLINE_TAG, ClusterView
from agent.domain.faults import PermanentFault, TransientFault
from agent.domain.fleets import Collection
from agent.sandbox.emr import Quota
from tests.actuators.hands import agent_client
from tests.sandbox.emr_world import BEGIN, COMPUTE_LIMITS, SCALING_POLICY, World, fleets, groups, task_group, world


def view(it: World, cluster: str, attempts: int = 1) -> ClusterView:
    return ClusterView(agent_client(it, attempts), cluster, it.clock)


def test_a_cluster_is_read_with_two_calls() -> None:
    with world() as it:
        cluster = it.ready(Name="nightly", Instances=fleets(TerminationProtected=True))
        before = len(it.server.api.calls())
        read = view(it, cluster).read()
        assert (read.id, read.name, read.state, read.collection) == (cluster, "nightly", "WAITING", Collection.FLEET)
        assert (read.created_at, read.at) == (BEGIN, it.clock.now)
        assert read.termination_protected and read.resizable and not read.ending
        assert read.foreign_scaler is None
        assert [call.operation for call in it.server.api.calls()[before:]] == [
            "DescribeCluster", "GetManagedScalingPolicy",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("1800000000", 1.8e9),
        ("1.8e9", 1.8e9),
        ("", None),
        ("tomorrow", None),
        ("nan", None),
        ("inf", None),
        ("-5", None),
    ],
)
def test_a_tag_is_a_deadline_if_it_is_a_time(value: str, at: float | None) -> None:
    with world() as it:
        cluster = it.launch(
            Instances=fleets(), Tags=[{"Key": "a", "Value": "1"}, {"Key": DEADLINE_TAG, "Value": value}]
        )
        assert view(it, cluster).read().terminate_at == at


def test_without_the_tag_there_is_no_deadline() -> None:
    with world() as it:
        assert view(it, it.launch(Instances=fleets())).read().terminate_at is None


def test_a_managed_scaling_policy_is_a_foreign_scaler() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(), ManagedScalingPolicy={"ComputeLimits": COMPUTE_LIMITS})
        assert view(it, cluster).read().foreign_scaler == "managed scaling policy"
        it.emr.remove_managed_scaling_policy(ClusterId=cluster)
        assert view(it, cluster).read().foreign_scaler is None


def test_an_automatic_scaling_policy_of_any_group_is_a_foreign_scaler() -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1), task_group(1)))
        mine = view(it, cluster)
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
        mine = ClusterView(agent_client(it, checked=False), cluster, it.clock)
        it.server.api.fail_next("GetManagedScalingPolicy", code=code, status=status)
        with pytest.raises(fault, match="GetManagedScalingPolicy"):
            mine.read()


def test_throttling_is_transient() -> None:
    with world(quotas={"DescribeCluster": Quota(0, 0)}) as it:
        cluster = it.launch(Instances=fleets())
        with pytest.raises(TransientFault, match="Rate exceeded"):
            view(it, cluster).read()


def test_an_unknown_cluster_is_a_permanent_fault() -> None:
    with world() as it, pytest.raises(PermanentFault, match="is not valid"):
        view(it, "j-none").read()
