"""A running agent for tests: a process of its own, started as a user would, against the sandbox."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE_S = 60.0
"""An upper bound for what takes a second or two, so that a busy machine fails nothing."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(slots=True)
class RunningAgent:
    supervisor: subprocess.Popen[bytes]
    port: int
    folder: Path
    status_port: int

    @property
    def child(self) -> psutil.Process:
        """The agent's own process as it is now. Raises IndexError while there is none."""
        return psutil.Process(self.supervisor.pid).children()[0]

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def listening(self) -> bool:
        """Whether the port takes a connection now."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def send(self, report: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            connection.sendall(report)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(PATIENCE_S)


def settings_text(port: int, folder: Path, extra: str = "", status_port: int = 0) -> str:
    """Settings of a quick agent; `extra` is further TOML whose tables are not among these."""
    return f"""
[cluster]
id = "j-TEST"
[listener]
port = {port}
report_period_s = 1.0
[fleet]
max_capacity_units = 4
[policy]
turn_period_s = 0.5
[status]
port = {status_port}
[journal]
path = "{folder / "journal.jsonl"}"
[supervisor]
unresponsive_s = 2.0
restart_delay_s = 0.5
stop_timeout_s = 15.0
{extra}
"""


@contextmanager
def agent(folder: Path, extra: str, edit: Callable[[str], str] = lambda text: text) -> Iterator[RunningAgent]:
    """Start it and wait until it listens; afterwards nothing of it runs. `edit` may change the settings' text."""
    port, status_port = free_port(), free_port()
    file = folder / "tidemark.toml"
    file.write_text(edit(settings_text(port, folder, extra, status_port)))
    command = [sys.executable, "-m", "agent", "run", "--config", str(file)]
    with (folder / "agent.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **CREDENTIALS})
    running = RunningAgent(process, port, folder, status_port)
    try:
        wait_for(running.listening, lambda: f"the agent listens:\n{running.log()}")
        yield running
    finally:
        family = [process.pid, *(child.pid for child in _children(process.pid))]
        for pid in family:
            with_pid(pid, signal.SIGKILL)
        process.wait()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def with_pid(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        port: int = each.getsockname()[1]
        return port


def wait_for(condition: Callable[[], object], what: str | Callable[[], str], within_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds. Fails the test, saying what was waited for, when it does not in time."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not seen within {within_s:g} s: {what() if callable(what) else what}")
        time.sleep(0.05)
