"""Notices to people and programs, by SNS: a bounded queue in front of a loop of its own.

Why a topic for each format and no `MessageStructure` of `json`, which could send text to mailboxes and JSON to queues
through one: with it SNS delivers no message attributes (SNS developer guide, message attributes), and attributes are
what subscriptions filter by.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from agent import log
from agent.aws.errors import AWS_ERRORS, reason
from agent.domain.notices import Message, Severity
from agent.domain.ports import Beat
from agent.telemetry import Telemetry

MAX_TEXT_BYTES = 262_144 - 4096
"""A message with its attributes has 256 KiB (SNS, Publish)."""
MAX_HELD = 100
"""Messages that wait; past it the oldest are lost."""
RETRY_S = 30.0
MAX_AGE_S = 900.0
"""A message that could not be sent for so long is lost: it would be news of yesterday."""
WORTH_ANOTHER = frozenset({"throttled", "unavailable", "unreachable"})
LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.WARNING}


class Sender(Protocol):
    def send(self, message: Message) -> str | None:
        """None once it is sent, else a constant word for why not. Bounded in time; never raises the world's faults."""


class LogSender:
    """Where no topic is set: the notice is only logged."""

    def send(self, message: Message) -> str | None:
        log.event(LEVELS[message.severity], "notice", subject=message.subject, text=message.text)
        return None


class TopicSender:
    """Sends one format of every message to one topic. Bounded in time by the client's own time-outs and attempts.

    `format` is `text` or `json`, and is an attribute of the message besides its own.
    """

    def __init__(self, client: Callable[[], Any], topic_arn: str, format: str) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._format = format

    def send(self, message: Message) -> str | None:
        body = message.json if self._format == "json" else message.text
        attributes = {**message.attributes, "format": self._format}
        try:
            self._client().publish(
                TopicArn=self._topic_arn,
                Subject=message.subject,
                Message=_bounded(body),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        except AWS_ERRORS as error:
            log.event(logging.WARNING, "notice.failed", subject=message.subject, error=str(error))
            return reason(error)
        return None


@dataclass(frozen=True, slots=True)
class _Held:
    message: Message
    sender: Sender
    since: float
    """By the monotonic clock."""


class Outbox:
    """`put` returns at once; `run` sends in a thread of its own; `close` sends what is left, for a bounded time.

    Counts `NoticesSent`, `NoticesFailed.<why>` for each attempt that failed, and `NoticesLost.<why>`: `queue_full`,
    `too_old`, `closed` or AWS's answer for those that never were sent.
    """

    def __init__(
        self, senders: tuple[Sender, ...], telemetry: Telemetry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` never falls."""
        self._senders = senders
        self._telemetry = telemetry
        self._clock = clock
        self._held: deque[_Held] = deque()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._news = threading.Event()

    def put(self, message: Message) -> None:
        now = self._clock()
        with self._lock:
            self._held.extend(_Held(message, sender, now) for sender in self._senders)
            while len(self._held) > MAX_HELD:
                self._held.popleft()
                self._telemetry.count("NoticesLost.queue_full")
        self._news.set()

    def run(self, beat: Beat, stop: threading.Event) -> None:
        """Send until told to stop; then return at once but for a request that is on its way."""
        while not stop.is_set():
            beat()
            self._news.clear()
            if self._send_all(beat, stop, RETRY_S):
                self._pause(beat, stop)
            else:
                while not stop.is_set() and not self._news.wait(0.5):
                    beat()

    def _pause(self, beat: Beat, stop: threading.Event) -> None:
        """Until another attempt is due: what comes meanwhile would meet the same fault."""
        end = self._clock() + RETRY_S
        while self._clock() < end and not stop.wait(0.5):
            beat()

    def close(self, deadline_s: float) -> None:
        """Try once more what is held, for at most `deadline_s`; what is then left is lost."""
        given_up = threading.Event()
        flush = threading.Thread(target=self._send_all, args=(_nobody, given_up), name="notices-flush", daemon=True)
        flush.start()
        flush.join(deadline_s)
        given_up.set()
        with self._lock:
            if self._held:
                self._telemetry.count("NoticesLost.closed", len(self._held))
            self._held.clear()

    def _send_all(self, beat: Beat, stop: threading.Event, patience_s: float = math.inf) -> bool:
        """Each once, in order; whether something is worth another attempt.

        Where a service hangs each attempt takes long: once one has failed nothing is begun after `patience_s`, or a
        full queue would take hours.
        """
        with self._sending:
            again: list[_Held] = []
            end = self._clock() + patience_s
            for held in self._taken(stop):
                beat()
                if self._is_left(held):
                    again.append(held)
                    if self._clock() >= end:
                        break
            with self._lock:
                self._held.extendleft(reversed(again))
            return bool(again)

    def _is_left(self, held: _Held) -> bool:
        """Send it, unless it is too old; whether another attempt is worth it."""
        if self._clock() - held.since >= MAX_AGE_S:
            self._telemetry.count("NoticesLost.too_old")
            return False
        why = held.sender.send(held.message)
        if why is None:
            self._telemetry.count("NoticesSent")
            return False
        self._telemetry.count(f"NoticesFailed.{why}")
        if why not in WORTH_ANOTHER:
            self._telemetry.count(f"NoticesLost.{why}")
        return why in WORTH_ANOTHER

    def _taken(self, stop: threading.Event) -> Iterator[_Held]:
        while not stop.is_set():
            with self._lock:
                if not self._held:
                    return
                held = self._held.popleft()
            yield held


def _bounded(text: str) -> str:
    """SNS refuses an empty message, and one that is too large."""
    return text.encode("utf-8", errors="replace")[:MAX_TEXT_BYTES].decode("utf-8", errors="ignore") or "(no text)"


def _nobody() -> None:
    """Nobody watches the last flush: it has a deadline."""
