"""Shadow policies in the running controller: journalled, counted, and never acting."""

from __future__ import annotations

from pathlib import Path

from agent.domain.decisions import Resize
from agent.domain.turns import Turn
from agent.journal import read
from tests.fakes.world import World
from tests.policy.build import settings


def test_a_shadow_says_in_every_turn_what_it_would_have_done_and_never_acts(tmp_path: Path) -> None:
    """The thresholds would grow after their 300 s; the acting formula sees no pending memory and holds."""
    told = settings(policy={"kind": "dataproc", "shadows": ["threshold"]}, idle={"enabled": False})
    cluster = World(told, tmp_path / "journal.jsonl", free_percent=10.0)
    turns = cluster.run(cluster.controller(), 400)
    assert cluster.acts() == []
    would = [turn for turn in turns for name, said in turn.shadows if name == "threshold" and isinstance(said, Resize)]
    assert len(would) > 5
    assert would[0].observation.at == turns[0].observation.at + 300
    assert cluster.telemetry.counts()["ShadowDecisionsDiffering.threshold"] == len(would)
    with (tmp_path / "journal.jsonl").open(encoding="utf-8") as lines:
        written = [line.shadows for line in read(lines) if isinstance(line, Turn)]
    assert written == [turn.shadows for turn in turns]
