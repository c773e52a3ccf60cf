from __future__ import annotations

import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.aggregate.table import Table
from agent.settings_sources import ListenerSettings
from agent.sources.graphite_listener import Listener
from agent.telemetry import Telemetry
from agent.wire import refusals
from tests.captures import FILES, connections, first, report

WAIT_S = 120.0
APP = "application_1795220000000_0001"


def until(condition: Callable[[], object], what: str, pause_s: float = 0.005) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"not within {WAIT_S} s: {what}"
        time.sleep(pause_s)


class Reports:
    """A receiver that keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, str]] = []

    def report(self, raw: bytes, peer: str, at: float) -> None:
        assert at > 0
        self.taken.append((raw, peer))


class Running:
    """A listener on its thread, with a table behind it unless another receiver is given."""

    def __init__(self, receiver: Any = None, **bounds: Any) -> None:
        self.settings = ListenerSettings(**{"host": "127.0.0.1", "port": 0, **bounds})
        self.telemetry = Telemetry()
        self.table = Table(self.settings, 300.0, self.telemetry)
        self.listener = Listener(self.settings, receiver or self.table, time.time, self.telemetry)
        self.address = self.listener.bind()
        self.beats = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.listener.run, args=(self._beat, self.stop))
        self.thread.start()

    def _beat(self) -> None:
        self.beats += 1

    def end(self) -> None:
        self.stop.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        self.listener.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=WAIT_S)

    def send(self, raw: bytes) -> None:
        with self.connect() as connection:
            connection.sendall(raw)

    def count(self, name: str) -> int:
        return self.telemetry.counts().get(name, 0)

    def reports(self) -> int:
        return self.table.snapshot(time.time()).counts.get(refusals.REPORTS_RECEIVED, 0)

    def values(self, executor: str = "1") -> dict[str, float]:
        found = [one for one in self.table.snapshot(time.time()).instances if one.id == executor]
        return dict(found[0].values) if found else {}

    def honest(self, number: int) -> None:
        """An honest executor reports, and is heard."""
        self.send(report(f"{APP}.1.", {"jvm.heap.used": number, "jvm.heap.max": 1 << 30}, time.time()))
        until(lambda: self.values().get("jvm.heap.used") == number, "the honest sender heard")


@contextmanager
def running(receiver: Any = None, **bounds: Any) -> Iterator[Running]:
    one = Running(receiver, **bounds)
    try:
        yield one
    finally:
        one.end()


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[Running, Reports]]:
    reports = Reports()
    with running(reports) as listener:
        yield listener, reports


# Reports arrive whole


@given(cuts=st.lists(st.integers(0, 14_000), max_size=6), index=st.integers(0, 13))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_captured_report_gives_the_same_table_in_any_cut_of_the_stream(echo, cuts, index):
    listener, reports = echo
    sent = connections(FILES[2])[index]
    reports.taken.clear()
    places = sorted({0, len(sent.raw), *(cut for cut in cuts if cut < len(sent.raw))})
    with listener.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in pairwise(places):
            connection.sendall(sent.raw[start:end])
            time.sleep(0.001)  # lets the listener read in between, which makes the cut a cut
    until(lambda: reports.taken, "the report")
    ((raw, peer),) = reports.taken
    whole, pieces = (Table(listener.settings, 300.0, Telemetry()) for _ in range(2))
    whole.report(sent.raw, "127.0.0.1", sent.at)
    pieces.report(raw, peer, sent.at)
    assert pieces.snapshot(sent.at).instances == whole.snapshot(sent.at).instances


def test_every_byte_by_itself_is_the_same_report():
    reports = Reports()
    raw = first("exec-0").raw[:2000]
    with running(reports) as listener, listener.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in raw:
            connection.send(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        until(lambda: reports.taken, "the report")
    assert reports.taken == [(raw, "127.0.0.1")]


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 200_000])
def test_reports_longer_than_one_read_are_whole(length):
    reports = Reports()
    raw = (b"0123456789abcde\n" * 20_000)[:length]
    with running(reports) as listener:
        listener.send(raw)
        until(lambda: reports.taken, "the report")
    assert reports.taken == [(raw, "127.0.0.1")]


def test_every_capture_sent_over_sockets_is_in_the_table_as_it_was_sent():
    now = int(time.time())
    with running() as listener:
        sent = [(one, one.raw.replace(b" %d\n" % int(one.at), b" %d\n" % now)) for one in connections(FILES[5])]
        for number, (_, raw) in enumerate(sent, 1):
            listener.send(raw)
            # one after the other, as a JVM sends them: of two that lie there together either may be read first
            until(lambda number=number: listener.reports() == number, f"report {number}")
        snapshot = listener.table.snapshot(now)
    assert snapshot.counts[refusals.LINES_RECEIVED] == sum(len(one.lines) for one, _ in sent)
    assert not [name for name in snapshot.counts if "Rejected" in name]
    last = {one.role: one for one, _ in sent}
    for role, identity in (("driver", "driver"), ("exec-0", "0"), ("exec-1", "1")):
        instance = next(one for one in snapshot.instances if one.id == identity)
        values = {name.partition(f".{identity}.")[2]: float(value) for name, value, _ in last[role].lines}
        assert instance.values == {name: values[name] for name in instance.values}
        assert len(instance.values) > 40


def test_empty_connections_are_normal():
    reports = Reports()
    with running(reports) as listener:
        for _ in range(5):
            listener.connect().close()
        until(lambda: listener.count(refusals.CONNECTIONS_EMPTY) == 5, "five empty connections")
        assert not listener.count(refusals.BROKEN)
    assert not reports.taken


def test_what_a_sender_had_sent_before_it_reset_the_connection_is_used():
    reports = Reports()
    with running(reports) as listener:
        connection = listener.connect()
        connection.sendall(b"a.1.jvm.heap.used 1 2\n")
        until(lambda: listener.count(refusals.CONNECTIONS_ACCEPTED), "accepted")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        until(lambda: reports.taken, "the report")
        assert listener.count(refusals.BROKEN) == 1
    assert reports.taken == [(b"a.1.jvm.heap.used 1 2\n", "127.0.0.1")]


# Bounds


def test_bytes_of_one_connection_past_the_bound_are_read_and_dropped():
    reports = Reports()
    with running(reports, max_connection_bytes=1000) as listener:
        listener.send(b"x" * 500_000)
        until(lambda: reports.taken, "the report")
        dropped = listener.count(refusals.OVER_CONNECTION_LIMIT)
    ((raw, _),) = reports.taken
    assert (raw, dropped) == (b"x" * 1000, 499_000)


def test_a_short_report_is_held_to_the_bound_too():
    reports = Reports()
    with running(reports, max_connection_bytes=1000) as listener:
        listener.send(b"x" * 1500)
        until(lambda: reports.taken, "the report")
    assert reports.taken == [(b"x" * 1000, "127.0.0.1")]


def test_unfinished_connections_together_hold_no_more_than_the_bound():
    """The oldest make way, so that what they hold never keeps a new report out."""
    reports = Reports()
    with running(reports, max_buffered_bytes=10_000) as listener, ExitStack() as held:
        open_ones = []
        for number in range(20):
            open_ones.append(held.enter_context(listener.connect()))
            open_ones[-1].sendall(b"x" * 1000)
            until(lambda n=number: listener.count(refusals.CONNECTIONS_ACCEPTED) == n + 1, "accepted")
        until(lambda: listener.count(refusals.DISPLACED) == 10, "the oldest ten displaced")
        late = held.enter_context(listener.connect())
        late.sendall(b"honest 1 ")
        until(lambda: listener.count(refusals.DISPLACED) == 11, "one more")
        late.sendall(b"2\n")
        late.shutdown(socket.SHUT_WR)
        until(lambda: reports.taken, "an honest report that comes in two pieces")
        assert reports.taken == [(b"honest 1 2\n", "127.0.0.1")]


def test_a_connection_that_would_hold_everything_is_cut_short():
    reports = Reports()
    with running(reports, max_buffered_bytes=10_000) as listener, listener.connect() as connection:
        for _ in range(3):
            connection.sendall(b"x" * 6000)
            time.sleep(0.01)
        connection.shutdown(socket.SHUT_WR)
        until(lambda: reports.taken, "the report")
        assert len(reports.taken[0][0]) <= 10_000
        assert len(reports.taken[0][0]) + listener.count(refusals.OVER_BUFFER_LIMIT) == 18_000


def test_past_the_connection_limit_the_oldest_is_closed():
    reports = Reports()
    with running(reports, max_connections=3) as listener, ExitStack() as held:
        open_ones = []
        for number in range(5):
            open_ones.append(held.enter_context(listener.connect()))
            open_ones[-1].sendall(b"%d" % number)
            until(lambda n=number: listener.count(refusals.CONNECTIONS_ACCEPTED) == n + 1, "accepted")
        until(lambda: listener.count(refusals.DISPLACED) == 2, "two displaced")
        assert [connection.recv(1) for connection in open_ones[:2]] == [b"", b""]
        for connection in open_ones[2:]:
            connection.shutdown(socket.SHUT_WR)
        until(lambda: len(reports.taken) == 3, "the others")
    assert sorted(raw for raw, _ in reports.taken) == [b"2", b"3", b"4"]


def test_an_idle_connection_is_closed_and_what_it_sent_is_used():
    reports = Reports()
    with running(reports, idle_timeout_s=0.2) as listener, listener.connect() as connection:
        connection.sendall(b"a.1.jvm.heap.used 1 2\n")
        until(lambda: reports.taken, "the report")
        assert connection.recv(1) == b""
        assert listener.count(refusals.IDLE) == 1


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    gaps: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    try:
        with suppress(OSError):
            while True:
                gaps.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in gaps:
            os.close(descriptor)


def test_without_file_descriptors_the_oldest_connection_makes_way():
    reports = Reports()
    with running(reports) as listener, listener.connect() as oldest, socket.socket() as late:
        oldest.sendall(b"unfinished")
        until(lambda: listener.count(refusals.CONNECTIONS_ACCEPTED) == 1, "accepted")
        late.settimeout(WAIT_S)
        with no_descriptors_left():
            late.connect(listener.address)
            late.sendall(b"late 1 2\n")
            late.shutdown(socket.SHUT_WR)
            until(lambda: reports.taken, "the late report")
        assert reports.taken == [(b"late 1 2\n", "127.0.0.1")]
        assert listener.count(refusals.DISPLACED) == 1


def test_without_file_descriptors_nobody_is_left_waiting():
    """With no connection to close, the new one is closed at once: a sender that waits holds up Spark's stop."""
    reports = Reports()
    with running(reports) as listener, socket.socket() as late:
        late.settimeout(WAIT_S)
        with no_descriptors_left():
            late.connect(listener.address)
            assert late.recv(1) == b""
        until(lambda: listener.count(refusals.NO_DESCRIPTOR) == 1, "counted")
        listener.send(b"again 1 2\n")
        until(lambda: reports.taken, "heard again")


