"""One request of a service at a time, where moto looks first and changes then without a lock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from io import BytesIO

from agent.sandbox.protocol import Environ, StartResponse, Wsgi, scope_of


class Serial:
    """Requests that are signed for one of the services wait for each other; the rest goes on to `behind` at once.

    DynamoDB evaluates a condition and writes as one step (DynamoDB Developer Guide, "Conditional writes"). moto
    evaluates, and then writes, in the thread of the request: two writers can both find their condition true.
    """

    def __init__(self, behind: Wsgi, locks: Mapping[str, threading.RLock]) -> None:
        """`locks` by the service's name in the signature, such as `dynamodb`."""
        self._behind = behind
        self._locks = locks

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        _, service = scope_of(environ)
        lock = self._locks.get(service)
        if lock is None:
            return self._behind(environ, start_response)
        # read before the lock is taken: a client that sends slowly holds up nobody else
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        with lock:
            return [b"".join(self._behind(environ, start_response))]
