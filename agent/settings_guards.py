"""Settings of the guards."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.settings_base import Count, Model, Seconds


class GuardSettings(Model):
    """What forbids a scale in although nothing runs on what would go, and what advice rests on."""

    max_hold_s: Seconds = Field(
        1800.0,
        description="A veto by lost or fresh capacity, deaths of memory, transfers, the heap or shuffle files stands "
        "no longer than this without a break.",
    )
    capacity_lost_hold_s: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Nothing is given back for so long after units were lost that nobody gave back."
    )
    min_life_s: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Nothing is given back for so long after units have arrived."
    )
    max_total_load_per_data_node: Annotated[float, Field(ge=0)] = Field(
        100.0,
        description="HDFS transfers at each DataNode (`HdfsTotalLoadPerDataNode`) above which nothing is given back.",
    )
    min_shuffle_bytes: Count = Field(
        67_108_864,
        description="A node without containers that holds so many shuffle bytes of an unfinished application is kept, "
        "for `max_hold_s` at most.",
    )
    max_live_set_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        85.0,
        description="Heap still in use after collections (`ExecutorLiveSetPercent`, p90) above which executors are too "
        "small and nothing is given back.",
    )
    max_gc_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        10.0,
        description="Share of their time that executors collect garbage in (`ExecutorGcTimePercent`, average) from "
        "which on the same holds.",
    )
