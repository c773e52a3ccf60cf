"""Guard for clusters with several primaries: after a failover nothing is taken away before Spark is heard here.

An application reports for its whole life to the primary that acted when it started. After a failover the agent that
now acts hears nothing of those that run: their silence is not idleness.
"""

from __future__ import annotations

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.observation import Observation
from agent.policy.arbiter import ends_for_idleness
from agent.policy.reasons import Why
from agent.settings import Settings


def heard(observation: Observation, decision: Decision, settings: Settings) -> Decision:
    """Withholds a scale in, and an end by idleness, just after this agent's turn to act has come, and while a Spark
    application runs that does not report to it. Other ends ask nobody."""
    reading = observation.reading
    if isinstance(decision, Hold) or (isinstance(decision, Resize) and decision.scales_out):
        return decision
    if reading is None or not reading.peers or not (isinstance(decision, Resize) or ends_for_idleness(decision)):
        return decision
    since, pause = observation.history.leads_since, settings.policy.max_signal_age_s
    if since is None or observation.at - since < pause:
        text = f"the ResourceManager beside this agent has not been known as the active one for {pause:g} s yet"
        return decision.withheld(Reason(Why.UNHEARD, text))
    if reading.unheard is None:
        text = "whether all running applications report to this agent is not known"
        return decision.withheld(Reason(Why.UNHEARD, text))
    if reading.unheard:
        first, count = reading.unheard[0], len(reading.unheard)
        more = f" and {count - 1} more do" if count > 1 else " does"
        text = f"{first}{more} not report to this agent: started before a failover, perhaps"
        return decision.withheld(Reason(Why.UNHEARD, text))
    return decision


def leads_since(seen: Observation) -> float | None:
    """Since when this agent has been the one to act, of several. `seen` carries the history of the turn before."""
    reading = seen.reading
    if reading is None:
        return seen.history.leads_since
    if not reading.leader or not reading.peers:
        return None
    return seen.at if seen.history.leads_since is None else seen.history.leads_since
