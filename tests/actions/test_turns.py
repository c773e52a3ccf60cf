"""Requests in the agent's turns, over a stepping clock: applied once, remembered, journalled, decided again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given

from agent.domain.decisions import Decision, Outcome, Resize
from agent.domain.observation import History, Observation, Pause, Requested
from agent.domain.requests import Fate, Request
from agent.domain.turns import Turn
from agent.journal import decision_from_json, decision_to_json, observation_from_json, observation_to_json, read
from agent.policy.reasons import Why
from agent.replay import Replayed, replay
from agent.settings import Settings
from tests.actions.notices import NOW
from tests.actions.test_inbox import Desk, ask
from tests.fakes.world import BEGINNING, World
from tests.policy.build import settings
from tests.policy.strategies import decisions, observations
from tests.policy.test_requested import requests

TOLD = settings(idle={"enabled": False})


class Together:
    """A cluster that behaves, an agent on it, and a desk on the same clock."""

    def __init__(self, folder: Path, told: Settings = TOLD, **state: Any) -> None:
        self.desk = Desk(folder, at=NOW)
        self.world = World(told, folder / "journal.jsonl", now=NOW, answered_at=NOW, requests=self.desk.inbox, **state)
        self.world.units = [NOW] * self.world.target
        self.agent = self.world.controller()

    def run(self, seconds: float) -> list[Turn]:
        turns = []
        until = self.world.now + seconds
        while self.world.now < until:
            self.desk.now = self.world.now
            turns += self.world.run(self.agent, 10)
        self.desk.now = self.world.now
        return turns

    def acts(self) -> list[tuple[float, str]]:
        return [(at + BEGINNING - NOW, call) for at, call in self.world.acts()]

    def journal(self) -> list[str]:
        return self.world.path.read_text(encoding="utf-8").splitlines()


def test_a_request_is_applied_in_the_next_turn_and_only_once(tmp_path: Path) -> None:
    both = Together(tmp_path, target=10)
    both.run(1000)
    request = ask(both.desk, units=3)
    both.run(600)
    assert both.acts() == [(1000.0, "resize 10 -> 13")]
    answer = both.desk.hand.told(request.id)
    assert answer is not None
    assert (answer.fate, answer.target) == (Fate.APPLIED, 13)


def test_what_was_asked_for_is_not_undone_at_once_and_is_in_the_end(tmp_path: Path) -> None:
    """Memory is free all along: without the request the rule would scale in after its cooldown, in 5 minutes."""
    both = Together(tmp_path, target=10)
    both.run(1000)
    ask(both.desk, units=3, cooldown_s=900.0)
    both.run(10)
    both.world.free_percent = 90.0
    turns = both.run(1000)
    assert both.acts() == [(1000.0, "resize 10 -> 13"), (1900.0, "resize 13 -> 10")]
    held = [turn for turn in turns if Why.COOLDOWN in {reason.code for reason in turn.decision.because}]
    assert any("asked for the opposite" in reason.text for turn in held for reason in turn.decision.because)


def test_a_request_that_is_withheld_waits_is_answered_each_turn_and_dropped(tmp_path: Path) -> None:
    both = Together(tmp_path, target=10)
    both.run(1000)
    both.world.paused = Pause(until=NOW + 10_000, why="by bob")
    request = ask(both.desk, units=3, lasts_s=60.0)
    turns = both.run(200)
    assert both.acts() == []
    assert [len(turn.requests) for turn in turns[:8]] == [1] * 6 + [0] * 2
    assert {answer.because[-1].code for turn in turns for answer in turn.requests} == {Why.PAUSED}
    answer = both.desk.hand.told(request.id)
    assert answer is not None
    assert (answer.fate, answer.because[-1].code) == (Fate.EXPIRED, Why.PAUSED)


def test_a_request_that_waited_for_the_fleet_to_settle_is_applied_then(tmp_path: Path) -> None:
    both = Together(tmp_path, free_percent=10.0)
    both.run(310)
    assert both.acts() == [(300.0, "resize 0 -> 5")]
    both.world.free_percent = 50.0
    ask(both.desk, units=2, lasts_s=600.0, force=True)
    both.run(400)
    assert both.acts()[1:] == [(540.0, "resize 5 -> 7")]


def test_a_refusal_ends_the_request(tmp_path: Path) -> None:
    both = Together(tmp_path, target=10, refuses=True)
    both.run(1000)
    request = ask(both.desk, units=3, lasts_s=3000.0)
    both.run(1000)
    assert both.acts() == [(1000.0, "resize 10 -> 13")]
    answer = both.desk.hand.told(request.id)
    assert answer is not None
    assert (answer.fate, answer.detail) == (Fate.REFUSED, "no")


def test_what_emr_had_no_time_for_is_asked_again_until_it_expires(tmp_path: Path) -> None:
    both = Together(tmp_path, target=10, postpones=2)
    both.run(1000)
    request = ask(both.desk, units=3, lasts_s=180.0)
    turns = both.run(10)
    assert [(answer.fate, answer.detail) for answer in turns[0].requests] == [(Fate.WAITING, "Rate exceeded")]
    both.run(600)
    assert both.acts() == [(1000.0, "resize 10 -> 13"), (1060.0, "resize 10 -> 13"), (1120.0, "resize 10 -> 13")]
    answer = both.desk.hand.told(request.id)
    assert answer is not None
    assert (answer.fate, both.world.target) == (Fate.APPLIED, 13)
    both.world.postpones = 100
    late = ask(both.desk, units=3, lasts_s=100.0, force=True)
    both.run(600)
    answer = both.desk.hand.told(late.id)
    assert answer is not None
    assert (answer.fate, both.world.target) == (Fate.EXPIRED, 13)


def test_what_cannot_be_written_down_beforehand_is_not_sent(tmp_path: Path) -> None:
    both = Together(tmp_path, target=10)
    both.run(1000)
    both.desk.settings.ledger_path.mkdir()
    ask(both.desk, units=3, lasts_s=600.0)
    turns = both.run(100)
    assert both.acts() == []
    assert {turn.result.outcome for turn in turns} == {Outcome.NONE}
    assert "could not be written" in turns[0].requests[0].detail
    both.desk.settings.ledger_path.rmdir()
    both.run(100)
    assert both.acts() == [(1100.0, "resize 10 -> 13")]


def test_alarms_and_people_are_decided_again_from_the_journal(tmp_path: Path) -> None:
    both = Together(tmp_path, target=10)
    both.run(1000)
    both.desk.offer(at=both.world.now)
    both.run(600)
    ask(both.desk, to_units=4, force=True)
    both.world.free_percent = 90.0
    both.run(2000)
    calls = [call for _, call in both.acts()]
    assert calls[:2] == ["resize 10 -> 15", "resize 15 -> 4"]
    again = [each for each in replay(both.journal(), TOLD) if isinstance(each, Replayed)]
    assert len(again) == 360
    for each in again:
        assert each.now.decision == each.recorded.decision
        assert each.now.observation == each.recorded.observation
    acted = [each.recorded for each in again if each.recorded.result.outcome is Outcome.APPLIED]
    by = [turn.decision.rule for turn in acted[:2] if isinstance(turn.decision, Resize)]
    assert by == ["alarm heap", "by hand"]


def test_a_journal_of_an_older_agent_is_read(tmp_path: Path) -> None:
    both = Together(tmp_path)
    both.run(50)
    lines = []
    for line in map(json.loads, both.journal()):
        if line["kind"] == "turn":
            del line["requests"], line["observation"]["requests"], line["observation"]["history"]["requested"]
        lines.append(json.dumps(line))
    turns = [line for line in read(lines) if isinstance(line, Turn)]
    assert len(turns) == 5
    assert turns[0].requests == ()


@given(observations, requests, decisions)
def test_requests_come_back_from_the_journal_as_they_were(
    seen: Observation, asked: tuple[Request, ...], decision: Decision
) -> None:
    last = Requested(at=1.0, until=2.0, scales_out=True, by="alice")
    history: History = replace(seen.history, requested=last)
    before = replace(seen, requests=asked, history=history)
    assert observation_from_json(json.loads(json.dumps(observation_to_json(before)))) == before
    told = replace(decision, request=asked[0].id) if isinstance(decision, Resize) else decision
    assert decision_from_json(json.loads(json.dumps(decision_to_json(told)))) == told
