"""A real standalone Spark that reports into the agent's own listener and table, and what JVMs say of themselves."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil

from agent.aggregate.table import Table
from agent.sandbox.java import Java
from agent.sandbox.spark.conf import MetricsSink
from agent.settings_sources import ListenerSettings
from agent.sources.graphite_listener import Listener
from agent.telemetry import Telemetry
from agent.wire import graphite

Found = TypeVar("Found")

APPLICATIONS = Path(__file__).parent / "applications"


def wait_for(look: Callable[[], Found | None], what: str, timeout_s: float = 180.0) -> Found:
    """What `look` finds, as soon as it finds something that is not false."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.25)
    return found


@dataclass
class LineIn:
    """The agent's listener and table, with every report remembered as it came."""

    table: Table
    sink: MetricsSink
    reports: list[tuple[float, tuple[graphite.Line, ...]]] = field(default_factory=list)

    def report(self, raw: bytes, peer: str, at: float) -> None:
        self.reports.append((at, graphite.parse(raw, 1024).lines))
        self.table.report(raw, peer, at)

    def series(self, name_ends: str) -> list[tuple[float, float]]:
        """Arrival and value of every line whose name ends so, in order."""
        return [(at, line.value) for at, lines in list(self.reports) for line in lines if line.name.endswith(name_ends)]


@contextmanager
def line_in() -> Iterator[LineIn]:
    settings = ListenerSettings(host="127.0.0.1", port=0, report_period_s=1)
    telemetry = Telemetry()
    world = LineIn(Table(settings, 300.0, telemetry), MetricsSink("127.0.0.1", 1))
    listener = Listener(settings, world, time.time, telemetry)
    host, port = listener.bind()
    world.sink = MetricsSink(host, port, period_s=1)
    stop = threading.Event()
    thread = threading.Thread(target=listener.run, args=(lambda: None, stop))
    thread.start()
    try:
        yield world
    finally:
        stop.set()
        thread.join()
        listener.close()


def jcmd(java: Java, pid: int, command: str) -> str:
    """The answer of a JVM to a diagnostic command: by its own `jcmd`, or where a runtime has none by what jcmd does."""
    tool = java.tool("jcmd")
    if tool is None:
        return attach(pid, command)
    return subprocess.run([str(tool), str(pid), command], capture_output=True, text=True, timeout=60, check=True).stdout


def attach(pid: int, command: str) -> str:
    """HotSpot's attach protocol: a file and SIGQUIT make the JVM open a socket, which takes `jcmd` and the command."""
    door = Path(f"/tmp/.java_pid{pid}")
    knock = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
    if not door.is_socket():
        knock.touch()
        psutil.Process(pid).send_signal(3)
        wait_for(door.is_socket, f"JVM {pid} listens for attach", 30)
        knock.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(str(door))
        line.sendall(b"1\0jcmd\0" + command.encode() + b"\0\0\0")
        parts = iter(lambda: line.recv(65536), b"")
        return b"".join(parts).decode()


@dataclass(frozen=True)
class Heap:
    used: int
    """Bytes."""
    slack: int
    """Bytes by which two looks at an idle heap may differ: two allocation regions, or a serial heap's rounding."""


def heap(java: Java, pid: int) -> Heap:
    """`GC.heap_info`: the heap's use as the JVM itself says."""
    text = jcmd(java, pid, "GC.heap_info")
    used = [
        int(kib) * 1024
        for kib in re.findall(r"^\s*(?:garbage-first|def new|tenured).*?used (\d+)K", text, re.MULTILINE)
    ]
    region = re.search(r"region size (\d+)K", text)
    assert used, text
    return Heap(sum(used), 2 * int(region[1]) * 1024 if region else 64 * 1024)


def max_heap(java: Java, pid: int) -> int:
    found = re.search(r"-XX:MaxHeapSize=(\d+)", jcmd(java, pid, "VM.flags"))
    assert found
    return int(found[1])


def executor_pids(worker_pid: int) -> dict[str, int]:
    """Executor id -> pid, of the executors that a Worker process has started and that still run."""
    found = {}
    for child in psutil.Process(worker_pid).children():
        # spark-class leaves a zombie behind: the launcher that it had write the command line
        with suppress(psutil.NoSuchProcess):
            line = child.cmdline()
            if "--executor-id" in line:
                found[line[line.index("--executor-id") + 1]] = child.pid
    return found


def running(pids: set[int]) -> set[int]:
    """Those that still run; a zombie does not."""
    left = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                left.add(pid)
        except psutil.NoSuchProcess:
            continue
    return left
