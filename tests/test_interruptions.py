"""Spot interruptions: of task nodes, seen by what is gone, and of the primary, told by EC2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.domain.decisions import Hold, Resize
from agent.domain.observation import Interruption
from agent.policy.reasons import Why
from agent.replay import Replayed, replay
from agent.sandbox.emr import Delays
from tests.sandbox.emr_world import DELAYS, World, fleets, world
from tests.spot_market import Agent, told

HOLD_S = 300.0


@contextmanager
def at_work(tmp_path: Path, spot: int, delays: Delays = DELAYS, **policy: Any) -> Iterator[Agent]:
    """An agent past the caution of its start, beside a fleet with so many units and a load of four fifths of them."""
    with world(delays=delays) as it:
        cluster = it.launch(Instances=fleets(spot=spot))
        it.pass_time(delays.provision_s + delays.bootstrap_s + 60)
        agent = Agent(it, cluster, told(**policy), tmp_path / "journal.jsonl")
        agent.load = 0.8 * spot
        agent.run(600)
        yield agent


def interrupt(it: World, cluster: str, random: Random) -> None:
    up = it.instances(cluster, InstanceFleetType="TASK", InstanceStates=["RUNNING"])
    if up:
        it.server.interrupt(random.choice(up)["Ec2InstanceId"])


def flaps(agent: Agent, within_s: float) -> list[tuple[float, float]]:
    """Times at which the target was lowered and, within that time, raised again."""
    moves = [(turn.observation.at, turn.decision) for turn in agent.turns if isinstance(turn.decision, Resize)]
    return [
        (before, after)
        for (before, down), (after, up) in pairwise(moves)
        if not down.scales_out and up.scales_out and after - before < within_s
    ]


def losses(agent: Agent) -> list[float]:
    found = {turn.observation.history.capacity_lost_at for turn in agent.turns}
    return sorted(at for at in found if at is not None)


@pytest.mark.parametrize("seed", range(3))
def test_a_series_of_interruptions_makes_no_flapping(tmp_path: Path, seed: int) -> None:
    """Nodes go at any time for two hours, under a load that is high, then middling, then low: what the target does
    back and forth is not the load's doing."""
    random = Random(seed)
    with at_work(tmp_path, 6) as agent:
        for load in (4.8, 3.0, 0.5):
            agent.load = load
            for _ in range(6):
                interrupt(agent.it, agent.cluster, random)
                agent.run(random.choice([60, 150, 400, 900]))
        assert len(losses(agent)) >= 5, "most are seen, some are replaced and lost again between two looks"
        assert flaps(agent, HOLD_S) == []
        assert [target for _, target in agent.targets()], "it does act"
        lowered = [turn for turn in agent.turns if isinstance(turn.decision, Resize) and not turn.decision.scales_out]
        for turn in lowered:
            lost_at = turn.observation.history.capacity_lost_at
            assert lost_at is None or turn.observation.at - lost_at >= HOLD_S
        again = list(replay((tmp_path / "journal.jsonl").read_text().splitlines(), agent.settings))
        assert all(isinstance(turn, Replayed) and not turn.differs for turn in again)


def test_the_hold_after_a_loss_is_what_keeps_the_target(tmp_path: Path) -> None:
    """The same loss, with the hold and without it: what replaces the node is cancelled, and missed a minute later."""
    ups_and_downs = []
    for hold_s in (HOLD_S, 0.0):
        folder = tmp_path / str(hold_s)
        guards = {"capacity_lost_hold_s": hold_s, "min_life_s": 0}
        slow = replace(DELAYS, provision_s=180)
        with at_work(folder, 6, slow, fleet={"poll_period_s": 30}, guards=guards) as agent:
            agent.load = 3.0
            interrupt(agent.it, agent.cluster, Random(1))
            agent.run(150)
            agent.load = 4.8
            agent.run(900)
            assert len(losses(agent)) == 1
            assert bool(flaps(agent, HOLD_S)) is (hold_s == 0)
            ups_and_downs.append([target for _, target in agent.targets()])
    held, without = ups_and_downs
    assert held == [], "EMR brings the sixth again, and that is all that was missing"
    assert without[0] == 5 and len(without) > 1


def test_a_node_that_emr_has_replaced_between_two_looks_was_lost_all_the_same(tmp_path: Path) -> None:
    with at_work(tmp_path, 6) as agent:
        agent.load = 0.1
        agent.run(60)
        before = agent.turns[-1].observation.fleet
        assert before is not None and before.provisioned == 6
        interrupt(agent.it, agent.cluster, Random(0))
        # nobody looks: EMR is slower to be asked than to replace it
        agent.it.pass_time(230)
        turns = agent.run(310)
        seen = next(turn.observation for turn in turns if turn.observation.history.capacity_lost_at is not None)
        assert seen.fleet is not None and seen.fleet.provisioned == 6
        assert len(losses(agent)) == 1


@pytest.mark.parametrize("action", ["terminate", "rebalance"])
def test_a_notice_about_the_primary_holds_everything_from_then_on(tmp_path: Path, action: str) -> None:
    with at_work(tmp_path, 2) as agent:
        seen_at = agent.it.clock()
        agent.interruption = Interruption(seen_at=seen_at, action=action, at=seen_at + 120)
        agent.load = 2.0
        turns = agent.run(600)
        assert all(isinstance(turn.decision, Hold) for turn in turns)
        assert turns[-1].decision.because[-1].code == Why.PRIMARY_INTERRUPTED
        assert agent.telemetry.counts()["DecisionsWithheld.primary-interrupted"] > 10
        agent.run(3100)
        assert bool(agent.targets()) is (action == "rebalance"), "a recommendation alone is forgotten after an hour"
        again = list(replay((tmp_path / "journal.jsonl").read_text().splitlines(), agent.settings))
        assert all(isinstance(turn, Replayed) and not turn.differs for turn in again)
