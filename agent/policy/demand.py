"""Scaling by useful backlog: the work that will still wait when a node that is ordered now arrives.

    of each application   left = max(0, W − R·L)              eff = min(P, left ÷ (k·L))
    of all together       left = max(0, ΣW − ΣR·L − ½·p·S·L)   eff = min(ΣP, Σ eff, left ÷ (k·L))
    missing               eff ÷ S − p − F ÷ S     > 0: add its share, rounded up
    surplus               (F − P) ÷ S, while nothing useful waits: remove its share, rounded down, at least one

W is remaining work in container-seconds, R running and P pending containers, F free executor slots, S slots of a
capacity unit, p units on their way, L the provisioning delay, k thrift. What waits and what is free must have lasted:
the smaller of the present figure and its running mean counts. While W is not known the pending-memory formula decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import Observation
from agent.domain.readings import Application
from agent.domain.stages import RemainingWork
from agent.policy.dataproc import by_memory
from agent.policy.freshness import blindness, stale
from agent.policy.load import Load, asked, executors, load
from agent.policy.measured import FREE, PENDING
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import DataprocSettings, DemandSettings, PolicyKind

NAME = PolicyKind.DEMAND


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The rule's figures at one turn, for its reasons."""

    load: Load
    arriving: int
    """Capacity units on their way."""
    delay_s: float
    useful: float
    """Waiting containers that will still have work when a node arrives, and enough of it."""
    pending: float
    free: float
    work_s: float

    @property
    def missing_units(self) -> float:
        return (self.useful - self.free) / self.load.slots_per_unit - self.arriving

    @property
    def surplus_units(self) -> float:
        return (self.free - self.load.pending) / self.load.slots_per_unit


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal."""
    fleet, reading = observation.fleet, observation.reading
    if fleet is None:
        return (Hold((Reason(Why.FLEET_UNKNOWN, f"{NAME}: EMR has not told the present target"),)),)
    blind = blindness(observation, settings.policy.max_signal_age_s)
    if blind is not None or reading is None:
        return (Hold((Reason(Why.BLIND, f"{NAME}: {blind}"),)),)
    now = load(reading, fleet)
    if now is None:
        text = f"{NAME}: the cluster manager does not tell what runs and waits, or what an executor takes"
        return (Hold((Reason(Why.LOAD_UNKNOWN, text),)),)
    work = observation.remaining
    if work is None or stale(work.at, observation.at, settings.policy.max_signal_age_s):
        return (_fallback(observation, settings),)
    return (_judge(reckon(observation, fleet, now, work, settings.policy.demand), fleet, settings.policy.demand),)


def reckon(observation: Observation, fleet: Fleet, now: Load, work: RemainingWork, told: DemandSettings) -> Reckoning:
    """The rule's figures. The reading is there and fresh."""
    history, reading = observation.history, observation.reading
    delay_s = told.provisioning_s if history.provisioning_s is None else history.provisioning_s
    pending = min(float(now.pending), history.smoothed.get(PENDING, 0.0))
    free = min(float(now.free), history.smoothed.get(FREE, 0.0))
    arriving = fleet.shortfall
    enough_s = told.thrift * delay_s
    each = sum(_useful(app, work, delay_s, enough_s) for app in (reading.applications or () if reading else ()))
    left_s = max(0.0, work.total_s - (now.running + arriving * now.slots_per_unit / 2) * delay_s)
    useful = min(pending, each, left_s / enough_s)
    return Reckoning(now, arriving, delay_s, useful, pending, free, work.total_s)


def _useful(app: Application, work: RemainingWork, delay_s: float, enough_s: float) -> float:
    left_s = max(0.0, work.by_app.get(app.id, 0.0) - executors(app) * delay_s)
    return min(float(asked(app)), left_s / enough_s)


def _judge(found: Reckoning, fleet: Fleet, told: DemandSettings) -> Decision:
    missing, surplus = found.missing_units, found.surplus_units
    if missing > 0:
        step = math.ceil(round(told.scale_out_share * missing, 6))
        step = step if told.max_step_units is None else min(step, told.max_step_units)
        text = f"{_figures(found)}: {missing:.2f} units are missing, {step:+d} at a share of {told.scale_out_share:g}"
        return Resize(fleet.target, fleet.target + step, (Reason(Why.WORK_LEFT, text),), rule=NAME)
    if found.useful <= 0 and surplus >= 1 and fleet.target > 0:
        step = min(fleet.target, max(1, math.floor(round(told.scale_in_share * surplus, 6))))
        text = f"{_figures(found)}: {surplus:.2f} units are free, {-step:+d} at a share of {told.scale_in_share:g}"
        return Resize(fleet.target, fleet.target - step, (Reason(Why.SLOTS_FREE, text),), rule=NAME)
    return Hold((_why_nothing(found),))


def _why_nothing(found: Reckoning) -> Reason:
    if found.pending <= 0:
        return Reason(Why.NO_DEMAND, f"{_figures(found)}: nothing has waited, and no unit is free")
    if found.useful <= 0:
        return Reason(Why.WORK_SHORT, f"{_figures(found)}: what waits is done before a node could help")
    return Reason(Why.WORK_FITS, f"{_figures(found)}: what waits has room in what is free or on its way")


def _figures(found: Reckoning) -> str:
    return (
        f"{NAME}: {found.load.running} containers run, {found.pending:.1f} wait, {found.free:.1f} slots are free, "
        f"{found.arriving} units on their way; {found.work_s:.0f} container-seconds are left, a node takes "
        f"{found.delay_s:.0f} s: {found.useful:.1f} containers of use"
    )


def _fallback(observation: Observation, settings: Settings) -> Decision:
    told = settings.policy.demand
    formula = DataprocSettings(scale_up_factor=told.fallback_up_factor, scale_down_factor=told.fallback_down_factor)
    return by_memory(observation, settings, formula, NAME)
