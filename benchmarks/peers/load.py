"""The load of this comparison: reports of 40 to 190 lines in either wire format, and the program that sends them."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest.load import Executor, compiled, executors, prepare
from benchmarks.peers.peer import Wire

SIZES = (40, 80, 120, 160, 190)
SEND_LIMIT_S = 600.0
WATCH_S = 0.25


@dataclass(frozen=True, slots=True)
class Load:
    senders: tuple[Executor, ...]
    lines: int
    """Of one round."""
    rounds: int
    files: dict[Wire, Path]

    @property
    def all_lines(self) -> int:
        return self.lines * self.rounds


def mixed(count: int) -> tuple[Executor, ...]:
    """`count` executors, in equal parts of each size."""
    by_size = [list(executors(count, lines)) for lines in SIZES]
    return tuple(by_size[number % len(SIZES)][number] for number in range(count))


def made(folder: Path, count: int, least_lines: int) -> Load:
    """The reports of `count` executors in both formats, and as many rounds as give `least_lines`."""
    senders = mixed(count)
    files = {wire: folder / wire.value for wire in Wire}
    lines = prepare(files[Wire.GRAPHITE], list(senders))
    with files[Wire.STATSD].open("wb") as file:
        for executor in senders:
            report = as_gauges(executor)
            file.write(socket.inet_aton(executor.source) + struct.pack("=I", len(report)) + report)
    return Load(senders, lines, max(1, -(-least_lines // lines)), files)


def as_gauges(executor: Executor) -> bytes:
    """The same samples in statsd's format, which has no timestamps."""
    prefix = f"{executor.app}.{executor.id}.".encode()
    return b"".join(b"%s%s:%s|g\n" % (prefix, name.encode(), value) for name, value in executor.values)


class Sender:
    """`sender.c` on a core of its own."""

    def __init__(self, folder: Path, core: int) -> None:
        self._command = ["taskset", "-c", str(core), str(compiled("sender.c", folder))]

    def send(self, reports: Path, port: int, rounds: int, period_s: float, watch: Callable[[], None]) -> float:
        """Seconds that it took, `watch` being called meanwhile. Raises RuntimeError when a report was not sent."""
        command = [*self._command, str(reports), "127.0.0.1", str(port), str(rounds), str(period_s * 1000)]
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                if time.monotonic() - began > SEND_LIMIT_S:
                    raise RuntimeError(f"not taken within {SEND_LIMIT_S:.0f} s")
                watch()
                time.sleep(WATCH_S)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        if process.returncode != 0:
            raise RuntimeError("a report could not be sent")
        return time.monotonic() - began
