"""Work that comes back while nodes drain: growth waits for as long as EMR calls the fleet RESIZING, and no longer,
whichever of the two ways EMR takes a resize in the middle of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.decisions import Hold, Resize
from agent.policy.reasons import Why
from agent.sandbox.emr import SecondResize
from tests.sandbox.emr_world import DELAYS, fleets, world
from tests.spot_market import Agent, told

REPORTED_S = 600.0
"""When EMR reports a scale in as done that still drains; really after an hour."""


@pytest.mark.parametrize("second", list(SecondResize))
def test_growth_waits_while_the_fleet_is_resizing_and_not_for_the_drain_to_end(
    tmp_path: Path, second: SecondResize
) -> None:
    slow = replace(DELAYS, decommission_s=5000, drain_report_minutes=REPORTED_S / 60, second_resize=second)
    with world(delays=slow) as it:
        agent = Agent(it, it.ready(Instances=fleets(spot=8)), told(), tmp_path / "journal.jsonl")
        agent.run(400)
        agent.free_percent = 90
        agent.run(100)
        assert agent.sent == [(0, 5)]
        shrunk_at = agent.targets()[-1][0]
        agent.free_percent = 5
        waiting = agent.run(REPORTED_S - 120)
        assert agent.fleet.state == "RESIZING"
        assert all(isinstance(turn.decision, Hold) for turn in waiting)
        assert waiting[-1].withheld is not None and waiting[-1].withheld.code == Why.NOT_SETTLED
        agent.run(300)
        assert agent.sent == [(0, 5), (0, 11)]
        grown = next(turn for turn in agent.turns if isinstance(turn.decision, Resize) and turn.decision.scales_out)
        assert REPORTED_S <= grown.observation.at - shrunk_at < REPORTED_S + 120
        assert grown.observation.fleet is not None and grown.observation.fleet.provisioned == 8, "three still drain"
        agent.free_percent = 50
        agent.run(300)
        running = it.instances(agent.cluster, InstanceGroupTypes=["TASK"], InstanceStates=["RUNNING"])
        assert len(running) == 11 + 3
        assert agent.turns[-1].observation.history.provisioning_s is None, "what drains would make it look short"
