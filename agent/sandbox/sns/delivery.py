"""Delivery over HTTP(S), outside the thread that publishes, with a bounded number of attempts."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

WORKERS = 4
MAX_WAITING = 10_000
RETRIES = 3
"""After the first attempt, as in SNS's default delivery policy; but a second apart instead of 20."""
BACKOFF_S = 0.5
TIMEOUT_S = (5, 15)
"""To connect, and for the answer: SNS gives an endpoint 15 seconds."""
PASSING = (429, 500, 502, 503, 504)
"""Other errors of the endpoint are final, as for SNS."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    headers: Mapping[str, str]
    body: str


class Poster:
    """Safe to use from every thread. Its own are daemons, and start with the first letter. What waits when it is
    closed is not delivered."""

    def __init__(self, trust: Path | None = None) -> None:
        """`trust` is a PEM file of the authorities that HTTPS endpoints are trusted by; None: the usual ones."""
        self._trust: bool | str = True if trust is None else str(trust)
        self._waiting: deque[_Letter] = deque(maxlen=MAX_WAITING)
        self._under_way = 0
        self._workers: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._closed = False

    def post(self, url: str, headers: Mapping[str, str], body: str) -> None:
        """Try to deliver it, soon. Past `MAX_WAITING` the oldest is dropped."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append(_Letter(url, headers, body))
            if len(self._workers) < WORKERS:
                worker = threading.Thread(target=self._work, name="sandbox-sns", daemon=True)
                self._workers.append(worker)
                worker.start()
            self._changed.notify_all()

    def settle(self, seconds: float = 60.0) -> bool:
        """Wait until nothing waits and nothing is under way; whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._under_way, seconds)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while (letter := self._next()) is not None:
            try:
                self._deliver(letter)
            except Exception:  # the boundary of this loop: one letter must not cost the others their worker
                log.exception("an SNS message could not be sent")
            finally:
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()

    def _next(self) -> _Letter | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            self._under_way += 1
            return self._waiting.popleft()

    def _deliver(self, letter: _Letter) -> None:
        retry = Retry(RETRIES, backoff_factor=BACKOFF_S, status_forcelist=PASSING, allowed_methods=None)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.mount("https://", HTTPAdapter(max_retries=retry))
            try:
                answer = session.post(
                    letter.url,
                    letter.body.encode(),
                    headers=dict(letter.headers),
                    timeout=TIMEOUT_S,
                    verify=self._trust,
                    allow_redirects=False,
                )
                answer.raise_for_status()
            except requests.RequestException as error:
                log.warning("an SNS message was not delivered", extra={"url": letter.url, "error": repr(error)})
