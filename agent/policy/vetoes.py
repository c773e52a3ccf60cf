"""Guards: what forbids a scale in although nothing runs on what would go, each for no longer than its time.

A veto rests on a signal of its own. Without a fresh one it is silent: it asks for more than the guards that see to
blindness, never for less. None lasts longer than `policy.guards.max_hold_s` without a break, so that a figure that
never comes down again cannot hold a cluster for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import History, Observation
from agent.domain.signals import Statistic
from agent.policy.freshness import stale
from agent.policy.reasons import Why
from agent.policy.shortage import takes_away
from agent.settings import Settings

Veto = Callable[[Observation, Settings], str | None]
"""Why nothing may go now, in words; None when this veto sees nothing in the way."""


def transfers(observation: Observation, settings: Settings) -> str | None:
    """HDFS moves blocks: a node that leaves now makes it move more (TotalLoad counts its transfer threads)."""
    bound = settings.policy.guards.max_total_load_per_data_node
    load = fresh(observation, settings, "HdfsTotalLoadPerDataNode", Statistic.AVERAGE)
    if load is None or load <= bound:
        return None
    return f"{load:g} transfers at each DataNode, more than {bound:g}"


def heap_pressure(observation: Observation, settings: Settings) -> str | None:
    """Executors that fight for memory: taking nodes away crowds what remains.

    A tenth of the run time spent collecting is "moderate" in Dr. Elephant's heuristics; what stays in the old
    generation after its collections is in use, and nothing but more memory for each executor helps.
    """
    bounds = settings.policy.guards
    live = fresh(observation, settings, "ExecutorLiveSetPercent", Statistic.P90)
    if live is not None and live > bounds.max_live_set_percent:
        return f"{live:.0f} % of the heap still in use after collections, at the 90th percentile of executors"
    collecting = fresh(observation, settings, "ExecutorGcTimePercent", Statistic.AVERAGE)
    if collecting is not None and collecting >= bounds.max_gc_percent:
        return f"executors spend {collecting:.0f} % of their time collecting garbage"
    return None


def dying(observation: Observation, settings: Settings) -> str | None:
    """An executor that is gone frees memory: that is saturation, not relief."""
    died, hold_s = observation.history.memory_death_at, settings.policy.memory_death_hold_s
    if died is None or observation.at - died >= hold_s:
        return None
    since = observation.history.vetoed_since.get(Why.MEMORY_DEATHS, observation.at)
    again = f", again and again for {observation.at - since:.0f} s" if observation.at - since >= hold_s else ""
    return f"an executor died of memory {observation.at - died:.0f} s ago{again}"


VETOES: Mapping[Why, Veto] = MappingProxyType({Why.HDFS_TRANSFERS: transfers, Why.HEAP_PRESSURE: heap_pressure})
"""In the order in which they are told."""


def not_vetoed(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """No scale in while a veto stands that has not stood for too long."""
    if not isinstance(decision, Resize) or not takes_away(observation, decision):
        return decision
    limit_s = settings.policy.guards.max_hold_s
    for code, veto in VETOES.items():
        text = veto(observation, settings)
        since = observation.history.vetoed_since.get(code, observation.at)
        if text is not None and observation.at - since < limit_s:
            left = limit_s - (observation.at - since)
            decision = decision.withheld(Reason(code, f"{text}; holds for another {left:.0f} s at most"))
            break
    return decision


def no_memory_deaths(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """No scale in for `policy.memory_death_hold_s` after an executor died of memory.

    Where one dies every few minutes, a leak perhaps, more nodes do not cure it: advice goes on telling of that.
    """
    if not isinstance(decision, Resize) or not takes_away(observation, decision):
        return decision
    text = dying(observation, settings)
    if text is None or _for_too_long(Why.MEMORY_DEATHS, observation, settings):
        return decision
    hold_s = settings.policy.memory_death_hold_s
    return decision.withheld(Reason(Why.MEMORY_DEATHS, f"{text}; nothing is scaled in for {hold_s:g} s"))


def kept_capacity(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """No scale in right after capacity was lost, or has arrived: the one is a shortage already, the other untried."""
    if not isinstance(decision, Resize) or not takes_away(observation, decision):
        return decision
    for reason in _changed_lately(observation, settings):
        # where spot takes a node every few minutes it would otherwise never end
        if not _for_too_long(reason.code, observation, settings):
            return decision.withheld(reason)
    return decision


def _for_too_long(code: str, observation: Observation, settings: Settings) -> bool:
    since = observation.history.vetoed_since.get(code, observation.at)
    return observation.at - since >= settings.policy.guards.max_hold_s


def _changed_lately(seen: Observation, settings: Settings) -> Iterator[Reason]:
    history, bounds, at = seen.history, settings.policy.guards, seen.at
    lost, arrived = history.capacity_lost_at, history.capacity_arrived_at
    if lost is not None and at - lost < bounds.capacity_lost_hold_s:
        text = f"capacity was lost {at - lost:.0f} s ago; nothing is given back for {bounds.capacity_lost_hold_s:g} s"
        yield Reason(Why.CAPACITY_LOST, text)
    if arrived is not None and at - arrived < bounds.min_life_s:
        text = f"capacity arrived {at - arrived:.0f} s ago and has {bounds.min_life_s:g} s to be of use"
        yield Reason(Why.MINIMUM_LIFE, text)


def standing(seen: Observation, settings: Settings) -> Iterator[tuple[str, float]]:
    """For the history: since when each veto has stood without a break, this turn included."""
    vetoed = (code for code, veto in VETOES.items() if veto(seen, settings) is not None)
    deaths = () if dying(seen, settings) is None else (Why.MEMORY_DEATHS,)
    for code in (*vetoed, *deaths, *(reason.code for reason in _changed_lately(seen, settings))):
        yield code, seen.history.vetoed_since.get(code, seen.at)


def capacity_changes(seen: Observation) -> tuple[float | None, float | None]:
    """For the history: when capacity was last lost without our giving it back, and when it last arrived."""
    before, lost, arrived = seen.history, seen.history.capacity_lost_at, seen.history.capacity_arrived_at
    fleet, then = seen.fleet, before.provisioned
    if _nodes_lost(seen):
        lost = seen.at
    if fleet is None or then is None:
        return lost, arrived
    if fleet.provisioned > then:
        arrived = seen.at
    # what is still at or above the target leaves because it was asked to; below it something else took it
    elif fleet.provisioned < then and fleet.provisioned < fleet.target:
        lost = seen.at
    if _replaced(fleet, before, then):
        lost = seen.at
    return lost, arrived


def instances(seen: Observation) -> tuple[str, ...]:
    """For the history: the task instances that are up; those of the view before where this one does not tell."""
    fleet = seen.fleet
    if fleet is None or fleet.nodes is None:
        return seen.history.instances
    return tuple(node.id for node in fleet.nodes if node.running and node.id)


def nodes_lost(seen: Observation) -> int | None:
    """For the history: YARN's count of lost nodes, which falls when one of them comes back."""
    counts = None if seen.reading is None else seen.reading.node_counts
    return seen.history.nodes_lost if counts is None or counts.lost is None else counts.lost


def _nodes_lost(seen: Observation) -> bool:
    now, then = nodes_lost(seen), seen.history.nodes_lost
    return now is not None and then is not None and now > then


def _replaced(fleet: Fleet, before: History, then: int) -> bool:
    """Instances that were up are gone, more of them than were to go: EMR may have replaced them since the last view."""
    if fleet.nodes is None:
        return False
    gone = set(before.instances) - {node.id for node in fleet.nodes}
    return len(gone) > max(0, then - fleet.target)


def fresh(observation: Observation, settings: Settings, name: str, statistic: Statistic) -> float | None:
    """The statistic of that signal; None where it is missing or too old."""
    signal = observation.signals.get(name)
    if signal is None or stale(signal.at, observation.at, settings.policy.max_signal_age_s):
        return None
    return signal.values.get(statistic)
