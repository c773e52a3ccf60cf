"""Hands that do nothing but remember what they were asked."""

from __future__ import annotations

from collections import deque

from agent.domain.decisions import Outcome, Resize, Result
from agent.domain.fleets import Fleet

KEPT = 100
"""How many of the last requests are remembered."""


class DryRun:
    """A FleetActuator and a ClusterActuator."""

    def __init__(self) -> None:
        self._resizes: deque[Resize] = deque(maxlen=KEPT)
        self._terminations: deque[str] = deque(maxlen=KEPT)

    @property
    def resizes(self) -> tuple[Resize, ...]:
        """The oldest first."""
        return tuple(self._resizes)

    @property
    def terminations(self) -> tuple[str, ...]:
        """The reasons given, the oldest first."""
        return tuple(self._terminations)

    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        self._resizes.append(decision)
        return Result(Outcome.DRY_RUN, f"{fleet.id or 'a new fleet'}: {decision.current} to {decision.target} units")

    def terminate(self, reason: str, code: str, *, without_table: bool = False) -> Result:  # noqa: ARG002
        self._terminations.append(reason)
        return Result(Outcome.DRY_RUN, reason)
