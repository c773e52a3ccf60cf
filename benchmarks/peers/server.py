"""One started server, pinned to a core: what it has used, and that it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.peers.obtain import Unavailable

START_S = 60.0
STANDSTILL = 0.03
"""Of a core: a server that uses less has nothing left to do but its own clockwork."""
STANDSTILL_S = 0.5
QUIET_POLLS = 3
"""In a row: on a busy machine a server may stand still for a moment and not be done."""
SETTLE_S = 30.0


class Server:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._own = psutil.Process(process.pid)

    def cpu_s(self) -> float:
        """User and system seconds since its start, of all its processes."""
        return sum(times.user + times.system for times in (each.cpu_times() for each in self._family()))

    def rss_mb(self) -> float:
        return sum(each.memory_info().rss for each in self._family()) / 1e6

    def settle(self, watch: Callable[[], None]) -> None:
        """Wait until it does nothing more, at most SETTLE_S; `watch` is called meanwhile."""
        end = time.monotonic() + SETTLE_S
        before = self.cpu_s()
        quiet = 0
        while quiet < QUIET_POLLS and time.monotonic() < end:
            time.sleep(STANDSTILL_S)
            watch()
            now = self.cpu_s()
            quiet = quiet + 1 if now - before < STANDSTILL * STANDSTILL_S else 0
            before = now

    def _family(self) -> list[psutil.Process]:
        return [self._own, *self._own.children(recursive=True)]


@contextmanager
def started(command: Sequence[str], folder: Path, port: int, core: int) -> Iterator[Server]:
    """Start it and wait until it listens; afterwards nothing of it runs. Raises Unavailable when it does not start."""
    log = folder / "log"
    with log.open("wb") as out:
        pinned = ["taskset", "-c", str(core), *command]
        process = subprocess.Popen(
            pinned, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield Server(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip().splitlines()
    raise Unavailable(f"did not start: {said[-1] if said else 'it said nothing'}")
