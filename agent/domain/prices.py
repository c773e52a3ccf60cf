"""What capacity costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """USD an hour for one capacity unit of the task fleet: the dearest of the types that it may launch, with EMR's own
    fee. None where a price is not known."""

    at: float
    """When they were asked for, Unix seconds."""
    spot: float | None
    on_demand: float | None
