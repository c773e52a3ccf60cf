"""Guard: never below what running work holds.

EMR alone chooses which nodes of a fleet leave. It drains them, and idle ones can go first as long as at least as
many units stay as nodes with work have.
"""

from __future__ import annotations

from agent.domain.decisions import Decision, Reason, Resize
from agent.domain.fleets import Fleet
from agent.domain.observation import Observation
from agent.domain.readings import ClusterNode
from agent.policy.freshness import blindness
from agent.policy.reasons import Why
from agent.settings import Settings


def kept(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """A scale in ends at the units of those task nodes that have work; unknown work holds it."""
    if not isinstance(decision, Resize) or decision.scales_out:
        return decision
    held = held_units(observation, settings)
    if isinstance(held, str):
        return decision.withheld(Reason(Why.WORK_UNKNOWN, held))
    if held <= decision.target:
        return decision
    text = f"running work holds {held} units, more than {decision.target}"
    return decision.limited_to(held, Reason(Why.RUNNING_WORK, text))


def held_units(observation: Observation, settings: Settings) -> int | str:
    """Capacity units of the task nodes with work on them; or why that is not known.

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
    return _held(fleet, reading.nodes)


def _held(fleet: Fleet, nodes: tuple[ClusterNode, ...]) -> int:
    at_work: dict[str, bool] = {}
    for node in nodes:
        host = node.host.lower()
        at_work[host] = at_work.get(host, False) or node.holds_work
    members = fleet.nodes or ()
    # what is provisioned and was not listed may be full of work
    held = max(0, fleet.provisioned - sum(member.units for member in members))
    for member in members:
        known = [at_work[host.lower()] for host in member.hosts if host.lower() in at_work]
        if not known or any(known):
            held += member.units
    return held
