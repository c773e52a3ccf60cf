"""A view of EMR: the last answer of a reader, and when to ask again. EMR's quotas are small and the account's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from agent.domain.faults import Fault, TransientFault
from agent.settings_fleet import FleetSettings
from agent.telemetry import Telemetry

T = TypeVar("T")


class View(Generic[T]):
    """Asked at once, then rarely. A fault leaves the last answer as it is: its age tells, and makes it stale.

    Faults are counted as `EmrReadErrors`.
    """

    def __init__(
        self, read: Callable[[], T], settings: FleetSettings, telemetry: Telemetry, jitter: Callable[[], float]
    ) -> None:
        self.last: T | None = None
        self._read = read
        self._settings = settings
        self._telemetry = telemetry
        self._jitter = jitter
        self._failed = False
        self._refused = False
        self._asked_at: float | None = None
        self._wait_s = 0.0

    def read_if_due(self, at: float, *, hurried: bool = False) -> None:
        """Ask if it is time; while `hurried` (a resize of ours is in flight) that is after the settle period. What was
        refused, as for a right that is missing, is not hurried: it costs quota and changes nothing."""
        hurried = hurried and not self._refused
        wait_s = min(self._wait_s, self._settings.settle_poll_period_s) if hurried else self._wait_s
        if self._asked_at is None or not 0 <= at - self._asked_at < wait_s:
            self._ask(at)

    def read_now(self, at: float) -> bool:
        """Ask, for acting on it. False when there is no answer of now; a reader that has just failed is spared."""
        if not self._failed or self._asked_at is None or not 0 <= at - self._asked_at < self._wait_s:
            self._ask(at)
        return not self._failed

    def read_soon(self, at: float) -> None:
        """After a change of ours: ask again once the settle period is over."""
        self._asked_at = at
        self._wait_s = min(self._wait_s, self._settings.settle_poll_period_s)

    def _ask(self, at: float) -> None:
        self._asked_at = at
        self._wait_s = self._settings.poll_period_s * (0.9 + 0.2 * self._jitter())
        try:
            self.last = self._read()
            self._failed = self._refused = False
        except Fault as fault:
            self._telemetry.count("EmrReadErrors")
            self._failed, self._refused = True, not isinstance(fault, TransientFault)
            if not self._refused:
                self._wait_s = min(self._wait_s, self._settings.settle_poll_period_s)
