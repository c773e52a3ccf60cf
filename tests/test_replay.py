"""A journal decided again: the same under the same settings, and truthfully otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.domain.decisions import Resize, Terminate
from agent.journal import Bad
from agent.replay import Replayed, replay
from agent.settings import Settings
from tests.fakes.world import BEGINNING, World
from tests.policy.build import IN, OUT, settings

QUICK = {"after_s": 600, "grace_s": 60, "notice_s": 100}


def day(path: Path, told: Settings) -> World:
    """Load that comes and goes, a death of memory, a silence, a refusal, a restart, a shortage; and the idle end."""
    world = World(told, path, applications=("app-1",), spot=9)
    agent = world.controller()

    def then(seconds: float, **state: Any) -> None:
        for name, value in state.items():
            setattr(world, name, value)
        world.run(agent, seconds)

    then(200)
    then(700, free_percent=1 / 0.07)
    then(300, free_percent=88.8888888, deaths=1.0)
    then(400, deaths=0.0)
    then(100, manager_answers=False)
    then(700, manager_answers=True, free_percent=9.99999999)
    then(400, refuses=True)
    agent = world.controller()
    then(900, refuses=False, free_percent=14.99999)
    world.now += 200
    then(500, free_percent=95.0)
    then(2500, applications=())
    return world


def decided(path: Path, told: Settings) -> list[Replayed]:
    found = list(replay(path.read_text(encoding="utf-8").splitlines(), told))
    assert not [each for each in found if isinstance(each, Bad)]
    return [each for each in found if isinstance(each, Replayed)]


def test_with_the_same_settings_every_turn_comes_out_the_same(tmp_path: Path) -> None:
    told = settings(idle=QUICK)
    world = day(tmp_path / "journal.jsonl", told)
    turns = decided(world.path, told)
    assert len(turns) > 600
    for each in turns:
        assert not each.differs
        assert each.now.decision == each.recorded.decision, "reasons and all"
        assert each.now.wanted == each.recorded.wanted
        assert each.now.proposals == each.recorded.proposals
        assert each.now.observation == each.recorded.observation, "the history that was folded anew included"
    acts = [each.recorded.decision for each in turns if each.recorded.result.outcome == "applied"]
    assert any(isinstance(act, Resize) and act.scales_out for act in acts)
    assert any(isinstance(act, Resize) and not act.scales_out for act in acts)
    assert any(isinstance(act, Terminate) for act in acts)


def rising(path: Path, told: Settings) -> World:
    world = World(told, path)
    agent = world.controller()
    world.run(agent, 1000)
    world.free_percent = 18.0
    world.run(agent, 500)
    return world


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        pytest.param({**OUT, "bound": 20}, 1300.0, id="another bound breaches"),
        pytest.param({**OUT, "bound": 20, "for_s": 100}, 1100.0, id="and sooner, for less"),
        pytest.param(OUT, None, id="the same does not"),
    ],
)
def test_other_bounds_breach_at_other_times(tmp_path: Path, changed: dict[str, Any], first: float | None) -> None:
    world = rising(tmp_path / "journal.jsonl", settings(idle={"enabled": False}))
    differing = [each for each in decided(world.path, settings(rules=[changed, IN])) if each.differs]
    if first is None:
        assert differing == []
    else:
        assert differing[0].recorded.observation.at - BEGINNING == first
        assert isinstance(differing[0].now.decision, Resize)


def lost_head(found: list[str]) -> list[str]:
    return found[40:]


def lost_line(found: list[str]) -> list[str]:
    """The first resize: what came of it is in no other line but in the history of those that follow."""
    where = next(number for number, line in enumerate(found) if '"outcome":"applied"' in line)
    return [*found[:where], found[where][:100], *found[where + 1 :]]


@pytest.mark.parametrize("damage", [lost_head, lost_line])
def test_after_a_lost_part_it_goes_on_from_the_recorded_history(
    tmp_path: Path, damage: Callable[[list[str]], list[str]]
) -> None:
    told = settings(idle=QUICK)
    world = day(tmp_path / "journal.jsonl", told)
    found = list(replay(damage(world.path.read_text(encoding="utf-8").splitlines()), told))
    turns = [each for each in found if isinstance(each, Replayed)]
    assert len(turns) > 500
    assert not [each for each in turns if each.now.observation.history != each.recorded.observation.history]
    assert not [each for each in turns if each.differs]


def test_a_start_begins_an_empty_history(tmp_path: Path) -> None:
    """Without its `started` line the second agent's turns would be taken for the first one's."""
    told = settings(idle={"enabled": False})
    world = World(told, tmp_path / "journal.jsonl", free_percent=10.0)
    world.run(world.controller(), 290)
    world.run(world.controller(), 100)
    lines = world.path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("started") == 2
    assert not any(each.differs for each in decided(world.path, told))
    joined = [line for number, line in enumerate(lines) if number == 0 or json.loads(line)["kind"] == "turn"]
    replayed = [each for each in replay(joined, told) if isinstance(each, Replayed)]
    assert any(each.differs for each in replayed)
