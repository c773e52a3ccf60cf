"""What is asked of EMR at each attempt, and by which name the cluster is found again."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle.ladder import (
    LONGEST_ID,
    LONGEST_NAME,
    attempt_in,
    keeps_protection,
    name_of,
    primaries,
    request_of,
    tag_value,
)
from agent.lifecycle.rows import ClusterProfile, LaunchRow, StepSpec, launch_key, profile_key
from agent.sandbox.model_faults import faults

RUN_JOB_FLOW = botocore.session.get_session().get_service_model("emr").operation_model("RunJobFlow").input_shape
ONE = [{"InstanceType": "m5.xlarge"}]
MASTER = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": ONE}
CORE = {"InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 3, "InstanceTypeConfigs": ONE}
RESIZE = {"SpotResizeSpecification": {"TimeoutDurationMinutes": 20}}
TASK: dict[str, Any] = {
    "InstanceFleetType": "TASK", "TargetSpotCapacity": 8, "InstanceTypeConfigs": ONE, "ResizeSpecifications": RESIZE,
    "LaunchSpecifications": {
        "SpotSpecification": {
            "TimeoutDurationMinutes": 5, "TimeoutAction": "TERMINATE_CLUSTER",
            "AllocationStrategy": "price-capacity-optimized",
        },
        "OnDemandSpecification": {"AllocationStrategy": "lowest-price"},
    },
}  # fmt: skip
REQUEST: dict[str, Any] = {
    "ReleaseLabel": "emr-7.10.0",
    "JobFlowRole": "TidemarkNode",
    "ServiceRole": "EMR_DefaultRole_V2",
    "LogUri": "s3://logs/",
    "CustomAmiId": "ami-0123456789abcdef0",
    "SecurityConfiguration": "sealed",
    "Configurations": [{"Classification": "spark", "Properties": {"maximizeResourceAllocation": "true"}}],
    "Tags": [
        {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
        {"Key": "tidemark:owner", "Value": "somebody else"},
    ],
    "Instances": {"InstanceFleets": [MASTER, CORE, TASK], "Ec2SubnetIds": ["subnet-a", "subnet-b", "subnet-c"]},
}
STEP = StepSpec(Name="s", HadoopJarStep={"Jar": "command-runner.jar"}, ActionOnFailure="TERMINATE_CLUSTER")


def profile(request: dict[str, Any] | None = None, **more: Any) -> ClusterProfile:
    return ClusterProfile(key=profile_key("nightly"), request=request or REQUEST, **more)


def launch(**more: Any) -> LaunchRow:
    return LaunchRow(**{"key": launch_key("l-1"), "owner": "df-1", "profile": "nightly", "created_at": 0, **more})


def asked(of: ClusterProfile | None = None, **more: Any) -> dict[str, Any]:
    """The request, which EMR's service model takes."""
    request = request_of(of or profile(), launch(**more), "tidemark")
    assert list(faults(RUN_JOB_FLOW, request)) == []
    return request


