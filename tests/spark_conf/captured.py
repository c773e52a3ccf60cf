"""The captured reports of a real Spark: who sent a line, and which metric it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CAPTURES = tuple(sorted((Path(__file__).parent.parent / "data" / "graphite").glob("graphite_*.txt")))

_ATTRIBUTE = re.compile(r"[.](count|max|mean|min|stddev|p50|p75|p95|p98|p99|p999|m1_rate|m5_rate|m15_rate|mean_rate)$")
_IDENTITY = re.compile(r"^(?:(?:app|local)-[0-9-]+[.])?(?:driver|[0-9]+)[.]")


@dataclass(frozen=True, slots=True)
class Captured:
    role: str
    """As the capture notes it: driver, exec, master, worker, applications."""
    connection: int
    """Position of its report in the file."""
    name: str
    """As sent."""

    @property
    def series(self) -> str:
        return _IDENTITY.sub("", self.name)

    @property
    def metric(self) -> str:
        """The name in Spark's registry, which is what the filter sees: without the reporter's attribute."""
        return self.name if self.series.startswith("jvm.") else _ATTRIBUTE.sub("", self.name)


def lines(capture: Path) -> Iterator[Captured]:
    role, connection = "", -1
    for text in capture.read_text(encoding="utf-8").splitlines():
        if text.startswith("#CONN"):
            role, connection = text.partition("role=")[2].split()[0].split("-")[0], connection + 1
        elif not text.startswith("#"):
            yield Captured(role, connection, text.split(" ")[0])
