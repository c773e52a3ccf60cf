"""Scaling by useful backlog: the work that will still wait when a node that is ordered now arrives.

    of each application   left = max(0, W − R·L)               eff = min(P, √(left ÷ m) − R), at least 0
    of all together       left = max(0, ΣW − (ΣR + ½·p·S)·L)    useful = min(ΣP, Σ eff, left ÷ (k·L)), at least a·P̄
    missing               (useful − F) ÷ S − p                 > 0: add its share, rounded up
    surplus               (F − P) ÷ S − spare                  ≥ 1: remove its share, at least one

W is remaining work in container-seconds, R running and P pending containers, F free executor slots, S slots of a
capacity unit, p units on their way, L the provisioning delay, k thrift and m the least saving. An application with
`left` on n slots ends in left ÷ n seconds, and one slot more saves it left ÷ n² of them: at n = √(left ÷ m) that is m.

P̄ is what has waited for as long as a node takes to come, and a the share of it that is ordered however little work it
is known to have: where jobs go on arriving, the work that is known is only the first of it.

What is free must have lasted: the smaller of the present figure and its running mean counts. Where W has not been known
for a while the pending-memory formula decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import Observation
from agent.domain.readings import Application, ClusterReading
from agent.policy.dataproc import by_memory
from agent.policy.freshness import blindness
from agent.policy.load import Load, asked, executors, load, servable
from agent.policy.measured import FREE, LASTING, known_work, measured_delay_s
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import DataprocSettings, DemandSettings, PolicyKind

NAME = PolicyKind.DEMAND
SPARE_SHARE = 0.15
"""Of the maximum, where the settings name no spare units."""

Work = Mapping[str, float]
"""Container-seconds that are left, by application id."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The rule's figures at one turn, for its reasons."""

    load: Load
    arriving: int
    """Capacity units on their way."""
    delay_s: float
    useful: float
    """Waiting containers that will still have work when a node arrives, and enough of it."""
    free: float
    """Slots that are free, and have been for some time."""
    work_s: float
    spare_units: float

    @property
    def missing_units(self) -> float:
        return (self.useful - self.load.free) / self.load.slots_per_unit - self.arriving

    @property
    def surplus_units(self) -> float:
        return (self.free - self.load.pending) / self.load.slots_per_unit - self.spare_units


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """One proposal."""
    fleet, reading = observation.fleet, observation.reading
    if fleet is None:
        return (Hold((Reason(Why.FLEET_UNKNOWN, f"{NAME}: EMR has not told the present target"),)),)
    blind = blindness(observation, settings.policy.max_signal_age_s)
    if blind is not None or reading is None:
        return (Hold((Reason(Why.BLIND, f"{NAME}: {blind}"),)),)
    unit_mb = observation.history.unit_memory_mb
    reading = servable(reading, fleet, unit_mb)
    now = load(reading, fleet, unit_mb)
    if now is None:
        text = f"{NAME}: the cluster manager does not tell what runs and waits, or what an executor takes"
        return (Hold((Reason(Why.LOAD_UNKNOWN, text),)),)
    work = known_work(observation, settings, observation.history.task_s)
    if work is None:
        return (_fallback(observation, settings),)
    return (_judge(reckon(observation, reading, fleet, now, work, settings), fleet, settings.policy.demand),)


def reckon(
    observation: Observation, reading: ClusterReading, fleet: Fleet, now: Load, work: Work, settings: Settings
) -> Reckoning:
    """The rule's figures."""
    history, told = observation.history, settings.policy.demand
    delay_s = measured_delay_s(history, told)
    lasting = told.lasting_share * min(float(now.pending), history.smoothed.get(LASTING, 0.0))
    arriving, total_s = fleet.shortfall, math.fsum(work.values())
    left_s = max(0.0, total_s - (now.running + arriving * now.slots_per_unit / 2) * delay_s)
    each = math.fsum(_worth(app, work, delay_s, told.min_saving_s) for app in reading.applications or ())
    return Reckoning(
        load=now,
        arriving=arriving,
        delay_s=delay_s,
        useful=max(lasting, min(float(now.pending), each, left_s / (told.thrift * delay_s))),
        free=min(float(now.free), history.smoothed.get(FREE, 0.0)),
        work_s=total_s,
        spare_units=SPARE_SHARE * settings.fleet.max_capacity_units if told.spare_units is None else told.spare_units,
    )


def _worth(app: Application, work: Work, delay_s: float, min_saving_s: float) -> float:
    """Further containers that are worth it for this application, of those that it asks for."""
    held = executors(app)
    left_s = max(0.0, work.get(app.id, 0.0) - held * delay_s)
    return min(float(asked(app)), max(0.0, math.sqrt(left_s / min_saving_s) - held))


def _judge(found: Reckoning, fleet: Fleet, told: DemandSettings) -> Decision:
    missing, surplus = found.missing_units, found.surplus_units
    # a rounding error's worth of a unit is none
    step = math.ceil(round(told.scale_out_share * missing, 6))
    if step > 0:
        step = step if told.max_step_units is None else min(step, told.max_step_units)
        text = f"{_figures(found)}: {missing:.2f} units are missing, {step:+d} at a share of {told.scale_out_share:g}"
        return Resize(fleet.target, fleet.target + step, (Reason(Why.WORK_LEFT, text),), rule=NAME)
    if surplus >= 1 and fleet.target > 0:
        step = min(fleet.target, max(1, math.floor(round(told.scale_in_share * surplus, 6))))
        text = (
            f"{_figures(found)}: {surplus:.2f} units are free beyond {found.spare_units:g} to spare, {-step:+d} at a "
            f"share of {told.scale_in_share:g}"
        )
        return Resize(fleet.target, fleet.target - step, (Reason(Why.SLOTS_FREE, text),), rule=NAME)
    return Hold((_why_nothing(found),))


def _why_nothing(found: Reckoning) -> Reason:
    if found.load.pending == 0:
        return Reason(Why.NO_DEMAND, f"{_figures(found)}: nothing waits, and not enough is free for long enough")
    if found.useful <= 0:
        return Reason(Why.WORK_SHORT, f"{_figures(found)}: what waits is done before a node could help")
    return Reason(Why.WORK_FITS, f"{_figures(found)}: what waits has room in what is free or on its way")


def _figures(found: Reckoning) -> str:
    now = found.load
    return (
        f"{NAME}: {now.running} containers run, {now.pending} wait, {now.free} slots are free, {found.arriving} units "
        f"on their way; {found.work_s:.0f} container-seconds are left, a node takes {found.delay_s:.0f} s: "
        f"{found.useful:.1f} containers of use"
    )


def _fallback(observation: Observation, settings: Settings) -> Decision:
    """The pending-memory formula, once work has been unknown for as long as that averages: an application that has just
    begun tells soon, and what is ordered until then holds up the order that it is worth."""
    told, since = settings.policy.demand, observation.history.work_unknown_since
    unknown_s, window = (
        observation.at - (observation.at if since is None else since),
        settings.policy.dataproc.cooldown_s,
    )
    if unknown_s < window:
        text = f"{NAME}: nobody has known how much work is left for {unknown_s:.0f} s of {window:g} s"
        return Hold((Reason(Why.AVERAGING, text),))
    formula = DataprocSettings(scale_up_factor=told.fallback_up_factor, scale_down_factor=told.fallback_down_factor)
    return by_memory(observation, settings, formula, NAME)
