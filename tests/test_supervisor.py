"""The supervisor with real child processes: each child is a few lines of Python that behave in one way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE_S = 30.0
"""An upper bound for what should take a second, so that a busy machine fails nothing."""

PRELUDE = """
import os, signal, sys, time
log, beats = sys.argv[1], int(sys.argv[2])
with open(log, "a") as file:
    file.write(f"{os.getpid()}\\n")
lives = len(open(log).read().split())
os.write(beats, b"1.0 0.1 2.0 " + os.fsencode(log + " and agent.log") + b"\\n")
"""

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    """Where each life of the child leaves its process id."""
    return tmp_path / "pids"


@pytest.fixture
def start(tmp_path: Path, pids: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(child: str) -> subprocess.Popen[bytes]:
        script = tmp_path / "child.py"
        script.write_text(PRELUDE + textwrap.dedent(child))
        program = "import sys; from agent.supervisor import Supervisor; sys.exit(Supervisor(sys.argv[1:]).run())"
        command = [sys.executable, "-c", program, sys.executable, str(script), str(pids)]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
    for pid in lives(pids):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def lives(pids: Path) -> list[int]:
    return [int(line) for line in pids.read_text().split()] if pids.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"not seen within {PATIENCE_S:g} s: {what}"
        time.sleep(0.02)


BEAT_ON = "\nwhile True:\n    os.write(beats, b'.')\n    time.sleep(0.05)\n"


def test_a_frozen_child_is_killed_and_another_one_started(start: Start, pids: Path) -> None:
    start("if lives == 1: os.kill(os.getpid(), signal.SIGSTOP)" + BEAT_ON)
    wait_for(lambda: len(lives(pids)) == 2, "a second life")
    first, second = lives(pids)
    assert not alive(first)
    assert alive(second)


def test_a_child_that_beats_is_left_alone(start: Start, pids: Path) -> None:
    start(
        """
        end = time.monotonic() + 3
        while time.monotonic() < end:
            os.write(beats, b".")
            time.sleep(0.05)
        open(log + ".done", "w").close()
        """
        + textwrap.indent(BEAT_ON, " " * 8)
    )
    wait_for(Path(f"{pids}.done").exists, "three times the limit lived through")
    assert len(lives(pids)) == 1


def test_settings_that_cannot_be_used_are_not_tried_again(start: Start, pids: Path) -> None:
    assert start("sys.exit(2)").wait(PATIENCE_S) == 2
    assert len(lives(pids)) == 1


def test_a_child_that_keeps_dying_is_given_up(start: Start, pids: Path) -> None:
    assert start("sys.exit(1)").wait(PATIENCE_S) == 1
    assert len(lives(pids)) == 5


def test_a_stop_is_passed_on_and_the_childs_exit_code_is_returned(start: Start, pids: Path) -> None:
    supervisor = start(
        """
        def leave(*_):
            open(log + ".stopped", "w").close()
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        open(log + ".ready", "w").close()
        """
        + textwrap.indent(BEAT_ON, " " * 8)
    )
    wait_for(Path(f"{pids}.ready").exists, "the child is ready")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE_S) == 0
    assert Path(f"{pids}.stopped").exists()


def test_a_stop_ends_a_child_that_does_not_stop(start: Start, pids: Path) -> None:
    supervisor = start("signal.signal(signal.SIGTERM, signal.SIG_IGN); open(log + '.ready', 'w').close()" + BEAT_ON)
    wait_for(Path(f"{pids}.ready").exists, "the child is ready")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE_S) == 1
    assert not alive(lives(pids)[0])


def test_a_full_pipe_for_its_words_does_not_keep_a_frozen_child_alive(tmp_path: Path, pids: Path) -> None:
    """Nobody reads the supervisor's standard error, and its pipe is full."""
    script = tmp_path / "child.py"
    script.write_text(PRELUDE + "if lives == 1: os.kill(os.getpid(), signal.SIGSTOP)" + BEAT_ON)
    program = "import sys; from agent.supervisor import Supervisor; sys.exit(Supervisor(sys.argv[1:]).run())"
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    process = subprocess.Popen([sys.executable, "-c", program, sys.executable, str(script), str(pids)], stderr=writing)
    try:
        wait_for(lambda: len(lives(pids)) == 2, "a second life")
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)
        for pid in lives(pids):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def test_ctrl_z_freezes_neither_process(start: Start, pids: Path) -> None:
    supervisor = start("open(log + '.ready', 'w').close()" + BEAT_ON)
    wait_for(Path(f"{pids}.ready").exists, "the child is ready")
    supervisor.send_signal(signal.SIGTSTP)
    os.kill(lives(pids)[0], signal.SIGTSTP)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE_S) == 0


def test_a_stop_takes_as_long_as_it_may_not_as_long_as_a_silence_may(start: Start, pids: Path) -> None:
    """The child stops answering while it stops, for longer than an unresponsive one would be left alone."""
    supervisor = start(
        """
        def leave(*_):
            time.sleep(1.6)
            open(log + ".stopped", "w").close()
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        open(log + ".ready", "w").close()
        """
        + textwrap.indent(BEAT_ON, " " * 8)
    )
    wait_for(Path(f"{pids}.ready").exists, "the child is ready")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE_S) == 0
    assert Path(f"{pids}.stopped").exists()


def test_what_the_supervisor_says_is_in_the_agents_log_too(start: Start, pids: Path) -> None:
    assert start("sys.exit(3)").wait(PATIENCE_S) == 1
    said = Path(f"{pids} and agent.log").read_text().splitlines()
    assert [line.split()[2] for line in said] == ["supervisor.agent.died"] * 4 + ["supervisor.agent.gave_up"]
