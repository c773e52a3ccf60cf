"""The captured connections of a real Spark, as bytes, and reports made up in the same form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILES = tuple(sorted((Path(__file__).parent / "data" / "graphite").glob("graphite_*.txt")))

_CONNECTION = re.compile(rb"^#CONN role=(\S+) peer=(\d+) .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Connection:
    role: str
    """As the capture notes it: driver, exec-0, master, worker, applications."""
    raw: bytes
    """What was sent, unchanged."""

    @property
    def at(self) -> float:
        return float(self.raw.split(None, 3)[2])

    @property
    def lines(self) -> list[tuple[str, str, int]]:
        fields = [line.split(" ") for line in self.raw.decode().splitlines()]
        return [(name, value, int(stamp)) for name, value, stamp in fields]


@cache
def connections(file: Path) -> tuple[Connection, ...]:
    _, *parts = _CONNECTION.split(file.read_bytes())
    return tuple(Connection(role.decode(), raw) for role, raw in zip(parts[::3], parts[2::3], strict=True))


def first(role: str, file: str = "graphite_spark3.5.9_standalone_p10.txt") -> Connection:
    """The first connection of a role in a capture."""
    found = next(path for path in FILES if path.name == file)
    return next(one for one in connections(found) if one.role == role)


def report(prefix: str, values: Mapping[str, object], at: float) -> bytes:
    """A report as GraphiteSink would write it."""
    return "".join(f"{prefix}{name} {value} {int(at)}\n" for name, value in values.items()).encode()
