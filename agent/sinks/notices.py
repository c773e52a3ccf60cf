"""Notices to people, by SNS."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agent import log
from agent.aws.errors import AWS_ERRORS, reason
from agent.telemetry import Telemetry

MAX_SUBJECT = 99
"""SNS takes fewer than 100 characters, ASCII, on one line, that begin with a letter, number or punctuation mark."""
MAX_TEXT_BYTES = 262_144
"""A message (SNS, Publish)."""


class SnsNotifier:
    """Bounded in time by the client's own time-outs and attempts."""

    def __init__(self, client: Callable[[], Any], topic_arn: str, telemetry: Telemetry) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._telemetry = telemetry

    def notify(self, subject: str, text: str) -> None:
        try:
            self._client().publish(TopicArn=self._topic_arn, Subject=_subject(subject), Message=_message(text))
        except AWS_ERRORS as error:
            self._telemetry.count(f"NoticesFailed.{reason(error)}")
            log.event(logging.WARNING, "notice.failed", subject=subject, error=str(error))
        else:
            self._telemetry.count("NoticesSent")


class LogNotifier:
    """Where no topic is set: the notice is only logged."""

    def notify(self, subject: str, text: str) -> None:
        log.event(logging.WARNING, "notice", subject=subject, text=text)


def _subject(subject: str) -> str:
    plain = "".join(letter if " " <= letter <= "~" else " " for letter in subject).strip()
    return plain[:MAX_SUBJECT].rstrip() or "Tidemark"


def _message(text: str) -> str:
    """SNS refuses an empty message."""
    return text.encode("utf-8")[:MAX_TEXT_BYTES].decode("utf-8", errors="ignore") or "(no text)"
