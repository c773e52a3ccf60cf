"""What a line costs: Tidemark's line-in against a bare accept-receive-discard loop, in one run.

    python benchmarks/ingest/run.py [--repeats 3] [--lines 120] [--flat]

CPU-seconds (the receiver's own user and system time) per million lines. A figure counts only when every line is
accounted for; Tidemark's table is then compared, value by value, with what was sent. Receiver and sender have a core
each. `--flat` measures from 10 to 10,000 executors instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from agent.domain.roles import Role
from agent.wire.spark_names import recognise
from benchmarks.ingest.load import Executor, Sender, compiled, executors, prepare

HERE = Path(__file__).parent
TARGET = 3.75
LONGEST_WAIT_S = 60.0
QUIET_POLLS = 8
"""In a row, a tenth of a second apart: on a busy machine a process may stand still for a while and not be done."""
RECEIVER_CORE, SENDER_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Cost:
    seconds_per_million: float
    """CPU-seconds."""
    rss_mb: float
    accounted: str
    """Empty when every line is accounted for and every value is right; else what is not."""


class Receiver:
    """A receiving process that says where it listens, takes a line as its order, and answers with one."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            ["taskset", "-c", str(RECEIVER_CORE), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.host, port = self.line().split()
        self.port = int(port)

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ask(self, order: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self.line()

    def cpu(self) -> float:
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    def rss_mb(self) -> float:
        return float(psutil.Process(self._process.pid).memory_info().rss / 1e6)

    def settle(self) -> None:
        """Until it has nothing left to do: its CPU time stands still."""
        history = [-1.0]
        while len(history) < QUIET_POLLS or len(set(history[-QUIET_POLLS:])) > 1:
            time.sleep(0.1)
            history.append(self.cpu())

    def end(self) -> str:
        self._process.terminate()
        rest = self._process.stdout.read() if self._process.stdout else ""
        self._process.wait(timeout=30)
        return rest


@contextmanager
def running(command: list[str]) -> Iterator[Receiver]:
    receiver = Receiver(command)
    try:
        yield receiver
    finally:
        receiver.end()


def floor(program: Path, sender: Sender, reports: Path, lines: int, rounds: int) -> Cost:
    receiver = Receiver([str(program), "127.0.0.1", "0"])
    before = receiver.cpu()
    sent = sender.send(reports, receiver.host, receiver.port, rounds)
    receiver.settle()
    cost, rss = receiver.cpu() - before, receiver.rss_mb()
    connections, got = receiver.end().split()
    right = (int(connections), int(got)) == (sent.connections, sent.bytes)
    return Cost(cost / (lines * rounds) * 1e6, rss, "" if right else f"{got} of {sent.bytes} bytes")


def tidemark(sender: Sender, reports: Path, senders: list[Executor], lines: int, rounds: int) -> Cost:
    with running([sys.executable, str(HERE / "receiver.py")]) as receiver:
        first = sender.send(reports, receiver.host, receiver.port, 1)  # layouts are learned once in an executor's life
        await_connections(receiver, first.connections)
        before = receiver.cpu()
        sent = sender.send(reports, receiver.host, receiver.port, rounds)
        await_connections(receiver, first.connections + sent.connections)
        cost, rss = receiver.cpu() - before, receiver.rss_mb()
        answer = json.loads(receiver.ask("table"))
    return Cost(cost / (lines * rounds) * 1e6, rss, wrong(answer, senders, lines * (rounds + 1)))


def await_connections(receiver: Receiver, count: int) -> None:
    end = time.monotonic() + LONGEST_WAIT_S
    while int(receiver.ask("connections")) < count and time.monotonic() < end:
        time.sleep(0.2)
    receiver.settle()


def wrong(answer: dict[str, dict[str, dict[str, float]]], senders: list[Executor], lines: int) -> str:
    """What the table does not have as it was sent; empty when all is right."""
    counts = answer["counts"]
    if counts.get("LinesReceived") != lines:
        return f"{counts.get('LinesReceived')} of {lines} lines"
    if refused := {name: count for name, count in counts.items() if "Rejected" in name}:
        return f"refused: {refused}"
    for executor in senders:
        values = answer["values"].get(f"{executor.app} {executor.id}")
        sent = {name: float(value) for name, value in executor.values if Role.EXECUTOR in (recognise(name) or ())}
        wanted = {name: value for name, value in sent.items() if value > 0}
        if not wanted or values is None or {name: value for name, value in values.items() if value > 0} != wanted:
            return f"{executor.app} {executor.id} has {values}, sent {sent}"
    return ""


def measure(count: int, lines_each: int, repeats: int, least_lines: int) -> tuple[list[Cost], list[Cost]]:
    """Floor and Tidemark in turns, on the same load."""
    senders = list(executors(count, lines_each))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reports = folder / "reports"
        lines = prepare(reports, senders)
        rounds = max(1, least_lines // lines)
        sender, program = Sender(folder, SENDER_CORE), compiled("floor.c", folder)
        floors, ours = [], []
        for _ in range(repeats):
            floors.append(floor(program, sender, reports, lines, rounds))
            ours.append(tidemark(sender, reports, senders, lines, rounds))
    return floors, ours


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--lines", type=int, default=120)
    arguments.add_argument("--least-lines", type=int, default=2_400_000, help="lines of one measurement, at least")
    arguments.add_argument("--flat", action="store_true", help="from 10 to 10,000 executors")
    given = arguments.parse_args()
    counts = (10, 100, 1000, 10_000) if given.flat else (1000,)
    table = Table(title=f"CPU-seconds per million lines, {given.lines} lines a report, median of {given.repeats}")
    for heading in ("executors", "floor", "Tidemark", "ratio", f"at most {TARGET}", "RSS MB", "every line and value"):
        table.add_column(heading, justify="right")
    good = True
    for count in counts:
        floors, ours = measure(count, given.lines, given.repeats, given.least_lines)
        bare = statistics.median(cost.seconds_per_million for cost in floors)
        cost = statistics.median(cost.seconds_per_million for cost in ours)
        faults = [one.accounted for one in floors + ours if one.accounted]
        good = good and not faults and cost / bare <= TARGET
        rss = max(one.rss_mb for one in ours)
        verdict = ("yes" if cost / bare <= TARGET else "no", f"{rss:.0f}", faults[0] if faults else "accounted for")
        table.add_row(f"{count:,}", f"{bare:.3f}", f"{cost:.3f}", f"{cost / bare:.2f}", *verdict)
    Console().print(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
