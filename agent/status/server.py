"""The rim: HTTP on one port, in threads of its own, read-only, every answer ready before it is asked for.

A request costs a thread for at most `HEAD_S` plus `ANSWER_S` seconds, of which there are at most
`status.max_connections`; whoever comes beyond them is turned away at once. Nothing that a viewer does, or leaves
undone, is waited for by a turn or by the listener.
"""

from __future__ import annotations

import http.client
import http.server
import io
import ipaddress
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from agent import log
from agent.settings_status import StatusSettings
from agent.status.board import ERRORS, TEXT, Page
from agent.telemetry import Telemetry

HEAD_BYTES = 8192
HEAD_S = 5.0
ANSWER_S = 10.0
CHECK_S = 1.0
BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
SAFE_HEADERS = (
    ("Cache-Control", "no-cache"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)

Pages = Callable[[], Mapping[str, Page]]


class StatusServer:
    """Serves `pages` until stopped; `check` is called every second, in the thread that accepts.

    Counts `StatusErrors.port` where it cannot listen.
    """

    def __init__(
        self,
        settings: StatusSettings,
        pages: Pages,
        check: Callable[[], None],
        security_policy: str,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._pages = pages
        self._check = check
        self._security_policy = security_policy
        self._telemetry = telemetry
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> tuple[str, int] | None:
        """Listen and serve. The address, or None where there is none to be had: that is logged and no more."""
        host, port = self._settings.host, self._settings.port
        try:
            self._server = _Server(self._settings, self._pages, self._check, self._security_policy)
        except OSError as error:
            self._telemetry.count(f"{ERRORS}.port")
            log.event(logging.WARNING, "status.cannot_bind", host=host, port=port, error=str(error))
            return None
        self._thread = threading.Thread(target=self._serve, args=(self._server,), name="status", daemon=True)
        self._thread.start()
        found = self._server.server_address
        log.event(logging.INFO, "status.serving", url=f"http://{_in_url(str(found[0]))}:{found[1]}/")
        return str(found[0]), int(found[1])

    def stop(self) -> None:
        """No new requests from here on; those being answered end with the process at the latest."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _serve(self, server: _Server) -> None:
        try:
            server.serve_forever(poll_interval=CHECK_S / 2)
        except Exception:
            # the page goes, the agent stays
            self._telemetry.count(f"{ERRORS}.server")
            log.event(logging.ERROR, "status.failed", exc_info=True)
            server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, settings: StatusSettings, pages: Pages, check: Callable[[], None], security_policy: str) -> None:
        self.pages = pages
        self.security_policy = security_policy
        self.host_names = {name.lower().rstrip(".") for name in settings.host_names} | {"localhost"}
        self._check = check
        self._checked = 0.0
        self._free = threading.BoundedSemaphore(settings.max_connections)
        if ":" in settings.host:
            self.address_family = socket.AF_INET6
        super().__init__((settings.host, settings.port), _Handler)

    def service_actions(self) -> None:
        if time.monotonic() - self._checked >= CHECK_S:
            self._checked = time.monotonic()
            self._check()

    def get_request(self) -> tuple[socket.socket, object]:
        try:
            return super().get_request()
        except OSError:
            # without a descriptor to be had the connection stays in the queue: not at once again
            time.sleep(0.1)
            raise

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        if not self._free.acquire(blocking=False):
            self._turn_away(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            # no thread to be had
            self._free.release()
            self._turn_away(request)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def _turn_away(self, request: socket.socket) -> None:
        try:
            request.setblocking(False)
            request.send(BUSY)
        except OSError:
            pass
        self.shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A viewer that went away in the middle is nothing to tell."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    server_version = "tidemark"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BytesIO(_head(self.connection))
        self.connection.settimeout(ANSWER_S)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if (fault := self._host_fault()) is not None:
            self._send(Page.of(HTTPStatus.MISDIRECTED_REQUEST, TEXT, fault.encode()), with_body=with_body)
            return
        path = self.path.partition("?")[0]
        found = self.server.pages().get(path)
        if found is None:
            found = Page.of(HTTPStatus.NOT_FOUND, TEXT, b"not here: try /, /state.json, /metrics or /healthz\n")
        self._send(found, with_body=with_body)

    def _send(self, page: Page, *, with_body: bool) -> None:
        known = page.status == HTTPStatus.OK and _matches(self.headers.get("If-None-Match"), page.etag)
        self.send_response(HTTPStatus.NOT_MODIFIED if known else page.status)
        for name, value in SAFE_HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", self.server.security_policy)
        self.send_header("ETag", page.etag)
        if not known:
            self.send_header("Content-Type", page.type)
            self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if with_body and not known:
            self.wfile.write(page.body)

    def _host_fault(self) -> str | None:
        """A name that is not this node's own leads a browser here that believes to be elsewhere (DNS rebinding)."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) == 1 and (_is_address(name := _name(hosts[0])) or name in self.server.host_names):
            return None
        return "this page is not served under that name: ask for an address or localhost, or set status.host_names\n"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """A request that is none, or another method: in words, and with the same headers."""
        status = HTTPStatus(code)
        if code == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.headers = getattr(self, "headers", None) or http.client.HTTPMessage()
        self._send(Page.of(status, TEXT, f"{status.phrase}: this page is only read\n".encode()), with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


def _head(connection: socket.socket) -> bytes:
    """The request up to its empty line, in HEAD_S seconds and HEAD_BYTES bytes; empty when it does not come so."""
    end, head = time.monotonic() + HEAD_S, bytearray()
    try:
        while b"\r\n\r\n" not in head and b"\n\n" not in head:
            connection.settimeout(max(0.001, end - time.monotonic()))
            chunk = connection.recv(HEAD_BYTES)
            head += chunk
            if not chunk or len(head) > HEAD_BYTES or time.monotonic() > end:
                return b""
    except OSError:
        return b""
    return bytes(head)


def _matches(asked: str | None, etag: str) -> bool:
    if asked is None:
        return False
    return asked.strip() == "*" or etag in (each.strip().removeprefix("W/") for each in asked.split(","))


def _name(host: str) -> str:
    """Without its port, lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
