"""Every fault of an endpoint is a value, within the time-out; over real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from agent.sources.http_reader import Failed, Failure, HttpReader
from tests.fakes import http
from tests.fakes.http import FakeHttp

TIMEOUT_S = 0.5
PATIENCE_S = 20.0
"""More than any busy machine needs for a time-out of half a second; every script here would take longer."""


@pytest.fixture
def server() -> Iterator[FakeHttp]:
    with FakeHttp() as server:
        yield server


@pytest.fixture
def reader() -> Iterator[HttpReader]:
    reader = HttpReader(10.0, max_body_bytes=1_000_000)
    yield reader
    reader.close()


def failure(answer: object) -> Failure:
    assert isinstance(answer, Failed), answer
    return answer.failure


def test_a_json_value_is_read_over_one_connection_that_is_kept(server: FakeHttp, reader: HttpReader) -> None:
    server.answers("/x", http.value({"a": [1]}))
    assert [reader.json(server.url + "/x") for _ in range(5)] == [{"a": [1]}] * 5
    assert server.connections == 1


def test_a_kept_alive_connection_that_is_lost_is_made_anew(server: FakeHttp, reader: HttpReader) -> None:
    server.answers("/x", http.value(1), http.drops, http.value(2), http.then_closes(http.value(3)), http.value(4))
    assert [reader.json(server.url + "/x") for _ in range(4)] == [1, 2, 3, 4]


NEGOTIATE = {"WWW-Authenticate": "Negotiate"}
BIG = b"[" + b"1," * 600_000 + b"1]"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (http.status(401, NEGOTIATE), Failure.KERBEROS),
        (http.status(401, {"WWW-Authenticate": 'Basic realm="x"'}), Failure.DENIED),
        (http.status(403), Failure.DENIED),
        (http.status(404), Failure.STATUS),
        (http.status(500), Failure.STATUS),
        (http.status(503), Failure.STATUS),
        (http.status(307, {"Location": "http://127.0.0.1:1/"}), Failure.REDIRECTED),
        (http.content(b"\n <!DOCTYPE html><html>", "text/html"), Failure.HTML),
        (http.content(b""), Failure.NOT_JSON),
        (http.content(b'{"clusterMetrics": {"total'), Failure.NOT_JSON),
        (http.content(b"\xff\xfe\xfd"), Failure.NOT_JSON),
        (http.content(b"[" * 500_000), Failure.NOT_JSON),
        (http.content(b"1" * 10_000), Failure.NOT_JSON),
        (http.truncated(b'{"a": 1}' + b" " * 100), Failure.DROPPED),
        (http.drops, Failure.DROPPED),
        (http.content(BIG), Failure.TOO_LARGE),
        (http.endless, Failure.TOO_LARGE),
    ],
)
def test_each_fault_is_a_value_with_its_own_reason(
    server: FakeHttp, reader: HttpReader, script: http.Script, expected: Failure
) -> None:
    server.answers("/x", script)
    assert failure(reader.json(server.url + "/x")) is expected


def test_after_any_fault_the_next_answer_is_read(server: FakeHttp, reader: HttpReader) -> None:
    faults = [http.content(BIG), http.truncated(b"12345678"), http.status(500), http.endless, http.drops]
    for fault in faults:
        server.answers("/x", fault, http.value("whole"))
        reader.json(server.url + "/x")
        assert reader.json(server.url + "/x") == "whole"


@pytest.mark.parametrize("script", [http.hangs, http.drips, http.drips_body])
def test_the_time_out_is_for_the_whole_answer_however_it_drips(server: FakeHttp, script: http.Script) -> None:
    """Each dripping script goes on for a minute, and never pauses for as long as the time-out."""
    reader = HttpReader(TIMEOUT_S)
    server.answers("/x", script)
    began = time.monotonic()
    assert failure(reader.json(server.url + "/x")) is Failure.TIMED_OUT
    assert TIMEOUT_S * 0.9 <= time.monotonic() - began < PATIENCE_S


def test_a_port_that_nobody_listens_on_is_unreachable(reader: HttpReader) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        assert failure(reader.json(url)) is Failure.UNREACHABLE


def test_a_port_whose_accept_queue_is_full_times_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        assert (
            failure(HttpReader(TIMEOUT_S).json(f"http://127.0.0.1:{listener.getsockname()[1]}/")) is Failure.TIMED_OUT
        )
        for filler in fillers:
            filler.close()


def test_https_to_a_port_that_speaks_plain_http_is_a_tls_fault(server: FakeHttp, reader: HttpReader) -> None:
    assert failure(reader.json(server.url.replace("http", "https") + "/x")) is Failure.TLS


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/x", "http://[::1", "http://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_a_value_too(reader: HttpReader, url: str) -> None:
    assert failure(reader.json(url)) is Failure.UNREACHABLE


def test_redirects_are_followed_only_as_often_as_allowed(server: FakeHttp) -> None:
    server.answers("/a", http.status(302, {"Location": "/b"}))
    server.answers("/b", http.value("there"))
    assert HttpReader(10.0, max_redirects=1).json(server.url + "/a") == "there"
    server.answers("/b", http.status(302, {"Location": "/a"}))
    assert failure(HttpReader(10.0, max_redirects=3).json(server.url + "/a")) is Failure.REDIRECTED


def test_proxies_and_credentials_of_the_environment_are_not_used(server: FakeHttp) -> None:
    """Run in a process whose environment names a proxy that does not exist."""
    import os
    import subprocess
    import sys

    server.answers("/x", http.value("direct"))
    program = "import sys; from agent.sources.http_reader import HttpReader; print(HttpReader(10.0).json(sys.argv[1]))"
    environment = os.environ | {"http_proxy": "http://127.0.0.1:1", "no_proxy": ""}
    ran = subprocess.run(
        [sys.executable, "-c", program, server.url + "/x"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "direct"
