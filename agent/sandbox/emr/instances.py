"""One instance of a fleet or group, and the market that sells it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Protocol

from agent.sandbox.emr.states import InstanceState, Market
from agent.sandbox.nodes import Machine


def new_id(prefix: str) -> str:
    """An id like EMR's: a prefix and thirteen letters and digits."""
    return f"{prefix}-{secrets.token_hex(7)[:13].upper()}"


class Supply(Protocol):
    def grants(self, market: Market, units: int, zone: str | None) -> bool:
        """Whether the market still sells so many units in the zone."""

    def zone_of(self, subnet: str | None) -> str:
        """Where the subnet is; None: where EMR puts a cluster that names none."""


@dataclass(slots=True, kw_only=True)
class Instance:
    machine: Machine
    state: InstanceState
    created_at: float
    address: str | None = None
    launched: bool = False
    leaving: bool = False
    """It was told to drain, or to end."""
    ending: bool = False
    drain_until: float | None = None
    """When a drain is cut short; None: it takes the time that it takes."""
    ready_at: float | None = None
    ended_at: float | None = None
    reason: tuple[str, str] | None = None
    """Code and message of its state change."""

    @property
    def live(self) -> bool:
        return self.state is not InstanceState.TERMINATED

    @property
    def units(self) -> int:
        return self.machine.units

    def end(self, now: float) -> None:
        self.state = InstanceState.TERMINATED
        self.leaving = self.ending = True
        self.ended_at = now
