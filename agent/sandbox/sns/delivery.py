"""Delivery over HTTP(S), outside the thread that publishes, with a bounded number of attempts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

WORKERS = 4
RETRIES = 3
"""After the first attempt, as in SNS's default delivery policy; but a second apart instead of 20."""
BACKOFF_S = 0.5
TIMEOUT_S = (5, 15)
"""To connect, and for the answer: SNS gives an endpoint 15 seconds."""
PASSING = (429, 500, 502, 503, 504)
"""Other errors of the endpoint are final, as for SNS."""

log = logging.getLogger(__name__)


class Poster:
    """Safe to use from every thread. What waits when it is closed is not delivered."""

    def __init__(self, trust: Path | None = None) -> None:
        """`trust` is a PEM file of the authorities that HTTPS endpoints are trusted by; None: the usual ones."""
        self._trust: bool | str = True if trust is None else str(trust)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="sandbox-sns")
        self._under_way: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def post(self, url: str, headers: Mapping[str, str], body: str) -> None:
        """Try to deliver it, soon."""
        with self._lock:
            if self._closed:
                return
            self._under_way = {future for future in self._under_way if not future.done()}
            self._under_way.add(self._pool.submit(self._deliver, url, headers, body))

    def settle(self, seconds: float = 60.0) -> bool:
        """Wait until everything up to now is delivered or given up; whether that came about in time."""
        with self._lock:
            waiting = set(self._under_way)
        return not wait(waiting, seconds).not_done

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, url: str, headers: Mapping[str, str], body: str) -> None:
        retry = Retry(RETRIES, backoff_factor=BACKOFF_S, status_forcelist=PASSING, allowed_methods=None)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.mount("https://", HTTPAdapter(max_retries=retry))
            try:
                answer = session.post(
                    url, body.encode(), headers=dict(headers), timeout=TIMEOUT_S, verify=self._trust,
                    allow_redirects=False,
                )  # fmt: skip
                answer.raise_for_status()
            except requests.RequestException as error:
                log.warning("an SNS message was not delivered", extra={"url": url, "error": repr(error)})
