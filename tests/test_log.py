"""The log in a file: rotated, bounded, and never a reason to stop."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), log.LOGGER.level
    log.LOGGER.setLevel(logging.INFO)
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        with contextlib.suppress(OSError):  # the full one
            handler.close()
    log.LOGGER.setLevel(level)


def test_the_file_is_rotated_and_its_whole_size_is_bounded(tmp_path: Path) -> None:
    log.keep_in(tmp_path / "agent.log", max_bytes=2000, files=3)
    for number in range(1000):
        log.event(logging.INFO, "some.event", number=number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["agent.log", "agent.log.1", "agent.log.2", "agent.log.3"]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert "number=999" in (tmp_path / "agent.log").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_opened_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log.keep_in(tmp_path / "absent" / "agent.log", max_bytes=2000, files=3)
    assert [record.getMessage() for record in caplog.records] == ["log.cannot_open"]


def test_a_full_disk_loses_lines_of_the_file_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    log.keep_in(Path("/dev/full"), max_bytes=10**9, files=1)
    log.event(logging.INFO, "some.event")
    assert "Traceback" not in capfd.readouterr().err
