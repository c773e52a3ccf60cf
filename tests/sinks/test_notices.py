"""Notices by SNS, read back from the queue of a subscriber (moto over HTTP, unmodified boto3)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from agent.aws.clients import Clients
from agent.settings import AwsSettings
from agent.sinks.notices import SnsNotifier
from agent.telemetry import Telemetry


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def clients(endpoint: str) -> Clients:
    return Clients(AwsSettings(region="eu-central-1", endpoint_url=endpoint, max_attempts=1))


def test_a_notice_reaches_a_subscriber_whatever_its_subject(endpoint: str) -> None:
    """SNS refuses a subject of several lines, of 100 characters, or that is not ASCII: the notifier sends none."""
    made = clients(endpoint)
    topic = made.sns.create_topic(Name="notices")["TopicArn"]
    sqs = boto3.client("sqs", region_name="eu-central-1", endpoint_url=endpoint)
    queue = sqs.create_queue(QueueName="read")["QueueUrl"]
    made.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:read")
    telemetry = Telemetry()
    SnsNotifier(lambda: made.sns, topic, telemetry).notify("Ending\nsoon – " + "x" * 200, "idle for 3600 s")
    message = json.loads(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"][0]["Body"])
    assert message["Message"] == "idle for 3600 s"
    assert message["Subject"].startswith("Ending soon")
    assert len(message["Subject"]) < 100
    assert telemetry.counts() == {"NoticesSent": 1}


def test_a_topic_that_does_not_exist_is_counted(endpoint: str) -> None:
    telemetry = Telemetry()
    arn = "arn:aws:sns:eu-central-1:123456789012:nowhere"
    SnsNotifier(lambda: clients(endpoint).sns, arn, telemetry).notify("subject", "text")
    assert telemetry.counts() == {"NoticesFailed.refused": 1}


def test_an_unreachable_service_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refused
        made = clients(f"http://127.0.0.1:{unused.getsockname()[1]}")
        telemetry = Telemetry()
        SnsNotifier(lambda: made.sns, "arn:aws:sns:eu-central-1:123456789012:t", telemetry).notify("subject", "text")
    assert telemetry.counts() == {"NoticesFailed.unreachable": 1}
