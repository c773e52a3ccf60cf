"""The walker finds what botocore's own validation lets through."""

from __future__ import annotations

from typing import Any

import pytest

from agent.sandbox.emr.service_model import ModelViolation, service_model
from agent.sandbox.model_faults import faults
from tests.sandbox.emr_world import fleets, world


def request_faults(operation: str, request: Any) -> list[str]:
    return list(faults(service_model().operation_model(operation).input_shape, request))


def answer_faults(operation: str, answer: Any) -> list[str]:
    return list(faults(service_model().operation_model(operation).output_shape, answer))


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ({}, ".ClusterId: is required"),
        ({"ClusterId": "j" * 257}, ".ClusterId: 257 is over the maximum 256"),
        ({"ClusterId": 5}, ".ClusterId: int is not string"),
        ({"ClusterId": "j", "Cluster": "j"}, ".Cluster: is not in the model"),
        ({"ClusterId": "j", "InstanceFleetType": "TASKK"}, "is not one of MASTER, CORE, TASK"),
        ({"ClusterId": "j", "InstanceStates": ["RUNNING", "GONE"]}, ".InstanceStates[1]: 'GONE' is not one of"),
    ],
)
def test_a_planted_fault_is_named_with_its_path(request_: Any, fault: str) -> None:
    found = request_faults("ListInstances", request_)
    assert len(found) == 1 and fault in found[0]


def test_bounds_and_patterns_of_nested_members_are_held() -> None:
    fleet = {"InstanceFleetType": "TASK", "TargetSpotCapacity": -1, "Name": "a\x00b"}
    found = request_faults("AddInstanceFleet", {"ClusterId": "j-1", "InstanceFleet": fleet})
    assert len(found) == 2
    assert any(".TargetSpotCapacity: -1 is under the minimum 0" in fault for fault in found)
    assert any(".Name: 'a\\x00b' does not match" in fault for fault in found)


def test_characters_past_the_basic_plane_match_the_patterns() -> None:
    fleet = {"InstanceFleetType": "TASK", "Name": "fleet \U0001f30a"}
    assert request_faults("AddInstanceFleet", {"ClusterId": "j-1", "InstanceFleet": fleet}) == []


def test_a_bool_is_no_number_and_an_answer_without_a_shape_is_empty() -> None:
    assert answer_faults("ModifyCluster", {"StepConcurrencyLevel": True}) != []
    assert answer_faults("TerminateJobFlows", {"JobFlowIds": []}) == ["answer: should be empty"]
    assert answer_faults("TerminateJobFlows", {}) == []


def test_a_checked_client_raises_for_what_boto3_would_send() -> None:
    with world() as it, pytest.raises(ModelViolation, match="TASKK"):
        it.emr.list_instances(ClusterId="j-1", InstanceFleetType="TASKK")


def test_a_checked_client_raises_for_a_state_that_the_model_does_not_know() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        it.server.emr.show_state(it.fleet(cluster)["Id"], "REBALANCING")
        with pytest.raises(ModelViolation, match="REBALANCING"):
            it.fleet(cluster)
