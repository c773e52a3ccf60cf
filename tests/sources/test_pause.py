"""The pause file: written whole, read whatever is in it, never raising."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.cli import main
from agent.domain.observation import Pause
from agent.sources.pause import UNREADABLE_S, PauseFile

NOW = 1_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pause.json"


def test_what_is_written_is_read_by_everybody_and_cleared(path: Path) -> None:
    file = PauseFile(path, lambda: NOW)
    assert file() is None
    assert not file.clear()
    pause = Pause(until=NOW + 60, why="by root, a migration")
    file.write(pause)
    assert file() == pause
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]
    assert file.clear()
    assert file() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"until": "soon", "why": ""}',
        '{"until": NaN, "why": ""}',
        '{"until": 1e999, "why": ""}',
        '{"until": 1' + "0" * 400 + ', "why": ""}',
        "[" * 100_000,
    ],
)
def test_what_cannot_be_understood_pauses_for_an_hour_from_when_it_was_written(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    os.utime(path, (NOW, NOW))
    found = PauseFile(path, lambda: NOW + 30)()
    assert found is not None
    assert found.until == NOW + UNREADABLE_S
    assert "cannot be read" in found.why


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_no_content_raises_and_any_content_is_a_pause_with_an_end(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    found = PauseFile(path, lambda: NOW)()
    assert found is not None and found.until < float("inf")


def test_a_named_pipe_is_a_pause_like_any_that_cannot_be_read(path: Path) -> None:
    """And holds no turn until somebody writes into it."""
    path.parent.mkdir()
    os.mkfifo(path)
    found = PauseFile(path, lambda: 7.0)()
    assert found is not None and "is no regular file" in found.why


def test_the_verbs_pause_and_resume(tmp_path: Path, path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[fleet]\nmax_capacity_units = 4\n[policy]\npause_path = "{path}"\n')
    on = ["--config", str(config)]
    done = CliRunner().invoke(main, ["pause", "1h30m", "--why", "a migration", *on])
    assert done.exit_code == 0 and "paused until" in done.output
    written = path.stat().st_mtime
    found = PauseFile(path, lambda: NOW)()
    assert found is not None
    assert abs(found.until - written - 5400) < 60
    assert found.why.startswith("by ") and found.why.endswith(", a migration")
    assert "the pause is over" in CliRunner().invoke(main, ["resume", *on]).output
    assert "there was no pause" in CliRunner().invoke(main, ["resume", *on]).output


@pytest.mark.parametrize("duration", ["30", "m", "soon", "0s", "8d", "1.5.5h"])
def test_what_is_no_duration_is_wrong_use(tmp_path: Path, path: Path, duration: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[fleet]\nmax_capacity_units = 4\n[policy]\npause_path = "{path}"\n')
    refused = CliRunner().invoke(main, ["pause", duration, "--config", str(config)])
    assert refused.exit_code == 2
    assert not path.exists()


def test_root_writes_through_no_link_of_the_agents_user(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("as it was", encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(other)
    path.with_name(f".{path.name}.{os.getpid()}").symlink_to(other)
    PauseFile(path, lambda: 0.0).write(Pause(until=1.0, why="a"))
    assert other.read_text("utf-8") == "as it was"
    assert not path.is_symlink()
