"""A transaction of DynamoDB that is sent a second time with its token is answered as the first, and not done again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from io import BytesIO
from typing import Any

from agent.domain.ports import Clock
from agent.sandbox.protocol import Environ, StartResponse, Wsgi, scope_of

VALID_S = 600.0
"""So long a token is known (TransactWriteItems, ClientRequestToken)."""
_TARGET = "DynamoDB_20120810.TransactWriteItems"
_KIND = "application/x-amz-json-1.0"


class Tokens:
    """moto knows no tokens. Only what succeeded is remembered: a transaction that was cancelled may be tried again.

    Its owner lets one request of DynamoDB through at a time.
    """

    def __init__(self, behind: Wsgi, clock: Clock) -> None:
        self._behind = behind
        self._clock = clock
        self._done: dict[tuple[str, str], tuple[float, str, bytes]] = {}
        """By Region and token, the oldest first: when, of which request, and what was answered."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") != _TARGET:
            return self._behind(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        request = _read(body)
        token = request.pop("ClientRequestToken", None)
        if token is None:
            return self._behind(environ, start_response)
        return self._once((scope_of(environ)[0], token), request, environ, start_response)

    def _once(
        self, key: tuple[str, str], request: Mapping[str, Any], environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        now, digest = self._clock(), sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        self._forget(now - VALID_S)
        if key in self._done:
            _, first, answer = self._done[key]
            if first != digest:
                return _mismatch(start_response)
            start_response("200 OK", [("Content-Type", _KIND), ("Content-Length", str(len(answer)))])
            return [answer]
        statuses: list[str] = []

        def told(status: str, headers: Any, *more: Any) -> Any:
            statuses.append(status)
            return start_response(status, headers, *more)

        answer = b"".join(self._behind(environ, told))
        if statuses and statuses[-1].startswith("200"):
            self._done[key] = (now, digest, answer)
        return [answer]

    def _forget(self, until: float) -> None:
        while self._done and self._done[oldest := next(iter(self._done))][0] <= until:
            del self._done[oldest]


def _read(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except ValueError:
        return {}


def _mismatch(start_response: StartResponse) -> Iterable[bytes]:
    code = "IdempotentParameterMismatchException"
    said = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "Message": "The token belongs to another request"}
    answer = json.dumps(said).encode()
    start_response("400 Bad Request", [("Content-Type", _KIND), ("Content-Length", str(len(answer)))])
    return [answer]
