"""Which messages may be believed: SNS's signature, the topic, and where the certificate comes from."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from agent.actions.gate import Gate
from agent.actions.origin import is_at
from agent.actions.signature import RETRY_S, Unknown, Verifier
from agent.domain.alarm_notices import AlarmNotice, Refusal
from agent.settings_actions import ActionsSettings
from agent.wire.sns import Envelope
from tests.actions.notices import NOW, TOPIC, alarm, certificate, envelope
from tests.fakes.http import FakeHttp, content, hangs, status

PEM = "/SimpleNotificationService-1.pem"


@dataclass
class Sns:
    """SNS's own host, which has the certificate, and a gate that asks it."""

    http: FakeHttp
    now: float = NOW

    @property
    def url(self) -> str:
        return self.http.url + PEM

    def gate(self, **changed: Any) -> Gate:
        settings = ActionsSettings.model_validate({"topic_arn": TOPIC, "sns_origin": self.http.url, **changed})
        return Gate(settings, self.verifier, lambda notice: self.now - notice.changed_at > settings.max_age_s)

    def __post_init__(self) -> None:
        self.http.answers(PEM, content(certificate(), "application/x-pem-file"))
        self.verifier = Verifier(self.http.url, lambda: self.now)

    def signed(self, **changed: Any) -> dict[str, Any]:
        return envelope(alarm(), certificate_url=self.url, **changed)


@pytest.fixture
def sns() -> Iterator[Sns]:
    with FakeHttp() as http:
        yield Sns(http)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["ALARM: heap", None])
def test_what_sns_has_signed_is_believed_and_the_certificate_is_fetched_once(
    sns: Sns, version: str, subject: str | None
) -> None:
    gate = sns.gate()
    for _ in range(3):
        found = gate.of_queue(json.dumps(sns.signed(SignatureVersion=version, Subject=subject)))
        assert isinstance(found, AlarmNotice)
    assert sns.http.requests == [PEM]


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": json.dumps(alarm(state="OK"))},
        {"Subject": "OK: heap"},
        {"MessageId": "another"},
        {"Timestamp": "2027-01-15T09:00:00.000Z"},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"Signature": ""},
    ],
)
def test_whatever_is_changed_after_the_signature_is_forged(sns: Sns, changed: dict[str, Any]) -> None:
    assert sns.gate().of_queue(json.dumps({**sns.signed(), **changed})) is Refusal.FORGED


def test_another_key_is_forged(sns: Sns) -> None:
    assert sns.gate().of_queue(json.dumps(sns.signed(number=1))) is Refusal.FORGED


def test_a_certificate_from_elsewhere_is_not_even_fetched(sns: Sns) -> None:
    with FakeHttp() as elsewhere:
        elsewhere.answers(PEM, content(certificate(1)))
        port = sns.http.url.rpartition(":")[2]
        for url in (
            elsewhere.url + PEM,
            f"{sns.http.url}@127.0.0.1:{elsewhere.url.rpartition(':')[2]}{PEM}",
            f"http://user@127.0.0.1:{port}{PEM}",
            f"https://127.0.0.1:{port}{PEM}",
            f"file://{PEM}",
            "",
        ):
            made = envelope(alarm(), certificate_url=url, number=1)
            assert sns.gate().of_queue(json.dumps(made)) is Refusal.FORGED
        assert elsewhere.connections == 0
        assert sns.http.connections == 0


@pytest.mark.parametrize(
    "where",
    [
        "/?Action=GetTopicAttributes&X-Amz-Signature=0",
        "/x.pem?Action=a",
        "/x.pem?",
        "/x.pem#a",
        "/x.pem;a",
        "/a/../x.pem",
    ],
)
def test_what_the_api_of_sns_answers_is_no_certificate_of_snss(sns: Sns, where: str) -> None:
    """An attribute may hold anybody's own certificate, and stands in the answer to a query that he has signed."""
    for path in ("/", "/x.pem", "/x.pem;a", "/a/../x.pem"):
        sns.http.answers(path, content(b"<Value>\n" + certificate(1) + b"</Value>", "text/xml"))
    made = envelope(alarm(), certificate_url=sns.http.url + where, number=1)
    assert sns.gate().of_queue(json.dumps(made)) is Refusal.FORGED
    assert sns.http.requests == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://sns.eu-west-1.amazonaws.com/x.pem", True),
        ("https://SNS.eu-west-1.amazonaws.com/x.pem", True),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/x.pem", False),
        ("https://evil.example/sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/x.pem", False),
        ("https://sns.us-east-1.amazonaws.com/x.pem", False),
        ("http://sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com\\@evil.example/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com\n.evil.example/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com" + "/" * 3000, False),
        ("https://[", False),
    ],
)
def test_only_snss_own_host_counts(url: str, good: bool) -> None:
    origin = ActionsSettings.model_validate({"topic_arn": TOPIC}).origin
    assert origin == "https://sns.eu-west-1.amazonaws.com"
    assert is_at(url, origin) is good


