"""Imitates executors: prepared reports of a real Spark's series, sent by `sender.c`, one connection a report.

    python load.py --executors 1000 --lines 120 --rounds 20 HOST PORT           as fast as they are taken
    python load.py --executors 1000 --lines 120 --rounds 3 --period-s 10 HOST PORT      paced

As a module: `prepare` writes the reports to a file and says what each executor sends, `Sender` sends them.
"""

from __future__ import annotations

import argparse
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CAPTURES = HERE.parent.parent / "tests" / "data" / "graphite"
STAMP = b"@" * 10
"""Becomes the time of sending."""
SOURCES = 64
"""Source addresses, 127.0.1.1 and up: each has its own ephemeral ports."""
EXECUTORS_PER_APPLICATION = 100
MOST_REPORTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Executor:
    app: str
    id: str
    source: str
    """Address that it sends from."""
    values: tuple[tuple[str, bytes], ...]
    """Series without identity, and the value as it is sent."""

    @property
    def report(self) -> bytes:
        prefix = f"{self.app}.{self.id}.".encode()
        return b"".join(b"%s%s %s %s\n" % (prefix, name.encode(), value, STAMP) for name, value in self.values)


@dataclass(frozen=True, slots=True)
class Sent:
    connections: int
    bytes: int
    failures: int
    seconds: float


def captured(capture: str = "graphite_spark3.5.9_standalone_p10.txt") -> list[tuple[str, bytes]]:
    """Series and values of one executor's report of a real Spark: 192 lines."""
    _, _, after = (CAPTURES / capture).read_bytes().partition(b"#CONN role=exec-0")
    lines = after.partition(b"\n")[2].partition(b"#CONN")[0].splitlines()
    fields = [line.split() for line in lines]
    return [(name.decode().partition(".0.")[2], value) for name, value, _ in fields]


def executors(count: int, lines: int) -> Iterator[Executor]:
    """`count` executors that each send `lines` lines of a captured report, evenly chosen, with values of their own."""
    series = captured()
    chosen = [series[index * len(series) // lines] for index in range(lines)]
    for number in range(count):
        app, identity = divmod(number, EXECUTORS_PER_APPLICATION)
        values = tuple((name, _varied(value, number)) for name, value in chosen)
        yield Executor(
            f"application_1795220000000_{app:04}", str(identity + 1), f"127.0.1.{1 + number % SOURCES}", values
        )


def prepare(path: Path, senders: list[Executor]) -> int:
    """Write the reports for `sender.c`; how many lines one round has."""
    with path.open("wb") as file:
        for executor in senders:
            report = executor.report
            file.write(socket.inet_aton(executor.source) + struct.pack("=I", len(report)) + report)
    return sum(len(executor.values) for executor in senders)


def compiled(source: str, folder: Path) -> Path:
    """The program made of a C file of this folder."""
    program = folder / Path(source).stem
    subprocess.run(["cc", "-O2", "-o", program, HERE / source], check=True)
    return program


class Sender:
    """Sends what `prepare` wrote."""

    def __init__(self, folder: Path, core: int | None = None) -> None:
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        self._command = [*pinned, str(compiled("sender.c", folder))]

    def send(self, reports: Path, host: str, port: int, rounds: int, period_s: float = 0) -> Sent:
        """Raises CalledProcessError when a report could not be sent."""
        command = [*self._command, str(reports), host, str(port), str(rounds), str(period_s * 1000)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return Sent(int(out[0]), int(out[1]), int(out[2]), float(out[3]))


def _varied(value: bytes, number: int) -> bytes:
    """Different for each executor, so that a value that ends up with another one is noticed."""
    return b"%d" % (int(value) + number) if value.isdigit() and value != b"0" else value


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("host")
    arguments.add_argument("port", type=int)
    arguments.add_argument("--executors", type=int, default=1000)
    arguments.add_argument("--lines", type=int, default=120, choices=range(1, 193), metavar="1..192")
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--period-s", type=float, default=0.0, help="length of a round; 0: as fast as possible")
    given = arguments.parse_args()
    if given.executors * given.rounds > MOST_REPORTS:
        arguments.error(f"more than {MOST_REPORTS} reports")
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "reports"
        lines = prepare(reports, list(executors(given.executors, given.lines)))
        sent = Sender(Path(folder)).send(reports, given.host, given.port, given.rounds, given.period_s)
    print(f"{sent.connections} reports, {lines * given.rounds} lines, {sent.bytes} bytes in {sent.seconds:.2f} s")


if __name__ == "__main__":
    main()
