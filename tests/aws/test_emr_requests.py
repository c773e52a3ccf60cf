"""A request for RunJobFlow as a person writes it, held against EMR's own model."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.aws.emr_requests import faults_of_run_job_flow
from tests.sandbox.emr_world import fleets

PROFILES = sorted((Path(__file__).parent.parent.parent / "bootstrap" / "profiles").glob("*.toml"))
GOOD: dict[str, Any] = {"ReleaseLabel": "emr-7.10.0", "Instances": dict(fleets(spot=2))}


def said(**more: Any) -> list[str]:
    return [str(fault) for fault in faults_of_run_job_flow({**GOOD, **more})]


def test_a_good_one_needs_no_name() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"ReleaseLable": "emr-7"}, "ReleaseLable: is nothing that RunJobFlow has; did you mean 'ReleaseLabel'?"),
        ({"releaselabel": "emr-7"}, "releaselabel: is nothing that RunJobFlow has; did you mean 'ReleaseLabel'?"),
        ({"Xyzzy": 1}, "Xyzzy: is nothing that RunJobFlow has"),
        ({"StepConcurrencyLevel": "10"}, "StepConcurrencyLevel: str is not integer"),
        ({"Instances": {"InstanceFleets": [{}]}}, "Instances.InstanceFleets.0.InstanceFleetType: is required"),
        (
            {"AutoTerminationPolicy": {"IdleTimeout": True}},
            "AutoTerminationPolicy.IdleTimeout: bool is not long",
        ),
        (
            {"Instances": {"InstanceFleets": [{"InstanceFleetType": "PRIMARY"}]}},
            "Instances.InstanceFleets.0.InstanceFleetType: 'PRIMARY' is not one of MASTER, CORE, TASK",
        ),
        (
            {"Steps": [{"Name": "s", "HadoopJarStep": {"Jar": "j"}, "ActionOnFailure": "Continue"}]},
            "Steps.0.ActionOnFailure: 'Continue' is not one of TERMINATE_JOB_FLOW, TERMINATE_CLUSTER, CANCEL_AND_WAIT, "
            "CONTINUE; did you mean 'CONTINUE'?",
        ),
    ],
)
def test_a_bad_one_says_where_and_the_nearest_right_name(given: dict[str, Any], fault: str) -> None:
    assert said(**given) == [fault]


def test_all_faults_come_at_once() -> None:
    assert len(said(ReleaseLable="x", Steps=[{"Nmae": "x"}], Tags={})) == 5


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.name)
def test_the_samples_are_good(path: Path) -> None:
    clusters = tomllib.loads(path.read_text())["cluster"]
    assert clusters
    for cluster in clusters.values():
        assert list(faults_of_run_job_flow(cluster["request"])) == []
