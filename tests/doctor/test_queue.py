"""Who may send to the alarms' queue, and which rights it takes to hear of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from agent.aws.rights import RIGHTS
from agent.doctor.attempts import attempted
from agent.doctor.findings import Status
from agent.doctor.ground import clients
from agent.doctor.queue import senders
from agent.settings import Settings
from agent.settings_actions import AlarmAction
from tests.doctor.test_attempts import NOBODY
from tests.sandbox.emr_world import REGION, World, boto, world

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
QUEUE_RIGHTS = ("GetQueueAttributes", "ReceiveMessage", "DeleteMessage")


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with world() as made:
        yield made


def queue(it: World) -> str:
    url: str = boto("sqs", it.server.endpoint).create_queue(QueueName=f"q-{uuid4()}")["QueueUrl"]
    return url


def told(it: World, url: str | None, **more: Any) -> Settings:
    actions = {} if url is None else {"queue_url": url, "topic_arn": TOPIC, **more}
    aws = {"region": REGION, "endpoint_url": it.server.endpoint}
    return Settings.model_validate({"aws": aws, "fleet": {"max_capacity_units": 9}, "actions": actions})


def allows(**changed: Any) -> dict[str, Any]:
    return {
        "Sid": "Sends",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
        **changed,
    }


ONLY = allows()
ANYBODY = allows(Principal="*", Condition={})
WILD = allows(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}})
READS = allows(Action=["sqs:ReceiveMessage"], Principal={"AWS": "*"}, Condition={})


@pytest.mark.parametrize(
    ("statements", "more", "status"),
    [
        ([ONLY], {}, Status.OK),
        ([ONLY, READS], {}, Status.OK),
        ([ONLY, ANYBODY], {}, Status.WARN),
        ([ANYBODY], {"verify_signatures": False}, Status.FAIL),
        ([ONLY, ANYBODY], {"accept_raw": True}, Status.FAIL),
        ([WILD], {}, Status.WARN),
        ([allows(Action=["sqs:*"], Condition={})], {}, Status.WARN),
        ([ONLY, allows(Action="SQS:S*", Condition={})], {}, Status.WARN),
        ([ONLY, allows(Action="sqs:Send?essage", Condition={})], {}, Status.WARN),
        ([READS], {}, Status.FAIL),
        ([], {}, Status.FAIL),
    ],
)
def test_only_the_topic_may_send(
    it: World, statements: list[dict[str, Any]], more: dict[str, Any], status: Status
) -> None:
    url = queue(it)
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        boto("sqs", it.server.endpoint).set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    settings = told(it, url, **more)
    assert senders(clients(settings, NOBODY), settings).status is status


def test_alarms_that_nothing_hears_of_are_said(it: World) -> None:
    settings = told(it, None)
    mapped = settings.actions.model_copy(update={"alarms": (AlarmAction(name="heap", to_units=1),)})
    settings = settings.model_copy(update={"actions": mapped})
    assert senders(clients(settings, NOBODY), settings).status is Status.WARN


def test_without_a_queue_there_is_nothing_to_look_at(it: World) -> None:
    settings = told(it, None)
    assert senders(clients(settings, NOBODY), settings).status is Status.SKIP
    for operation in QUEUE_RIGHTS:
        assert attempted(RIGHTS[operation], settings, clients(settings, NOBODY), None).status is Status.SKIP


@pytest.mark.parametrize("operation", QUEUE_RIGHTS)
def test_the_rights_are_tried_without_touching_a_message(it: World, operation: str) -> None:
    url = queue(it)
    client = boto("sqs", it.server.endpoint)
    client.send_message(QueueUrl=url, MessageBody="one")
    settings = told(it, url)
    assert attempted(RIGHTS[operation], settings, clients(settings, NOBODY), None).status is Status.OK
    (message,) = client.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    gone = told(it, url + "-gone")
    assert attempted(RIGHTS[operation], gone, clients(gone, NOBODY), None).status is Status.FAIL
