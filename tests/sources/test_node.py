from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from agent.sources.node import NodeReader

BURN = """
import sys, time
sys.stdin.readline()
block = bytearray(80_000_000)
while time.process_time() < 0.5: pass
print("burnt", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[str]]:
    """A process that uses half a second of CPU and 80 MB once it is sent a line, and ends with the next."""
    process = subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.communicate("\n\n", timeout=60)


def line(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "burnt\n"


def test_the_agents_share_is_summed_over_its_processes(burner: subprocess.Popen[str]) -> None:
    reader = NodeReader(lambda: (os.getpid(), burner.pid), lambda: 77.0)
    alone = psutil.Process().memory_info().rss
    line(burner)
    reading = reader.read()
    assert reading.at == 77.0
    assert reading.agent_cpu_percent > 0
    assert reading.agent_rss_bytes > alone + 80_000_000 * 0.9


def test_cpu_is_that_since_the_reading_before(burner: subprocess.Popen[str]) -> None:
    """The burner rests between the second reading and the third."""
    reader = NodeReader(lambda: (burner.pid,), lambda: 0.0)
    line(burner)
    assert reader.read().agent_cpu_percent > 0
    assert reader.read().agent_cpu_percent == 0


def test_the_node_is_told_in_percent() -> None:
    reader = NodeReader(lambda: (os.getpid(),), lambda: 0.0)
    while sum(os.times()[:2]) < 0.2:
        pass
    reading = reader.read()
    assert 0 <= reading.cpu_percent <= 100
    assert 0 < reading.memory_used_percent < 100
    assert reading.load_1m >= 0


def test_a_process_that_is_gone_counts_no_more() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    reader = NodeReader(lambda: (process.pid,), lambda: 0.0)
    assert reader.read().agent_rss_bytes > 0
    process.communicate(b"\n", timeout=60)
    reading = reader.read()
    assert (reading.agent_cpu_percent, reading.agent_rss_bytes) == (0, 0)


def test_a_process_that_joins_later_is_counted_from_then(burner: subprocess.Popen[str]) -> None:
    pids: list[int] = []
    reader = NodeReader(lambda: pids, lambda: 0.0)
    assert reader.read().agent_rss_bytes == 0
    pids.append(burner.pid)
    assert reader.read().agent_rss_bytes > 0
