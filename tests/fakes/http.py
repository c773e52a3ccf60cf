"""A small real HTTP server that answers by script, on a loopback port of the system's choice."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Script = Callable[["Handler"], None]
"""Writes one answer, whole or not."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.owner.connections += 1

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.requests.append(self.path)
        scripts = owner.scripts.get(self.path.partition("?")[0]) or [status(404)]
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        try:
            script(self)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner: FakeHttp

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is what many tests are about; anything else is a bug of a script."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class FakeHttp:
    """`with FakeHttp() as server: server.answers("/path", *scripts)`: in that order, the last one for ever.

    What was asked is in `requests` (paths with their queries), how many connections were made in `connections`.
    `released` is set at the end: scripts that hang wait for it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.scripts: dict[str, list[Script]] = {}
        self.requests: list[str] = []
        self.connections = 0
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.owner = self
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            # the handshake belongs to the connection's own thread: one that fails must not stop the server
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def answers(self, path: str, *scripts: Script) -> None:
        self.scripts[path] = list(scripts)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def content(body: bytes, kind: str = "application/json", code: int = 200, **headers: str) -> Script:
    def script(handler: Handler) -> None:
        _head(handler, code, {"Content-Type": kind, "Content-Length": str(len(body)), **headers})
        handler.wfile.write(body)

    return script


def value(value: Any) -> Script:
    return content(json.dumps(value).encode())


def status(code: int, headers: Mapping[str, str] | None = None) -> Script:
    def script(handler: Handler) -> None:
        _head(handler, code, {"Content-Length": "0", **(headers or {})})

    return script


def truncated(body: bytes) -> Script:
    """Promises the body and breaks off half way."""

    def script(handler: Handler) -> None:
        _head(handler, 200, {"Content-Length": str(len(body))})
        handler.wfile.write(body[: len(body) // 2])
        handler.close_connection = True

    return script


def hangs(handler: Handler) -> None:
    """Takes the question and says nothing until the test is over."""
    handler.server.owner.released.wait(60)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """Sends a byte of its headers every tenth of a second, for a minute."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 600:
        handler.wfile.write(bytes([byte]))
        if handler.server.owner.released.wait(0.1):
            break
    handler.close_connection = True


def drips_body(handler: Handler) -> None:
    """The same with the body."""
    _head(handler, 200, {"Content-Length": "600"})
    for _ in range(600):
        handler.wfile.write(b" ")
        if handler.server.owner.released.wait(0.1):
            break
    handler.close_connection = True


def drops(handler: Handler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True


def endless(handler: Handler) -> None:
    """A chunked body that never ends of itself."""
    _head(handler, 200, {"Transfer-Encoding": "chunked"})
    block = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    while not handler.server.owner.released.is_set():
        handler.wfile.write(block)


def then_closes(script: Script) -> Script:
    """Answers, keeps quiet about it, and closes the connection all the same: a kept-alive connection that is lost."""

    def closing(handler: Handler) -> None:
        script(handler)
        handler.close_connection = True

    return closing


def _head(handler: Handler, code: int, headers: Mapping[str, str]) -> None:
    handler.send_response(code)
    for name, text in headers.items():
        handler.send_header(name, text)
    handler.end_headers()
