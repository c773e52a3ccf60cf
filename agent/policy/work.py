"""Guard: never below what running work holds.

EMR alone chooses which nodes of a fleet leave. It drains them, and idle ones can go first as long as at least as
many units stay as nodes with work have. Each market has a target of its own, so that holds for each of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.fleets import Fleet, FleetNode
from agent.domain.observation import Observation
from agent.domain.readings import ClusterNode, ClusterReading
from agent.domain.waiting import masters_on_task_nodes
from agent.policy.freshness import blindness
from agent.policy.reasons import Why
from agent.policy.shortage import takes_away
from agent.settings import Settings


class Holds(Enum):
    """Why a node of the task fleet has to stay. The strongest comes first."""

    WORK = "running work"
    MASTER = "application masters alone"
    SHUFFLE = "shuffle files that are still to be read"


CODES = {
    Holds.WORK: Why.RUNNING_WORK,
    Holds.MASTER: Why.APPLICATION_MASTER,
    Holds.SHUFFLE: Why.SHUFFLE_HELD,
}


@dataclass(frozen=True, slots=True)
class Held:
    """Capacity units that have to stay, each counted once, under the strongest of its causes."""

    units: Mapping[Holds, int]
    on_demand: int = 0
    spot: int = 0
    """Of each market. What is of an unknown one counts in both."""

    @property
    def strongest(self) -> Holds:
        """The strongest cause that there is; there is one."""
        return next(cause for cause, units in self.units.items() if units)

    @property
    def total(self) -> int:
        return sum(self.units.values())

    def beyond(self, target: int) -> Holds:
        """The cause that takes what has to stay past the target."""
        total = 0
        for cause, units in self.units.items():
            total += units
            if total > target:
                return cause
        raise ValueError(f"{total} units stay within {target}")

    def __str__(self) -> str:
        return ", ".join(f"{units} by {cause.value}" for cause, units in self.units.items() if units)


def kept(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """A scale in ends at the units of those task nodes that have to stay; unknown work holds it."""
    if not isinstance(decision, Resize) or not takes_away(observation, decision):
        return decision
    held = held_units(observation, settings)
    if isinstance(held, str):
        return decision.withheld(Reason(Why.WORK_UNKNOWN, held))
    if held.total <= decision.target:
        return _kept_of_each_market(observation, decision, held, settings)
    text = f"{held.total} units are held, more than {decision.target}: {held}"
    return decision.limited_to(held.total, Reason(CODES[held.beyond(decision.target)], text))


def _kept_of_each_market(observation: Observation, decision: Resize, held: Held, settings: Settings) -> Decision:
    """What goes is first what was moved to on-demand capacity, then of the market that is bought on."""
    fleet = observation.fleet
    if (
        fleet is None
        or fleet.groups
        or decision.on_demand is not None
        or 0 in (fleet.target_on_demand, fleet.target_spot)
    ):
        return decision
    free = (fleet.target_on_demand - held.on_demand) if settings.fleet.on_demand else (fleet.target_spot - held.spot)
    lowest = decision.current - max(0, free) - _moved_and_free(observation, fleet, held)
    if lowest <= decision.target or not held.total:
        return decision
    text = (
        f"{held.on_demand} units on demand and {held.spot} on the spot market are held: {held}; "
        f"of {fleet.target_on_demand} and {fleet.target_spot} no more can go than to {lowest}"
    )
    return decision.limited_to(lowest, Reason(CODES[held.strongest], text))


def of_market_bought(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: a scale in ends at what is of the market that is not bought on, which the actuator leaves alone, but for
    units that a shortage had moved there."""
    fleet = observation.fleet
    if not isinstance(decision, Resize) or decision.scales_out or decision.on_demand is not None:
        return decision
    if fleet is None or fleet.groups:
        return decision
    if settings.fleet.on_demand:
        kept, market = fleet.target_spot, "on the spot market"
    else:
        held = held_units(observation, settings)
        moved = 0 if isinstance(held, str) else _moved_and_free(observation, fleet, held)
        kept, market = fleet.target_on_demand - moved, "on demand"
    if decision.target >= kept:
        return decision
    text = f"{kept} units are {market}, where nothing is bought and nothing given back"
    return decision.limited_to(kept, Reason(Why.OTHER_MARKET, text))


