"""Asks an HTTP endpoint on the cluster every so often and hands over what it says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from agent import log
from agent.domain.ports import Beat, Clock, ReadingReceiver
from agent.domain.readings import Reading
from agent.settings_sources import RestSettings
from agent.sources.http_reader import Failed, Failure, HttpReader
from agent.telemetry import Telemetry
from agent.wire.json_fields import Malformed

T = TypeVar("T")

_MAX_FAILING_URLS = 1000

Decode = Callable[[object, float], T | Malformed]
"""A JSON value and when it was asked for."""


class Ask(Protocol):
    """What a poll asks with. Each failure is counted by reason and is None here."""

    def json(self, url: str, decode: Decode[T], *, follow: bool = False) -> T | None:
        """With `follow`, one redirect of a standby to the active one is followed."""

    def text(self, url: str) -> str | None: ...


Poll = Callable[[Ask], Iterable[Reading]]
"""One round of questions. What was not answered is left out: the last reading grows old by itself."""


class RestPoller:
    """Runs one poll in a thread of its own.

    A reading's `at` is when its request was sent: what a slow answer says may be as old as that. Failures
    are counted as `PollErrors` and as `PollErrors.<name>.<reason>`, and logged when the reason changes.
    """

    def __init__(
        self,
        name: str,
        settings: RestSettings,
        poll: Poll,
        receiver: ReadingReceiver,
        clock: Clock,
        telemetry: Telemetry,
        reader: HttpReader | None = None,
    ) -> None:
        self._name = name
        self._period_s = settings.period_s
        self._poll = poll
        self._receiver = receiver
        self._telemetry = telemetry
        self._asker = _Asker(name, reader or _reader(settings), clock, telemetry)

    def run(self, beat: Beat, stop: threading.Event) -> None:
        """Poll until `stop`. Comes back within the time-out after it is set; raises only for bugs."""
        self._asker.between = (beat, stop)
        due = time.monotonic()
        try:
            while not stop.is_set():
                self.poll_once()
                due = max(due + self._period_s, time.monotonic())
                _wait(due, beat, stop)
        finally:
            self._asker.reader.close()

    def poll_once(self) -> None:
        self._telemetry.count("Polls")
        for reading in self._poll(self._asker):
            # when told to stop, what was still to be asked is missing from the reading
            if self._asker.may_go_on():
                self._receiver.take(reading)


class _Asker:
    def __init__(self, name: str, reader: HttpReader, clock: Clock, telemetry: Telemetry) -> None:
        self.reader = reader
        self.between: tuple[Beat, threading.Event] | None = None
        self._name = name
        self._clock = clock
        self._telemetry = telemetry
        self._last_failure: dict[str, Failure] = {}

    def json(self, url: str, decode: Decode[T], *, follow: bool = False) -> T | None:
        if not self.may_go_on():
            return None
        sent = self._clock()
        value = self.reader.json(url, follow=follow)
        decoded = value if isinstance(value, Failed) else decode(value, sent)
        if isinstance(decoded, Malformed):
            decoded = Failed(Failure.MALFORMED, decoded.reason)
        if isinstance(decoded, Failed):
            self._failed(url, decoded)
            return None
        self._answered(url)
        return decoded

    def text(self, url: str) -> str | None:
        if not self.may_go_on():
            return None
        body = self.reader.body(url)
        if isinstance(body, Failed):
            self._failed(url, body)
            return None
        self._answered(url)
        return body.decode(errors="replace")

    def may_go_on(self) -> bool:
        """Between two questions of one poll: still alive, and not told to stop."""
        if self.between is None:
            return True
        beat, stop = self.between
        beat()
        return not stop.is_set()

    def _failed(self, url: str, failed: Failed) -> None:
        self._telemetry.count("PollErrors")
        self._telemetry.count(f"PollErrors.{self._name}.{failed.failure}")
        if self._last_failure.get(url) is not failed.failure:
            reason, detail = failed.failure, failed.detail[:300]
            log.event(logging.WARNING, "poll.failed", source=self._name, url=url, reason=reason, detail=detail)
        if len(self._last_failure) >= _MAX_FAILING_URLS:
            self._last_failure.clear()
        self._last_failure[url] = failed.failure

    def _answered(self, url: str) -> None:
        if self._last_failure.pop(url, None) is not None:
            log.event(logging.INFO, "poll.answered_again", source=self._name, url=url)


def _reader(settings: RestSettings) -> HttpReader:
    return HttpReader(settings.timeout_s, ca_file=settings.ca_file, verify_tls=settings.verify_tls)


def _wait(due: float, beat: Beat, stop: threading.Event) -> None:
    while True:
        beat()
        left = due - time.monotonic()
        if left <= 0 or stop.wait(min(left, 1.0)):
            return
