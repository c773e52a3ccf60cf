"""Answers to a spot market that does not fill an order, and to an order that nobody needs any more.

EMR provisions a resize for `fleet.resize_timeout_minutes` and then leaves the target unmet, without a word and without
falling back to on-demand capacity. So the target is led to what came, plus a share on demand if that is wanted, and the
shortage is remembered: until its time is over nothing more is ordered on the spot market. These are the only changes
that are sent to a fleet in the middle of a resize, and they never take away what is there.
"""

from __future__ import annotations

import math
from dataclasses import replace

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.fleets import RESIZING, RUNNING, Collection, Fleet
from agent.domain.observation import History, Observation, Shortage
from agent.policy.freshness import Fresh, blindness, breaches, look, scales_out
from agent.policy.load import load
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import SHORTAGE, PolicyKind

MOST_TIMES = 32
"""By then the doubling has long met its longest time."""


def decide(observation: Observation, settings: Settings) -> tuple[Decision, ...]:
    """What to do about the units that are asked for and not there; nothing while there are none."""
    fleet = observation.fleet
    if fleet is None or not _answerable(fleet, observation.history):
        return ()
    if blindness(observation, settings.policy.max_signal_age_s) is not None:
        return ()
    useful = still_useful(observation, fleet, settings)
    gone = _cancelled(observation, fleet, useful, settings)
    if gone is not None:
        return (gone,)
    short_since = _short_since(observation)
    if observation.at - short_since < settings.fleet.resize_timeout_minutes * 60:
        return ()
    return (_given_up(observation, fleet, min(useful, fleet.shortfall), settings),)


