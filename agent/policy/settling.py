"""Whether the fleet can take a new target, and whether the last one is still being worked on."""

from __future__ import annotations

from agent.domain.decisions import Reason
from agent.domain.fleets import RESIZING, RUNNING, Fleet
from agent.domain.observation import History
from agent.policy.reasons import Why
from agent.settings_fleet import FleetSettings

DRAIN_S = 3600.0
"""EMR ends a fleet's scale in after 60 minutes, met or not (EMR management guide, instance fleet resize)."""

AT_REST_S = 120.0
"""For so long after a resize a fleet may still read RUNNING; later it has none under way."""


def state_fault(fleet: Fleet) -> Reason | None:
    """Why the fleet cannot take a new target, whatever its capacity; states that we do not know cannot."""
    if fleet.id is None or fleet.state in {RUNNING, RESIZING}:
        return None
    return Reason(Why.FLEET_STATE, f"the task fleet is {fleet.state}")


def in_flight(fleet: Fleet, history: History, at: float, settings: FleetSettings) -> Reason | None:
    """What the fleet is still about to do; None when it is settled, or when EMR has given up.

    EMR provisions a resize for `resize_timeout_minutes` and drains for an hour; then it stops with the target
    unmet and no word of it. Waiting longer would let one shortage of spot hold the fleet for ever. Nodes that go on
    draining in a fleet that EMR calls RUNNING again hold nothing: only to one that is RESIZING nothing may be sent.
    """
    sent = history.resize_sent_at
    if sent is not None and fleet.at <= sent:
        return Reason(Why.NOT_SETTLED, f"the fleet was last read before the resize {at - sent:.0f} s ago")
    if fleet.settled:
        return None
    since = max(history.unsettled_since if history.unsettled_since is not None else at, sent or 0.0)
    draining = fleet.provisioned > fleet.target
    if draining and fleet.state == RUNNING and fleet.at - since >= AT_REST_S:
        return None
    patience = DRAIN_S if draining else settings.resize_timeout_minutes * 60.0
    if at - since >= patience:
        return None
    return Reason(
        Why.NOT_SETTLED,
        f"the task fleet is {fleet.state} with {fleet.provisioned} of {fleet.target} units "
        f"for {max(0.0, at - since):.0f} s; it has {patience:.0f} s",
    )


def grows(fleet: Fleet, history: History) -> bool:
    """Of a resize in flight: whether it adds capacity."""
    sent = history.resize_sent_at
    if sent is not None and fleet.at <= sent:
        return (history.scaled_out_at or 0.0) >= (history.scaled_in_at or 0.0)
    return fleet.provisioned <= fleet.target
