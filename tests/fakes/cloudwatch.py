"""A CloudWatch that takes PutMetricData from unmodified boto3 over HTTP and enforces the real limits.

Its own reading of the API reference (PutMetricData, MetricDatum, Dimension), on purpose not the agent's.
"""

from __future__ import annotations

import gzip
import json
import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config

DAY_S = 86_400
ERRORS = {
    "throttle": (400, "ThrottlingException", "Throttling", "Rate exceeded"),
    "deny": (403, "AccessDeniedException", "AccessDenied", "not authorized to perform: cloudwatch:PutMetricData"),
    "fail": (500, "InternalServiceFault", "InternalServiceError", "internal"),
}


@dataclass(frozen=True)
class Request:
    body_bytes: int
    """Uncompressed."""
    wire_bytes: int
    encoding: str
    datums: list[dict[str, Any]]
    error: str | None


@dataclass
class State:
    namespaces: set[str] = field(default_factory=set)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    behaviours: deque[str] = field(default_factory=deque)
    """For the requests to come, one each: throttle, deny, fail, hang; then as `always` says."""
    always: str = "accept"
    poisoned: set[str] = field(default_factory=set)
    """Names that are refused for a reason that no client could know."""
    hanging: int = 0
    """Requests that got the behaviour `hang`."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)
    """Set to let hanging requests go."""


class FakeCloudWatch:
    def __init__(self) -> None:
        self.state = State()
        handler = type("Handler", (_Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeCloudWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unreachable from now on: connections are refused."""
        self.state.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self, *, attempts: int = 1, read_timeout_s: float = 5.0) -> Any:
        return boto3.session.Session().client(
            "cloudwatch",
            endpoint_url=self.endpoint_url,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(
                connect_timeout=1,
                read_timeout=read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": attempts},
            ),
        )

    def names(self) -> list[str]:
        with self.state.lock:
            return [datum["MetricName"] for datum in self.state.accepted]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "")
        body = gzip.decompress(raw) if encoding == "gzip" else raw
        if self.headers.get("X-Amz-Target") != "GraniteServiceVersion20100801.PutMetricData":
            self._answer(404, {"__type": "UnknownOperationException"}, "")
            return
        request = json.loads(body)
        behaviour = self._behaviour()
        if behaviour == "hang":
            with self.state.lock:
                self.state.hanging += 1
            self.state.released.wait()
            self.close_connection = True
            return
        error = ERRORS[behaviour] if behaviour in ERRORS else self._refusal(request, len(body))
        with self.state.lock:
            why = error[1] if error else None
            self.state.requests.append(Request(len(body), len(raw), encoding, request["MetricData"], why))
            if error is None:
                self.state.namespaces.add(request["Namespace"])
                self.state.accepted.extend(request["MetricData"])
        if error is None:
            self._answer(200, {}, "")
        else:
            status, kind, query_code, message = error
            self._answer(status, {"__type": f"com.amazonaws.cloudwatch#{kind}", "message": message}, query_code)

    def _behaviour(self) -> str:
        with self.state.lock:
            return self.state.behaviours.popleft() if self.state.behaviours else self.state.always

    def _refusal(self, request: dict[str, Any], size: int) -> tuple[int, str, str, str] | None:
        if size > 1_000_000:
            return 413, "RequestEntityTooLarge", "RequestEntityTooLarge", f"Request size {size} exceeded"
        for fault in _faults(request, self.state.poisoned, time.time()):
            return 400, "InvalidParameterValueException", "InvalidParameterValue", fault
        return None

    def _answer(self, status: int, body: dict[str, Any], query_code: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(data)))
        if query_code:
            self.send_header("x-amzn-query-error", f"{query_code};Sender")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _faults(request: dict[str, Any], poisoned: set[str], now: float) -> Iterator[str]:
    namespace = request["Namespace"]
    if not _plain(namespace, 255) or namespace.startswith((":", "AWS/")):
        yield f"Namespace {namespace!r}"
    if len(request["MetricData"]) > 1000:
        yield "The collection MetricData must not have a size greater than 1000."
    for datum in request["MetricData"]:
        if not _plain(datum["MetricName"], 255) or datum["MetricName"] in poisoned:
            yield f"MetricName {datum['MetricName']!r}"
        if datum.get("StorageResolution", 60) not in (1, 60):
            yield "StorageResolution"
        yield from _dimension_faults(datum.get("Dimensions", []))
        yield from _number_faults(datum, now)


def _dimension_faults(dimensions: list[dict[str, str]]) -> Iterator[str]:
    if len(dimensions) > 30:
        yield "The collection Dimensions must not have a size greater than 30."
    if len({one["Name"] for one in dimensions}) != len(dimensions):
        yield "Dimension names repeat"
    for one in dimensions:
        if not _plain(one["Name"], 255) or one["Name"].startswith(":") or not _plain(one["Value"], 1024):
            yield f"Dimension {one!r}"


def _number_faults(datum: dict[str, Any], now: float) -> Iterator[str]:
    values, counts = datum["Values"], datum["Counts"]
    if not 1 <= len(values) <= 150 or len(values) != len(counts):
        yield "The collection Values must not have a size greater than 150."
    for value in (*values, *counts):
        if not isinstance(value, int | float) or not math.isfinite(value):
            yield f"The value {value} for parameter Values is invalid."
        elif value and not 2.0**-360 <= abs(value) <= 2.0**360:
            yield f"The value {value} is out of range."
    if not now - 14 * DAY_S <= datum["Timestamp"] <= now + 7200:
        yield f"Timestamp {datum['Timestamp']}"


def _plain(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and bool(text.strip()) and all(32 <= ord(letter) < 127 for letter in text)