def fleet(request: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = next(f for f in request["Instances"]["InstanceFleets"] if f["InstanceFleetType"] == role)
    return found


def test_the_first_attempt_is_the_profiles_with_a_switch_to_on_demand_where_it_has_no_word_on_it() -> None:
    request = asked(profile(launch_timeout_s=2400))
    switch = {"TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}
    assert fleet(request, "CORE") == {**CORE, "LaunchSpecifications": {"SpotSpecification": switch}}
    assert fleet(request, "MASTER") == MASTER and fleet(request, "TASK") == TASK
    assert request["Instances"]["Ec2SubnetIds"] == ["subnet-a", "subnet-b", "subnet-c"]


def test_everything_else_passes_untouched() -> None:
    request = asked()
    ours = {"Name", "Tags", "Instances"}
    assert {k: v for k, v in request.items() if k not in ours} == {k: v for k, v in REQUEST.items() if k not in ours}
    assert REQUEST["Instances"]["InstanceFleets"][1] == CORE, "the profile itself is as it was"


def test_the_second_attempt_leaves_out_what_has_failed_if_others_are_left() -> None:
    one = asked(attempt=2, failed_subnets=("subnet-b",))
    assert (
        one["Instances"]["Ec2SubnetIds"] == ["subnet-a", "subnet-c"] and fleet(one, "CORE")["TargetSpotCapacity"] == 3
    )
    none = asked(attempt=2, failed_subnets=("subnet-a", "subnet-b", "subnet-c"))
    assert none["Instances"]["Ec2SubnetIds"] == ["subnet-a", "subnet-b", "subnet-c"]


@pytest.mark.parametrize("attempt", [3, 4, 10])
def test_from_the_third_attempt_on_everything_is_on_demand(attempt: int) -> None:
    request = asked(attempt=attempt, failed_subnets=("subnet-b",))
    targets = {f["InstanceFleetType"]: f for f in request["Instances"]["InstanceFleets"]}
    bought = {role: (f["TargetOnDemandCapacity"], f.get("TargetSpotCapacity", 0)) for role, f in targets.items()}
    assert bought == {"MASTER": (1, 0), "CORE": (4, 0), "TASK": (8, 0)}
    task = fleet(request, "TASK")
    assert task["LaunchSpecifications"] == TASK["LaunchSpecifications"], "the agent's spot later on is not touched"
    assert task["ResizeSpecifications"] == RESIZE and "LaunchSpecifications" not in fleet(request, "CORE")
    assert request["Instances"]["Ec2SubnetIds"] == ["subnet-a", "subnet-c"]


def test_many_types_have_an_allocation_strategy_on_demand_too() -> None:
    types = [{"InstanceType": f"r5.{size}xlarge"} for size in range(6)]
    spot = {"SpotSpecification": TASK["LaunchSpecifications"]["SpotSpecification"]}
    many = {**TASK, "InstanceTypeConfigs": types, "LaunchSpecifications": spot}
    of = profile({**REQUEST, "Instances": {"InstanceFleets": [MASTER, many]}})
    assert fleet(asked(of), "TASK")["LaunchSpecifications"] == spot
    bought = fleet(asked(of, attempt=3), "TASK")["LaunchSpecifications"]
    assert bought == {**spot, "OnDemandSpecification": {"AllocationStrategy": "lowest-price"}}


def test_groups_climb_the_same_ladder() -> None:
    fixed = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    task = {"InstanceRole": "TASK", "InstanceType": "r5.xlarge", "InstanceCount": 4}
    of = profile({**REQUEST, "Instances": {
        "InstanceGroups": [fixed, {**task, "Market": "SPOT", "BidPrice": "0.2"}, {**task, "BidPrice": "0.1"}],
        "Ec2SubnetId": "subnet-a",
    }})  # fmt: skip
    assert asked(of)["Instances"]["InstanceGroups"] == of.request["Instances"]["InstanceGroups"]
    bought = {**task, "Market": "ON_DEMAND"}
    assert asked(of, attempt=3)["Instances"]["InstanceGroups"] == [fixed, bought, bought]
    assert asked(of, attempt=3)["Instances"]["Ec2SubnetId"] == "subnet-a"


def test_a_cluster_says_whose_it_is() -> None:
    request = asked(attempt=2)
    assert request["Name"] == "nightly l-1.2"
    assert request["Tags"] == [
        {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
        {"Key": "tidemark:launch", "Value": "l-1.2"},
        {"Key": "tidemark:owner", "Value": "df-1"},
        {"Key": "tidemark:profile", "Value": "nightly"},
        {"Key": "tidemark:table", "Value": "tidemark"},
    ]


def test_of_one_owner_it_ends_after_its_steps_and_of_a_pool_it_stays_and_no_step_ends_it() -> None:
    owned = asked(steps=(STEP,))
    assert owned["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False and "AutoTerminationPolicy" not in owned
    assert [s["ActionOnFailure"] for s in owned["Steps"]] == ["TERMINATE_CLUSTER"]
    pooled = asked(pool=True, steps=(STEP,))
    assert pooled["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert [s["ActionOnFailure"] for s in pooled["Steps"]] == ["CONTINUE"]


def test_steps_are_told_what_they_were_launched_for() -> None:
    args = ["spark-submit", "job.py", "--input", "{tidemark:owner}", "--run={tidemark:launch}", "{other}"]
    steps = [{"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}}]
    made = asked(profile({**REQUEST, "Steps": steps}), owner="s3://in/arrived/x {tidemark:launch}")
    told = made["Steps"][0]["HadoopJarStep"]["Args"]
    assert told[:4] == [*args[:3], "s3://in/arrived/x {tidemark:launch}"]
    assert told[4:] == ["--run=l-1", "{other}"]
    assert steps[0]["HadoopJarStep"] == {"Jar": "command-runner.jar", "Args": args}


def test_a_profiles_own_steps_come_first() -> None:
    setup = {"Name": "setup", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar"}}
    request = asked(profile({**REQUEST, "Steps": [setup]}), steps=(STEP,))
    assert [s["Name"] for s in request["Steps"]] == ["setup", "s"]


def test_emrs_own_idle_end_is_the_last_belt_where_a_cluster_stays() -> None:
    stays = {**REQUEST, "Instances": {**REQUEST["Instances"], "KeepJobFlowAliveWhenNoSteps": True}}
    assert asked(profile(stays))["AutoTerminationPolicy"] == {"IdleTimeout": 6 * 3600}
    assert asked(profile(stays, idle_s=5 * 3600))["AutoTerminationPolicy"] == {"IdleTimeout": 10 * 3600}
    assert asked(profile(stays, idle_s=1e6))["AutoTerminationPolicy"] == {"IdleTimeout": 604800}
    for release, has in (("5.29.0", False), ("5.30.1", True), ("6.0.0", False), ("6.1.0", True), ("7.0.0", True)):
        assert ("AutoTerminationPolicy" in asked(profile({**stays, "ReleaseLabel": f"emr-{release}"}))) is has, release
    own = {**stays, "AutoTerminationPolicy": {"IdleTimeout": 900}}
    assert asked(profile(own))["AutoTerminationPolicy"] == {"IdleTimeout": 900}


def test_the_protection_of_three_primaries_is_emrs_own_unless_the_profile_asks_for_it() -> None:
    three: dict[str, Any] = {"Instances": {"InstanceFleets": [{**MASTER, "TargetOnDemandCapacity": 3}]}}
    groups = {"Instances": {"InstanceGroups": [{"InstanceRole": "MASTER", "InstanceCount": 3}]}}
    assert [primaries(one) for one in (REQUEST, three, groups, {})] == [1, 3, 3, 1]
    assert keeps_protection(REQUEST) and not keeps_protection(three) and not keeps_protection(groups)
    assert keeps_protection({"Instances": {**three["Instances"], "TerminationProtected": True}})


names = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=400)
ids = st.from_regex(rf"[A-Za-z0-9_/:=@+-][A-Za-z0-9_.:/=@+-]{{0,{LONGEST_ID - 1}}}", fullmatch=True)


@given(names, ids, st.integers(1, 999))
def test_a_name_tells_its_launch_and_attempt(profile: str, launch_id: str, attempt: int) -> None:
    name = name_of(profile, launch_id, attempt)
    assert len(name) <= LONGEST_NAME and attempt_in(name) == (launch_id, attempt)


@pytest.mark.parametrize("name", ["", "nightly", "nightly l-1", "nightly l-1.0", "nightly l-1.x", "l-1.1", "a .1"])
def test_other_names_tell_nothing(name: str) -> None:
    assert attempt_in(name) is None


@pytest.mark.parametrize("launch_id", ["", "a b", ".1", "a\n", "x" * (LONGEST_ID + 1)])
def test_an_id_that_could_not_be_read_back_is_refused(launch_id: str) -> None:
    with pytest.raises(ValueError, match="a launch id is 1 to 128 characters"):
        name_of("nightly", launch_id, 1)


def test_tags_hold_what_ec2_takes() -> None:
    assert tag_value("arn:aws:states:eu-west-1:1:execution:x:y") == "arn:aws:states:eu-west-1:1:execution:x:y"
    assert tag_value("a*b(c)") == "a_b_c_" and len(tag_value("x" * 999)) == 256
