"""Settings of the task capacity: its limits and what it costs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from agent.settings_base import AUTO, Count, Model, Seconds, Units


class PriceSettings(Model):
    """What capacity costs: for `fleet.max_usd_per_hour`, and to be shown."""

    watch: bool = Field(
        False,
        description="Whether prices are asked for without `fleet.max_usd_per_hour` too, to be shown: money so far on "
        "the status page, `TaskFleetUsdPerHour`, sums of a replay. EC2's client takes some 30 MB of memory.",
    )
    period_s: Seconds = Field(1800.0, description="Prices are asked for so often, while they are wanted.")
    max_age_s: Seconds = Field(10_800.0, description="Older prices count as unknown: the fleet does not grow.")
    on_demand_usd_per_hour: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="By instance type: the on-demand price of one instance. Types that are not named are asked of the "
        "Pricing API.",
    )
    emr_fee_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        25.0, description="EMR's own fee in percent of the on-demand price; it is the same for spot instances."
    )


class ActuatorKind(StrEnum):
    AUTO = AUTO
    INSTANCE_FLEET = "instance_fleet"
    INSTANCE_GROUPS = "instance_groups"
    DRY_RUN = "dry_run"


class InstanceType(Model):
    """One instance type of a task fleet that the agent creates."""

    instance_type: str = Field(description="For example `r6i.2xlarge`.")
    weighted_capacity: Count = Field(1, description="Capacity units that one instance gives.")


class FleetSettings(Model):
    """The task capacity and its limits."""

    actuator: ActuatorKind = Field(
        ActuatorKind.AUTO,
        description="`auto`: instance fleets or groups, whichever the cluster has; or one of the two; or `dry_run` of "
        "what the cluster has.",
    )
    min_capacity_units: Units = Field(
        0,
        description="Never below it, but for what the spot market does not fill in time; that is asked for again.",
    )
    max_capacity_units: Count = Field(
        description="Never above it. There is no default: it is what the bill is capped by."
    )
    max_usd_per_hour: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description="The task fleet does not grow past what this pays for, by `[prices]`; with an unknown price it "
        "does not grow at all. Unset: only `max_capacity_units` limits it.",
    )
    on_demand: bool = Field(False, description="Whether growth is bought on demand instead of on the spot market.")
    resize_timeout_minutes: Annotated[int, Field(ge=5, le=10080)] = Field(
        10, description="How long EMR tries to provision a resize (ResizeSpecifications)."
    )
    instance_types: tuple[InstanceType, ...] = Field(
        (), description="Types of the task fleet that is added when the cluster has none."
    )
    groups: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="Ids or names of the task instance groups to resize (`instance_groups`), in the order in which "
        "they are filled, whatever their markets. Empty: the only one; of several the first on the market that is "
        "bought on.",
    )
    poll_period_s: Seconds = Field(
        300.0, description="Fleet and cluster are described so often when nothing is in flight."
    )
    settle_poll_period_s: Seconds = Field(20.0, description="The same while a resize of ours is in flight.")
    max_age_s: Seconds = Field(900.0, description="An older fleet or cluster view is stale: hold.")

    @model_validator(mode="after")
    def _groups_are_unique(self) -> FleetSettings:
        if twice := sorted({name for name in self.groups if self.groups.count(name) > 1}):
            raise ValueError(f"groups are named twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> FleetSettings:
        if self.min_capacity_units > self.max_capacity_units:
            raise ValueError(
                f"min_capacity_units {self.min_capacity_units} is above max_capacity_units {self.max_capacity_units}"
            )
        if self.max_age_s < 2 * self.poll_period_s:
            raise ValueError(
                f"max_age_s {self.max_age_s:g} is below twice poll_period_s {self.poll_period_s:g}: "
                "a view would be stale before the next one"
            )
        return self
