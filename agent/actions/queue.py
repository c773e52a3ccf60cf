"""The SQS queue that the alarms' topic delivers to: asked for up to 20 s at a time, in a loop of its own.

A message is deleted when what it asks for has been settled, or refused for good; until then it only stays out of sight,
and comes again when this agent is no more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from agent import log
from agent.actions.gate import Gate
from agent.actions.inbox import Inbox
from agent.actions.signature import Unknown
from agent.aws.errors import AWS_ERRORS, fault, reason
from agent.domain.alarm_notices import Refusal
from agent.domain.ports import Beat
from agent.telemetry import Telemetry

WAIT_S = 20
"""The longest that SQS waits for a message (ReceiveMessage)."""
AT_ONCE = 10
"""The most messages of one answer."""
OUT_OF_SIGHT_S = 60
"""Longer than a wait: what is in hand does not come again before it can be deleted."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STANDBY_S = 5.0
MAX_HELD = 256


class AlarmQueue:
    """Counts `QueueErrors.<reason>`."""

    def __init__(
        self,
        client: Callable[[], Any],
        queue_url: str,
        gate: Callable[[], Gate],
        inbox: Inbox,
        telemetry: Telemetry,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leads`: whether this agent is the one to act, of several. The others leave the messages to it."""
        self._client = client
        self._queue_url = queue_url
        self._gate = gate
        self._inbox = inbox
        self._telemetry = telemetry
        self._leads = leads
        self._held: dict[str, tuple[str, str]] = {}
        """By id of a request that waits: its message, and the last receipt handle of that."""
        self._pause_s = 0.0
        self._undeleted = False
        self._said = ""

    def run(self, beat: Beat, stop: threading.Event) -> None:
        """Until told to stop. The world's faults make it pause, longer each time up to a minute."""
        while not stop.is_set():
            beat()
            if self._leads():
                self.turn(beat)
            left = self._pause_s if self._leads() else STANDBY_S
            while left > 0 and not stop.wait(min(left, 1.0)):
                beat()
                left -= 1.0

    def turn(self, beat: Beat = lambda: None) -> None:
        """Delete what is over, wait once for messages, and judge those that came."""
        self._undeleted = False
        try:
            self._delete_settled(beat)
            answer = self._client().receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=WAIT_S,
                VisibilityTimeout=OUT_OF_SIGHT_S,
            )
            for message in answer.get("Messages", ()):
                beat()
                self._judge(message)
        except AWS_ERRORS as error:
            self._failed(str(fault(error, "the alarms' queue")), reason(error))
            return
        if self._undeleted:
            return
        if self._said:
            log.event(logging.INFO, "actions.queue_back")
        self._said, self._pause_s = "", 0.0

    def _judge(self, message: dict[str, Any]) -> None:
        name, handle = str(message.get("MessageId", "")), str(message.get("ReceiptHandle", ""))
        try:
            id = self._requested(str(message.get("Body", "")), name)
        except Exception:
            # whatever a message does to us it must not do again, and keeps none of the others
            self._telemetry.count("LoopErrors")
            log.event(logging.ERROR, "actions.message_failed", exc_info=True, message=name)
            id = None
        if id is None:
            self._delete(handle)
        elif id and len(self._held) < MAX_HELD:
            held, self._held[id] = self._held.get(id), (name, handle)
            if held is not None and held[0] != name:
                # SNS has brought the same twice: one of them is enough
                self._delete(held[1])

    def _requested(self, body: str, name: str) -> str | None:
        """The id of the request that the message stands for; None when it is over; empty to look at it again later."""
        found = self._gate().of_queue(body)
        if isinstance(found, Unknown):
            return ""
        if isinstance(found, Refusal):
            self._inbox.refuse(found, f"message {name}")
            return None
        taken = self._inbox.offer(found)
        return None if isinstance(taken, Refusal) else taken.id

    def _delete_settled(self, beat: Beat) -> None:
        for id in [id for id in self._held if not self._inbox.waits(id)]:
            beat()
            self._delete(self._held.pop(id)[1])

    def _delete(self, handle: str) -> None:
        """A message that stays comes again and is over then too: it keeps no other from being read."""
        try:
            self._client().delete_message(QueueUrl=self._queue_url, ReceiptHandle=handle)
        except AWS_ERRORS as error:
            if not self._undeleted:
                self._failed(str(fault(error, "the alarms' queue")), reason(error))
            self._undeleted = True

    def _failed(self, text: str, why: str) -> None:
        self._telemetry.count(f"QueueErrors.{why}")
        if why != self._said:
            log.event(logging.WARNING, "actions.queue_failed", error=text)
        self._said = why
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause_s))
