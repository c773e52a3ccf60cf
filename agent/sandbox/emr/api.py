"""EMR's endpoint without HTTP: an operation name and a body in, a status and a body out."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agent.domain.ports import Clock
from agent.sandbox.emr.context import Context
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.operations import OPERATIONS
from agent.sandbox.emr.refusals import Refusal, denied, invalid_request, throttled, validation
from agent.sandbox.emr.service_model import GENERIC_ERRORS, service_model
from agent.sandbox.emr.throttle import Quota, Throttle
from agent.sandbox.model_faults import faults

MAX_KEPT_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request that EMR has answered."""

    at: float
    operation: str
    request: Mapping[str, Any]
    error: str | None
    """The error's code; None when it succeeded."""


@dataclass(frozen=True, slots=True)
class _Failure:
    operation: str
    code: str
    status: int
    applied: bool


class EmrApi:
    """Safe to use from every thread."""

    def __init__(
        self,
        emr: Emr,
        clock: Clock,
        quotas: Mapping[str, Quota],
        step_log: Callable[[str], str],
        page_size: int = 50,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self._emr = emr
        self._clock = clock
        self._throttle = Throttle(quotas)
        self._step_log = step_log
        self._page_size = page_size
        self._on_call = on_call
        self._failures: list[_Failure] = []
        self._denied: frozenset[str] = frozenset()
        self._calls: deque[Call] = deque(maxlen=MAX_KEPT_CALLS)

    def fail_next(
        self, operation: str, times: int = 1, code: str = "InternalServerException", status: int = 500, *,
        applied: bool = False,
    ) -> None:  # fmt: skip
        """Answer the next calls of the operation with this error; `applied`: after having done what was asked."""
        with self._emr.lock:
            self._failures.extend([_Failure(operation, code, status, applied)] * times)

    def deny(self, operations: Collection[str]) -> None:
        """From now on the caller has no right to exactly these operations; to none of them with an empty collection."""
        with self._emr.lock:
            self._denied = frozenset(operations)

    def calls(self, operation: str | None = None) -> tuple[Call, ...]:
        """The last calls, the oldest first, those that were throttled or refused included."""
        with self._emr.lock:
            return tuple(call for call in self._calls if operation in (None, call.operation))

    def answer(self, operation: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON body. Bugs of the sandbox are raised."""
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return 400, _error_body("SerializationException", "The request is not JSON")
        with self._emr.lock:
            call, status, answer = self._answer(operation, request)
            self._calls.append(call)
        if self._on_call is not None:
            self._on_call(call)
        return status, answer

    def _answer(self, operation: str, request: Any) -> tuple[Call, int, Mapping[str, Any]]:
        now = self._clock()
        try:
            answer = self._perform(operation, request, now)
            return Call(now, operation, request, None), 200, answer
        except Refusal as refusal:
            code = _allowed_code(operation, refusal)
            call = Call(now, operation, request if isinstance(request, dict) else {}, code)
            return call, refusal.status, _error_body(code, refusal.text)

    def _perform(self, operation: str, request: Any, now: float) -> Mapping[str, Any]:
        if operation not in service_model().operation_names:
            raise Refusal("UnknownOperationException", f"There is no operation {operation}.")
        if not self._throttle.admit(operation, now):
            raise throttled()
        if operation in self._denied:
            # before the request is looked at: what is wrong with it is none of a stranger's business
            raise denied(operation, self._emr.account)
        found = list(faults(service_model().operation_model(operation).input_shape, request))
        if found:
            raise validation("; ".join(found))
        if operation not in OPERATIONS:
            raise invalid_request(f"{operation} is not in the sandbox.")
        failure = self._failure(operation)
        if failure is not None and not failure.applied:
            raise Refusal(failure.code, "injected", failure.status)
        context = Context(self._emr, now, self._page_size, self._step_log)
        answer = OPERATIONS[operation](context, request)
        if failure is not None:
            raise Refusal(failure.code, "injected", failure.status)
        return answer

    def _failure(self, operation: str) -> _Failure | None:
        for failure in self._failures:
            if failure.operation == operation:
                self._failures.remove(failure)
                return failure
        return None


def _allowed_code(operation: str, refusal: Refusal) -> str:
    """Old operations do not model InvalidRequestException: what they refuse is a ValidationException."""
    if refusal.code != "InvalidRequestException" or operation not in service_model().operation_names:
        return refusal.code
    modelled = {shape.name for shape in service_model().operation_model(operation).error_shapes}
    return refusal.code if refusal.code in modelled | GENERIC_ERRORS else "ValidationException"


def _error_body(code: str, text: str) -> Mapping[str, Any]:
    return {"__type": code, "message": text, "Message": text}
