"""The log in a file: rotated, bounded, and never a reason to stop."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
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


def test_a_file_that_cannot_be_written_is_one_warning_and_says_later_what_it_lacks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the folder comes later, as a volume that is mounted after the agent has begun."""
    file = tmp_path / "absent" / "agent.log"
    log.keep_in(file, max_bytes=2000, files=3)
    for number in range(3):
        log.event(logging.INFO, "some.event", number=number)
    assert [record.getMessage() for record in caplog.records].count("log.cannot_write") == 1
    file.parent.mkdir()
    log.event(logging.INFO, "some.event", number=3)
    log.event(logging.INFO, "some.event", number=4)
    lines = [line.split(" ", 1)[1] for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines == ["WARNING log.gap lines=3", "INFO some.event number=3", "INFO some.event number=4"]


FULL_DISK = """
import logging, os, resource, signal, sys
from pathlib import Path
from agent import log

file = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log.set_up()
log.keep_in(file, max_bytes=10**9, files=1)
log.event(logging.INFO, "before")
was = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 10, was[1]))
for number in range(1000):
    log.event(logging.INFO, "during", number=number)
resource.setrlimit(resource.RLIMIT_FSIZE, was)
log.event(logging.INFO, "after")
"""


def test_a_file_that_hits_its_limit_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the kernel takes a part of a line and then nothing."""
    file = tmp_path / "agent.log"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("log.cannot_write") == 1
    assert done.stderr.count("during") == 1000
    before, torn, gap, after = file.read_text(encoding="utf-8").splitlines()
    assert (before.split()[-1], len(torn), gap.split()[-2:], after.split()[-1]) == (
        "before",
        10,
        ["log.gap", "lines=1000"],
        "after",
    )


def test_a_crash_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    program = f"from agent import log; log.set_up(); log.keep_in(log.Path({str(file)!r}), 10**6, 1); undefined_name"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "agent.crashed" in done.stderr
    assert "NameError: name 'undefined_name' is not defined" in file.read_text(encoding="utf-8")


def test_a_full_disk_loses_lines_of_the_file_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    log.keep_in(Path("/dev/full"), max_bytes=10**9, files=1)
    log.event(logging.INFO, "some.event")
    assert "Traceback" not in capfd.readouterr().err
