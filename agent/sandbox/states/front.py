"""What of Step Functions is answered before moto, and the events that it publishes."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any

from agent.domain.ports import Clock
from agent.sandbox.emr.refusals import Refusal
from agent.sandbox.events.event import Event
from agent.sandbox.protocol import Environ, StartResponse, Wsgi
from agent.sandbox.states import engine

TARGET_PREFIX = "AWSStepFunctions."
SOURCE, DETAIL_TYPE = "aws.states", "Step Functions Execution Status Change"


class StatesFront:
    """Starts and stops executions, passes on what their tasks are told, and publishes on the bus how they fare; the
    rest goes on to `behind`. Time-outs and heartbeats are those of moto's engine, by the real clock.

    Safe to use from every thread.
    """

    def __init__(
        self, region: str, account: str, clock: Clock, behind: Wsgi, publish: Callable[[Iterable[Event]], None]
    ) -> None:
        self._region = region
        self._account = account
        self._clock = clock
        self._behind = behind
        self._publish = publish
        self._lock = threading.Lock()
        self._going: dict[str, Any] = {}
        self._operations: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "SendTaskFailure": self._fail,
            "SendTaskHeartbeat": self._heartbeat,
            "SendTaskSuccess": self._succeed,
            "StopExecution": self._stop,
        }

    def tick(self) -> None:
        """Publish the ends of executions since the last tick."""
        with self._lock:
            ended = [execution for execution in self._going.values() if not engine.running(execution)]
            for execution in ended:
                del self._going[execution.exec_arn]
        self._publish([_event(execution, execution.status, self._clock()) for execution in ended])

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        operation = target.removeprefix(TARGET_PREFIX)
        if not target.startswith(TARGET_PREFIX) or operation not in {*self._operations, "StartExecution"}:
            return self._behind(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        request = json.loads(body)
        if operation == "StartExecution":
            return self._start(request, environ, start_response)
        try:
            status, answer = 200, self._operations[operation](request)
        except Refusal as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": refusal.text}
        start_response(f"{status} Answered", [("Content-Type", "application/x-amz-json-1.0")])
        return [json.dumps(answer).encode()]

    def _start(self, request: dict[str, Any], environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # without a name moto calls them all None
        request.setdefault("name", str(uuid.uuid4()))
        body = json.dumps(request).encode()
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        answer = b"".join(self._behind(environ, start_response))
        arn = json.loads(answer).get("executionArn")
        if arn is not None:
            execution = self._execution(arn)
            engine.wait_until_begun(execution)
            with self._lock:
                known = self._going.setdefault(arn, execution) is not execution
            if not known:
                self._publish([_event(execution, "RUNNING", self._clock())])
        return [answer]

    def _stop(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        execution = self._execution(request["executionArn"])
        if engine.running(execution):
            engine.abort(execution, request.get("error"), request.get("cause"))
        return {"stopDate": execution.stop_date.timestamp()}

    def _succeed(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            json.loads(request["output"])
        except ValueError as error:
            raise Refusal("InvalidOutput", f"Invalid Output: {error}") from error
        engine.succeed(self._task(request["taskToken"]), request["taskToken"], request["output"])
        return {}

    def _fail(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        token = request["taskToken"]
        engine.fail(self._task(token), token, request.get("error"), request.get("cause"))
        return {}

    def _heartbeat(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._task(request["taskToken"]).notify_heartbeat()
        return {}

    def _task(self, token: str) -> Any:
        """Where the task with this token waits. Raises Refusal when none does, or none does any more."""
        for execution in engine.executions(self._account, self._region):
            found = engine.endpoint(execution, token)
            if found is not None:
                if not engine.waiting(execution, found):
                    raise Refusal("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
                return found
        raise Refusal("InvalidToken", "Invalid Token: 'Invalid token'")

    def _execution(self, arn: str) -> Any:
        for execution in engine.executions(self._account, self._region):
            if execution.exec_arn == arn:
                return execution
        raise Refusal("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def _event(execution: Any, status: str, now: float) -> Event:
    """As the Step Functions Developer Guide has it; times are milliseconds."""
    ended = status != "RUNNING"
    output = json.dumps(execution.output) if status == "SUCCEEDED" else None
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "name": execution.name,
        "status": status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": int(execution.stop_date.timestamp() * 1000) if ended else None,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "output": output,
        "outputDetails": None if output is None else {"included": True},
        "error": execution.error if ended else None,
        "cause": execution.cause if ended else None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": None,
    }
    return Event(at=now, source=SOURCE, detail_type=DETAIL_TYPE, detail=detail, resources=(execution.exec_arn,))