def moved_back_first(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Guard: what is given back is first what a shortage had moved to on-demand capacity, but for what is held. The
    target stays."""
    fleet = observation.fleet
    if not isinstance(decision, Resize) or decision.scales_out or decision.on_demand is not None or fleet is None:
        return decision
    held = held_units(observation, settings)
    if isinstance(held, str):
        return decision
    units = min(decision.current - decision.target, _moved_and_free(observation, fleet, held))
    return replace(decision, on_demand=fleet.target_on_demand - units) if units > 0 else decision


def _moved_and_free(observation: Observation, fleet: Fleet, held: Held) -> int:
    return max(0, min(observation.history.shortage.moved_units, fleet.target_on_demand - held.on_demand))


def held_units(observation: Observation, settings: Settings) -> Held | str:
    """What has to stay, in capacity units; or why that is not known.

    A node that the cluster manager does not know counts as one with work: its name may only be another.
    """
    fleet, reading = observation.fleet, observation.reading
    if fleet is None:
        return "EMR has not told of the task fleet yet"
    if fleet.nodes is None and fleet.provisioned > 0:
        return "the instances of the task fleet were not listed"
    blind = blindness(observation, settings.policy.max_signal_age_s)
    if blind is not None or reading is None:
        return blind or "unknown"
    if reading.nodes is None:
        return "the cluster manager did not tell of its nodes"
    return _held(observation, fleet, reading, settings)


def shuffle_since(seen: Observation, settings: Settings) -> dict[str, float]:
    """For the history: by host, since when it holds shuffle files and no container, without a break."""
    reading = seen.reading
    if reading is None or reading.nodes is None:
        return {}
    least = settings.policy.guards.min_shuffle_bytes
    idle = {node.host.lower() for node in reading.nodes if not node.holds_work}
    hosts = (host for host, held in seen.shuffle.items() if held >= least and host in idle)
    return {host: seen.history.shuffle_since.get(host, seen.at) for host in hosts}


def _held(observation: Observation, fleet: Fleet, reading: ClusterReading, settings: Settings) -> Held:
    by_host: dict[str, list[ClusterNode]] = {}
    for node in reading.nodes or ():
        by_host.setdefault(node.host.lower(), []).append(node)
    masters = _masters(reading, fleet)
    limit_s = settings.policy.guards.max_hold_s
    shuffle = {host for host, since in observation.history.shuffle_since.items() if observation.at - since < limit_s}
    members = fleet.nodes or ()
    units = dict.fromkeys(Holds, 0)
    # what is provisioned and was not listed may be full of work
    unlisted = max(0, fleet.provisioned - sum(member.units for member in members))
    units[Holds.WORK] = on_demand = spot = unlisted
    for member in members:
        cause = _cause(member, by_host, masters, shuffle)
        if cause is not None:
            units[cause] += member.units
            on_demand += 0 if member.on_demand is False else member.units
            spot += 0 if member.on_demand else member.units
    return Held(units, min(on_demand, fleet.provisioned_on_demand), min(spot, fleet.provisioned_spot))


def _cause(
    member: FleetNode, by_host: Mapping[str, list[ClusterNode]], masters: Mapping[str, int], shuffle: set[str]
) -> Holds | None:
    hosts = [host.lower() for host in member.hosts]
    known = [node for host in hosts for node in by_host.get(host, ())]
    if not known:
        return Holds.WORK
    working = [node for node in known if node.holds_work]
    if any(node.containers is None or node.containers > masters.get(node.host.lower(), 0) for node in working):
        return Holds.WORK
    if working:
        return Holds.MASTER
    return Holds.SHUFFLE if any(host in shuffle for host in hosts) else None


def _masters(reading: ClusterReading, fleet: Fleet) -> dict[str, int]:
    """By host: how many application masters run there."""
    found: dict[str, int] = {}
    for app in masters_on_task_nodes(reading, fleet) or ():
        host = (app.master_host or "").lower()
        found[host] = found.get(host, 0) + 1
    return found
