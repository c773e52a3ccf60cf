"""What no number of nodes cures: executors that are too small for their work, or far too large for it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.domain.decisions import Because, Reason
from agent.domain.observation import Observation
from agent.domain.signals import Statistic
from agent.policy.reasons import Why
from agent.policy.vetoes import fresh, heap_pressure
from agent.settings import Settings

QUIET_GC_PERCENT = 3.0
SMALL_LIVE_SET_PERCENT = 40.0
FULL_PERCENT = 15.0
"""Headroom below which the cluster counts as full: EMR's own default for scaling out."""


def advice(observation: Observation, settings: Settings) -> Because:
    """At most one of the two; nothing where the figures are missing or old."""
    return tuple(_advice(observation, settings))


def _advice(observation: Observation, settings: Settings) -> Iterator[Reason]:
    pressed = heap_pressure(observation, settings)
    if pressed is not None:
        yield Reason(
            Why.EXECUTORS_TOO_SMALL,
            f"{pressed}: raise spark.executor.memory or lower spark.executor.cores; more nodes do not cure it",
        )
        return
    free = fresh(observation, settings, "MemoryAvailablePercent", Statistic.AVERAGE)
    live = fresh(observation, settings, "ExecutorLiveSetPercent", Statistic.P90)
    collecting = fresh(observation, settings, "ExecutorGcTimePercent", Statistic.AVERAGE)
    if free is None or live is None or collecting is None:
        return
    if free < FULL_PERCENT and live < SMALL_LIVE_SET_PERCENT and collecting < QUIET_GC_PERCENT:
        yield Reason(
            Why.EXECUTORS_TOO_LARGE,
            f"the cluster is full ({free:.0f} % free) while executors keep {live:.0f} % of their heap in use: "
            "lower spark.executor.memory, and more of them fit",
        )
