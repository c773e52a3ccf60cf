"""SNS of the sandbox: subscriptions that must be confirmed, signatures that verify, retries that end."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from agent.sandbox.sns.delivery import RETRIES
from agent.sandbox.sns.signing import HASHES, text_to_sign
from tests.sandbox.cloudwatch_world import CloudWatchWorld, cloudwatch_world


@dataclass(frozen=True)
class Delivery:
    headers: Mapping[str, str]
    body: str

    def envelope(self) -> Mapping[str, Any]:
        return dict(json.loads(self.body))


class Subscriber:
    """An HTTP endpoint that keeps what it is sent and answers with the statuses it is told, then 200."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.statuses: list[int] = []
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                subscriber.deliveries.append(Delivery({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(subscriber.statuses.pop(0) if subscriber.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/alarms"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture(scope="module")
def world() -> Iterator[CloudWatchWorld]:
    with cloudwatch_world() as made:
        yield made


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()
    try:
        yield made
    finally:
        made.close()


def topic_of(world: CloudWatchWorld, **attributes: str) -> str:
    return str(world.sns.create_topic(Name=f"t-{uuid.uuid4().hex}", Attributes=attributes)["TopicArn"])


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        read: bytes = answer.read()
        return read


def verify(envelope: Mapping[str, Any]) -> None:
    """Raises InvalidSignature."""
    key = x509.load_pem_x509_certificate(get(envelope["SigningCertURL"])).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(envelope["Signature"])
    hashed = HASHES[envelope["SignatureVersion"]]()
    key.verify(signature, text_to_sign(envelope).encode(), padding.PKCS1v15(), hashed)


def confirmed(world: CloudWatchWorld, subscriber: Subscriber, topic: str, **attributes: str) -> str:
    """A subscription of the endpoint that is confirmed; its ARN. The endpoint's list is empty afterwards."""
    asked = {"Attributes": attributes, "ReturnSubscriptionArn": True}
    arn = world.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, **asked)["SubscriptionArn"]
    assert world.server.sns.settle()
    token = subscriber.deliveries.pop().envelope()["Token"]
    assert world.sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    return str(arn)


def pending(world: CloudWatchWorld, topic: str) -> list[str]:
    return [one["SubscriptionArn"] for one in world.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]


def by_link(world: CloudWatchWorld, envelope: Mapping[str, Any]) -> None:
    get(envelope["SubscribeURL"])


def by_call(world: CloudWatchWorld, envelope: Mapping[str, Any]) -> None:
    world.sns.confirm_subscription(TopicArn=envelope["TopicArn"], Token=envelope["Token"])


@pytest.mark.parametrize("confirm", [by_link, by_call])
def test_notices_come_only_after_the_endpoint_is_confirmed(
    world: CloudWatchWorld, subscriber: Subscriber, confirm: Callable[[CloudWatchWorld, Mapping[str, Any]], None]
) -> None:
    topic = topic_of(world)
    answer = world.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    assert pending(world, topic) == ["PendingConfirmation"]
    world.sns.publish(TopicArn=topic, Message="too early")
    assert world.server.sns.settle()
    (asked,) = subscriber.deliveries
    assert asked.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert asked.headers["x-amz-sns-topic-arn"] == topic
    assert "x-amz-sns-subscription-arn" not in asked.headers
    verify(asked.envelope())
    confirm(world, asked.envelope())
    (arn,) = pending(world, topic)
    assert world.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "false"
    sent = world.sns.publish(TopicArn=topic, Message="now")["MessageId"]
    assert world.server.sns.settle()
    notice = subscriber.deliveries[1]
    assert (notice.envelope()["Type"], notice.envelope()["Message"]) == ("Notification", "now")
    assert {name: value for name, value in notice.headers.items() if name.startswith("x-amz-sns-")} == {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": sent,
        "x-amz-sns-topic-arn": topic,
        "x-amz-sns-subscription-arn": arn,
    }
    assert notice.headers["content-type"] == "text/plain; charset=UTF-8"


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signature_verifies_with_the_certificate_and_not_when_a_word_is_changed(
    world: CloudWatchWorld, subscriber: Subscriber, version: str
) -> None:
    topic = topic_of(world, SignatureVersion=version)
    confirmed(world, subscriber, topic)
    world.sns.publish(TopicArn=topic, Message='{"NewStateValue": "OK"}', Subject="an alarm")
    assert world.server.sns.settle()
    envelope = subscriber.deliveries[0].envelope()
    assert envelope["SignatureVersion"] == version
    verify(envelope)
    for name, other in (("Message", '{"NewStateValue": "ALARM"}'), ("Subject", "x"), ("Timestamp", "2030-01-01")):
        with pytest.raises(InvalidSignature):
            verify({**envelope, name: other})


def test_the_envelope_in_a_queue_is_signed_alike(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    world.sns.publish(
        TopicArn=topic, Message="m", Subject="s", MessageAttributes={"kind": {"DataType": "String", "StringValue": "k"}}
    )
    (envelope,) = world.messages(queue)
    verify(envelope)
    assert envelope["MessageAttributes"] == {"kind": {"Type": "String", "Value": "k"}}
    assert envelope["Timestamp"].startswith("2023-11-14T22:13:00"), "the sandbox's time"


def test_a_queue_can_have_the_bare_message(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue(RawMessageDelivery="true")
    world.sns.publish(TopicArn=topic, Message='{"bare": 1}')
    assert world.messages(queue) == [{"bare": 1}]
    (arn,) = pending(world, topic)
    world.sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="false"
    )
    world.sns.publish(TopicArn=topic, Message='{"bare": 1}')
    assert [message["Type"] for message in world.messages(queue)] == ["Notification"]


def test_an_endpoint_can_have_the_bare_message(world: CloudWatchWorld, subscriber: Subscriber) -> None:
    topic = topic_of(world)
    confirmed(world, subscriber, topic, RawMessageDelivery="true")
    world.sns.publish(TopicArn=topic, Message="bare")
    assert world.server.sns.settle()
    assert subscriber.deliveries[0].body == "bare"
    assert subscriber.deliveries[0].headers["x-amz-sns-rawdelivery"] == "true"


def test_a_filter_policy_holds_back_what_does_not_match(world: CloudWatchWorld, subscriber: Subscriber) -> None:
    topic = topic_of(world)
    policy = json.dumps({"NewStateValue": ["ALARM"]})
    confirmed(world, subscriber, topic, FilterPolicyScope="MessageBody", FilterPolicy=policy)
    world.sns.publish(TopicArn=topic, Message='{"NewStateValue": "OK"}')
    world.sns.publish(TopicArn=topic, Message='{"NewStateValue": "ALARM"}')
    assert world.server.sns.settle()
    assert [json.loads(one.envelope()["Message"]) for one in subscriber.deliveries] == [{"NewStateValue": "ALARM"}]


def test_a_faulty_endpoint_is_tried_again_until_the_attempts_are_used_up(
    world: CloudWatchWorld, subscriber: Subscriber
) -> None:
    topic = topic_of(world)
    confirmed(world, subscriber, topic)
    subscriber.statuses = [500]
    world.sns.publish(TopicArn=topic, Message="again")
    assert world.server.sns.settle()
    assert [one.envelope()["Message"] for one in subscriber.deliveries] == ["again", "again"]
    assert len({one.headers["x-amz-sns-message-id"] for one in subscriber.deliveries}) == 1
    subscriber.deliveries.clear()
    subscriber.statuses = [500] * 20
    world.sns.publish(TopicArn=topic, Message="never")
    assert world.server.sns.settle()
    assert len(subscriber.deliveries) == 1 + RETRIES


def test_a_refusal_of_the_endpoint_is_final(world: CloudWatchWorld, subscriber: Subscriber) -> None:
    topic = topic_of(world)
    confirmed(world, subscriber, topic)
    subscriber.statuses = [403]
    world.sns.publish(TopicArn=topic, Message="no")
    assert world.server.sns.settle()
    assert len(subscriber.deliveries) == 1


def test_the_link_in_a_notice_ends_the_subscription(world: CloudWatchWorld, subscriber: Subscriber) -> None:
    topic = topic_of(world)
    confirmed(world, subscriber, topic)
    world.sns.publish(TopicArn=topic, Message="last")
    assert world.server.sns.settle()
    get(subscriber.deliveries[0].envelope()["UnsubscribeURL"])
    assert pending(world, topic) == []


def test_a_wrong_token_confirms_nothing(world: CloudWatchWorld, subscriber: Subscriber) -> None:
    topic = topic_of(world)
    world.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    with pytest.raises(ClientError, match="InvalidParameter"):
        world.sns.confirm_subscription(TopicArn=topic, Token="forged")
    with pytest.raises(urllib.error.HTTPError):
        get(f"{world.server.endpoint}/?Action=ConfirmSubscription&TopicArn={topic}&Token=forged")
    assert pending(world, topic) == ["PendingConfirmation"]
    assert world.server.sns.settle()


def test_an_endpoint_that_is_subscribed_again_is_asked_again(world: CloudWatchWorld, subscriber: Subscriber) -> None:
    topic = topic_of(world)
    for _ in range(2):
        world.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    assert world.server.sns.settle()
    assert [one.envelope()["Type"] for one in subscriber.deliveries] == ["SubscriptionConfirmation"] * 2
    assert pending(world, topic) == ["PendingConfirmation"]


def test_there_is_one_certificate(world: CloudWatchWorld) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{world.server.endpoint}/SimpleNotificationService-0.pem")
