"""Notices by SNS, read back from the queues of subscribers (moto over HTTP, unmodified boto3)."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from agent.aws.clients import Clients
from agent.domain.notices import Message, NoticeKind, Told
from agent.settings import AwsSettings
from agent.sinks.notice_memory import NoticeMemory
from agent.sinks.notices import MAX_HELD, LogSender, Outbox, Sender, TopicSender
from agent.telemetry import Telemetry
from tests.notices.build import a_message
from tests.running import PATIENCE_S, wait_for

REGION = "eu-central-1"
PLACE = f"arn:aws:sqs:{REGION}:123456789012"


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
    return Clients(AwsSettings(region=REGION, endpoint_url=endpoint, max_attempts=1))


class Topic:
    """A topic, and queues that subscribe to it with or without a filter policy."""

    def __init__(self, endpoint: str) -> None:
        self.made = clients(endpoint)
        self.arn = self.made.sns.create_topic(Name=f"notices-{time.monotonic_ns()}")["TopicArn"]
        self._sqs = boto3.client("sqs", region_name=REGION, endpoint_url=endpoint)
        self._queues: dict[str, str] = {}

    def subscribe(self, name: str, policy: dict[str, list[str]] | None = None, **more: str) -> None:
        queue = f"{name}-{time.monotonic_ns()}"
        self._queues[name] = self._sqs.create_queue(QueueName=queue)["QueueUrl"]
        attributes = {**({} if policy is None else {"FilterPolicy": json.dumps(policy)}), **more}
        self.made.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=f"{PLACE}:{queue}", Attributes=attributes)

    def received(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(
            QueueUrl=self._queues[name], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += messages
            for one in messages:
                self._sqs.delete_message(QueueUrl=self._queues[name], ReceiptHandle=one["ReceiptHandle"])
        return found

    def notices(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(one["Body"]) for one in self.received(name)]


def send(topic: Topic, *messages: Message) -> Telemetry:
    """To one topic in both formats, as where both settings name it."""
    telemetry = Telemetry()
    senders = tuple(TopicSender(lambda: topic.made.sns, topic.arn, form) for form in ("text", "json"))
    outbox = Outbox(senders, telemetry)
    for message in messages:
        outbox.put(message)
    outbox.close(PATIENCE_S)
    return telemetry


def test_text_and_json_of_one_topic_are_told_apart_by_a_filter_policy(endpoint: str) -> None:
    topic = Topic(endpoint)
    topic.subscribe("mailbox", {"format": ["text"]})
    topic.subscribe("program", {"format": ["json"]})
    telemetry = send(topic, a_message())
    (mail,) = topic.notices("mailbox")
    (data,) = topic.notices("program")
    assert mail["Subject"] == "Tidemark: nightly is scaled out: task capacity 5 -> 10 units"
    assert mail["Message"].startswith("nightly is scaled out") and "Why:\n- memory-low" in mail["Message"]
    found = json.loads(data["Message"])
    assert (found["kind"], found["cluster_id"], found["facts"]["to_units"]) == ("resized", "j-1", 10)
    assert {name: one["Value"] for name, one in data["MessageAttributes"].items()} == {
        "kind": "resized",
        "severity": "info",
        "cluster_id": "j-1",
        "cluster_name": "nightly",
        "format": "json",
    }
    assert telemetry.counts() == {"NoticesSent": 2}


def test_filter_policies_by_kind_severity_and_cluster_work(endpoint: str) -> None:
    topic = Topic(endpoint)
    topic.subscribe("ends", {"kind": ["ending", "ended"], "format": ["json"]})
    topic.subscribe("loud", {"severity": ["critical", "warning"], "format": ["json"]})
    topic.subscribe("another", {"cluster_name": ["weekly"]})
    send(topic, a_message(), a_message(kind=NoticeKind.ENDED, severity="critical", headline="is ended now"))
    assert [json.loads(one["Message"])["kind"] for one in topic.notices("ends")] == ["ended"]
    assert [json.loads(one["Message"])["kind"] for one in topic.notices("loud")] == ["ended"]
    assert topic.notices("another") == []


def test_a_queue_with_raw_delivery_gets_the_json_itself_and_the_attributes_beside_it(endpoint: str) -> None:
    topic = Topic(endpoint)
    topic.subscribe("raw", {"format": ["json"]}, RawMessageDelivery="true")
    send(topic, a_message())
    (found,) = topic.received("raw")
    assert json.loads(found["Body"])["kind"] == "resized"
    assert found["MessageAttributes"]["kind"]["StringValue"] == "resized"


def test_a_subject_and_a_text_that_sns_would_refuse_are_made_fit(endpoint: str) -> None:
    topic = Topic(endpoint)
    topic.subscribe("all")
    send(topic, a_message(headline="ends\nsoon – " + "x" * 200, advice="y" * 300_000))
    for notice in topic.notices("all"):
        assert notice["Subject"].startswith("Tidemark: nightly ends soon x") and len(notice["Subject"]) < 100
        assert notice["Subject"].isascii() and "\n" not in notice["Subject"]
        assert len(notice["Message"].encode()) < 262_144


def test_a_topic_that_does_not_exist_loses_the_notice_counted(endpoint: str) -> None:
    telemetry = Telemetry()
    arn = f"arn:aws:sns:{REGION}:123456789012:nowhere"
    outbox = Outbox((TopicSender(lambda: clients(endpoint).sns, arn, "text"),), telemetry)
    outbox.put(a_message())
    outbox.close(PATIENCE_S)
    assert telemetry.counts() == {"NoticesFailed.refused": 1, "NoticesLost.refused": 1}


def test_an_unreachable_service_is_tried_again_and_lost_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refused
        made = clients(f"http://127.0.0.1:{unused.getsockname()[1]}")
        telemetry = Telemetry()
        sender = TopicSender(lambda: made.sns, f"arn:aws:sns:{REGION}:123456789012:t", "text")
        outbox = Outbox((sender,), telemetry)
        stop = threading.Event()
        loop = threading.Thread(target=outbox.run, args=(lambda: None, stop))
        loop.start()
        outbox.put(a_message())
        wait_for(lambda: "NoticesFailed.unreachable" in telemetry.counts(), "a first attempt")
        stop.set()
        loop.join(PATIENCE_S)
        outbox.close(PATIENCE_S)
    assert telemetry.counts() == {"NoticesFailed.unreachable": 2, "NoticesLost.closed": 1}


class Unreachable:
    """A service that is not there."""

    def send(self, message: Message) -> str | None:  # noqa: ARG002
        return "unreachable"


def test_news_that_come_while_a_service_is_not_there_do_not_keep_the_loop_spinning() -> None:
    telemetry, beats, stop = Telemetry(), list[float](), threading.Event()
    outbox = Outbox((Unreachable(),), telemetry)
    loop = threading.Thread(target=outbox.run, args=(lambda: beats.append(time.monotonic()), stop))
    loop.start()
    outbox.put(a_message())
    wait_for(lambda: "NoticesFailed.unreachable" in telemetry.counts(), "a first attempt")
    outbox.put(a_message())
    before = len(beats)
    wait_for(lambda: len(beats) >= before + 4, "it still comes round")
    stop.set()
    loop.join(PATIENCE_S)
    # a beat each half second; a loop that spins has a hundred thousand of them in this time
    assert len(beats) < before + 100


class Hangs:
    """A service that takes a minute and a half to say nothing, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0

    def send(self, message: Message) -> str | None:  # noqa: ARG002
        self.asked += 1
        self.now += 89.0
        return "unreachable"


