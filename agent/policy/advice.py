"""What no number of nodes cures: executors that are too small for their work, or far too large for it or for a node."""

from __future__ import annotations

from collections.abc import Iterator

from agent.domain.decisions import Because, Reason
from agent.domain.observation import Observation
from agent.domain.signals import Statistic
from agent.policy.freshness import blindness
from agent.policy.load import node_memory_mb, too_large
from agent.policy.reasons import Why
from agent.policy.vetoes import dying, fresh, heap_pressure
from agent.settings import Settings

QUIET_GC_PERCENT = 3.0
SMALL_LIVE_SET_PERCENT = 40.0
FULL_PERCENT = 15.0
"""Headroom below which the cluster counts as full: EMR's own default for scaling out."""


def advice(observation: Observation, settings: Settings) -> Because:
    """Nothing where the figures are missing or old. Executors are never both too small and too large for their work."""
    return (*_of_work(observation, settings), *_of_nodes(observation, settings))


def _of_nodes(observation: Observation, settings: Settings) -> Iterator[Reason]:
    reading, fleet = observation.reading, observation.fleet
    if reading is None or fleet is None or blindness(observation, settings.policy.max_signal_age_s) is not None:
        return
    unit_mb = observation.history.unit_memory_mb
    found, room_mb = too_large(reading, fleet, unit_mb), node_memory_mb(reading, fleet, unit_mb)
    if found and room_mb is not None:
        app, ask = max(found, key=lambda each: each[1].memory_mb)
        apps = len({each.id for each, _ in found})
        others = f", and {apps - 1} more do so" if apps > 1 else ""
        yield Reason(
            Why.CONTAINERS_TOO_LARGE,
            f"{app.id} asks for {ask.count} containers of {ask.memory_mb:.0f} MB, and the largest task node gives out "
            f"{room_mb:.0f} MB{others}: no number of them serves that, and it is left out of what waits",
        )


def _of_work(observation: Observation, settings: Settings) -> Iterator[Reason]:
    pressed = dying(observation, settings) or heap_pressure(observation, settings)
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
