"""Lets what could not be done now come to the queue again in a while."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

from agent.aws.emr_calls import ask
from agent.domain.faults import Fault
from agent.lifecycle.events import GoOn

LEAST_S, MOST_S = 20, 60
LONGER = 5
"""A window of EMR's quotas is over after 10 s; SQS delays by 900 s at most."""


def body_of(event: GoOn) -> str:
    """As `agent.lifecycle.ingress` reads it."""
    told: dict[str, str | int] = {"what": event.what, "id": event.id, "tries": event.tries}
    if event.reason is not None:
        told |= {"reason": event.reason.value, "why": event.why}
    return json.dumps({"go_on": told})


def delay_s(event: GoOn) -> int:
    """Spread over all, so that what waits for one quota does not come back at once, and longer each time."""
    once = LEAST_S + zlib.crc32(f"{event.what} {event.id}".encode()) % (MOST_S - LEAST_S)
    return once * min(LONGER, event.tries + 1)


class QueueLater:
    """Over a boto3 SQS client. What cannot be sent is counted: the sweep goes on with it too."""

    def __init__(self, client: Callable[[], Any], queue_url: str, count: Callable[[str], None]) -> None:
        self._client = client
        self._queue_url = queue_url
        self._count = count

    def again(self, event: GoOn) -> None:
        message = {"QueueUrl": self._queue_url, "MessageBody": body_of(event), "DelaySeconds": delay_s(event)}
        try:
            ask("SendMessage", self._client().send_message, **message)
        except Fault:
            self._count("LifecycleErrors.Later")
        else:
            self._count(f"LifecyclePostponed.{event.what}")


class NoLater:
    """Where there is no queue: the sweep goes on with it."""

    def again(self, event: GoOn) -> None:
        pass
