"""The queue over HTTP: what is deleted, what stays, and that nothing keeps the rest from being read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from agent.actions.gate import Gate
from agent.actions.queue import AlarmQueue
from agent.actions.signature import Verifier
from agent.sandbox.emr import SandboxServer
from agent.wire.alarm_notice import MAX_BYTES
from tests.actions.notices import NOW, TOPIC, alarm, certificate, envelope
from tests.actions.test_inbox import Desk
from tests.fakes.http import FakeHttp, content, status
from tests.running import free_port, wait_for
from tests.sandbox.emr_world import REGION, boto

PEM = "/x.pem"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SandboxServer(region=REGION) as server:
        yield server.endpoint


@dataclass
class Road:
    desk: Desk
    client: Any
    url: str
    sns: FakeHttp
    queue: AlarmQueue

    def send(self, body: str) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def signed(self, name: str = "heap", **changed: Any) -> str:
        return json.dumps(envelope(alarm(name, **{"at": NOW - 1, **changed}), certificate_url=self.sns.url + PEM))

    def counts(self) -> tuple[int, int]:
        """Messages in sight, and out of sight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


@pytest.fixture
def road(endpoint: str, tmp_path: Path) -> Iterator[Road]:
    client = boto("sqs", endpoint)
    url = client.create_queue(QueueName=f"q-{uuid4()}")["QueueUrl"]
    desk = Desk(tmp_path)
    with FakeHttp() as sns:
        sns.answers(PEM, content(certificate()))
        settings = desk.settings.model_copy(update={"queue_url": url, "sns_origin": sns.url})
        gate = Gate(settings, Verifier(sns.url, lambda: desk.now), desk.inbox.is_late)
        queue = AlarmQueue(lambda: client, url, lambda: gate, desk.inbox, desk.telemetry, lambda: desk.leads)
        yield Road(desk, client, url, sns, queue)


def test_a_message_stays_until_its_request_is_settled_and_is_then_deleted(road: Road) -> None:
    road.send(road.signed())
    road.queue.turn()
    (request,) = road.desk.pending()
    assert road.counts() == (0, 1)
    road.desk.done(request.id)
    road.send("one more, so that it need not wait")
    road.queue.turn()
    assert road.counts() == (0, 0)


def test_what_is_refused_is_deleted_at_once_and_the_good_one_behind_it_is_read(road: Road) -> None:
    bodies = [
        "no JSON",
        "[" * 60_000,
        json.dumps({"Type": "Notification", "TopicArn": TOPIC, "Message": "x"}),
        road.signed(at=NOW - 1000),
        road.signed().replace("ALARM: heap", "ALARM: load"),
        json.dumps(alarm()),
        road.signed("unheard-of"),
    ]
    for body in bodies:
        road.send(body)
    road.send(road.signed())
    for _ in range(len(bodies) + 1):
        if sum(road.counts()) > 1 or not road.desk.pending():
            road.queue.turn()
    assert len(road.desk.pending()) == 1
    refused = {name: count for name, count in road.desk.telemetry.counts().items() if "Refused" in name}
    assert refused == {
        "AlarmNoticesRefused.malformed": 3,
        "AlarmNoticesRefused.late": 1,
        "AlarmNoticesRefused.forged": 1,
        "AlarmNoticesRefused.raw": 1,
        "AlarmNoticesRefused.unmapped": 1,
    }


def test_the_largest_message_of_sqs_is_read_and_refused(road: Road) -> None:
    road.send("x" * min(MAX_BYTES, 262_144))
    road.queue.turn()
    assert road.counts() == (0, 0)


def test_of_two_copies_one_stays_for_as_long_as_the_request_waits(road: Road) -> None:
    for _ in range(2):
        road.send(road.signed())
    for _ in range(2):
        road.queue.turn()
        road.send("so that the next turn need not wait")
    assert len(road.desk.pending()) == 1
    road.queue.turn()
    assert road.counts() == (0, 1)


def test_while_nobody_can_tell_whether_it_is_genuine_it_stays_in_the_queue(road: Road) -> None:
    road.sns.answers(PEM, status(500))
    road.send(road.signed())
    road.queue.turn()
    assert road.desk.pending() == ()
    assert road.counts() == (0, 1)


def test_a_queue_that_is_not_there_or_not_reached_is_counted_and_waited_for_longer_each_time(road: Road) -> None:
    gone = boto("sqs", f"http://127.0.0.1:{free_port()}")
    gate = Gate(road.desk.settings, Verifier("http://x", lambda: NOW), road.desk.inbox.is_late)
    for client, why in ((gone, "unreachable"), (road.client, "refused")):
        queue = AlarmQueue(
            partial(_same, client), road.url + "-gone", lambda: gate, road.desk.inbox, road.desk.telemetry
        )
        for _ in range(2):
            queue.turn()
        assert road.desk.count(f"QueueErrors.{why}") == 2


class NothingDeleted:
    """As without the right to delete, or with handles that count no more."""

    def __init__(self, client: Any) -> None:
        self.receive_message = client.receive_message

    def delete_message(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteMessage")


def test_a_message_that_cannot_be_deleted_keeps_no_other_from_being_read(road: Road) -> None:
    gate = Gate(road.desk.settings, Verifier(road.sns.url, lambda: road.desk.now), road.desk.inbox.is_late)
    gate = replace(gate, settings=gate.settings.model_copy(update={"sns_origin": road.sns.url}))
    client = NothingDeleted(road.client)
    queue = AlarmQueue(lambda: client, road.url, lambda: gate, road.desk.inbox, road.desk.telemetry)
    road.send(road.signed())
    queue.turn()
    road.desk.done(road.desk.pending()[0].id)
    for body in ("no JSON", road.signed("load")):
        road.send(body)
    for _ in range(2):
        if not road.desk.pending():
            queue.turn()
    assert [request.name for request in road.desk.pending()] == ["load"]
    assert road.desk.count("QueueErrors.denied") >= 1


def _same(client: Any) -> Any:
    return client


def test_an_agent_that_does_not_lead_leaves_the_messages_to_the_one_that_does(road: Road) -> None:
    road.desk.leads = False
    stop, beats = threading.Event(), list[int]()
    thread = threading.Thread(target=road.queue.run, args=(lambda: beats.append(1), stop), daemon=True)
    thread.start()
    road.send(road.signed())
    wait_for(lambda: len(beats) > 3, "the loop comes round")
    assert road.counts() == (1, 0)
    road.desk.leads = True
    wait_for(lambda: road.desk.pending(), "the request")
    stop.set()
    road.send("one more, so that it need not wait")
    thread.join(60)


def test_the_loop_turns_until_it_is_told_to_stop(road: Road) -> None:
    stop, beats = threading.Event(), list[int]()
    thread = threading.Thread(target=road.queue.run, args=(lambda: beats.append(1), stop), daemon=True)
    thread.start()
    road.send(road.signed())
    wait_for(lambda: road.desk.pending(), "the request")
    stop.set()
    road.send("one more, so that it need not wait")
    thread.join(60)
    assert not thread.is_alive()
    assert beats
