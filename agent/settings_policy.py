"""The settings of the policies that scale by what waits, and the choice among policies."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from agent.settings_base import Count, Model, Seconds, Share


class PolicyKind(StrEnum):
    """Which policy says how much task capacity there should be."""

    THRESHOLD = "threshold"
    DATAPROC = "dataproc"
    DEMAND = "demand"


SHORTAGE = "shortage"
"""The name of the policy that answers what the spot market does not fill."""


class ShortageSettings(Model):
    """What is done about an order that the spot market does not fill in `fleet.resize_timeout_minutes`."""

    on_demand_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        0.0, description="Share of what is still of use then that is bought on demand instead (instance fleets)."
    )
    cancel_after_s: Seconds = Field(
        60.0, description="What nobody has needed for so long of what is still to come is cancelled."
    )
    remember_s: Seconds = Field(
        180.0, description="So long nothing more is asked of the spot market; doubled with each shortage in a row."
    )
    remember_max_s: Seconds = Field(3600.0, description="Never for longer than this.")


class DataprocSettings(Model):
    """The pending-memory formula that Google publishes for Dataproc."""

    cooldown_s: Seconds = Field(
        120.0, description="Over so long memory is averaged; the time begins anew when a resize has been filled."
    )
    scale_up_factor: Share = Field(
        1.0, description="How much of the capacity that would hold all pending memory is added at once."
    )
    scale_down_factor: Share = Field(1.0, description="How much of the capacity that is free is taken away at once.")
    scale_up_min_fraction: Share = Field(
        0.0, description="A scale out by a smaller share of the present target is left out."
    )
    scale_down_min_fraction: Share = Field(0.0, description="The same for a scale in.")


class DemandSettings(Model):
    """Scaling by the work that will still be there when a node that is ordered now arrives."""

    thrift: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        0.1,
        description="For how many provisioning delays a new executor slot must find work. Higher spends less and lets "
        "large jobs wait longer.",
    )
    min_saving_s: Seconds = Field(
        0.5, description="So much sooner its application must end for the last slot to be worth ordering."
    )
    scale_out_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="How much of the missing capacity is ordered at once."
    )
    scale_in_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.4, description="How much of the free capacity is given back at once."
    )
    spare_units: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="So much free capacity is not given back, though it is never bought: the next job finds it there. "
        "Free slots of every node count, core nodes included. Unset: 15 % of `fleet.max_capacity_units`.",
    )
    lasting_share: Share = Field(
        0.5,
        description="How much of what has waited for as long as a node takes to come is ordered, however little work "
        "it is known to have: jobs go on arriving.",
    )
    mean_s: Seconds = Field(120.0, description="Time constant of the running means of what waits and what is free.")
    max_step_units: Count | None = Field(None, description="No more is added at once. Unset: up to the maximum.")
    provisioning_s: Seconds = Field(
        300.0, description="The provisioning delay that is reckoned with until a resize of ours has been measured."
    )
    fallback_up_factor: Share = Field(
        0.2, description="While nobody knows how much work is left: the pending-memory formula's factor upwards."
    )
    fallback_down_factor: Share = Field(0.3, description="The same downwards.")
