"""EventBridge Scheduler: moto keeps the schedules, and what is due goes to its queue from here."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule, scheduler_backends
from moto.sqs.models import sqs_backends

from agent.domain.ports import Clock
from agent.sandbox.events.event import Event, iso
from agent.sandbox.events.expressions import PRECISION_S, Timetable, instant
from agent.sandbox.protocol import Environ, StartResponse, Wsgi, scope_of

MAX_AT_ONCE = 10_000
"""Firings of one schedule in one tick: a clock that jumps a year does not bring half a million messages."""
SEND_MESSAGE = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
"""The universal target that the sandbox serves."""
Key = tuple[str, str]

log = logging.getLogger(__name__)


class Scheduler:
    """A front that refuses what EventBridge would not understand, and the clock of the schedules that came through
    it: moto shares its state among all servers of a process, and each fires only its own. Delivery is tried once.

    Safe to use from every thread.
    """

    def __init__(self, region: str, account: str, clock: Clock, behind: Wsgi, moto_lock: threading.RLock) -> None:
        """`moto_lock` is held by whoever changes schedules."""
        self._region = region
        self._account = account
        self._clock = clock
        self._behind = behind
        self._lock = moto_lock
        self._made: dict[Key, float] = {}
        self._fired: dict[Key, float] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        _, service = scope_of(environ)
        path = str(environ.get("PATH_INFO", ""))
        if service != "scheduler" or environ["REQUEST_METHOD"] not in {"POST", "PUT"} or path[:11] != "/schedules/":
            return self._behind(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        return self._put(unquote(path[11:]), body, environ, start_response)

    def tick(self) -> None:
        """Send all that has become due since the last tick."""
        now = self._clock()
        with self._lock:
            for group, schedule in self._schedules():
                key = (group, schedule.name)
                if key in self._made and schedule.state != "DISABLED":
                    self._advance(key, schedule, now)

    def _put(self, name: str, body: bytes, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            try:
                request = json.loads(body)
                key = (request.get("GroupName") or "default", name)
                if key[0] not in self._backend.schedule_groups:
                    text = f"Schedule group {key[0]} does not exist."
                    return _refusal(404, "ResourceNotFoundException", text, start_response)
                _timetable(request, self._clock()).following(self._clock())
            except ValueError as error:
                text = f"Invalid Schedule Expression: {error}"
                return _refusal(400, "ValidationException", text, start_response)
            statuses: list[str] = []

            def keep(status: str, *more: Any) -> Any:
                statuses.append(status)
                return start_response(status, *more)

            answer = [b"".join(self._behind(environ, keep))]
            if statuses[0].startswith("200"):
                self._made[key] = self._clock()
                self._fired.pop(key, None)
            return answer

    @property
    def _backend(self) -> EventBridgeSchedulerBackend:
        return scheduler_backends[self._account][self._region]

    def _schedules(self) -> list[tuple[str, Schedule]]:
        groups = self._backend.schedule_groups.values()
        return [(group.name, schedule) for group in groups for schedule in group.schedules.values()]

    def _advance(self, key: Key, schedule: Schedule, now: float) -> None:
        made_at = self._made[key]
        timetable = Timetable(
            expression=schedule.schedule_expression,
            zone=schedule.schedule_expression_timezone,
            made_at=made_at,
            begin=instant(schedule.start_date),
            end=instant(schedule.end_date),
        )
        fired = self._fired.get(key, made_at - PRECISION_S)
        for _ in range(MAX_AT_ONCE):
            due = timetable.following(fired)
            if due is None or due > now:
                break
            self._fired[key] = fired = due
            self._send(schedule, due)
        over = key in self._fired and timetable.following(fired) is None
        if over and schedule.action_after_completion == "DELETE":
            self._backend.delete_schedule(*key)

    def _send(self, schedule: Schedule, due: float) -> None:
        target: Mapping[str, Any] = schedule.target
        try:
            self._deliver(target, _input(schedule, due, self._region, self._account))
        except Exception as error:  # the boundary of one delivery: a queue that is gone costs this message only
            log.warning("a schedule could not be delivered", extra={"schedule": schedule.arn, "error": repr(error)})
            if dead := target.get("DeadLetterConfig", {}).get("Arn"):
                self._to_queue(dead, _input(schedule, due, self._region, self._account), None)

    def _deliver(self, target: Mapping[str, Any], body: str) -> None:
        arn = target["Arn"]
        if arn == SEND_MESSAGE:
            asked = json.loads(body)
            self._to_queue(asked["QueueUrl"].replace("/", ":"), asked["MessageBody"], asked.get("MessageGroupId"))
        elif arn.split(":")[2] == "sqs":
            self._to_queue(arn, body, target.get("SqsParameters", {}).get("MessageGroupId"))
        else:
            raise NotImplementedError(f"the sandbox sends schedules only to SQS, not to {arn}")

    def _to_queue(self, arn: str, body: str, group: str | None) -> None:
        queues = sqs_backends[self._account][self._region]
        queues.send_message(arn.rsplit(":", 1)[-1], body, group_id=group)


def _timetable(request: Mapping[str, Any], now: float) -> Timetable:
    return Timetable(
        expression=str(request.get("ScheduleExpression", "")),
        zone=request.get("ScheduleExpressionTimezone") or "UTC",
        made_at=now,
        begin=instant(request.get("StartDate")),
        end=instant(request.get("EndDate")),
    )


def _input(schedule: Schedule, due: float, region: str, account: str) -> str:
    """The target's Input with its context attributes filled in; without one the event that Scheduler sends itself."""
    execution = uuid.uuid4().hex[:16]
    text = schedule.target.get("Input")
    if text is None:
        event = Event(
            at=due, source="aws.scheduler", detail_type="Scheduled Event", detail={}, resources=(schedule.arn,)
        )
        return json.dumps({**event.body(str(uuid.uuid4()), region, account), "detail": "{}"})
    for name, value in (
        ("schedule-arn", schedule.arn),
        ("scheduled-time", iso(due)),
        ("execution-id", execution),
        ("attempt-number", "1"),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return str(text)


def _refusal(status: int, code: str, text: str, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
    start_response(f"{status} Refused", headers)
    return [json.dumps({"Message": text}).encode()]
