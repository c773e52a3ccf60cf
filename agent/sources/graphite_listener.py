"""The line-in: accepts Spark's reports, one TCP connection each, and hands over whole ones.

One thread, one epoll loop, nothing that blocks. GraphiteSink has no timeout of its own and `SparkContext.stop()` waits
for it, so a sender must never be kept waiting: past any bound the loop goes on accepting and reading, and throws away.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import socket
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from agent.domain.ports import Beat, Clock, ReportReceiver
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry
from agent.wire import refusals

CHUNK_BYTES = 65536
"""At most so much is read at once: more than any report that Spark was seen to send."""
ACCEPTS_A_ROUND = 64
READS_A_ROUND = 64
LONGEST_WAIT_S = 0.5
BEAT_S = 0.25
SPARE_DESCRIPTORS = 512
"""Beside those of the connections, for the rest of the agent."""

_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
_GONE_ALREADY = frozenset({errno.ECONNABORTED, errno.EINTR, errno.EPROTO})


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    peer: str
    heard_at: float
    received: bytearray = field(default_factory=bytearray)
    past: str | None = None
    """The bound that it has passed: what comes now is read and dropped."""


class Listener:
    """`bind`, then `run` in a thread of its own, then `close`."""

    def __init__(
        self, settings: ListenerSettings, receiver: ReportReceiver, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._settings = settings
        self._receiver = receiver
        self._clock = clock
        self._telemetry = telemetry
        self._epoll: select.epoll | None = None
        self._listening: socket.socket | None = None
        self._queue = select.poll()
        self._spare = -1
        self._connections: OrderedDict[int, _Connection] = OrderedDict()
        self._buffered = 0
        self._accepted = 0
        self._empty = 0
        self._idle_checked_at = 0.0
        self._beat: Beat = _unheard
        self._beaten_at = 0.0

    def bind(self) -> tuple[str, int]:
        """Listen, and say where. Raises OSError when the address cannot be had."""
        _raise_descriptor_limit(self._settings.max_connections + SPARE_DESCRIPTORS)
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        # create_server sets SO_REUSEADDR
        listening = socket.create_server(
            (self._settings.host, self._settings.port), family=family, backlog=self._settings.backlog
        )
        listening.setblocking(False)
        self._listening = listening
        self._epoll = select.epoll()
        self._epoll.register(listening, select.EPOLLIN)
        self._queue.register(listening, select.POLLIN)
        self._spare = os.open(os.devnull, os.O_RDONLY)
        host, port, *_ = listening.getsockname()
        return host, port

    def run(self, beat: Beat, stop: threading.Event) -> None:
        """Until `stop` is set; beats each time round, and after each report if that takes long."""
        self._beat = beat
        while not stop.is_set():
            self._turn()
            beat()

    def _turn(self) -> None:
        assert self._epoll is not None and self._listening is not None, "bind first"
        for descriptor, _ in self._epoll.poll(LONGEST_WAIT_S, READS_A_ROUND):
            connection = self._connections.get(descriptor)
            if connection is not None:
                self._read(descriptor, connection)
            elif descriptor == self._listening.fileno():
                self._accept(self._listening)
        self._close_idle()
        self._publish()

    def close(self) -> None:
        """Stop listening: the port refuses from now on."""
        for descriptor in list(self._connections):
            self._end(descriptor)
        if self._listening is not None:
            self._listening.close()
        if self._epoll is not None:
            self._epoll.close()
        self._release_spare()
        self._listening = self._epoll = None
        self._publish()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_A_ROUND):
            try:
                accepted, address = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_DESCRIPTOR:
                    if not self._queue.poll(0):  # accept fails so even when nobody is waiting
                        return
                    self._free_descriptor(listening)
                elif error.errno not in _GONE_ALREADY:
                    self._telemetry.count(refusals.ACCEPT_FAILED)
                    return
                continue
            self._accepted += 1
            self._greet(accepted, address[0])

    def _greet(self, accepted: socket.socket, peer: str) -> None:
        """Read at once: as a rule the whole report is there, and the connection never meets epoll."""
        chunk = b""
        try:
            chunk = accepted.recv(CHUNK_BYTES, socket.MSG_DONTWAIT)
            ended = not chunk or (
                len(chunk) < CHUNK_BYTES and not accepted.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
            )
        except BlockingIOError:
            ended = False
        except OSError:
            self._telemetry.count(refusals.BROKEN)
            ended = True
        if ended:
            accepted.close()
            if over := max(0, len(chunk) - self._settings.max_connection_bytes):
                self._telemetry.count(refusals.OVER_CONNECTION_LIMIT, over)
            self._hand_over(chunk[: self._settings.max_connection_bytes], peer)
            return
        self._keep(accepted, peer, chunk)

    def _keep(self, accepted: socket.socket, peer: str, chunk: bytes) -> None:
        assert self._epoll is not None
        if len(self._connections) >= self._settings.max_connections:
            self._displace_oldest()
        accepted.setblocking(False)
        connection = _Connection(accepted, peer, self._clock())
        self._connections[accepted.fileno()] = connection
        self._epoll.register(accepted, _READABLE)
        self._buffer(connection, chunk)

    def _read(self, descriptor: int, connection: _Connection) -> None:
        """One chunk: a sender that never pauses must not keep the others waiting."""
        try:
            chunk = connection.socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._telemetry.count(refusals.BROKEN)
            chunk = b""
        if chunk:
            connection.heard_at = self._clock()
            self._buffer(connection, chunk)
            return
        self._end(descriptor)
        self._hand_over(bytes(connection.received), connection.peer)

    def _buffer(self, connection: _Connection, chunk: bytes) -> None:
        """Keep what the bounds allow. Past its own bound, all that follows on a connection is dropped."""
        room = max(0, self._settings.max_connection_bytes - len(connection.received))
        kept = b"" if connection.past else chunk[:room]
        if not self._make_room(len(kept), connection):
            connection.past, kept = refusals.OVER_BUFFER_LIMIT, b""
        elif len(kept) < len(chunk):
            connection.past = connection.past or refusals.OVER_CONNECTION_LIMIT
        if connection.past:
            self._telemetry.count(connection.past, len(chunk) - len(kept))
        connection.received += kept
        self._buffered += len(kept)

    def _make_room(self, size: int, wanted_by: _Connection) -> bool:
        """Whether so many bytes fit, with the oldest connections that hold any ended as far as needed."""
        while self._buffered + size > self._settings.max_buffered_bytes:
            oldest = next((d for d, c in self._connections.items() if c.received), None)
            if oldest is None or self._connections[oldest] is wanted_by:
                return False
            self._end(oldest)
            self._telemetry.count(refusals.DISPLACED)
        return True

    def _end(self, descriptor: int) -> None:
        connection = self._connections.pop(descriptor)
        self._buffered -= len(connection.received)
        connection.socket.close()

    def _hand_over(self, raw: bytes, peer: str) -> None:
        if not raw:
            self._empty += 1
            return
        now = self._clock()
        self._receiver.report(raw, peer, now)
        if abs(now - self._beaten_at) > BEAT_S:
            self._beaten_at = now
            self._beat()

    def _displace_oldest(self) -> None:
        """Honest reports are short: the connection that has been open longest is the one to end."""
        self._end(next(iter(self._connections)))
        self._telemetry.count(refusals.DISPLACED)

    def _free_descriptor(self, listening: socket.socket) -> None:
        """Somebody is waiting and there is no descriptor to accept with: they must not wait on."""
        if self._connections:
            self._displace_oldest()
            return
        self._release_spare()
        try:
            listening.accept()[0].close()
            self._telemetry.count(refusals.NO_DESCRIPTOR)
        except OSError:
            self._telemetry.count(refusals.ACCEPT_FAILED)
        with contextlib.suppress(OSError):  # somebody else was faster: do without
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def _release_spare(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
        self._spare = -1

    def _close_idle(self) -> None:
        now = self._clock()
        if 0 <= now - self._idle_checked_at < LONGEST_WAIT_S:
            return
        self._idle_checked_at = now
        limit = now - self._settings.idle_timeout_s
        for descriptor, connection in [(d, c) for d, c in self._connections.items() if c.heard_at < limit]:
            self._end(descriptor)
            self._telemetry.count(refusals.IDLE)
            self._hand_over(bytes(connection.received), connection.peer)

    def _publish(self) -> None:
        if self._accepted:
            self._telemetry.count(refusals.CONNECTIONS_ACCEPTED, self._accepted)
        if self._empty:
            self._telemetry.count(refusals.CONNECTIONS_EMPTY, self._empty)
        self._accepted = self._empty = 0


def _unheard() -> None:
    """Before `run` nobody listens for beats."""


def _raise_descriptor_limit(wanted: int) -> None:
    """As far towards `wanted` as the system allows; the loop lives with less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
