"""A spot market that is short, from the order to its end: the agent's turns, its requests to EMR, and what comes of
them, whichever of the two ways EMR takes a resize in the middle of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain.decisions import Hold
from agent.policy.reasons import Why
from agent.replay import Replayed, replay
from agent.sandbox.emr import Market, SecondResize
from tests.sandbox.emr_world import DELAYS, fleets, groups, task_group, world
from tests.spot_market import Agent, told

BOTH = pytest.mark.parametrize("second", list(SecondResize))


@contextmanager
def at_work(tmp_path: Path, second: SecondResize = SecondResize.MERGED, **policy: Any) -> Iterator[Agent]:
    """An agent that has just ordered six spot units to the two that are there, on a market that has four in all.

    Its client is not held to the service model: a state that the model does not know is one of the cases.
    """
    with world(delays=replace(DELAYS, second_resize=second)) as it:
        cluster = it.ready(Instances=fleets(spot=2))
        it.server.emr.limit(Market.SPOT, 4)
        agent = Agent(it, cluster, told(**policy), tmp_path / "journal.jsonl", checked=False)
        # a history that has begun, past the cooldown that a start counts as
        agent.run(400)
        agent.free_percent = 5
        agent.run(100)
        assert agent.sent == [(0, 8)]
        yield agent


def replays(agent: Agent, tmp_path: Path, **policy: Any) -> None:
    again = list(replay((tmp_path / "journal.jsonl").read_text().splitlines(), told(**policy)))
    assert len(again) == len(agent.turns)
    assert all(isinstance(turn, Replayed) and not turn.differs for turn in again)


@BOTH
def test_the_target_is_led_to_what_came_and_asked_again_when_its_time_is_over(
    tmp_path: Path, second: SecondResize
) -> None:
    with at_work(tmp_path, second) as agent:
        agent.run(700)
        assert agent.sent == [(0, 8), (0, 4)]
        given_up_at = agent.targets()[-1][0]
        assert (agent.fleet.target, agent.fleet.provisioned) == (4, 4)
        agent.it.server.emr.limit(Market.SPOT, None)
        held = agent.run(170 - (agent.it.clock() - given_up_at))
        assert all(isinstance(turn.decision, Hold) for turn in held), "the shortage is remembered"
        agent.run(250)
        assert agent.sent == [(0, 8), (0, 4), (0, 10)]
        agent.free_percent = 50
        agent.run(200)
        assert (agent.fleet.target, agent.fleet.provisioned, agent.fleet.settled) == (10, 10, True)
        assert agent.turns[-1].observation.history.shortage.times == 0, "a filled order ends the memory"
        replays(agent, tmp_path)


@BOTH
def test_late_instances_of_a_cancelled_order_do_not_stay(tmp_path: Path, second: SecondResize) -> None:
    with at_work(tmp_path, second) as agent:
        agent.run(250)
        assert (agent.fleet.state, agent.fleet.target, agent.fleet.provisioned) == ("RESIZING", 8, 4)
        agent.free_percent = 50
        agent.run(80)
        assert agent.sent[1] == (0, 4), "nobody has needed them for a minute"
        agent.it.server.emr.limit(Market.SPOT, None)
        agent.run(700)
        assert (agent.fleet.target, agent.fleet.provisioned, agent.fleet.settled) == (4, 4, True)
        assert set(agent.sent[1:]) == {(0, 4)}
        assert len(agent.sent) <= 5, "an order that waits in EMR is not sent again every turn"
        replays(agent, tmp_path)


@BOTH
def test_the_on_demand_part_arrives_and_is_given_back_first(tmp_path: Path, second: SecondResize) -> None:
    share = {"shortage": {"on_demand_percent": 50}}
    with at_work(tmp_path, second, **share) as agent:
        agent.run(700)
        assert agent.sent == [(0, 8), (2, 4)], "four have not come, and two of them are bought on demand"
        agent.free_percent = 50
        agent.run(200)
        assert (agent.fleet.provisioned_on_demand, agent.fleet.provisioned_spot) == (2, 4)
        agent.free_percent = 90
        agent.run(900)
        assert agent.sent[2] == (0, 3), "of three units the two on demand, and one of the others"
        agent.free_percent = 50
        agent.run(200)
        assert (agent.fleet.provisioned_on_demand, agent.fleet.provisioned) == (0, agent.fleet.target)
        replays(agent, tmp_path, **share)


@pytest.mark.parametrize("state", ["RECONFIGURING", "SUSPENDED", "MEDITATING"])
@pytest.mark.parametrize("needed", [True, False])
def test_nothing_is_sent_to_a_fleet_in_any_other_state(tmp_path: Path, state: str, needed: bool) -> None:
    with at_work(tmp_path) as agent:
        agent.run(250)
        fleet = agent.it.fleet(agent.cluster)["Id"]
        agent.it.server.emr.hold_state(fleet, state)
        agent.free_percent = 5 if needed else 90
        turns = agent.run(1500)
        assert agent.sent == [(0, 8)]
        assert all(isinstance(turn.decision, Hold) for turn in turns)
        agent.it.server.emr.hold_state(fleet, None)
        agent.run(700)
        assert agent.sent[1] == (0, 4)


def test_a_short_group_is_led_to_what_came_and_growth_goes_to_the_next(tmp_path: Path) -> None:
    settings = told(fleet={"groups": ["cheap", "steady"]})
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(2, Name="cheap"), task_group(0, "ON_DEMAND", Name="steady")))
        it.server.emr.limit(Market.SPOT, 3)
        agent = Agent(it, cluster, settings, tmp_path / "journal.jsonl")
        agent.run(400)
        agent.free_percent = 5
        agent.run(750)
        cheap, steady = (group["Id"] for group in it.emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"][2:])
        sent = [call.request["InstanceGroups"] for call in it.server.api.calls("ModifyInstanceGroups")]
        assert [[(one["InstanceGroupId"], one["InstanceCount"]) for one in each] for each in sent[:3]] == [
            [(cheap, 8)], [(cheap, 3)], [(steady, 6)],
        ]  # fmt: skip
        for _ in range(30):
            agent.run(10)
            if agent.fleet.provisioned == 9:
                break
        assert [group.provisioned for group in agent.fleet.groups] == [3, 6]
        again = list(replay((tmp_path / "journal.jsonl").read_text().splitlines(), settings))
        assert all(isinstance(turn, Replayed) and turn.now.decision == turn.recorded.decision for turn in again)


def test_with_every_group_short_growth_waits(tmp_path: Path) -> None:
    with world() as it:
        cluster = it.ready(Instances=groups(task_group(1, Name="a"), task_group(1, Name="b")))
        it.server.emr.limit(Market.SPOT, 2)
        agent = Agent(
            it, cluster, told(fleet={"groups": ["a", "b"]}, shortage={"remember_s": 1800}), tmp_path / "journal.jsonl"
        )
        agent.run(400)
        agent.free_percent = 5
        agent.run(1500)
        last = agent.turns[-1].decision
        codes = {turn.decision.because[-1].code for turn in agent.turns if isinstance(turn.decision, Hold)}
        assert isinstance(last, Hold) and Why.SPOT_SHORTAGE in codes
        sent = [call.request["InstanceGroups"][0] for call in it.server.api.calls("ModifyInstanceGroups")]
        assert [one["InstanceCount"] for one in sent[:4]] == [7, 1, 7, 1]
        assert len({one["InstanceGroupId"] for one in sent[:3]}) == 2
