"""The parts of the road in, put together from the settings: desk, queue, endpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agent import log
from agent.actions.endpoint import AlarmEndpoint
from agent.actions.gate import Gate
from agent.actions.hand import HandFile
from agent.actions.inbox import Inbox, OwnNames
from agent.actions.ledger import Ledger
from agent.actions.queue import AlarmQueue
from agent.actions.signature import FETCH_TIMEOUT_S, Verifier
from agent.domain.ports import Clock
from agent.loops import Loops
from agent.settings_actions import ActionsSettings
from agent.telemetry import Telemetry

LIMIT_S = 60.0
"""For what the loops do beside waiting for somebody."""


class RoadIn:
    """`inbox` is the desk of the turns; it is there without a queue and an endpoint, for what is asked by hand."""

    def __init__(
        self,
        settings: ActionsSettings,
        names: OwnNames,
        sqs: Callable[[], Any],
        clock: Clock,
        telemetry: Telemetry,
        leads: Callable[[], bool],
    ) -> None:
        """`leads`: whether this agent is the one to act, of several on one queue."""
        self._settings = settings
        self.inbox = Inbox(
            settings,
            names,
            Ledger(settings.ledger_path, clock()),
            HandFile(settings.request_path),
            clock,
            telemetry,
        )
        self._verifier = None if settings.topic_arn is None else Verifier(settings.origin, clock)
        self._queue = None
        if settings.queue_url is not None:
            self._queue = AlarmQueue(sqs, settings.queue_url, self._gate, self.inbox, telemetry, leads)
        self._endpoint = None
        if settings.endpoint.enabled:
            self._endpoint = AlarmEndpoint(settings.endpoint, self._gate, self.inbox, telemetry, leads)

    def adopt(self, settings: ActionsSettings) -> None:
        """Judge by other settings from now on."""
        self._settings = settings
        self.inbox.adopt(settings)

    def start(self, loops: Loops, call_s: float) -> None:
        """Add the loops. `call_s`: how long a wait for a message takes at most, with all attempts.

        An endpoint that cannot listen, for want of its certificate say, is said and left out.
        """
        if self._queue is not None:
            loops.add("alarms", self._queue.run, LIMIT_S + FETCH_TIMEOUT_S + call_s, waited_for=False)
        if self._endpoint is None:
            return
        try:
            host, port = self._endpoint.bind()
        except OSError as error:
            log.event(logging.ERROR, "actions.cannot_listen", port=self._settings.endpoint.port, error=str(error))
            return
        log.event(logging.INFO, "actions.listening", listening=f"{host}:{port}")
        loops.add("alarm-endpoint", self._endpoint.run, LIMIT_S + self._endpoint.limit_s, waited_for=False)

    def close(self) -> None:
        """Take nothing more."""
        if self._endpoint is not None:
            self._endpoint.close()

    def _gate(self) -> Gate:
        assert self._verifier is not None, "the settings have a topic wherever a notice can come in"
        return Gate(self._settings, self._verifier, self.inbox.is_late)
