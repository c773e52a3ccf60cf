"""Processes that end with their parent: by its will, by its death, or by a Ctrl-C that it did not handle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.sandbox.spark import reaper

_REAPER = Path(reaper.__file__)


class Processes:
    """Starts programs, each the leader of a process group of its own, and leaves none behind.

    A reaper process holds the other end of a pipe: when this process is gone, even by SIGKILL, it kills every group
    that is left. (PR_SET_PDEATHSIG would not do: it follows the thread that forked, and reaches no grandchild.)
    A group outlives its leader, so an executor whose worker was killed is reached too.
    """

    def __init__(self) -> None:
        read_end, self._pipe = os.pipe()
        try:
            self._reaper = subprocess.Popen(
                [sys.executable, "-I", str(_REAPER)], stdin=read_end, start_new_session=True
            )
        finally:
            os.close(read_end)
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._closed = False

    def start(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, cwd: Path
    ) -> subprocess.Popen[bytes]:
        """Start it and return at once; its output is appended to `log`. Raises RuntimeError once closed."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, log.open("ab") as out:
            if self._closed:
                raise RuntimeError("closed: nothing is started any more")
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_REAPER), "exec", str(self._pipe), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
                pass_fds=(self._pipe,),
            )
            self._groups.add(process.pid)
            return process

    def kill(self, process: subprocess.Popen[bytes], wait_s: float = 10.0) -> None:
        """SIGKILL to the whole group; afterwards its leader is waited for."""
        with self._lock:
            if process.pid not in self._groups:
                return
            self._groups.discard(process.pid)
            _kill_group(process.pid)
            with contextlib.suppress(OSError):
                os.write(self._pipe, f"-{process.pid}\n".encode())
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)

    def end(self, process: subprocess.Popen[bytes], wait_s: float = 10.0) -> None:
        """SIGTERM to the leader, `wait_s` to follow it, then SIGKILL to whatever is left of the group."""
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)
        self.kill(process)

    def close(self, wait_s: float = 10.0) -> None:
        """Kill every group that is left; the reaper ends. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.close(self._pipe)
            self._groups.clear()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._reaper.wait(wait_s)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
