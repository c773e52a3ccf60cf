"""What the lifecycle's verbs call, heard from botocore itself, against the operator's policy."""

from __future__ import annotations

import fnmatch
import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.aws.rights import BY_OPERATOR_OF_LIFECYCLE
from agent.cli import main
from agent.lifecycle import rows
from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.lifecycle.store import Store
from tests.lifecycle.pool_rows import cluster, job
from tests.sandbox.emr_world import boto, fleets, world

ROOT = Path(__file__).parents[2]
BY_OTHERS = {"DescribeCluster"}
"""AmazonEMRReadOnlyAccessPolicy_v2 has it, as for `tidemark status`."""


class Ear:
    """Hears every call of every client of this process: botocore's own monitoring of its calls, by UDP."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        monkeypatch.setenv("AWS_CSM_ENABLED", "true")
        monkeypatch.setenv("AWS_CSM_HOST", "127.0.0.1")
        monkeypatch.setenv("AWS_CSM_PORT", str(self._socket.getsockname()[1]))

    def heard(self) -> set[str]:
        found: set[str] = set()
        while True:
            try:
                event = json.loads(self._socket.recv(65536))
            except BlockingIOError:
                return found
            found.add(event["Api"])

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    made = Ear(monkeypatch)
    yield made
    made.close()


@pytest.mark.story
def test_the_verbs_call_what_the_operators_policy_gives_and_nothing_else(ear: Ear) -> None:
    profiles = ROOT / "bootstrap" / "profiles"
    with world() as it:
        name, endpoint = f"tidemark-{uuid.uuid4()}", it.server.endpoint
        create(boto("dynamodb", endpoint), name)
        sqs = boto("sqs", endpoint)
        dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        wanted = {"QueueUrl": dead, "AttributeNames": ["QueueArn"]}
        arn = sqs.get_queue_attributes(**wanted)["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        store = Store(DynamoTable(boto("dynamodb", endpoint), name))
        cluster_id = it.ready(Instances=fleets())
        store.know(cluster(cluster_id, owner="o"))
        store.submit(job("j-1"))
        ear.heard()
        where = ["--table", name, "--queue-url", url, "--region", "eu-west-1", "--endpoint-url", endpoint]
        heard: set[str] = set()
        for words in (
            ["profile", "put", str(profiles / "etl.toml")],
            ["profile", "put", str(profiles / "nightly.toml")],
            ["profile", "show"],
            ["cluster", "launch", "nightly"],
            ["cluster", "list", "--all"],
            ["cluster", "list", "--owner", "o"],
            ["cluster", "wait", "--until", "ready", cluster_id],
            ["cluster", "wait", "--timeout", "1s", "launch-1"],
            ["cluster", "end", cluster_id],
            ["cluster", "end", "--owner", "o"],
            ["cluster", "usage"],
            ["job", "submit", "sessions"],
            ["job", "list", "--all"],
            ["job", "cancel", "j-1"],
            ["sweep"],
        ):
            done = CliRunner().invoke(main, [*words, *where])
            assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit), done.exception
            assert "Error" not in done.stderr, done.stderr
            heard |= ear.heard()
    assert heard - BY_OTHERS == set(BY_OPERATOR_OF_LIFECYCLE)


def test_an_operator_changes_no_row_of_a_job_or_a_launch() -> None:
    policy = json.loads((ROOT / "bootstrap" / "operator-policy.json").read_text())
    puts = next(one for one in policy["Statement"] if one["Sid"] == "TidemarkPutProfiles")
    allowed = puts["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    keys = {
        rows.profile_key("a"): True,
        rows.job_profile_key("a"): True,
        rows.cluster_key("a"): True,
        "BUDGET#DescribeCluster#1": True,
        rows.job_key("a"): False,
        rows.launch_key("a"): False,
        rows.slot_key("a", 1): False,
        rows.owner_key("a"): False,
    }
    assert {key: any(fnmatch.fnmatchcase(key, one) for one in allowed) for key in keys} == keys
