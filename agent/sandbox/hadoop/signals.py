"""Spark's own decommissioning of executors, by signal, where Spark does not follow YARN's."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil


def decommission_executors(group: int) -> None:
    """SIGPWR to those processes of the group that have a handler for it: executors with `spark.decommission.enabled`.

    Spark on EMR follows YARN's decommissioning of a node also where there is a shuffle service; Spark as published
    does not (SPARK-39018).
    """
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == group and catches(pid, signal.SIGPWR):
                os.kill(pid, signal.SIGPWR)


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal (`SigCgt` in proc(5)). Raises OSError when it has ended."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)
