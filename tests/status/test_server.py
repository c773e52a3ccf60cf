"""The rim over real sockets: what viewers get, and what those who are slow, many, mute or hostile can do."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from agent.settings_status import StatusSettings
from agent.status import server as rim
from agent.status.board import HTML, Page
from agent.status.server import StatusServer
from agent.telemetry import Telemetry
from tests.running import PATIENCE_S, wait_for

POLICY = "default-src 'none'"
BODY = b"<p>" + b"x" * 100 + b"</p>"
LARGE = b"y" * 20_000_000


class Served:
    """A server on a free port with pages that a test may change."""

    def __init__(self, **settings: object) -> None:
        self.pages: Mapping[str, Page] = {"/": Page.of(200, HTML, BODY), "/large": Page.of(200, HTML, LARGE)}
        self.checks = 0
        self.telemetry = Telemetry()
        given = StatusSettings.model_validate({"port": 0, **settings})
        self.server = StatusServer(given, lambda: self.pages, self._check, POLICY, self.telemetry)
        found = self.server.start()
        assert found is not None
        self.host, self.port = found

    def _check(self) -> None:
        self.checks += 1

    def ask(self, method: str = "GET", path: str = "/", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def say(self, request: bytes) -> bytes:
        """What comes back until the connection is closed."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


@contextmanager
def serving(**settings: object) -> Iterator[Served]:
    served = Served(**settings)
    try:
        yield served
    finally:
        served.server.stop()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as each:
        yield each


def test_a_page_comes_with_its_headers(served: Served) -> None:
    status, headers, body = served.ask()
    assert (status, body, headers["Content-Type"]) == (200, BODY, HTML)
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Access-Control-Allow-Origin"] is None
    assert "Python" not in headers["Server"]


def test_who_has_it_already_gets_no_body_until_it_changes(served: Served) -> None:
    etag = served.ask()[1]["ETag"]
    status, headers, body = served.ask(If_None_Match=f'W/{etag}, "other"')
    assert (status, body, headers["ETag"]) == (304, b"", etag)
    served.pages = {"/": Page.of(200, HTML, b"new")}
    status, headers, body = served.ask(If_None_Match=etag)
    assert (status, body) == (200, b"new") and headers["ETag"] != etag


def test_bad_news_is_never_not_modified(served: Served) -> None:
    served.pages = {"/healthz": Page.of(503, HTML, b"blind")}
    etag = served.ask(path="/healthz")[1]["ETag"]
    assert served.ask(path="/healthz", If_None_Match=etag)[0] == 503


def test_head_has_the_same_headers_and_no_body(served: Served) -> None:
    status, headers, body = served.ask("HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(BODY)), b"")


def test_a_query_is_ignored_and_another_path_is_not_here(served: Served) -> None:
    assert served.ask(path="/?a=1")[0] == 200
    assert served.ask(path="/../etc/passwd")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_it_can_only_be_read(served: Served, method: str) -> None:
    status, headers, _ = served.ask(method)
    assert status == 405
    assert headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:42004", "LOCALHOST.", "[::1]:9", "10.1.2.3:80", "page.example"]
)
def test_addresses_and_own_names_are_let_in(host: str) -> None:
    with serving(host_names=["Page.example"]) as served:
        assert served.ask(Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "a b", "[bad"])
def test_another_name_is_refused_whatever_is_asked(served: Served, host: str) -> None:
    for path in ("/", "/nothing"):
        status, _, body = served.ask(path=path, Host=host)
        assert status == 421
        assert BODY not in body


def test_without_a_name_or_with_two_it_is_refused(served: Served) -> None:
    assert b" 421 " in served.say(b"GET / HTTP/1.0\r\n\r\n")
    assert b" 421 " in served.say(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")


@pytest.mark.parametrize(
    "request_line",
    [
        b"\x00\xff\xfe garbage \r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon at all\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"A" * 100_000,
        b"\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_no_page_and_harms_nothing(served: Served, request_line: bytes) -> None:
    try:
        answer = served.say(request_line)
    except ConnectionError:
        answer = b""
    assert BODY not in answer
    assert served.ask()[0] == 200


def test_many_viewers_at_once_all_get_the_page() -> None:
    """Whoever is turned away while all hands are busy is told to come again, and is served then."""
    with serving(max_connections=8) as served:
        found: list[bytes] = []

        def view() -> None:
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end:
                status, _, body = served.ask()
                if status == 200:
                    found.append(body)
                    return
                assert status == 503
                time.sleep(0.05)

        threads = [threading.Thread(target=view) for _ in range(100)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(PATIENCE_S)
        assert found == [BODY] * 100


def test_a_hundred_mute_connections_are_bounded_and_time_out() -> None:
    with serving(max_connections=10) as served:
        before = threading.active_count()
        mute = [served.connect() for _ in range(100)]
        # those beyond the ten are answered at once, although they have asked nothing; on a slow machine the first ten
        # may have been given up, and ten others be held, before the last one came
        turned_away = [each for each in mute if answered_now(each)]
        assert len(turned_away) >= 50
        assert threading.active_count() - before <= 10
        # the ten are given up in their time, and then there is room again
        wait_for(lambda: served.ask()[0] == 200, "a viewer is served again", 10 * rim.HEAD_S)
        for each in mute:
            each.close()


def answered_now(connection: socket.socket) -> bool:
    """Whether it is closed by the server in less than the time that a mute one is given."""
    connection.settimeout(rim.HEAD_S / 10)
    try:
        return read_all(connection).startswith(b"HTTP/1.0 503")
    except TimeoutError:
        return False


def test_a_request_that_trickles_in_is_cut_off_as_a_whole(served: Served) -> None:
    """Each byte comes in time; all of them together do not."""
    with served.connect() as slow:
        began = time.monotonic()
        slow.settimeout(0.2)
        while time.monotonic() - began < 6 * rim.HEAD_S:
            try:
                slow.sendall(b"G")
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert rim.HEAD_S * 0.9 <= time.monotonic() - began < 6 * rim.HEAD_S


def test_who_does_not_take_the_answer_holds_nobody_up(served: Served) -> None:
    slow = served.connect()
    slow.sendall(b"GET /large HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert served.ask()[0] == 200
    checks = served.checks
    wait_for(lambda: served.checks > checks, "the server goes on looking")
    # it is given up, with most of the answer unsent
    wait_for(lambda: not workers(), "nobody is answered any more")
    assert len(read_all(slow)) < len(LARGE)
    slow.close()


def workers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if "process_request_thread" in one.name]


def test_a_port_that_is_taken_is_counted_and_nothing_else() -> None:
    with serving() as first:
        telemetry = Telemetry()
        settings = StatusSettings(port=first.port)
        second = StatusServer(settings, dict, lambda: None, POLICY, telemetry)
        assert second.start() is None
        second.stop()
        assert telemetry.counts() == {"StatusErrors.port": 1}


def test_an_address_that_is_not_here_is_counted_and_nothing_else() -> None:
    telemetry = Telemetry()
    server = StatusServer(StatusSettings(host="203.0.113.7", port=0), dict, lambda: None, POLICY, telemetry)
    assert server.start() is None
    assert telemetry.counts() == {"StatusErrors.port": 1}


def test_after_a_stop_the_port_refuses() -> None:
    with serving() as served:
        assert served.ask()[0] == 200
    with pytest.raises(ConnectionRefusedError):
        served.ask()
    served.server.stop()
