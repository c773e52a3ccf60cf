"""What is said of a metric before it is ever measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.datums import Unit


class Over(StrEnum):
    """What a metric is taken over; it also tells which reading a signal's age comes from."""

    EXECUTORS = "executors"
    DRIVERS = "drivers"
    WORKERS = "workers"
    MASTERS = "masters"
    STAGES = "stages"
    """The active stages of running applications, from Spark's REST API."""
    CLUSTER = "cluster"
    HDFS = "hdfs"
    FLEET = "fleet"
    NODE = "node"
    AGENT = "agent"
    STREAMS = "streams"
    """Kinesis data streams, of which only CloudWatch tells."""


class Aggregation(StrEnum):
    """How one period becomes one datum."""

    DISTRIBUTION = "distribution"
    """One sample each, as Values and Counts: average, extremes and percentiles come from one billed metric."""
    SUM = "sum"
    """The last values, added up."""
    DELTA = "delta"
    """What counters grew by since the period before, added up."""
    LAST = "last"
    """The last value."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    unit: Unit
    over: Over
    aggregation: Aggregation
    meaning: str
    """One sentence."""
    marks_loss: bool = False
    """Above zero it says that some data was lost on its way."""
    per_application: bool = False
    """Published under `{ClusterId, AppName}` too, where that is switched on."""
