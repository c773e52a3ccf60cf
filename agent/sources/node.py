"""This node's load and memory, and the agent's own share of them, by psutil."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from agent.domain.ports import Clock
from agent.domain.readings import NodeReading


@dataclass(frozen=True, slots=True)
class _Usage:
    """CPU seconds since boot (node) and since their start (processes), at one monotonic time."""

    at: float
    node_busy: float
    node_total: float
    processes: dict[int, float]


class NodeReader:
    """Each reading tells of the time since the one before; the first tells of the time since this was made.

    `pids` gives the agent's processes at each reading; one that is gone counts no more. Resident memory is
    summed: pages that processes share are counted for each.
    """

    def __init__(self, pids: Callable[[], Iterable[int]], clock: Clock) -> None:
        self._pids = pids
        self._clock = clock
        self._processes: dict[int, psutil.Process] = {}
        self._before, _ = self._usage()

    def read(self) -> NodeReading:
        now, rss = self._usage()
        before, self._before = self._before, now
        total = now.node_total - before.node_total
        # a process that was not there before counts from its start, at most over this span
        own = sum(max(0.0, used - before.processes.get(pid, 0.0)) for pid, used in now.processes.items())
        return NodeReading(
            at=self._clock(),
            cpu_percent=_percent(now.node_busy - before.node_busy, total),
            memory_used_percent=psutil.virtual_memory().percent,
            load_1m=psutil.getloadavg()[0],
            agent_cpu_percent=100.0 * own / elapsed if (elapsed := now.at - before.at) > 0 else 0.0,
            agent_rss_bytes=rss,
        )

    def _usage(self) -> tuple[_Usage, int]:
        self._processes = {pid: process for pid in self._pids() if (process := self._process(pid)) is not None}
        cpu: dict[int, float] = {}
        rss = 0
        for pid, process in self._processes.items():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss += process.memory_info().rss
            except psutil.Error:
                continue
            cpu[pid] = times.user + times.system
        # user time includes guest time already
        node = psutil.cpu_times()
        total = sum(node) - getattr(node, "guest", 0.0) - getattr(node, "guest_nice", 0.0)
        busy = total - node.idle - getattr(node, "iowait", 0.0)
        return _Usage(time.monotonic(), busy, total, cpu), rss

    def _process(self, pid: int) -> psutil.Process | None:
        """The process as known before, unless its id went to another one since."""
        known = self._processes.get(pid)
        try:
            return known if known is not None and known.is_running() else psutil.Process(pid)
        except psutil.Error:
            return None


def _percent(part: float, whole: float) -> float:
    """0 to 100. The kernel's idle and waiting times may step back by a little."""
    return min(100.0, max(0.0, 100.0 * part / whole)) if whole > 0 else 0.0
