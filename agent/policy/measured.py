"""What history measures for the policies of demand: provisioning delay, mean load, memory's balance over a window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from agent.domain.observation import History, MemoryBalance, Observation
from agent.policy.freshness import blindness, stale
from agent.policy.load import load, memory_available_mb, memory_per_unit_mb, servable, task_unit_mb
from agent.policy.settling import in_flight
from agent.settings import Settings
from agent.settings_policy import DemandSettings

NEWEST_SHARE = 0.3
"""Weight of the newest provisioning delay in the running mean."""
TASK_MEMORY_S = 1800.0
"""Time constant of the mean task time."""
PENDING, FREE, LASTING = "pending", "free", "lasting"


def advance(history: History, seen: Observation, settings: Settings) -> History:
    """The history with this turn's measurements in it; `history` is already led to this turn otherwise."""
    task_s = _task_s(history, seen)
    history = replace(history, unit_memory_mb=_unit_mb(history, seen, settings))
    known = known_work(seen, settings, task_s) is not None
    unknown_since = seen.at if history.work_unknown_since is None else history.work_unknown_since
    return replace(
        _delay(history, seen),
        smoothed=_smoothed(history, seen, settings),
        task_s=task_s,
        work_unknown_since=None if known else unknown_since,
        balance=_balance(history, seen, settings),
        measured_at=seen.at,
    )


def _delay(history: History, seen: Observation) -> History:
    """The time from a scale out of ours to the first view of the fleet that has all of it."""
    sent, fleet = history.growth_sent_at, seen.fleet
    if sent is None or fleet is None or fleet.at <= sent:
        return history
    if fleet.target > fleet.provisioned:
        return history
    took, known = max(1.0, fleet.at - sent), history.provisioning_s
    mean = took if known is None else known + NEWEST_SHARE * (took - known)
    return replace(history, provisioning_s=mean, growth_sent_at=None)


def _unit_mb(history: History, seen: Observation, settings: Settings) -> float | None:
    if seen.reading is None or seen.fleet is None or blindness(seen, settings.policy.max_signal_age_s) is not None:
        return history.unit_memory_mb
    return task_unit_mb(seen.reading, seen.fleet) or history.unit_memory_mb


def _smoothed(history: History, seen: Observation, settings: Settings) -> dict[str, float]:
    """Exponential means, in executor slots: what waits and what is free over `mean_s`, and what waits over the time
    that a node takes to come. Begun anew after nobody has looked for a while."""
    if seen.reading is None or seen.fleet is None or blindness(seen, settings.policy.max_signal_age_s) is not None:
        return {}
    now = load(seen.reading, seen.fleet, history.unit_memory_mb)
    if now is None:
        return {}
    mean_s = settings.policy.demand.mean_s
    values = {PENDING: (float(now.pending), mean_s), FREE: (float(now.free), mean_s)}
    values[LASTING] = (float(now.pending), measured_delay_s(history, settings.policy.demand))
    last, before = history.measured_at, history.smoothed
    if last is None or not before:
        return {PENDING: float(now.pending), FREE: float(now.free), LASTING: 0.0}
    return {
        name: before.get(name, 0.0) + _share(seen.at - last, constant_s) * (value - before.get(name, 0.0))
        for name, (value, constant_s) in values.items()
    }


def known_work(seen: Observation, settings: Settings, task_s: float | None) -> Mapping[str, float] | None:
    """Container-seconds that are left by application id, tasks that nothing has measured taken to last that long; None
    where it is not known, or was told too long ago."""
    found = seen.remaining
    if found is None or stale(found.at, seen.at, settings.policy.max_signal_age_s):
        return None
    return found.with_tasks_of(task_s)


def measured_delay_s(history: History, told: DemandSettings) -> float:
    """How long EMR takes to fill an order: measured, else as the settings say."""
    return told.provisioning_s if history.provisioning_s is None else history.provisioning_s


def _task_s(history: History, seen: Observation) -> float | None:
    measured, before = None if seen.remaining is None else seen.remaining.mean_task_s, history.task_s
    if measured is None or before is None or history.measured_at is None:
        return before if measured is None else measured
    return before + _share(seen.at - history.measured_at, TASK_MEMORY_S) * (measured - before)


def _share(gone_s: float, constant_s: float) -> float:
    """How much of a running mean is new after that time."""
    return 1 - math.exp(-max(0.0, gone_s) / constant_s)


def _balance(history: History, seen: Observation, settings: Settings) -> MemoryBalance | None:
    """Pending less available memory where task nodes are, in capacity units, over the present window; None while the
    fleet moves.

    One that EMR has left beside its target moves no more: it would be waited for in vain.
    """
    reading, fleet = seen.reading, seen.fleet
    if reading is None or fleet is None or reading.memory_pending_mb is None:
        return None
    pending_mb = servable(reading, fleet, history.unit_memory_mb).memory_pending_mb or 0.0
    if blindness(seen, settings.policy.max_signal_age_s) is not None:
        return None
    unit = memory_per_unit_mb(reading, fleet, history.unit_memory_mb)
    if unit is None or in_flight(fleet, history, seen.at, settings.fleet) is not None:
        return None
    value = (pending_mb - memory_available_mb(reading, fleet)) / unit
    before = history.balance
    if before is None or before.lasted_s >= settings.policy.dataproc.cooldown_s:
        return MemoryBalance(began=seen.at, until=seen.at, unit_seconds=0.0)
    gone = max(0.0, seen.at - before.until)
    return MemoryBalance(before.began, seen.at, before.unit_seconds + gone * value)