def test_a_service_that_hangs_is_asked_once_and_not_for_all_that_waits() -> None:
    service, telemetry, stop = Hangs(), Telemetry(), threading.Event()
    outbox = Outbox((service,), telemetry, lambda: service.now)
    for _ in range(20):
        outbox.put(a_message())
    beats: list[int] = []
    loop = threading.Thread(target=outbox.run, args=(lambda: beats.append(service.asked), stop))
    loop.start()
    wait_for(lambda: beats.count(1) >= 2, "it pauses after the first attempt")
    stop.set()
    loop.join(PATIENCE_S)
    assert service.asked == 1
    service.now = 901.0
    outbox.close(PATIENCE_S)
    assert service.asked == 1, "what is older than a quarter of an hour is not sent any more"
    assert telemetry.counts() == {"NoticesFailed.unreachable": 1, "NoticesLost.too_old": 20}


class BackAgain:
    """A service that is not there for its first three requests, on a clock that goes a second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.sent: list[str] = []

    def clock(self) -> float:
        self.now += 1
        return self.now

    def send(self, message: Message) -> str | None:
        self.asked += 1
        if self.asked <= 3:
            return "unavailable"
        self.sent.append(message.subject)
        return None


def test_what_is_tried_again_keeps_its_order() -> None:
    service, telemetry, stop = BackAgain(), Telemetry(), threading.Event()
    outbox = Outbox((service,), telemetry, service.clock)
    for number in range(5):
        outbox.put(a_message(headline=f"says {number}"))
    loop = threading.Thread(target=outbox.run, args=(lambda: None, stop))
    loop.start()
    wait_for(lambda: telemetry.counts().get("NoticesSent", 0) == 5, "all are sent in the end")
    stop.set()
    loop.join(PATIENCE_S)
    # the last two found it there again in the first pass
    assert [subject[-1] for subject in service.sent] == ["3", "4", "0", "1", "2"]


class Slow:
    """A sender that hangs until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.sent: list[str] = []

    def send(self, message: Message) -> str | None:
        self.go.wait(PATIENCE_S)
        self.sent.append(message.subject)
        return None


