"""Settings of what AWS charges for watching: for `tidemark cost`, which nothing decides by."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from agent.settings_base import Count, Model

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Tier(Model):
    """What a metric costs a month, up to a number of metrics."""

    up_to: Count | None = Field(None, description="Metric-months, all tiers before included. Unset: all the rest.")
    usd: Usd = Field(description="USD a metric and month.")


class CostsSettings(Model):
    """What CloudWatch, SNS and SQS charge, for `tidemark cost`: list prices of us-east-1 in November 2026. Check
    yours."""

    region: str = Field("us-east-1", description="Of which Region these prices are; only said.")
    as_of: str = Field("2026-11", description="Of what time; only said.")
    metric_tiers: tuple[Tier, ...] = Field(
        (Tier(up_to=10_000, usd=0.30), Tier(up_to=250_000, usd=0.10), Tier(up_to=1_000_000, usd=0.05), Tier(usd=0.02)),
        description="USD a metric and month, by the hour in which it got data. The account's other metrics are not "
        "known: they may have filled the dearer tiers.",
    )
    usd_per_1000_requests: Usd = Field(
        0.01, description="PutMetricData by requests, GetMetricData by metrics that are asked for."
    )
    alarm_usd: Usd = Field(0.10, description="A month for each metric of a standard alarm.")
    high_resolution_alarm_usd: Usd = Field(0.30, description="The same for an alarm of a period below a minute.")
    composite_alarm_usd: Usd = Field(0.50, description="A month for a composite alarm.")
    dashboard_usd: Usd = Field(3.0, description="A month for a dashboard.")
    sqs_usd_per_million: Usd = Field(0.40, description="Requests to the queue of `[actions]`.")
    free_tier: bool = Field(
        False,
        description="Whether the account's free tier (10 metrics, 10 alarms, 1,000,000 requests to CloudWatch and to "
        "SQS, 3 dashboards) is all for this cluster.",
    )

    @model_validator(mode="after")
    def _ascending(self) -> CostsSettings:
        bounds = [tier.up_to for tier in self.metric_tiers]
        known = [bound for bound in bounds if bound is not None]
        if bounds[-1:] != [None] or len(known) != len(bounds) - 1 or known != sorted(set(known)):
            raise ValueError("metric_tiers: `up_to` rises from tier to tier, and the last one has none")
        return self
