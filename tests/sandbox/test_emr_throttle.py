"""EMR's quotas: pure buckets, and what a client sees of them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle import budget
from agent.sandbox.emr import QUOTAS, Quota
from agent.sandbox.emr.throttle import ALL_CALLS, Throttle
from tests.sandbox.emr_world import fleets, world


def admitted(throttle: Throttle, operation: str, calls: int, now: float) -> int:
    return sum(throttle.admit(operation, now) for _ in range(calls))


def test_a_burst_is_admitted_and_then_the_refill() -> None:
    throttle = Throttle(QUOTAS)
    assert admitted(throttle, "ListInstanceFleets", 20, now=0) == 5
    assert admitted(throttle, "ListInstanceFleets", 20, now=3) == 1
    assert admitted(throttle, "ListInstanceFleets", 20, now=1000) == 5


def test_all_calls_together_share_25_and_5_a_second() -> None:
    throttle = Throttle(QUOTAS)
    assert admitted(throttle, "GetManagedScalingPolicy", 100, now=0) == 25
    assert admitted(throttle, "DescribeCluster", 1, now=0) == 0
    assert admitted(throttle, "GetManagedScalingPolicy", 100, now=2) == 10


@pytest.mark.parametrize(
    ("operation", "burst"),
    [
        ("AddJobFlowSteps", 10), ("AddTags", 5), ("CancelSteps", 10), ("DescribeStep", 10), ("ListClusters", 20),
        ("RemoveTags", 5), ("RunJobFlow", 10), ("TerminateJobFlows", 10),
    ],
)  # fmt: skip
def test_what_the_lifecycle_calls_refills_by_one_in_two_seconds(operation: str, burst: int) -> None:
    throttle = Throttle(QUOTAS)
    assert admitted(throttle, operation, 30, now=0) == burst
    assert admitted(throttle, operation, 30, now=4) == 2


def test_the_lifecycle_reckons_with_the_quotas_that_the_sandbox_has() -> None:
    for operation, quota in budget.QUOTAS.items():
        assert (quota.burst, quota.per_s) == (QUOTAS[operation].burst, QUOTAS[operation].per_s), operation


def test_a_refused_call_takes_no_token_from_either_bucket() -> None:
    throttle = Throttle({ALL_CALLS: Quota(10, 0), "A": Quota(2, 0)})
    assert admitted(throttle, "A", 50, now=0) == 2
    assert admitted(throttle, "B", 50, now=0) == 8


@given(calls=st.lists(st.floats(0, 5), max_size=200))
def test_no_more_is_admitted_than_burst_and_refill_allow(calls: list[float]) -> None:
    throttle, now, count = Throttle({"A": Quota(3, 0.5)}), 0.0, 0
    for pause in calls:
        now += pause
        count += throttle.admit("A", now)
        assert count <= 3 + now * 0.5 + 1e-6


def test_a_throttled_call_is_answered_400_and_changes_nothing() -> None:
    with world(quotas=QUOTAS) as it:
        cluster = it.ready(Instances=fleets())
        fleet = it.fleet(cluster)["Id"]
        it.pass_time(60)
        for _ in range(5):
            it.emr.modify_instance_fleet(
                ClusterId=cluster,
                InstanceFleet={"InstanceFleetId": fleet, "TargetOnDemandCapacity": 0, "TargetSpotCapacity": 1},
            )
        with pytest.raises(ClientError) as caught:
            it.emr.modify_instance_fleet(
                ClusterId=cluster,
                InstanceFleet={"InstanceFleetId": fleet, "TargetOnDemandCapacity": 0, "TargetSpotCapacity": 9},
            )
        assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert it.fleet(cluster)["TargetSpotCapacity"] == 1
        it.pass_time(2)
        it.resize(cluster, spot=2)
        assert it.fleet(cluster)["TargetSpotCapacity"] == 2
