"""How long to wait before trying again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential with full jitter: many agents that were refused together do not come back together."""

    base_s: float = 1.0
    cap_s: float = 60.0

    def after(self, failures: int, random: Random) -> float:
        """After so many failures in a row, the first being 1."""
        return random.uniform(0.0, min(self.cap_s, self.base_s * 2.0 ** min(failures, 32)))

    def slow(self, random: Random) -> float:
        """Where asking again helps only once somebody has changed something, such as a missing permission."""
        return random.uniform(self.cap_s / 2, self.cap_s)
