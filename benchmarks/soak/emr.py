"""EMR in simulated time: the sandbox's own state machine and API, behind a real boto3 client that sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from agent.sandbox.emr.api import EmrApi
from agent.sandbox.emr.clockwork import Clockwork
from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.front import TARGET_PREFIX
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.states import Role
from agent.sandbox.emr.throttle import QUOTAS
from agent.sandbox.emr.timed_nodes import TimedNodes
from agent.sandbox.events.event import Event
from benchmarks.soak.chance import Chance

REGION, ACCOUNT = "eu-west-1", "123456789012"
DELAYS = Delays(provision_s=180, bootstrap_s=240, decommission_s=60, terminate_s=120)


class TimedSteps:
    """Steps that take their time and end as their first argument says: `sleep:<seconds>:<exit status>`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[str, tuple[float, int]] = {}
        self.runs: dict[str, int] = {}
        """How often a step of this id was started: once."""

    def start(self, cluster_id: str, step_id: str, command: Sequence[str]) -> None:  # noqa: ARG002
        _, seconds, status = command[0].split(":")
        self._running[step_id] = (self._clock() + float(seconds), int(status))
        self.runs[step_id] = self.runs.get(step_id, 0) + 1

    def exits(self) -> Mapping[str, int]:
        now = self._clock()
        ended = {step: status for step, (due, status) in self._running.items() if due <= now}
        for step in ended:
            del self._running[step]
        return ended

    def signal(self, step_id: str, number: int) -> None:
        if step_id in self._running:
            self._running[step_id] = (self._clock(), 128 + number)


class _Body:
    """What botocore reads of a response."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


class SimulatedEmr:
    def __init__(self, clock: Callable[[], float], chance: Chance) -> None:
        self._clock = clock
        self._chance = chance
        self.emr = Emr(DELAYS, REGION, ACCOUNT)
        self.nodes = TimedNodes(DELAYS, clock)
        self.steps = TimedSteps(clock)
        self.throttled: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        self.api = EmrApi(self.emr, clock, QUOTAS, lambda _: "", on_call=self._count)
        self._clockwork = Clockwork(self.emr, self.nodes, self.steps, clock)  # type: ignore[arg-type]

    def tick(self) -> list[Event]:
        """What EMR has to tell of the time since the last one."""
        self._clockwork.tick()
        return self.emr.take_events()

    def client(self) -> Any:
        """A boto3 client; the handler may die before or after each of its calls."""
        client = boto3.session.Session().client(
            "emr",
            region_name=REGION,
            config=Config(signature_version=UNSIGNED, retries={"mode": "standard", "total_max_attempts": 1}),
        )
        client.meta.events.register("before-send.emr", self._send)
        return client

    def lose(self, cluster_id: str, role: str) -> None:
        """EC2 takes all instances of that role."""
        self.emr.lose(cluster_id, Role(role), self._clock())

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else str(target)).removeprefix(TARGET_PREFIX)
        body = request.body if isinstance(request.body, bytes) else bytes(request.body or b"", "utf-8")
        status, answer = self._chance.around(lambda: self.api.answer(operation, body))
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "simulated"}
        return AWSResponse(request.url, status, headers, _Body(json.dumps(answer).encode()))

    def _count(self, call: Any) -> None:
        self.asked[call.operation] = self.asked.get(call.operation, 0) + 1
        if call.error == "ThrottlingException":
            self.throttled[call.operation] = self.throttled.get(call.operation, 0) + 1
