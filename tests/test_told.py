"""The whole agent as a process: what it tells by SNS reaches a queue, at a restart and just before a stop."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from tests.running import CREDENTIALS, agent, wait_for
from tests.test_app import aws

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SandboxServer(quotas=NO_QUOTAS) as server:
        yield server.endpoint


class Queue:
    """A topic and a queue that gets the JSON of it."""

    def __init__(self, endpoint: str) -> None:
        keys = {
            "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        }
        sns: Any = boto3.client("sns", region_name=REGION, endpoint_url=endpoint, **keys)
        self._sqs: Any = boto3.client("sqs", region_name=REGION, endpoint_url=endpoint, **keys)
        name = f"told-{time.monotonic_ns()}"
        self.topic = sns.create_topic(Name=name)["TopicArn"]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"FilterPolicy": json.dumps({"format": ["json"]}), "RawMessageDelivery": "true"},
        )
        self.notices: list[dict[str, Any]] = []

    def kinds(self) -> list[str]:
        """Of all that has come so far."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                self.notices.append(json.loads(one["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
        return [one["kind"] for one in self.notices]


def settings(endpoint: str, topic: str) -> str:
    return f'{aws(endpoint)}\n[notices]\ntopic_arn = "{topic}"\njson_topic_arn = "{topic}"\nmin_interval_s = 0\n'


def test_a_second_beginning_is_told_and_a_cluster_manager_that_never_answers(tmp_path: Path, endpoint: str) -> None:
    queue = Queue(endpoint)
    told = settings(endpoint, queue.topic) + "blind_after_s = 1\n"
    with agent(tmp_path, told) as running:
        wait_for(lambda: "blind" in queue.kinds(), running.log)
        assert "agent-restarted" not in queue.kinds()
        assert running.stop() == 0
    with agent(tmp_path, told) as running:
        wait_for(lambda: "agent-restarted" in queue.kinds(), running.log)
    found = next(one for one in queue.notices if one["kind"] == "blind")
    assert (found["cluster_id"], found["because"][0]["code"]) == ("j-TEST", "blind")


def test_a_topic_that_does_not_exist_keeps_no_turn_from_coming(tmp_path: Path, endpoint: str) -> None:
    journal = tmp_path / "journal.jsonl"
    told = settings(endpoint, f"arn:aws:sns:{REGION}:123456789012:nowhere") + "blind_after_s = 1\n"
    with agent(tmp_path, told) as running:
        wait_for(lambda: "notice.failed" in running.log(), running.log)
        turns = len(journal.read_text().splitlines())
        wait_for(lambda: len(journal.read_text().splitlines()) > turns + 3, running.log)
        assert running.stop() == 0
