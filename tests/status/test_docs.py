"""docs/status.md says what the page tells: its shape, its paths, its bounds."""

from __future__ import annotations

from pathlib import Path

from agent.settings_status import StatusSettings
from agent.status import board, state_doc
from agent.status.server import ANSWER_S, HEAD_S
from agent.status.state import VERSION
from agent.telemetry import Telemetry
from tests.policy import build
from tests.status.states import ME

PAGE = (Path(__file__).parents[2] / "docs" / "status.md").read_text(encoding="utf-8")


def test_the_shape_of_the_state_is_that_of_the_code() -> None:
    told = PAGE.split("## The shape of `/state.json`")[1]
    assert state_doc.markdown().strip() in told, "write `python -m agent.status.state_doc` into docs/status.md"
    assert f"`version` {VERSION}." in told


def test_every_part_of_the_state_says_what_it_is() -> None:
    sections = state_doc.markdown().split("### ")[1:]
    assert len(sections) > 20
    assert all("| `" in section for section in sections)


def test_the_paths_are_those_that_are_served() -> None:
    made = board.Board(build.settings(), ME, lambda: 0.0, Telemetry(), tuple)
    for path in made.pages():
        assert f"| `{path}` |" in PAGE


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"{HEAD_S + ANSWER_S:.0f} s" in PAGE
    assert f"more than {board.STANDS_S:.0f} s" in PAGE
    assert f"{StatusSettings().host}:{StatusSettings().port}" in PAGE
