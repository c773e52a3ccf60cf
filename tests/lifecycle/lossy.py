"""A network that loses answers, and a DynamoDB that is busy: an HTTP server in front of the sandbox."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

LOSE: Mapping[str, Any] = {}
"""The request gets through, and its answer is lost."""


def refusal(code: str, **more: Any) -> Mapping[str, Any]:
    """What DynamoDB answers with 400; the request does not get through."""
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **more}


def canceled(*codes: str) -> Mapping[str, Any]:
    return refusal("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


class Lossy:
    """Forwards to the endpoint, after what is in `coming` for the operation, one a request."""

    def __init__(self, endpoint: str) -> None:
        self.coming: defaultdict[str, deque[Mapping[str, Any]]] = defaultdict(deque)
        self.seen: Counter[str] = Counter()
        self._to = urlsplit(endpoint).netloc
        lossy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                lossy.seen[operation] += 1
                fate = lossy.coming[operation].popleft() if lossy.coming[operation] else None
                if fate:
                    self._answer(400, "application/x-amz-json-1.0", json.dumps(fate).encode())
                    return
                status, kind, answer = lossy.forwarded(body, dict(self.headers.items()))
                if fate is None:
                    self._answer(status, kind, answer)
                else:
                    self.close_connection = True

            def _answer(self, status: int, kind: str, answer: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def forwarded(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        there = http.client.HTTPConnection(self._to, timeout=60)
        try:
            there.request("POST", "/", body, dict(headers))
            answer = there.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        finally:
            there.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def lossy(endpoint: str) -> Iterator[Lossy]:
    made = Lossy(endpoint)
    try:
        yield made
    finally:
        made.close()
