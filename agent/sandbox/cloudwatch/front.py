"""CloudWatch's endpoint, before moto: what it answers, its clock, and what follows when alarms change."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from moto.cloudwatch.exceptions import CloudWatchException
from moto.core.exceptions import ServiceException

from agent.domain.ports import Clock
from agent.sandbox.cloudwatch import alarm_operations, dashboard_operations, data_operations, messages
from agent.sandbox.cloudwatch.alarms import Transition
from agent.sandbox.cloudwatch.metrics import Metric
from agent.sandbox.cloudwatch.model import Dashboard, Model, Operation, new_model
from agent.sandbox.cloudwatch.quotas import CLOUDWATCH_QUOTAS
from agent.sandbox.cloudwatch.received import Hour, as_json
from agent.sandbox.cloudwatch.statistics import of_values
from agent.sandbox.protocol import Codec, Environ, Question, StartResponse, Wsgi, body_of, scope_of
from agent.sandbox.throttle import Quota, Throttle

RECEIVED_PATH = "/_sandbox/cloudwatch/received"
MAX_BODY = 1_048_576
"""Bytes of a PutMetricData, unpacked."""
OPERATIONS: Mapping[str, Operation] = {
    **alarm_operations.OPERATIONS,
    **dashboard_operations.OPERATIONS,
    **data_operations.OPERATIONS,
}

Publish = Callable[[str, str, str], None]
"""Topic ARN, subject and message. Raises ServiceException when SNS refuses."""

log = logging.getLogger(__name__)


class CloudWatchFront:
    """Answers what is for CloudWatch; the rest goes on to `behind`. Safe to use from every thread."""

    def __init__(
        self,
        region: str,
        account: str,
        clock: Clock,
        publish: Publish,
        behind: Wsgi,
        *,
        speed: float = 1.0,
        quotas: Mapping[str, Quota] = CLOUDWATCH_QUOTAS,
    ) -> None:
        """`region` is the one of the requests and questions that do not say one; `speed` makes the periods of
        alarms that many times shorter."""
        self._region = region
        self._account = account
        self._clock = clock
        self._publish = publish
        self._behind = behind
        self._speed = speed
        self._codec = Codec("cloudwatch", CloudWatchException)
        self._models: dict[str, Model] = {}
        self._dashboards: dict[str, Dashboard] = {}
        self._throttle = Throttle(quotas)
        self._denied: frozenset[str] = frozenset()
        self._failures: list[tuple[str, str]] = []
        self._lock = threading.RLock()

    def deny(self, operations: Collection[str]) -> None:
        """From now on the caller has no right to exactly these operations; to none of them with an empty collection."""
        with self._lock:
            self._denied = frozenset(operations)

    def fail_next(self, operation: str, times: int = 1, code: str = "InternalServiceError") -> None:
        """Answer the next calls of the operation with this error, without doing what was asked."""
        with self._lock:
            self._failures.extend([(operation, code)] * times)

    def tick(self) -> None:
        """Evaluate the alarms up to now and run the actions of those that have changed."""
        with self._lock:
            models = list(self._models.values())
            for model in models:
                model.alarms.advance(self._clock())
        for model in models:
            self._act(model)

    def of_aws(
        self, namespace: str, name: str, dimensions: Mapping[str, str], value: float, at: float, region: str = ""
    ) -> None:
        """One point that a service of AWS publishes itself: in `AWS/…` nobody else may."""
        metric = Metric(namespace, name, tuple(sorted(dimensions.items())))
        with self._lock:
            self._model(region or self._region).metrics.put(metric, of_values(at, [(value, 1.0)], None))

    def received(self, region: str | None = None) -> Mapping[int, Hour]:
        """What was asked, by the time at which each hour of the sandbox's clock began."""
        with self._lock:
            return self._model(region or self._region).received.hours()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == RECEIVED_PATH:
            return self._answer_received(environ, start_response)
        region, service = scope_of(environ)
        if service != "monitoring":
            return self._behind(environ, start_response)
        body = body_of(environ)
        operation = self._codec.operation(environ, body)
        if operation in self._codec.operations() and operation not in OPERATIONS:
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
            environ.pop("HTTP_CONTENT_ENCODING", None)
            return self._behind(environ, start_response)
        if len(body) > MAX_BODY:
            start_response("413 Content Too Large", [("Content-Type", "application/x-amz-json-1.0")])
            return [json.dumps({"__type": "RequestEntityTooLarge", "message": f"over {MAX_BODY} bytes"}).encode()]
        status, headers, answer = self._answer(region, environ, body)
        start_response(f"{status} Answered", headers)
        return [answer]

    def _answer(self, region: str, environ: Environ, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        try:
            question = self._codec.parse(environ, body)
        except ServiceException as error:
            return self._codec.answer("DescribeAlarms", "json", error)
        try:
            result: Any = self._perform(region, question)
        except ServiceException as error:
            result = error
        return self._codec.answer(question.operation, question.protocol, result)

    def _perform(self, region: str, question: Question) -> Mapping[str, Any]:
        with self._lock:
            model = self._model(region)
            now = self._clock()
            model.received.request(question.operation, now)
            self._admit(question.operation, now)
            if question.faults:
                listed = "; ".join(question.faults)
                raise ServiceException("ValidationError", f"{len(question.faults)} validation error(s): {listed}")
            answer = OPERATIONS[question.operation](model, question.params)
        self._act(model)
        return answer or {}

    def _admit(self, operation: str, now: float) -> None:
        if not self._throttle.admit(operation, now):
            raise ServiceException("Throttling", "Rate exceeded")
        if operation in self._denied:
            action = f"cloudwatch:{operation}"
            who = f"arn:aws:sts::{self._account}:assumed-role/EMR_EC2_DefaultRole/i-0123456789abcdef0"
            text = f"User: {who} is not authorized to perform: {action} because no identity-based policy allows it"
            raise ServiceException("AccessDenied", text)
        for failure in self._failures:
            if failure[0] == operation:
                self._failures.remove(failure)
                raise ServiceException(failure[1], "injected")

    def _act(self, model: Model) -> None:
        """Outside the lock: a topic's subscriber may ask CloudWatch something."""
        with self._lock:
            transitions = model.alarms.transitions()
        for transition in transitions:
            for action in transition.actions:
                self._run(model, transition, action)

    def _run(self, model: Model, transition: Transition, action: str) -> None:
        text = messages.message(transition, model.region, self._account)
        try:
            if ":sns:" not in action:
                raise ServiceException("NotInSandbox", "only actions of SNS are run in the sandbox")
            self._publish(action, messages.subject(transition, model.region), text)
        except ServiceException as error:
            summary, outcome = f"Failed to execute action {action}. Received error: {error}", "Failed"
        else:
            summary, outcome = f"Successfully executed action {action}", "Succeeded"
        body = {
            "actionState": outcome,
            "stateUpdateTimestamp": int(transition.at * 1000),
            "notificationResource": action,
            "publishedMessage": text,
        }
        with self._lock:
            model.alarms.note(transition, transition.at, "Action", summary, body)

    def _model(self, region: str) -> Model:
        if region not in self._models:
            self._models[region] = new_model(region, self._account, self._clock, self._speed, self._dashboards)
        return self._models[region]

    def _answer_received(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        region = parse_qs(str(environ.get("QUERY_STRING", ""))).get("region", [self._region])[0]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(as_json(self.received(region))).encode()]