def test_a_certificate_that_is_not_in_force_is_no_good(sns: Sns) -> None:
    sns.http.answers(PEM, content(certificate(ends=timedelta(minutes=-1))))
    assert sns.gate().of_queue(json.dumps(sns.signed())) is Refusal.FORGED


@pytest.mark.parametrize(
    "body", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_no_good(sns: Sns, body: bytes) -> None:
    sns.http.answers(PEM, content(body))
    assert sns.gate().of_queue(json.dumps(sns.signed())) is Refusal.FORGED


def test_while_the_certificate_cannot_be_had_nobody_can_tell_and_it_is_not_asked_for_at_once(sns: Sns) -> None:
    sns.http.answers(PEM, status(503), content(certificate()))
    gate = sns.gate()
    for _ in range(3):
        assert isinstance(gate.of_queue(json.dumps(sns.signed())), Unknown)
    assert sns.http.requests == [PEM]
    sns.now += RETRY_S
    assert isinstance(gate.of_queue(json.dumps(sns.signed())), AlarmNotice)


def test_a_certificate_that_is_made_up_does_not_bar_the_true_one(sns: Sns) -> None:
    gate = sns.gate()
    made_up = envelope(alarm(), certificate_url=sns.http.url + "/none.pem")
    assert isinstance(gate.of_queue(json.dumps(made_up)), Unknown)
    assert isinstance(gate.of_queue(json.dumps(sns.signed())), AlarmNotice)


def test_a_late_notice_is_refused_without_asking_for_anything(sns: Sns) -> None:
    sns.http.answers(PEM, hangs)
    sns.now += 400
    assert sns.gate().of_queue(json.dumps(sns.signed())) is Refusal.LATE
    assert sns.http.requests == []


def test_notices_of_another_topic_are_refused(sns: Sns) -> None:
    assert sns.gate().of_queue(json.dumps(sns.signed(TopicArn=TOPIC + "2"))) is Refusal.OTHER_TOPIC
    assert sns.http.requests == []


def test_raw_notices_are_accepted_only_where_the_settings_say_so(sns: Sns) -> None:
    raw = json.dumps(alarm())
    assert sns.gate().of_queue(raw) is Refusal.RAW
    assert sns.gate(verify_signatures=False).of_queue(raw) is Refusal.RAW
    assert isinstance(sns.gate(accept_raw=True).of_queue(raw), AlarmNotice)


def test_without_verification_the_topic_still_counts(sns: Sns) -> None:
    gate = sns.gate(verify_signatures=False)
    unsigned = {**sns.signed(), "Signature": ""}
    assert isinstance(gate.of_queue(json.dumps(unsigned)), AlarmNotice)
    assert gate.of_queue(json.dumps({**unsigned, "TopicArn": TOPIC + "2"})) is Refusal.OTHER_TOPIC
    assert gate.of_endpoint(json.dumps(unsigned)) is Refusal.FORGED, "the endpoint asks for it in any case"


def test_a_confirmation_is_believed_at_the_endpoint_only(sns: Sns) -> None:
    asked: dict[str, Any] = {
        "Type": "SubscriptionConfirmation",
        "Token": "t",
        "SubscribeURL": sns.http.url + "/?x",
        "Subject": None,
    }
    made = json.dumps(envelope("You have chosen…", certificate_url=sns.url, **asked))
    assert isinstance(sns.gate().of_endpoint(made), Envelope)
    assert sns.gate().of_queue(made) is Refusal.MALFORMED
    forged = json.dumps({**json.loads(made), "SubscribeURL": sns.http.url + "/?y"})
    assert sns.gate().of_endpoint(forged) is Refusal.FORGED


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"Type": [], "TopicArn": {}}', '{"Type": "Notification", "TopicArn": 1}']
)
def test_what_is_neither_is_malformed(sns: Sns, text: str) -> None:
    assert sns.gate().of_endpoint(text) is Refusal.MALFORMED
    assert sns.gate().of_queue(text) in {Refusal.MALFORMED, Refusal.RAW}
