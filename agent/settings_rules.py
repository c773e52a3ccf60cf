"""Settings of threshold rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from agent.domain.signals import Statistic
from agent.settings_base import Model, Seconds


class Comparison(StrEnum):
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


class Rule(Model):
    """A threshold on a signal."""

    name: str = Field(min_length=1, description="Unique; appears in reasons and in the journal.")
    signal: str = Field(description="A published metric, see `docs/metrics.md`.")
    statistic: Statistic = Field(Statistic.AVERAGE, description="Which statistic of it.")
    comparison: Comparison
    bound: Annotated[float, Field(allow_inf_nan=False)]
    for_s: Annotated[float, Field(ge=0)] = Field(description="How long it must breach without a break.")
    adjustment_units: int | None = Field(None, description="Capacity units to add; negative removes.")
    adjustment_percent: Annotated[float, Field(ge=-100, le=10_000)] | None = Field(
        None, description="Percent of the present target to add; negative removes. At least one unit."
    )
    cooldown_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        300.0,
        description="No resize by this rule for so long after its last one; a scale in also waits so long after "
        "any scale out.",
    )

    max_age_s: Seconds | None = Field(
        None,
        description="An older value is stale: it neither breaches nor clears. Unset: `policy.max_signal_age_s`, and "
        "for `KinesisIteratorAge`, which comes from CloudWatch minutes late, 300.",
    )

    @model_validator(mode="after")
    def _one_adjustment(self) -> Rule:
        given = [a for a in (self.adjustment_units, self.adjustment_percent) if a is not None]
        if len(given) != 1 or given[0] == 0:
            raise ValueError("give exactly one of adjustment_units and adjustment_percent, and not zero")
        return self


DEFAULT_RULES = (
    Rule(
        name="memory-low",
        signal="MemoryAvailablePercent",
        comparison=Comparison.BELOW,
        bound=15,
        for_s=300,
        adjustment_units=5,
    ),
    Rule(
        name="memory-free",
        signal="MemoryAvailablePercent",
        comparison=Comparison.ABOVE,
        bound=75,
        for_s=180,
        adjustment_units=-3,
    ),
)
