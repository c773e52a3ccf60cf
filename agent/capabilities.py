"""Which rights AWS has denied the agent: said once, counted, and forgotten as soon as AWS does as asked again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from agent import log
from agent.aws.rights import RIGHTS, advice
from agent.domain.ports import Clock
from agent.domain.rights import MissingRight
from agent.telemetry import Telemetry

RETRY_S = 300.0
"""A policy is changed by a person: asking for the right every turn would cost the account's quota for nothing."""
JITTER = 0.3
"""By how much of it the wait differs from one time to the next, so that many clusters do not ask in step."""
DENIALS = "CallsDenied"


class Capabilities:
    """What AWS's answers say, heard from every thread. Nothing is known to be missing until it has been denied.

    `jitter` gives numbers from 0 to 1. Counts `CallsDenied.<capability>`.
    """

    def __init__(self, clock: Clock, telemetry: Telemetry, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._missing: dict[str, MissingRight] = {}
        self._lock = threading.Lock()

    def missing(self) -> tuple[MissingRight, ...]:
        """The longest missing first."""
        with self._lock:
            return tuple(self._missing.values())

    def denied(self, operation: str, said: str) -> None:
        """AWS has denied it, with these words. Operations that are not in the table of rights are nobody's."""
        right = RIGHTS.get(operation)
        if right is None:
            return
        at = self._clock()
        with self._lock:
            known = self._missing.get(operation)
            self._missing[operation] = MissingRight(
                capability=right.capability,
                operation=operation,
                action=right.action,
                sid=right.sid,
                since=at if known is None else known.since,
                retry_at=at + RETRY_S * (1 - JITTER + 2 * JITTER * self._jitter()),
            )
        self._telemetry.count(f"{DENIALS}.{right.capability}")
        if known is None:
            log.event(
                logging.WARNING,
                "capability.lost",
                capability=right.capability,
                action=right.action,
                statement=right.sid,
                advice=advice(operation, said),
                error=said,
            )

    def allowed(self, operation: str) -> None:
        """AWS has done it."""
        with self._lock:
            back = self._missing.pop(operation, None)
        if back is not None:
            log.event(
                logging.INFO,
                "capability.back",
                capability=back.capability,
                action=back.action,
                after_s=round(self._clock() - back.since),
            )
