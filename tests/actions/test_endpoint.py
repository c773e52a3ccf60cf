"""The HTTPS endpoint: by real connections, good and bad."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.actions.endpoint import AlarmEndpoint
from agent.actions.gate import Gate
from agent.actions.signature import Verifier
from agent.settings_actions import EndpointSettings
from agent.wire.alarm_notice import MAX_BYTES
from tests.actions.notices import NOW, TOPIC, alarm, certificate, envelope
from tests.actions.test_inbox import Desk
from tests.fakes.http import FakeHttp, content, status
from tests.fakes.tls import Authority
from tests.running import wait_for

PEM = "/x.pem"


@dataclass
class Door:
    desk: Desk
    sns: FakeHttp
    host: str
    port: int
    authority: Path
    gates: list[Any]
    """The last one judges."""

    def post(self, body: str | bytes, **headers: str) -> int:
        url = f"https://{self.host}:{self.port}/"
        return requests.post(url, data=body, headers=headers, verify=str(self.authority), timeout=60).status_code

    def signed(self, message: Any = None, **changed: Any) -> str:
        body = alarm(at=NOW - 1) if message is None else message
        return json.dumps(envelope(body, certificate_url=self.sns.url + PEM, **changed))

    def confirmation(self, **changed: Any) -> str:
        asked = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": self.sns.url + "/confirm?Token=t"}
        return self.signed("You have chosen…", **{**asked, "Subject": None, **changed})

    def secure(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.authority))
        raw = socket.create_connection((self.host, self.port), timeout=60)
        return context.wrap_socket(raw, server_hostname=self.host)

    def refused(self) -> dict[str, int]:
        counts = self.desk.telemetry.counts()
        return {name.rpartition(".")[2]: count for name, count in counts.items() if "Refused" in name}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    authority, desk = Authority(tmp_path), Desk(tmp_path)
    chain = tmp_path / "server.pem"
    told = EndpointSettings(enabled=True, port=0, certificate_path=chain, key_path=chain, request_timeout_s=2.0)
    with FakeHttp() as sns:
        sns.answers(PEM, content(certificate()))
        settings = desk.settings.model_copy(update={"sns_origin": sns.url, "endpoint": told})
        gates = [Gate(settings, Verifier(sns.url, lambda: desk.now), desk.inbox.is_late)]
        endpoint = AlarmEndpoint(told, lambda: gates[-1], desk.inbox, desk.telemetry, lambda: desk.leads)
        host, port = endpoint.bind()
        stop = threading.Event()
        thread = threading.Thread(target=endpoint.run, args=(lambda: None, stop), daemon=True)
        thread.start()
        yield Door(desk, sns, host, port, authority.file, gates)
        stop.set()
        thread.join(60)
        endpoint.close()
        assert not thread.is_alive()


def test_a_signed_notice_becomes_a_request_and_a_copy_of_it_no_other(door: Door) -> None:
    assert door.post(door.signed()) == 200
    assert door.post(door.signed()) == 200
    (request,) = door.desk.pending()
    door.desk.done(request.id)
    assert door.post(door.signed()) == 200, "SNS need not bring it again"
    assert door.desk.pending() == ()
    assert door.refused() == {"duplicate": 1}


def test_what_is_not_signed_so_is_forbidden(door: Door) -> None:
    assert door.post(door.signed().replace("ALARM: heap", "OK: heap")) == 403
    assert door.post(door.signed(TopicArn=TOPIC + "2")) == 403
    assert door.post(json.dumps(alarm())) == 400
    assert door.desk.pending() == ()
    assert door.refused() == {"forged": 1, "other-topic": 1, "malformed": 1}


def test_a_subscription_is_confirmed_by_visiting_sns(door: Door) -> None:
    door.sns.answers("/confirm", status(200))
    assert door.post(door.confirmation()) == 200
    assert door.sns.requests[-1] == "/confirm?Token=t"


def test_a_subscription_of_another_topic_or_from_elsewhere_is_not_confirmed(door: Door) -> None:
    with FakeHttp() as elsewhere:
        assert door.post(door.confirmation(TopicArn=TOPIC + "2")) == 403
        assert door.post(door.confirmation(SubscribeURL=elsewhere.url + "/confirm")) == 403
        forged = {**json.loads(door.confirmation()), "SubscribeURL": door.sns.url + "/confirm?Token=u"}
        assert door.post(json.dumps(forged)) == 403
        assert elsewhere.connections == 0
    assert [path for path in door.sns.requests if path.startswith("/confirm")] == []


def test_what_cannot_be_judged_now_is_to_come_again(door: Door) -> None:
    door.sns.answers(PEM, status(503))
    assert door.post(door.signed()) == 503


def test_beside_a_resource_manager_that_does_not_lead_sns_is_to_try_again(door: Door) -> None:
    door.desk.leads = False
    assert door.post(door.signed()) == 503
    door.desk.leads = True
    assert door.post(door.signed()) == 200


def test_a_request_that_is_none_is_answered_and_harms_nobody(door: Door) -> None:
    url = f"https://{door.host}:{door.port}/"
    assert requests.get(url, verify=str(door.authority), timeout=60).status_code == 501
    assert door.post(b"\xff\xfe") == 400
    assert door.post(b"") == 400
    for length, expected in ((str(MAX_BYTES + 1), 413), ("9" * 40, 413), ("-1", 400), ("x", 400)):
        with door.secure() as connection:
            connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
            assert connection.recv(100).split()[1] == str(expected).encode()
    assert door.post(door.signed()) == 200


def test_one_that_drips_or_says_nothing_has_its_time_and_no_more(door: Door) -> None:
    """The next one is served after the time of the request, here 2 s, however slow a client keeps its byte coming."""
    silent = socket.create_connection((door.host, door.port), timeout=60)
    with silent, door.secure() as slow:
        stop = threading.Event()

        def drip() -> None:
            try:
                slow.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
                while not stop.wait(0.1):
                    slow.sendall(b"x")
            except OSError:
                return

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        assert door.post(door.signed()) == 200
        stop.set()
        dripping.join(60)


def test_a_fault_of_our_own_ends_one_request_and_not_the_endpoint(door: Door) -> None:
    door.gates.append("no gate")
    with pytest.raises(requests.ConnectionError):
        door.post(door.signed())
    wait_for(lambda: door.desk.count("LoopErrors") == 1, "it is counted")
    door.gates.pop()
    assert door.post(door.signed()) == 200


def test_plain_http_and_noise_are_dropped(door: Door) -> None:
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b""):
        with socket.create_connection((door.host, door.port), timeout=60) as connection:
            connection.sendall(noise)
    assert door.post(door.signed()) == 200


def test_a_certificate_that_is_not_there_is_an_error_of_the_start(tmp_path: Path) -> None:
    desk, gone = Desk(tmp_path), tmp_path / "gone.pem"
    told = EndpointSettings(enabled=True, port=0, certificate_path=gone, key_path=gone)
    with pytest.raises(OSError, match="No such file"):
        AlarmEndpoint(told, lambda: None, desk.inbox, desk.telemetry).bind()  # type: ignore[arg-type, return-value]