def test_the_soft_limit_of_descriptors_is_raised_for_its_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        with running(max_connections=2000):
            now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            assert now >= min(2000, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Life


def test_it_beats_at_least_every_half_second_also_when_nothing_arrives():
    with running() as listener:
        time.sleep(1.6)
        assert listener.beats >= 3


def test_after_close_the_port_refuses_and_can_be_bound_again_at_once():
    with running() as listener:
        listener.honest(1)
        address = listener.address
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=WAIT_S)
    with running(port=address[1]) as again:
        again.honest(2)


def test_a_port_that_is_taken_is_an_error():
    with running() as listener, pytest.raises(OSError, match="in use"):
        Listener(ListenerSettings(host="127.0.0.1", port=listener.address[1]), Reports(), time.time, Telemetry()).bind()


# Hostile senders: memory stays bounded and the honest one is heard throughout

RSS_BOUND = 64 << 20


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


def flood(listener: Running, raw: bytes, times: int) -> None:
    """The far end may end the connection at any time."""
    for _ in range(times):
        try:
            listener.send(raw)
        except OSError:
            continue


def random_bytes(seed: int) -> bytes:
    return os.urandom(200_000)


def endless_line(seed: int) -> bytes:
    return b"a" * 4_000_000


def many_names(seed: int) -> bytes:
    """Sound lines, 4,000 a report, none of their names ever the same."""
    prefix = f"{APP}.{1000 + seed}.jvm.collector-{seed}-"
    return "".join(f"{prefix}{number}.time 1 {int(time.time())}\n" for number in range(4000)).encode()