@pytest.mark.parametrize("senders", [1, 2])
def test_putting_never_waits_and_drops_the_oldest(senders: int) -> None:
    slow: Sender = Slow()
    assert isinstance(slow, Slow)
    telemetry = Telemetry()
    outbox = Outbox((slow,) * senders, telemetry)
    stop = threading.Event()
    loop = threading.Thread(target=outbox.run, args=(lambda: None, stop))
    loop.start()
    for number in range(3 * MAX_HELD):
        outbox.put(a_message(headline=f"says {number}"))
    slow.go.set()
    wait_for(lambda: telemetry.counts().get("NoticesSent", 0) >= MAX_HELD, "the rest is sent")
    stop.set()
    loop.join(PATIENCE_S)
    lost = telemetry.counts()["NoticesLost.queue_full"]
    assert slow.sent[-1].endswith(f"says {3 * MAX_HELD - 1}")
    assert len(slow.sent) + lost == senders * 3 * MAX_HELD


def test_a_close_does_not_wait_for_a_service_that_hangs() -> None:
    slow, telemetry = Slow(), Telemetry()
    outbox = Outbox((slow,), telemetry)
    for _ in range(3):
        outbox.put(a_message())
    outbox.close(0.2)
    assert telemetry.counts() == {"NoticesLost.closed": 2}, "the first is on its way and may arrive"
    slow.go.set()


def test_where_no_topic_is_set_a_notice_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert LogSender().send(a_message()) is None
    (line,) = [record for record in caplog.records if record.message == "notice"]
    assert line.__dict__["fields"]["subject"].startswith("Tidemark: nightly")


def test_what_was_told_survives_and_a_file_that_cannot_be_read_is_forgotten(tmp_path: Path) -> None:
    memory = NoticeMemory(tmp_path / "deep" / "notices.json")
    assert memory.read() == Told()
    told = Told(started_at=5.0, sent=(1.0, 2.0), last={NoticeKind.BLIND: 2.0}, suppressed={NoticeKind.RESIZED: 3})
    memory.write(told)
    assert memory.read() == told
    (tmp_path / "deep" / "notices.json").write_text('{"sent": "all of them"}')
    assert memory.read() == Told()
    (tmp_path / "file").write_text("")
    NoticeMemory(tmp_path / "file" / "notices.json").write(told)


@pytest.mark.parametrize("content", ["pipe", "huge", "folder", "link to nowhere"])
def test_whatever_lies_in_the_place_of_the_file_keeps_nobody_waiting(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notices.json"
    if content == "pipe":
        os.mkfifo(path)
    elif content == "huge":
        with path.open("wb") as file:
            file.truncate(10_000_000_000)
    elif content == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    found: list[Told] = []
    reading = threading.Thread(target=lambda: found.append(NoticeMemory(path).read()), daemon=True)
    reading.start()
    reading.join(PATIENCE_S)
    assert found == [Told()]
    NoticeMemory(path).write(Told(started_at=1.0))
    assert NoticeMemory(path).read() == (Told() if content == "folder" else Told(started_at=1.0))
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it, however often that fails"
