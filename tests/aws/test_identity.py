"""Which cluster and Region a node belongs to, from files shaped as EMR leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.aws.identity import CANDIDATES, Identity, identify

JOB_FLOW = {
    "jobFlowId": "j-2AXXXXXXGAPLF",
    "jobFlowCreationInstant": 1700000000000,
    "instanceCount": 3,
    "masterInstanceId": "i-0123456789abcdef0",
    "masterPrivateDnsName": "ip-10-0-0-1.eu-west-1.compute.internal",
    "instanceGroups": [{"instanceGroupId": "ig-1", "instanceRole": "Master", "requestedInstanceCount": 1}],
}
EXTRA = {
    "jobFlowId": "j-2AXXXXXXGAPLF",
    "region": "eu-west-1",
    "instanceRole": "master",
    "instanceGroups": {"MASTER": [{"instanceType": "m5.xlarge", "instanceCount": 1}]},
}


def written(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_id_comes_from_one_file_and_the_region_from_the_other(tmp_path: Path) -> None:
    job_flow = written(tmp_path, "job-flow.json", JOB_FLOW)
    extra = written(tmp_path, "extraInstanceData.json", {**EXTRA, "jobFlowId": "j-LATER"})
    assert identify((job_flow, extra)) == Identity("j-2AXXXXXXGAPLF", "eu-west-1")
    assert identify((extra,)) == Identity("j-LATER", "eu-west-1")
    assert identify((job_flow,)) == Identity("j-2AXXXXXXGAPLF", None)


def test_user_data_of_the_instance_calls_the_id_otherwise(tmp_path: Path) -> None:
    assert identify((written(tmp_path, "userData.json", {"clusterId": "j-1"}),)) == Identity("j-1", None)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"j-1"', '{"jobFlowId": 5}', '{"jobFlowId": ""}', "\udcff"])
def test_a_broken_file_is_passed_over(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "job-flow.json"
    broken.write_bytes(content.encode("utf-8", "surrogateescape"))
    good = written(tmp_path, "extraInstanceData.json", EXTRA)
    assert identify((tmp_path / "missing.json", tmp_path, broken, good)) == Identity("j-2AXXXXXXGAPLF", "eu-west-1")
    assert identify((broken,)) == Identity(None, None)


def test_the_node_files_of_emr_are_the_default_and_this_machine_is_no_node() -> None:
    assert str(CANDIDATES[0]) == "/mnt/var/lib/info/job-flow.json"
    if not any(path.exists() for path in CANDIDATES):
        assert identify() == Identity(None, None)