def not_remembered(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: while a shortage is remembered growth is bought on demand by its share, or not at all."""
    memory = observation.history.shortage
    until = remembered_until(memory, settings)
    if not isinstance(decision, Resize) or not decision.scales_out or decision.rule == SHORTAGE:
        return decision
    fleet = observation.fleet
    if fleet is None or until is None or observation.at >= until or settings.fleet.on_demand:
        return decision
    short = short_groups(memory, observation.at, settings)
    if any(group.usable and group.id not in short for group in fleet.groups):
        return decision
    text = f"spot was short lately; it is not asked for more for another {until - observation.at:.0f} s"
    share = math.ceil((decision.target - decision.current) * _share(fleet, settings))
    limited = decision.limited_to(decision.current + share, Reason(Why.SPOT_SHORTAGE, text))
    if not isinstance(limited, Resize):
        return limited
    return replace(limited, on_demand=fleet.target_on_demand + share)


def takes_away(observation: Observation, decision: Decision) -> bool:
    """Whether capacity that is there would go. A lower target that is still above it only ends an order."""
    if not isinstance(decision, Resize) or decision.scales_out:
        return False
    fleet = observation.fleet
    if fleet is None or decision.target < fleet.provisioned:
        return True
    if decision.rule == SHORTAGE or fleet.groups or 0 in (fleet.target_on_demand, fleet.target_spot):
        return False
    # what is still to come on the one market does not make up for what is there on the other
    to_come = (fleet.target_on_demand - fleet.provisioned_on_demand, fleet.target_spot - fleet.provisioned_spot)
    return decision.current - decision.target > min(to_come)


def still_useful(observation: Observation, fleet: Fleet, settings: Settings) -> int:
    """Units beyond those that are there which what waits could use now; all that is asked for where that is unknown.

    A threshold rule that is breaching towards growth counts as use: headroom is a need of its own. What somebody
    outside asked for lately is of use to him.
    """
    if (asked := observation.history.requested) is not None and asked.scales_out and observation.at < asked.until:
        return fleet.shortfall
    reading = observation.reading
    if reading is None or _rule_asks(observation, settings) or fleet.target <= settings.fleet.min_capacity_units:
        return fleet.shortfall
    now = load(reading, fleet, observation.history.unit_memory_mb)
    if now is None:
        idle = reading.containers_pending == 0 and reading.memory_pending_mb in {0, None}
        return 0 if idle else fleet.shortfall
    missing = math.ceil(max(0.0, now.pending - now.free) / now.slots_per_unit)
    return max(missing, settings.fleet.min_capacity_units - fleet.provisioned)


def advance(history: History, seen: Observation, settings: Settings) -> Shortage:
    """The history's `shortage` after this turn; `history` is that of the turn before."""
    told, fleet = history.shortage, seen.fleet
    if fleet is None:
        return told
    short = fleet.shortfall > 0
    surplus = short and still_useful(seen, fleet, settings) < fleet.shortfall
    told = replace(
        told,
        short_since=(told.short_since if told.short_since is not None else seen.at) if short else None,
        undemanded_since=(told.undemanded_since if told.undemanded_since is not None else seen.at) if surplus else None,
    )
    if fleet.settled and (history.resize_sent_at is None or fleet.at > history.resize_sent_at):
        # before that the targets may still be those from before the units were moved
        told = replace(told, moved_units=min(told.moved_units, fleet.target_on_demand))
    grew = history.provisioned is not None and fleet.provisioned > history.provisioned
    until = remembered_until(told, settings)
    filled = grew and not short and (until is None or seen.at >= until)
    return replace(told, times=0, began=None, groups={}) if filled else told


def record(history: History, decision: Resize, observation: Observation) -> Shortage:
    """The history's `shortage` after that decision was sent, and not refused."""
    told, fleet = history.shortage, observation.fleet
    if fleet is None:
        return told
    if decision.on_demand is not None and not decision.groups:
        told = replace(told, moved_units=max(0, told.moved_units + decision.on_demand - fleet.target_on_demand))
    if decision.rule != SHORTAGE or not any(reason.code == Why.SPOT_SHORTAGE for reason in decision.because):
        return replace(told, short_since=None, undemanded_since=None)
    times = min(told.times + 1, MOST_TIMES)
    groups = {**told.groups, **{group.id: observation.at for group in decision.groups}}
    return replace(told, began=observation.at, times=times, short_since=None, undemanded_since=None, groups=groups)


def remembered_until(told: Shortage, settings: Settings) -> float | None:
    """When the shortage is forgotten, each one in a row after twice the time; None while there is none."""
    return None if told.began is None else told.began + _remembered_s(told, settings)


def short_groups(told: Shortage, at: float, settings: Settings) -> frozenset[str]:
    """Ids of the instance groups whose shortage is remembered; growth goes to another one."""
    lasts_s = _remembered_s(told, settings)
    return frozenset(group for group, began in told.groups.items() if at - began < lasts_s)


def _remembered_s(told: Shortage, settings: Settings) -> float:
    bounds = settings.policy.shortage
    return float(min(bounds.remember_s * 2.0 ** (told.times - 1), bounds.remember_max_s))


def _answerable(fleet: Fleet, history: History) -> bool:
    sent = history.resize_sent_at
    seen_since = sent is None or fleet.at > sent
    return fleet.id is not None and fleet.shortfall > 0 and fleet.state in {RUNNING, RESIZING} and seen_since


def _short_since(observation: Observation) -> float:
    since = observation.history.shortage.short_since
    return max(observation.at if since is None else since, observation.history.resize_sent_at or 0.0)


def _cancelled(observation: Observation, fleet: Fleet, useful: int, settings: Settings) -> Resize | None:
    """The order less what has not been of use for a while, so that late nodes do not come for nothing."""
    since = observation.history.shortage.undemanded_since
    if since is None or observation.at - since < settings.policy.shortage.cancel_after_s or useful >= fleet.shortfall:
        return None
    lost = observation.history.capacity_lost_at
    if lost is not None and observation.at - lost < settings.policy.guards.capacity_lost_hold_s:
        # what is to come replaces what was lost: that it is not missed in the first minutes says little
        return None
    lasted = observation.at - since
    text = (
        f"{fleet.shortfall} units are still to come and what waits can use {useful}, for {lasted:.0f} s now: "
        f"{fleet.shortfall - useful} are cancelled"
    )
    target = fleet.provisioned + useful
    on_demand = _less_on_demand(fleet, fleet.target - target)
    return Resize(fleet.target, target, (Reason(Why.DEMAND_GONE, text),), SHORTAGE, on_demand)


def _given_up(observation: Observation, fleet: Fleet, useful: int, settings: Settings) -> Resize:
    moved = math.ceil(useful * _share(fleet, settings))
    short_s = observation.at - _short_since(observation)
    text = f"{fleet.shortfall} of {fleet.target} units have not come in {short_s:.0f} s"
    if moved:
        text += f"; of {useful} that are still of use {moved} are bought on demand"
    if moved == fleet.shortfall:
        # the same sum on the other market is no other target: one unit of the order is left out
        moved -= 1
    target = fleet.provisioned + moved
    on_demand = fleet.provisioned_on_demand + moved
    return Resize(fleet.target, target, (Reason(Why.SPOT_SHORTAGE, text),), SHORTAGE, on_demand)


def _less_on_demand(fleet: Fleet, units: int) -> int:
    """The on-demand part when so many units of an order are cancelled: the dearer ones that have not come go first.

    The others are spot units that have not come, so on neither market does anything go that is there.
    """
    to_come = max(0, fleet.target_on_demand - fleet.provisioned_on_demand)
    return fleet.target_on_demand - min(units, to_come)


def _share(fleet: Fleet, settings: Settings) -> float:
    """A group is of one market for its whole life; and who buys on demand has nothing to move."""
    if fleet.collection is not Collection.FLEET or settings.fleet.on_demand:
        return 0.0
    return settings.policy.shortage.on_demand_percent / 100


def _rule_asks(observation: Observation, settings: Settings) -> bool:
    if settings.policy.kind is not PolicyKind.THRESHOLD:
        return False
    for rule in settings.policy.rules:
        seen = look(rule, observation.signals, observation.at, settings.policy)
        if scales_out(rule) and (not isinstance(seen, Fresh) or breaches(rule, seen.value)):
            return True
    return False