def half_a_report(seed: int) -> bytes:
    raw = first("exec-0").raw.replace(b"app-20261121001843-0000.0.", f"{APP}.{1000 + seed}.".encode())
    return raw[: len(raw) // 2]


def line_feeds(seed: int) -> bytes:
    return b"\n" * 260_000


@pytest.mark.parametrize("hostile", [random_bytes, endless_line, many_names, half_a_report, line_feeds])
def test_hostile_reports_neither_grow_memory_nor_drown_an_honest_sender(hostile):
    with running(max_executors=300) as listener:
        listener.honest(0)
        before = rss()
        for turn in range(1, 6):
            threads = [threading.Thread(target=flood, args=(listener, hostile(turn * 10 + n), 10)) for n in range(4)]
            for thread in threads:
                thread.start()
            listener.honest(turn)
            for thread in threads:
                thread.join(WAIT_S)
        listener.honest(99)
        assert len(listener.table.snapshot(time.time()).instances) <= 300
        assert rss() - before < RSS_BOUND


def test_a_million_names_are_bounded_over_sockets():
    """250 executors that never use a name twice, 4,000 names each."""
    with running(max_executors=100, max_names_per_source=32) as listener:
        before = rss()
        for executor in range(250):
            flood(listener, many_names(executor), 1)
        until(lambda: listener.reports() + listener.count(refusals.DISPLACED) >= 250, "all read", pause_s=0.5)
        snapshot = listener.table.snapshot(time.time())
        assert len(snapshot.instances) <= 100
        assert sum(len(one.values) for one in snapshot.instances) <= 100 * 32
        assert snapshot.counts[refusals.TOO_MANY_NAMES] > 100_000
        assert rss() - before < RSS_BOUND


def test_slow_senders_hold_no_more_than_the_bound_and_an_honest_one_is_heard():
    with running(max_connections=200, max_buffered_bytes=1 << 20) as listener, ExitStack() as held:
        before = rss()
        slow = [held.enter_context(listener.connect()) for _ in range(200)]
        for turn in range(20):
            for connection in slow:
                try:
                    connection.send(b"slow" if turn % 2 else b"x" * 20_000)
                except OSError:
                    continue
            listener.honest(turn)
        assert rss() - before < RSS_BOUND
        assert listener.count(refusals.DISPLACED) > 0


def test_five_thousand_connections_at_once_do_not_keep_an_honest_sender_out():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 11_000:
        pytest.skip(f"the system allows {hard} descriptors; both ends of 5,000 connections need more")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with running(max_connections=1000) as listener, ExitStack() as held:
            listener.honest(0)
            before = rss()
            for number in range(5000):
                held.enter_context(listener.connect()).sendall(b"half a li")
                if number % 1000 == 999:
                    listener.honest(number)
            assert rss() - before < RSS_BOUND
            until(lambda: listener.count(refusals.DISPLACED) >= 4000, "only the bound is held")
            listener.honest(5000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
