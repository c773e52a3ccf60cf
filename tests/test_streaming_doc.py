"""The rules of `docs/streaming.md`, through the agent's own turns: a stream falls behind, is late, catches up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.domain.datums import Distribution
from agent.domain.readings import ClusterReading
from agent.domain.signals import ITERATOR_AGE, Signal
from agent.policy.reasons import Why
from agent.settings import Settings, SettingsError
from agent.settings_check import load_checked
from tests.fakes.world import BEGINNING, World

PAGE = (Path(__file__).parent.parent / "docs" / "streaming.md").read_text(encoding="utf-8")
RULES = next(block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "falling-behind" in block)


@dataclass
class Streams(World):
    """A cluster with streams: what they say besides, and when it was true."""

    load: float | None = None
    age_ms: float | None = None
    age_late_s: float = 90.0
    extra: dict[str, Signal] = field(default_factory=dict)

    def look(self, at: float) -> tuple[Mapping[str, Signal], ClusterReading | None]:
        signals, reading = super().look(at)
        found = {"MemoryAvailablePercent": Signal.of(at, Distribution.of([50.0])), **signals}
        if self.load is not None:
            found["StreamingLoadPercent"] = Signal.of(at, Distribution.of([20.0, self.load]))
        if self.age_ms is not None:
            found[ITERATOR_AGE] = Signal.of(at - self.age_late_s, Distribution.of([self.age_ms]))
        return found, reading


@pytest.fixture
def told(tmp_path: Path) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(RULES + "[idle]\nenabled = false\n", encoding="utf-8")
    return load_checked(file)


def streams(told: Settings, tmp_path: Path, units: int) -> Streams:
    it = Streams(told, tmp_path / "journal.jsonl", target=units)
    it.units = [BEGINNING] * units
    return it


def test_a_stream_that_needs_more_than_its_time_gets_a_quarter_more(told: Settings, tmp_path: Path) -> None:
    it = streams(told, tmp_path, 8)
    agent = it.controller()
    it.load = 80.0
    it.run(agent, 1200)
    assert it.acts() == []
    it.load = 170.0
    it.run(agent, 400)
    assert it.acts() == [(1380.0, "resize 8 -> 10")]


def test_readers_that_are_late_get_half_more_and_an_age_that_is_too_old_holds(told: Settings, tmp_path: Path) -> None:
    it = streams(told, tmp_path, 8)
    agent = it.controller()
    it.load, it.age_ms, it.age_late_s = 80.0, 300_000.0, 400.0
    turns = it.run(agent, 1200)
    assert it.acts() == []
    assert any(reason.code == Why.SIGNAL_STALE for _, said in turns[-1].proposals for reason in said.because)
    it.age_late_s = 90.0
    it.run(agent, 300)
    assert [act for _, act in it.acts()] == ["resize 8 -> 12"]


def test_a_stream_that_says_nothing_is_no_reason_to_scale_in(told: Settings, tmp_path: Path) -> None:
    it = streams(told, tmp_path, 8)
    it.run(it.controller(), 7200)
    assert it.acts() == []


def test_streams_that_have_caught_up_give_back_one_unit_at_a_time(told: Settings, tmp_path: Path) -> None:
    it = streams(told, tmp_path, 8)
    it.load, it.age_ms = 30.0, 0.0
    it.run(it.controller(), 4000)
    acts = [act for _, act in it.acts()]
    assert acts[:2] == ["resize 8 -> 7", "resize 7 -> 6"] and len(acts) <= 4


def test_a_rule_on_the_age_without_a_stream_and_one_that_is_misspelt_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    without = re.sub(r"\[\[sources\.kinesis\]\]\nstream = \S+\n", "", RULES)
    file.write_text(without, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_checked(file)
    assert "[[sources.kinesis]]" in refused.value.faults[0].text
    file.write_text(RULES.replace('"KinesisIteratorAge"', '"KinesisIteratorAges"'), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_checked(file)
    assert refused.value.faults[0].text == "'KinesisIteratorAges' is no metric; did you mean 'KinesisIteratorAge'?"


def test_the_signals_of_the_page_exist() -> None:
    from agent.aggregate.catalogue import SIGNALS

    named = {
        name for row in re.findall(r"^\| (`\w+`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert "StreamingLoadPercent" in named and named <= set(SIGNALS)
