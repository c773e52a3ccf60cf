from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Outcome, Reason, Result
from agent.domain.observation import Observation
from agent.domain.turns import Started, Turn
from agent.journal import (
    Bad,
    Journal,
    decision_from_json,
    decision_to_json,
    observation_from_json,
    observation_to_json,
    read,
    turn_from_json,
    turn_to_json,
)
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.settings import Settings
from tests.policy.build import NOW, fleet, observation, reading, settings, signal
from tests.policy.strategies import any_settings, decisions, observations

STARTED = Started(at=NOW, settings={"policy": {"rules": []}}, settings_hash="0" * 64)


def turn(seen: Observation | None = None, told: Settings | None = None) -> Turn:
    considered = consider(seen or observation(), told or settings(), GUARDS)
    return Turn(
        observation=considered.observation,
        proposals=considered.proposals,
        wanted=considered.wanted,
        decision=considered.decision,
        notice=Reason("idle", "idle for long"),
        unconfirmed=considered.wanted,
        result=Result(Outcome.NONE, "because"),
    )


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@given(observations, any_settings)
def test_a_turn_comes_back_from_its_line_as_it_was(seen: Observation, told: Settings) -> None:
    before = turn(seen, told)
    line = json.dumps(turn_to_json(before))
    assert "\n" not in line
    assert turn_from_json(json.loads(line)) == before


@given(decisions)
def test_a_decision_comes_back_as_it_was(decision: Decision) -> None:
    assert decision_from_json(json.loads(json.dumps(decision_to_json(decision)))) == decision


@given(st.floats(-1e15, 1e15))
def test_a_signal_is_kept_with_six_significant_digits_and_its_exact_time(value: float) -> None:
    seen = observation(signals={"Free": signal(value, NOW + 0.123456789)})
    kept = observation_from_json(observation_to_json(seen)).signals["Free"]
    assert kept == seen.signals["Free"].rounded()
    assert kept.rounded() == kept


def test_lines_are_appended_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    journal = Journal(path, 1_000_000)
    journal.started(STARTED)
    journal.turn(turn())
    Journal(path, 1_000_000).turn(turn())
    assert list(read(lines(path))) == [STARTED, turn(), turn()]


def test_it_rotates_once_and_never_exceeds_its_size(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    size = len(json.dumps(turn_to_json(turn()), separators=(",", ":"))) + 1
    journal = Journal(path, 3 * size)
    for _ in range(10):
        journal.turn(turn())
        assert path.stat().st_size <= 3 * size
    assert len(lines(path)) == 1
    assert len(lines(tmp_path / "journal.jsonl.1")) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["journal.jsonl", "journal.jsonl.1"]


def test_a_line_that_was_torn_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, 1_000_000)
    journal.turn(turn())
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert [type(each) for each in read(lines(path))] == [Turn, Bad]
    journal.turn(turn())
    assert [type(each) for each in read(lines(path))] == [Turn, Bad, Turn]


def test_unknown_keys_are_ignored_and_other_schemas_are_passed_over() -> None:
    known = turn_to_json(turn())
    newer = {**known, "mood": "fine", "observation": {**known["observation"], "weather": "wet"}}
    newer["observation"]["history"] = {**newer["observation"]["history"], "moon": 1}
    found = list(read([json.dumps(newer), "", json.dumps({**known, "v": 2})]))
    assert found == [turn(), Bad(3, "has schema 2, not 1")]


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_line_whatever_raises(text: str) -> None:
    assert all(isinstance(each, Bad) for each in read([text]))


@given(st.data())
def test_no_damaged_turn_raises(data: st.DataObject) -> None:
    known = turn_to_json(turn())
    where = data.draw(st.sampled_from(sorted(known)))
    damaged = {**known, where: data.draw(st.none() | st.integers() | st.text() | st.lists(st.integers()))}
    (found,) = read([json.dumps(damaged)])
    assert isinstance(found, Bad | Turn)


def test_a_disk_that_cannot_be_written_is_the_callers_to_count(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        Journal(tmp_path / "file" / "journal.jsonl", 1000).turn(turn())


def test_a_hundred_nodes_take_a_bounded_line() -> None:
    seen = observation(fleet=fleet(100), reading=reading(hosts=100))
    names = {f"Metric{number}": signal(1e9 / 3, NOW + 0.123) for number in range(60)}
    line = json.dumps(turn_to_json(turn(replace(seen, signals=names))), separators=(",", ":"))
    assert len(line) < 24_000
