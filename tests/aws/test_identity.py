"""Which cluster and Region a node belongs to, from files shaped as EMR leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aws.identity import CANDIDATES, Identity, Release, identify, identify_node, release, under
from agent.aws.imds import Imds
from tests.fakes.imds import FakeImds

JOB_FLOW = {
    "jobFlowId": "j-2AXXXXXXGAPLF",
    "jobFlowCreationInstant": 1700000000000,
    "instanceCount": 3,
    "masterInstanceId": "i-0123456789abcdef0",
    "masterPrivateDnsName": "localhost",
    "instanceGroups": [{"instanceGroupId": "ig-1", "instanceRole": "Master", "requestedInstanceCount": 1}],
}
EXTRA = {
    "jobFlowId": "j-2AXXXXXXGAPLF",
    "region": "eu-west-1",
    "accountId": "123456789012",
    "instanceRole": "master",
    "releaseLabel": "emr-7.14.0",
    "haEnabled": False,
    "masterHost": "localhost",
    "instanceGroups": {"MASTER": [{"instanceType": "m5.xlarge", "instanceCount": 1}]},
}
OF_FLEETS = {**EXTRA, "instanceRole": "MASTER", "releaseLabel": "emr-spark-8.1.0", "haEnabled": True}


def written(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_id_comes_from_one_file_and_the_region_from_the_other(tmp_path: Path) -> None:
    job_flow = written(tmp_path, "job-flow.json", JOB_FLOW)
    extra = written(tmp_path, "extraInstanceData.json", {**EXTRA, "jobFlowId": "j-LATER"})
    both = identify((job_flow, extra))
    assert (both.cluster_id, both.region) == ("j-2AXXXXXXGAPLF", "eu-west-1")
    assert identify((extra,)).cluster_id == "j-LATER"
    assert identify((job_flow,)) == Identity("j-2AXXXXXXGAPLF", None)


def test_user_data_of_the_instance_calls_the_id_otherwise(tmp_path: Path) -> None:
    assert identify((written(tmp_path, "userData.json", {"clusterId": "j-1"}),)) == Identity("j-1", None)


def test_all_that_a_primary_of_fleets_with_high_availability_tells(tmp_path: Path) -> None:
    written(tmp_path, "mnt/var/lib/info/job-flow.json", JOB_FLOW)
    written(tmp_path, "mnt/var/lib/instance-controller/extraInstanceData.json", OF_FLEETS)
    written(tmp_path, "emr/instance-controller/lib/info/instance.json", {"isMaster": True, "instanceGroupId": "if-1"})
    assert identify(under(tmp_path)) == Identity(
        cluster_id="j-2AXXXXXXGAPLF",
        region="eu-west-1",
        release_label="emr-spark-8.1.0",
        is_primary=True,
        high_availability=True,
        account_id="123456789012",
    )


@pytest.mark.parametrize(
    "instance, role, primary",
    [
        ({"isMaster": True}, "core", True),
        ({"isMaster": False}, "master", False),
        ({"isMaster": "false"}, "master", False),
        ({"isMaster": "TRUE"}, None, True),
        ({"isMaster": None}, "MASTER", True),
        ({}, "master", True),
        ({}, "Primary", True),
        ({}, "TASK", False),
        ({}, "core", False),
        ({}, None, None),
        ({"isMaster": [1]}, None, None),
    ],
)
def test_whether_this_node_is_a_primary(
    tmp_path: Path, instance: dict[str, Any], role: str | None, primary: bool | None
) -> None:
    extra = written(tmp_path, "extraInstanceData.json", {} if role is None else {"instanceRole": role})
    assert identify((extra, written(tmp_path, "instance.json", instance))).is_primary is primary


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"j-1"', '{"jobFlowId": 5}', '{"jobFlowId": ""}', "\udcff"])
def test_a_broken_file_is_passed_over(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "job-flow.json"
    broken.write_bytes(content.encode("utf-8", "surrogateescape"))
    good = written(tmp_path, "extraInstanceData.json", EXTRA)
    found = identify((tmp_path / "missing.json", tmp_path, broken, good))
    assert (found.cluster_id, found.region) == ("j-2AXXXXXXGAPLF", "eu-west-1")
    assert identify((broken,)) == Identity(None, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*EXTRA, *JOB_FLOW, "isMaster", "clusterId"]), _JSON))
def test_no_document_breaks_it(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    found = identify((written(tmp_path_factory.getbasetemp(), "any.json", document),))
    assert all(isinstance(text, str | None) for text in (found.cluster_id, found.region, found.release_label))
    assert found.is_primary in {None, True, False} and found.high_availability in {None, True, False}


def test_the_node_files_of_emr_are_the_default_and_this_machine_is_no_node() -> None:
    assert str(CANDIDATES[0]) == "/mnt/var/lib/info/job-flow.json"
    if not any(path.exists() for path in CANDIDATES):
        assert identify() == Identity(None, None)


@pytest.mark.parametrize(
    "label, found",
    [
        ("emr-7.14.0", Release("", (7, 14, 0))),
        ("emr-5.36.2", Release("", (5, 36, 2))),
        ("emr-spark-8.1.0", Release("spark", (8, 1, 0))),
        ("emr-spark-8.1.0-20261008", Release("spark", (8, 1, 0))),
        ("EMR-7.0", Release("", (7, 0))),
        ("", None),
        (None, None),
        ("7.14.0", None),
        ("emr-latest", None),
    ],
)
def test_a_release_label_is_taken_apart(label: str | None, found: Release | None) -> None:
    assert release(label) == found


def test_a_node_whose_files_lack_the_region_asks_the_metadata_and_any_other_machine_does_not(tmp_path: Path) -> None:
    job_flow = written(tmp_path, "job-flow.json", JOB_FLOW)
    extra = written(tmp_path, "extraInstanceData.json", EXTRA)
    with FakeImds(region="us-west-2") as imds:
        assert identify_node(Imds(imds.url), (job_flow,)).region == "us-west-2"
        asked = len(imds.asked)
        assert identify_node(Imds(imds.url), (extra,)).region == "eu-west-1"
        assert identify_node(Imds(imds.url), ()).region is None
        assert len(imds.asked) == asked
