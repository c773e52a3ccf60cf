"""An HTTPS endpoint for SNS: one request at a time, bounded in size and time, by anybody who can reach it.

Nothing that comes in is believed before SNS's signature over it has been verified. A subscription is confirmed only for
the topic of the settings and by visiting SNS's own host.
"""

from __future__ import annotations

import io
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from agent import log
from agent.actions.gate import Gate
from agent.actions.inbox import Inbox
from agent.actions.origin import is_at
from agent.actions.signature import Unknown
from agent.domain.alarm_notices import Refusal
from agent.domain.ports import Beat
from agent.settings_actions import EndpointSettings
from agent.sources.http_reader import Failed, HttpReader
from agent.telemetry import Telemetry
from agent.wire.alarm_notice import MAX_BYTES
from agent.wire.sns import Envelope, Kind

BACKLOG = 16
CONFIRM_TIMEOUT_S = 10.0
LOOK_S = 0.5

OK, BAD, DENIED, TOO_LARGE, LATER = 200, 400, 403, 413, 503
"""SNS tries a 5xx again and takes any other 4xx but 429 for final (SNS Developer Guide, message delivery retries)."""


class AlarmEndpoint:
    """`bind` first; `run` then serves in the thread that calls it, one connection after the other."""

    def __init__(
        self,
        settings: EndpointSettings,
        gate: Callable[[], Gate],
        inbox: Inbox,
        telemetry: Telemetry,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leads`: whether this agent is the one to act, of several. The others have SNS try again."""
        self._settings = settings
        self._gate = gate
        self._inbox = inbox
        self._telemetry = telemetry
        self._leads = leads
        self._reader = HttpReader(CONFIRM_TIMEOUT_S, MAX_BYTES)
        self._listening: socket.socket | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def limit_s(self) -> float:
        """The longest that one request takes: itself, a certificate and a confirmation."""
        return self._settings.request_timeout_s + 2 * CONFIRM_TIMEOUT_S

    def bind(self) -> tuple[str, int]:
        """Listen, and answer where. Raises OSError: the port is taken, or the certificate cannot be read."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(self._settings.certificate_path), str(self._settings.key_path))
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        listening = socket.create_server((self._settings.host, self._settings.port), family=family, backlog=BACKLOG)
        listening.setblocking(False)
        self._context, self._listening = context, listening
        host, port = listening.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()

    def run(self, beat: Beat, stop: threading.Event) -> None:
        """Until told to stop."""
        assert self._listening is not None, "bind comes first"
        while not stop.is_set():
            beat()
            if select.select([self._listening], [], [], LOOK_S)[0]:
                try:
                    connection, peer = self._listening.accept()
                except OSError as error:
                    # it has left again, or there is no descriptor to be had for it
                    log.event(logging.WARNING, "actions.not_accepted", error=str(error))
                    stop.wait(LOOK_S)
                    continue
                self._serve(connection, peer)

    def _serve(self, connection: socket.socket, peer: Any) -> None:
        assert self._context is not None, "bind comes first"
        until = time.monotonic() + self._settings.request_timeout_s
        try:
            with connection:
                connection.settimeout(self._settings.request_timeout_s)
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    _Handler(_Deadline(secure, until), peer, self._answer)
        except OSError as error:
            # a scanner, a client that leaves or one that does not trust us: nobody else is harmed
            log.event(logging.DEBUG, "actions.connection_failed", peer=str(peer[0]), error=str(error))
        except Exception:
            # whatever a request does to us, the next one is served
            self._telemetry.count("LoopErrors")
            log.event(logging.ERROR, "actions.request_failed", exc_info=True, peer=str(peer[0]))

    def _answer(self, text: str) -> int:
        """The status for what was posted."""
        if not self._leads():
            return LATER
        gate = self._gate()
        found = gate.of_endpoint(text)
        if isinstance(found, Unknown):
            return LATER
        if isinstance(found, Refusal):
            self._inbox.refuse(found, "endpoint")
            return DENIED if found in {Refusal.FORGED, Refusal.OTHER_TOPIC} else BAD
        if isinstance(found, Envelope):
            return self._confirm(found, gate.settings.origin)
        taken = self._inbox.offer(found)
        return LATER if taken is Refusal.FULL else OK

    def _confirm(self, envelope: Envelope, origin: str) -> int:
        if envelope.kind is Kind.UNSUBSCRIPTION:
            log.event(logging.WARNING, "actions.unsubscribed", topic=envelope.topic_arn)
            return OK
        if not is_at(envelope.subscribe_url, origin):
            self._inbox.refuse(Refusal.FORGED, "a confirmation that leads elsewhere")
            return DENIED
        body = self._reader.body(envelope.subscribe_url)
        if isinstance(body, Failed):
            log.event(logging.WARNING, "actions.not_confirmed", why=str(body.failure), error=body.detail)
            return LATER
        log.event(logging.INFO, "actions.subscribed", topic=envelope.topic_arn)
        return OK


class _Deadline(io.RawIOBase):
    """Reads and writes a socket until a time: its own time-out begins anew with every byte that drips in."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._hurry()
        return self._sock.recv_into(buffer)

    def write(self, data: Any) -> int:
        self._hurry()
        self._sock.sendall(data)
        return len(data)

    def _hurry(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request has had its time")
        self._sock.settimeout(left)


class _Handler(BaseHTTPRequestHandler):
    """One request of one connection. The standard library bounds its line and its headers: 64 KiB each, 100 of them."""

    def __init__(self, stream: _Deadline, peer: Any, answer: Callable[[str], int]) -> None:
        self._stream = stream
        self._answer_to = answer
        self.client_address = peer
        self.rfile = io.BufferedReader(stream)
        self.wfile: Any = stream
        self.handle_one_request()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self._say(BAD)
        elif len(length) > 9 or int(length) > MAX_BYTES:
            self._say(TOO_LARGE)
        else:
            self._say(self._answer_to(self._text(int(length))))

    def _text(self, length: int) -> str:
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionError("the body ended early")
        return data.decode("utf-8", errors="replace")

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def version_string(self) -> str:
        return "tidemark"

    def log_message(self, *_: object) -> None:
        """What matters is in the agent's own log."""
