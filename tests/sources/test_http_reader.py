"""Every fault of an endpoint is a value, within the time-out; over real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent
from agent.sources.http_reader import Failed, Failure, HttpReader
from tests.fakes import http
from tests.fakes.http import FakeHttp
from tests.fakes.tls import Authority

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


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


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


def test_it_says_who_asks(server: FakeHttp, reader: HttpReader) -> None:
    server.answers("/x", lambda handler: http.value(handler.headers["User-Agent"])(handler))
    assert reader.json(server.url + "/x") == f"tidemark/{agent.__version__}"


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


def test_one_redirect_to_the_same_question_elsewhere_is_followed_if_wanted(server: FakeHttp) -> None:
    with FakeHttp() as other:
        reader = HttpReader(10.0)
        other.answers("/ws", http.value("from the active one"))
        server.answers("/ws", http.status(307, {"Location": other.url + "/ws?states=a,b"}))
        assert reader.json(server.url + "/ws?states=a,b", follow=True) == "from the active one"
        assert failure(reader.json(server.url + "/ws?states=a,b")) is Failure.REDIRECTED
        other.answers("/ws", http.status(307, {"Location": server.url + "/ws?states=a,b"}))
        assert failure(reader.json(server.url + "/ws?states=a,b", follow=True)) is Failure.REDIRECTED, "only one"
        reader.close()


def test_the_same_question_may_be_written_otherwise(server: FakeHttp) -> None:
    """Hadoop's RMWebAppFilter writes the query of its redirect anew: `%2C` for each comma."""
    with FakeHttp() as other:
        reader = HttpReader(10.0)
        other.answers("/ws", http.value("from the active one"))
        server.answers("/ws", http.status(307, {"Location": other.url + "/ws?states=a%2Cb&kind="}))
        assert reader.json(server.url + "/ws?states=a,b&kind=", follow=True) == "from the active one"
        for asked in ("/ws?states=a,b", "/ws?states=a,c&kind=", "/ws?states=a&states=b&kind=", "/ws"):
            assert failure(reader.json(server.url + asked, follow=True)) is Failure.REDIRECTED
        reader.close()


@pytest.mark.parametrize(
    "location",
    ["/login", "http://127.0.0.1:1/ws?more=1", "file:///ws", "ftp://127.0.0.1/ws", "http://me:secret@127.0.0.1:1/ws"],
)
def test_a_redirect_to_another_question_is_not_followed(server: FakeHttp, reader: HttpReader, location: str) -> None:
    server.answers("/login", http.value("sign in"))
    server.answers("/ws", http.status(302, {"Location": location}))
    assert failure(reader.json(server.url + "/ws", follow=True)) is Failure.REDIRECTED
    assert server.requests == ["/ws"]


@pytest.mark.parametrize(
    "words",
    [
        b"This is standby RM. Redirecting to the current active RM: http://rm2:8088/ws/v1/cluster/metrics\n",
        b"There is no active RM right now.\n",
        b"Can not find any active RM. Will retry in next 2 seconds.\n",
    ],
)
@pytest.mark.parametrize("code", [200, 307])
def test_a_standby_that_says_so_in_words_is_known(
    server: FakeHttp, reader: HttpReader, words: bytes, code: int
) -> None:
    """Older ones answer with a 200 and a Refresh header; Hadoop 3.4 with a 307 that leads nowhere."""
    server.answers("/x", http.content(words, "text/plain", code, Refresh="3; url=http://rm2:8088/"))
    assert failure(reader.json(server.url + "/x", follow=True)) is Failure.STANDBY


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (http.status(307), Failure.STATUS),
        (http.content(b"<html>", "text/html", 307), Failure.STATUS),
        (http.content(b"This is standby RM.", "text/plain", 500), Failure.STATUS),
    ],
)
def test_a_status_that_leads_nowhere_and_says_nothing_of_a_standby_is_a_status(
    server: FakeHttp, reader: HttpReader, script: http.Script, reason: Failure
) -> None:
    server.answers("/x", script)
    assert failure(reader.json(server.url + "/x", follow=True)) is reason


def test_what_to_do_is_said_with_the_failure(server: FakeHttp, reader: HttpReader) -> None:
    server.answers("/x", http.status(401, NEGOTIATE))
    kerberos = reader.json(server.url + "/x")
    assert isinstance(kerberos, Failed) and "SPNEGO" in kerberos.detail and "status 401" in kerberos.detail


def test_https_with_the_clusters_own_authority_needs_its_file(authority: Authority) -> None:
    with FakeHttp(tls=authority.context()) as server:
        server.answers("/x", http.value("safe"))
        assert server.url.startswith("https://127.0.0.1:")
        for reader, safe in (
            (HttpReader(10.0), False),
            (HttpReader(10.0, ca_file=authority.file), True),
            (HttpReader(10.0, verify_tls=False), True),
        ):
            answer = reader.json(server.url + "/x")
            assert (answer == "safe") is safe
            if not safe:
                assert isinstance(answer, Failed) and answer.failure is Failure.TLS and "ca_file" in answer.detail
            reader.close()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_authority_file_that_cannot_be_used_is_a_tls_fault(
    authority: Authority, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with FakeHttp(tls=authority.context()) as server:
        assert failure(HttpReader(10.0, ca_file=file).json(server.url + "/x")) is Failure.TLS


def test_a_redirect_away_from_tls_is_not_followed(server: FakeHttp, authority: Authority) -> None:
    server.answers("/ws", http.value("in the clear"))
    with FakeHttp(tls=authority.context()) as secure:
        secure.answers("/ws", http.status(307, {"Location": server.url + "/ws"}))
        reader = HttpReader(10.0, ca_file=authority.file)
        assert failure(reader.json(secure.url + "/ws", follow=True)) is Failure.REDIRECTED
        assert server.requests == []


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
