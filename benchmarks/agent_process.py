"""The whole agent as a user starts it, with default settings but for places, and what its two processes take."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

START_S = 60.0
STOP_S = 30.0
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_s: float
    """User and system seconds since the process was started."""
    rss_mb: float
    shared_out_mb: float
    """Proportional share: pages that both processes have are counted once."""


class RunningAgent:
    """The supervisor, and the child that does the work."""

    def __init__(self, supervisor: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.supervisor = supervisor
        self.port = port
        self.folder = folder

    @property
    def child(self) -> psutil.Process:
        """As it is now. Raises IndexError while there is none."""
        return psutil.Process(self.supervisor.pid).children()[0]

    def usage(self) -> dict[str, Usage]:
        """Of each process."""
        return {"supervisor": _usage(psutil.Process(self.supervisor.pid)), "agent": _usage(self.child)}

    def log(self) -> str:
        return (self.folder / "agent.log").read_text(errors="replace")


def _usage(process: psutil.Process) -> Usage:
    times = process.cpu_times()
    memory = process.memory_full_info()
    return Usage(times.user + times.system, memory.rss / 1e6, getattr(memory, "pss", memory.rss) / 1e6)


def settings_text(port: int, folder: Path, endpoint: str, cluster: str = "j-BENCHMARK", extra: str = "") -> str:
    """A settings file in which only places differ from the defaults."""
    return f"""
[cluster]
id = "{cluster}"
[aws]
region = "eu-west-1"
endpoint_url = "{endpoint}"
[listener]
port = {port}
[fleet]
max_capacity_units = 4
[idle]
isbusy_path = "{folder / "isbusy"}"
[journal]
path = "{folder / "journal.jsonl"}"
{extra}
"""


@contextmanager
def running(folder: Path, settings: str, port: int, core: int | None = None) -> Iterator[RunningAgent]:
    """Start it and wait until it listens; afterwards nothing of it runs. Raises RuntimeError when it does not."""
    file = folder / "tidemark.toml"
    file.write_text(settings)
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    command = [*pinned, sys.executable, "-m", "agent", "run", "--config", str(file)]
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **CREDENTIALS})
    agent = RunningAgent(process, port, folder)
    try:
        _wait_until_it_listens(agent)
        yield agent
    finally:
        _end(process)


def _wait_until_it_listens(agent: RunningAgent) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and agent.supervisor.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", agent.port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the agent does not listen: {agent.log()[-500:]}")


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    family = [supervisor.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += [child.pid for child in psutil.Process(supervisor.pid).children(recursive=True)]
    for pid in reversed(family):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    supervisor.wait(STOP_S)
