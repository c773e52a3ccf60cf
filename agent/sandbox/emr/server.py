"""The sandbox as an HTTP endpoint for unmodified boto3 clients, and the thread that is its clock."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from agent.domain.ports import Clock
from agent.sandbox.cloudwatch.front import CloudWatchFront
from agent.sandbox.cloudwatch.quotas import CLOUDWATCH_QUOTAS
from agent.sandbox.dynamo_tokens import Tokens
from agent.sandbox.emr.api import Call, EmrApi
from agent.sandbox.emr.clockwork import Clockwork
from agent.sandbox.emr.delays import Delays
from agent.sandbox.emr.front import Front
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.processes import StepProcesses
from agent.sandbox.emr.states import Role
from agent.sandbox.emr.throttle import QUOTAS, Quota
from agent.sandbox.emr.timed_nodes import TimedNodes
from agent.sandbox.events.bus import Bus
from agent.sandbox.events.road import RoadFaults
from agent.sandbox.events.scheduler import Scheduler
from agent.sandbox.market.front import MarketFront
from agent.sandbox.market.prices import SpotMarket
from agent.sandbox.nodes import NodeHost
from agent.sandbox.serial import Serial
from agent.sandbox.sns.front import SnsFront
from agent.sandbox.sns.topics import publish
from agent.sandbox.states import engine
from agent.sandbox.states.front import StatesFront

log = logging.getLogger(__name__)

ACCOUNT = "123456789012"
"""moto's own default account (moto.core.DEFAULT_ACCOUNT_ID)."""


class _QuietHandler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: requests are in `EmrApi.calls`."""


class SandboxServer:
    """EMR with time, and moto's other services, on 127.0.0.1. Its threads are daemons: it stops with its process.

    moto keeps the state of the other services by process, not by server: two servers in one process share it, and
    the state machines of both call the one that was started last.
    """

    def __init__(
        self,
        *,
        delays: Delays = Delays(),  # noqa: B008 - frozen
        quotas: Mapping[str, Quota] = QUOTAS,
        host: NodeHost | None = None,
        clock: Clock = time.time,
        tick_s: float | None = 0.05,
        folder: Path | None = None,
        step_env: Mapping[str, str] | None = None,
        step_cwd: Path | None = None,
        region: str = "eu-west-1",
        port: int = 0,
        page_size: int = 50,
        on_call: Callable[[Call], None] | None = None,
        price_seed: int = 0,
        alarm_speed: float = 1.0,
        sns_trust: Path | None = None,
        event_faults: RoadFaults = RoadFaults(),  # noqa: B008 - frozen
        serial_dynamodb: bool = True,
        zones: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`host` makes the instances real (None: they only take time). `tick_s=None`: no clock thread, the owner
        calls `tick`, which is how a test steps the time. `folder` gets `steps/<step id>/{stdout,stderr}`;
        `step_env` is the environment of steps (None: that of this process). `on_call` hears of every EMR request,
        in the thread that answers it. `price_seed` makes the prices of EC2. Without `quotas` CloudWatch has none
        either. `alarm_speed` makes the periods of its alarms that many times shorter. `sns_trust` is a PEM file of
        the authorities by which SNS trusts HTTPS endpoints (None: the usual ones). `event_faults`: what befalls
        the events that AWS's services publish on the way to EventBridge (the default: nothing).
        `serial_dynamodb=False` leaves moto's DynamoDB as it is, whose conditional writes two writers can both win.
        `zones`: the Availability Zone of each subnet (not named: the first one); `server.emr.limit` makes capacity
        scarce in one of them.
        """
        self.region = region
        self.delays = delays
        self.emr = Emr(delays, region, ACCOUNT, zones)
        self.nodes: NodeHost = host or TimedNodes(delays, clock)
        self._temporary = tempfile.TemporaryDirectory(prefix="tidemark-sandbox-") if folder is None else None
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self._processes = StepProcesses(self.folder / "steps", os.environ if step_env is None else step_env, step_cwd)
        self.api = EmrApi(self.emr, clock, quotas, lambda step: str(self.step_folder(step)), page_size, on_call)
        locks = {service: threading.RLock() for service in ("dynamodb", "events", "scheduler")}
        self.bus = Bus(region, ACCOUNT, clock, event_faults, locks["events"])
        self._clockwork = Clockwork(self.emr, self.nodes, self._processes, clock, self.bus.publish)
        if not serial_dynamodb:
            del locks["dynamodb"]
        moto = Serial(Tokens(DomainDispatcherApplication(create_backend_app), clock), locks)
        self.scheduler = Scheduler(region, ACCOUNT, clock, moto, locks["scheduler"])
        self.states = StatesFront(region, ACCOUNT, clock, self.scheduler, self.bus.publish)
        self.sns = SnsFront(ACCOUNT, clock, lambda: self.endpoint, self.states, sns_trust)
        self.cloudwatch = CloudWatchFront(
            region, ACCOUNT, clock, publish, self.sns, speed=alarm_speed, quotas=CLOUDWATCH_QUOTAS if quotas else {}
        )
        self.market = MarketFront(SpotMarket(region, price_seed), clock, self.cloudwatch, page_size)
        self._clock = clock
        self._tick_s = tick_s
        self._port = port
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server: Any = None

    @property
    def endpoint(self) -> str:
        """Such as `http://127.0.0.1:40123`, after `start`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> str:
        """Serve, and answer the endpoint's URL."""
        front = Front(self.api, self.market)
        self._server = make_server("127.0.0.1", self._port, front, threaded=True, request_handler=_QuietHandler)
        self._server.daemon_threads = True
        engine.enable(self._server.server_port)
        self._spawn("sandbox-http", lambda: self._server.serve_forever(poll_interval=0.05))
        if self._tick_s is not None:
            self._spawn("sandbox-clock", self._turn)
        return self.endpoint

    def stop(self) -> None:
        """Stop serving and the clock, and kill the steps. What a node host has started is the host's to end."""
        self._stopping.set()
        if self._server is not None:
            engine.disable(self._server.server_port)
            self._server.shutdown()
        for thread in self._threads:
            thread.join(10)
        if self._server is not None:
            self._server.server_close()
        self._processes.close()
        self.sns.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def tick(self) -> None:
        """Let EMR, its events, the schedules and the alarms catch up with the clock. Only without a clock thread."""
        self._clockwork.tick()
        self.states.tick()
        self.bus.tick()
        self.scheduler.tick()
        self.cloudwatch.tick()

    def step_folder(self, step_id: str) -> Path:
        """Where the step's `stdout` and `stderr` are."""
        return self._processes.folder(step_id)

    def interrupt(self, instance_id: str) -> None:
        """EC2 reclaims this instance (EMR or EC2 id). Raises KeyError when there is none."""
        self.emr.interrupt(instance_id, self._clock())

    def lose(self, cluster_id: str, role: Role) -> None:
        """EC2 takes back all instances of the role, and EMR gets no others for it until it is resized. Raises KeyError
        when no such cluster is going."""
        self.emr.lose(cluster_id, role, self._clock())

    def _turn(self) -> None:
        while not self._stopping.wait(self._tick_s):
            try:
                self.tick()
            except Exception:  # the boundary of this loop: a clock that stands still would hide the bug
                log.exception("a tick of the sandbox failed")

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
