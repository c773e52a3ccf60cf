"""One instance of a fleet or group, and the market that sells it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from agent.sandbox.emr.states import InstanceState, Market
from agent.sandbox.nodes import Machine

_ids: random.Random = random.SystemRandom()


def seed_ids(seed: int | None) -> None:
    """From now on all ids of this process are those of the seed: a simulation that is run again is the same. None: by
    chance, as they are at first."""
    global _ids
    _ids = random.SystemRandom() if seed is None else random.Random(seed)


def new_id(prefix: str) -> str:
    """An id like EMR's: a prefix and thirteen letters and digits."""
    return f"{prefix}-{_ids.randbytes(7).hex()[:13].upper()}"


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


def new_ec2_id() -> str:
    """Such as `i-0123456789abcdef0`."""
    return f"i-{_ids.randbytes(9).hex()[:17]}"
