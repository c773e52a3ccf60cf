"""What stands between this node and an endpoint is told step by step."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.doctor.endpoints import clock, judged, reach
from agent.doctor.findings import Status
from tests.fakes.http import FakeHttp
from tests.fakes.tls import Authority
from tests.running import free_port


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_one_that_answers() -> None:
    with FakeHttp() as server:
        assert reach(server.url, "monitoring", "eu-west-1").status is Status.OK


def test_one_that_refuses_names_the_endpoint_to_create() -> None:
    found = reach(f"https://127.0.0.1:{free_port()}", "monitoring", "eu-west-1")
    assert found.status is Status.FAIL
    assert "com.amazonaws.eu-west-1.monitoring" in found.advice


def test_for_dynamodb_it_is_the_gateway_endpoint_which_costs_nothing() -> None:
    found = reach(f"https://127.0.0.1:{free_port()}", "dynamodb", "eu-west-1", needed=False)
    assert found.status is Status.WARN
    assert "gateway endpoint com.amazonaws.eu-west-1.dynamodb" in found.advice and "route table" in found.advice


def test_one_that_never_shakes_hands_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = reach(f"https://127.0.0.1:{silent.getsockname()[1]}", "sts", "eu-west-1", needed=False)
    assert (found.status, "no answer within" in found.seen) == (Status.WARN, True)


def test_a_name_that_nobody_knows() -> None:
    found = reach("https://nowhere.invalid", "elasticmapreduce", "eu-west-1")
    assert (found.status, "the name is not known" in found.seen) == (Status.FAIL, True)


def test_a_certificate_of_somebody_between(tmp_path: Path) -> None:
    with FakeHttp(Authority(tmp_path).context()) as server:
        found = reach(server.url, "monitoring", "eu-west-1")
    assert (found.status, "AWS_CA_BUNDLE" in found.advice) == (Status.WARN, True)


def test_with_a_proxy_it_is_the_proxy_that_must_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeHttp() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        found = reach("https://nowhere.invalid", "monitoring", "eu-west-1")
    assert (found.status, "the proxy" in found.seen) == (Status.OK, True)


class Skewed(BaseHTTPRequestHandler):
    ahead_s = 3600.0

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
        return formatdate(time.time() + self.ahead_s, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def skewed() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Skewed)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_clock_an_hour_behind_fails_whatever_the_answer_says(skewed: str) -> None:
    found = clock(skewed)
    assert (found.status, "behind AWS" in found.seen) == (Status.FAIL, True)


def test_a_clock_is_not_known_without_an_answer() -> None:
    assert clock(f"http://127.0.0.1:{free_port()}").status is Status.WARN


@pytest.mark.parametrize(
    ("skew", "status"),
    [(0.0, Status.OK), (-60.0, Status.OK), (61.0, Status.WARN), (300.0, Status.WARN), (-301.0, Status.FAIL)],
)
def test_five_minutes_are_what_a_signature_lasts(skew: float, status: Status) -> None:
    assert judged(skew).status is status
