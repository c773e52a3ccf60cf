"""Steps as real processes, each with a folder of its own for what it writes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.sandbox.emr import leash


class StepProcesses:
    """Not thread-safe: one thread starts, watches and signals."""

    def __init__(self, folder: Path, env: Mapping[str, str], cwd: Path | None) -> None:
        """`folder` gets one sub-folder a step; commands run in `cwd`, or in the step's folder when it is None."""
        self._folder = folder.absolute()
        self._env = dict(env)
        self._cwd = cwd
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, cluster_id: str, step_id: str, command: Sequence[str]) -> None:
        """A command that cannot be started is a process that ends with 127, and its stderr says why."""
        folder = self.folder(step_id)
        folder.mkdir(parents=True, exist_ok=True)
        env = {**self._env, "EMR_CLUSTER_ID": cluster_id, "EMR_STEP_ID": step_id}
        leashed = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *command]
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            self._running[step_id] = subprocess.Popen(
                leashed,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=env,
                cwd=self._cwd or folder,
                start_new_session=True,
            )

    def folder(self, step_id: str) -> Path:
        return self._folder / step_id

    def exits(self) -> Mapping[str, int]:
        """Exit status of each step whose process has ended since the last call. What it left behind is killed."""
        ended = {}
        for step_id, process in list(self._running.items()):
            status = process.poll()
            if status is not None:
                _signal_group(process, 9)
                ended[step_id] = status
                del self._running[step_id]
        return ended

    def signal(self, step_id: str, number: int) -> None:
        """To the step's whole process group; nothing when it has ended."""
        if step_id in self._running:
            _signal_group(self._running[step_id], number)

    def close(self, deadline_s: float = 5.0) -> None:
        """Kill what still runs and wait for it."""
        for process in self._running.values():
            _signal_group(process, 9)
        until = time.monotonic() + deadline_s
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.01, until - time.monotonic()))
        self._running.clear()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
