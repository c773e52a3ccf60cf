"""Profiles as people write them: what becomes a row, and every fault at once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aws.emr_requests import faults_of_run_job_flow
from agent.lifecycle import profiles
from agent.lifecycle.profile_rules import capacity, hints
from agent.lifecycle.rows import ClusterProfile, JobProfile, Trigger
from agent.settings_faults import SettingsError, SettingsFault

EXAMPLES = sorted((Path(__file__).parents[2] / "bootstrap" / "profiles").glob("*.toml"))
REQUEST = '[cluster.a.request.Instances]\nInstanceGroups = [{ InstanceRole = "MASTER" }]\n'
INSTANCES = "cluster.a.request.Instances"
JOB = (
    '[job.j]\ntype = "spark"\nsize = "small"\npriority = 1\ncluster_profile = "a"\n'
    'step = { Jar = "command-runner.jar" }\n'
)


def faults(text: str, source: str = "profile.toml") -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        profiles.read(text, source)
    return {one.path: one.text for one in caught.value.faults}


def example(name: str) -> profiles.Profiles:
    path = next(one for one in EXAMPLES if one.stem == name)
    return profiles.read(path.read_text(), str(path))


def test_the_examples_are_read_as_they_stand() -> None:
    assert [path.stem for path in EXAMPLES] == ["etl", "nightly"]
    etl, nightly = example("etl"), example("nightly")
    pool = etl.clusters[0]
    assert (pool.key, pool.minimum, pool.maximum, pool.pooled) == ("PROFILE#etl", 1, 4, True)
    assert [(job.key, job.priority, job.cluster_profile) for job in etl.jobs] == [
        ("JOBPROFILE#sessions", 900, "etl"),
        ("JOBPROFILE#report", 100, "etl"),
    ]
    assert [list(hints(one)) for one in (pool, *nightly.clusters)] == [[], []]
    assert nightly.clusters[0].triggers[0].prefix == "arrived/"


def test_what_a_cluster_is_made_of() -> None:
    primary, core, task = capacity(example("etl").clusters[0].request)
    assert (primary.role, primary.types, primary.on_demand, primary.spot) == ("MASTER", ("m5.xlarge",), 1, 0)
    assert (core.role, core.types, core.on_demand, core.spot) == ("CORE", ("r5.xlarge",), 2, 0)
    assert (task.types, task.on_demand, task.spot) == (("r5.2xlarge", "r5.4xlarge"), 0, 2)
    groups = [
        {"InstanceRole": "TASK", "InstanceType": "r5.xlarge", "InstanceCount": 3, "Market": "SPOT"},
        {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
    ]
    assert [(one.role, one.on_demand, one.spot) for one in capacity({"Instances": {"InstanceGroups": groups}})] == [
        ("MASTER", 1, 0),
        ("TASK", 0, 3),
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_emrs_model_has_nothing_against_the_examples(path: Path) -> None:
    assert profiles.read(path.read_text(), str(path), faults_of_run_job_flow).clusters


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_json_and_what_is_shown_read_as_the_same(path: Path) -> None:
    found = profiles.read(path.read_text(), str(path))
    as_json = json.dumps(tomllib.loads(path.read_text()))
    assert profiles.read(as_json, "profile.json") == found
    for one in [*found.clusters, *found.jobs]:
        assert isinstance(one, ClusterProfile | JobProfile)
        again = profiles.read(json.dumps(profiles.written(one)), "shown.json")
        assert (*again.clusters, *again.jobs) == (one,)


def test_every_fault_is_told_at_once_with_its_path() -> None:
    told = faults(
        "[cluster.a]\nminimum = 3\nmaximum = 2\nidle = 5\n"
        + REQUEST
        + "KeepJobFlowAliveWhenNoSteps = false\n[cluster.b]\nminimum = -1\n"
        + '[job.j]\ntype = " "\nsize = "s"\npriorty = 5\ncluster_profile = "c"\nstep = { Jr = "x" }\n[jobs.k]\n'
    )
    assert told == {
        "jobs": "is no kind of profile; did you mean 'job'?",
        "cluster.a.idle": "is no setting; did you mean 'idle_s'?",
        "cluster.b.request": "is required",
        "cluster.b.minimum": "Input should be greater than or equal to 0 (given: -1)",
        "job.j.priority": "is required",
        "job.j.priorty": "is no setting; did you mean 'priority'?",
    }


def test_what_the_models_do_not_know_is_told_at_once_as_well() -> None:
    told = faults(
        "[cluster.a]\nminimum = 3\nmaximum = 2\ntriggers = [{ bucket = 'b' }]\n"
        + REQUEST
        + "KeepJobFlowAliveWhenNoSteps = false\nEc2SubnetIds = ['a', 'b']\nEc2SubnetId = 'a'\n"
        + "InstanceFleets = [{ InstanceFleetType = 'MASTER' }]\n"
        + "[[cluster.a.request.Steps]]\nActionOnFailure = 'TERMINATE_CLUSTER'\n"
        + JOB.replace('"spark"', '" "').replace("Jar =", "Args = [5], Jr =").replace('"a"', '"d"')
        + "[cluster.d]\n"
        + REQUEST.replace("cluster.a", "cluster.d")
    )
    assert list(told) == [
        "cluster.a.minimum",
        "cluster.a.triggers",
        "cluster.a.request.Instances",
        "cluster.a.request.Instances.KeepJobFlowAliveWhenNoSteps",
        "cluster.a.request.Steps.0.ActionOnFailure",
        "job.j.type",
        "job.j.cluster_profile",
        "job.j.step.Jar",
        "job.j.step.Jr",
        "job.j.step.Args",
    ]
    assert "Ec2SubnetId" in told["cluster.a.request.Instances"]
    assert told["job.j.step.Jr"] == "is nothing that HadoopJarStep has; did you mean 'Jar'?"


def test_several_subnets_are_for_fleets() -> None:
    assert list(faults("[cluster.a]\n" + REQUEST + "Ec2SubnetIds = ['a', 'b']\n")) == [
        "cluster.a.request.Instances.Ec2SubnetIds"
    ]


def test_what_emr_has_against_the_request_stands_under_its_path() -> None:
    with pytest.raises(SettingsError) as caught:
        profiles.read("[cluster.a]\n" + REQUEST, "p.toml", lambda _: [SettingsFault("Instances.X", "is unknown")])
    assert [str(one) for one in caught.value.faults] == ["cluster.a.request.Instances.X: is unknown"]


@pytest.mark.parametrize(
    ("text", "path", "word"),
    [
        ("[cluster.'a b']\n" + REQUEST.replace("cluster.a", "cluster.'a b'"), "cluster.a b", "is no name"),
        ("[cluster.a]\nkey = 'x'\n" + REQUEST, "cluster.a.key", "is no setting"),
        ("[cluster.a]\nidle_s = inf\n" + REQUEST, "cluster.a.idle_s", "inf is nothing"),
        ("[cluster.a]\nmaximum = 100000000000\n" + REQUEST, "cluster.a.maximum", "is more than 1000"),
        ("[cluster.a]\nterminate_after_s = 1e40\n" + REQUEST, "cluster.a.terminate_after_s", "is more than 3.1536e+08"),
        ("[cluster.a.request.Instances]\nTerminationProtected = true\n", INSTANCES, "names no instances"),
        (REQUEST.replace("MASTER", "CORE"), f"{INSTANCES}.InstanceGroups", "has no primary node"),
        (JOB.replace("Jar =", "Properties = { a = 'b' }, Jar ="), "job.j.step.Properties", "list of tables"),
        (JOB.replace("Jar =", "MainClass = 5, Jar ="), "job.j.step.MainClass", "is a text"),
        ("[cluster.a]\n" + REQUEST + "x = 2026-01-01\n", "cluster.a.request.Instances.x", "a date is nothing"),
        ("[cluster]\na = 5\n", "cluster", "[cluster.NAME]"),
        ("", "", "holds no profile"),
        ("[cluster", "", "is not TOML"),
        ("[cluster.a]\nx = '" + "y" * 400_000 + "'\n" + REQUEST, "cluster.a", "too large"),
    ],
)
def test_what_cannot_be_a_profile(text: str, path: str, word: str) -> None:
    assert word in faults(text)[path]


def test_hints_tell_what_is_rarely_meant() -> None:
    text = "[cluster.a]\nmaximum = 1\nlaunch_timeout_s = 60\n" + REQUEST + "[cluster.a.request]\nName = 'n'\n"
    pool = profiles.read(text, "p.toml").clusters[0]
    told = " ".join(hints(pool))
    assert all(word in told for word in ("LogUri", "Name", "terminate_after_s", "launch_timeout_s"))
    watched = pool.model_copy(update={"triggers": (Trigger(bucket="b"),)})
    assert "every object of b" in " ".join(hints(watched))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
SHAPED = st.dictionaries(
    st.sampled_from(["cluster", "job", "other"]),
    JSON | st.dictionaries(st.text(max_size=5), JSON | st.dictionaries(
        st.sampled_from([*ClusterProfile.model_fields, *JobProfile.model_fields]), JSON), max_size=2),
)  # fmt: skip


@given(SHAPED | JSON)
def test_nothing_that_is_json_is_more_than_a_fault(value: object) -> None:
    try:
        profiles.read(json.dumps(value), "p.json")
    except SettingsError as error:
        assert error.faults


def test_a_pool_that_emr_empties_is_told_of() -> None:
    text = "[cluster.a]\nmaximum = 1\n[cluster.a.request]\nAutoTerminationPolicy = { IdleTimeout = 60 }\n" + REQUEST
    (profile,) = profiles.read(text, "p.toml").clusters
    assert any("IdleTimeout = 60 is not more than idle_s" in one for one in hints(profile))
