"""Snapshots for the tests of roll-up and signals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.aggregate.snapshot import Instance, MemoryDeath, Role, Snapshot
from agent.domain.readings import Application

DATA = Path(__file__).parent.parent / "data"
CAPTURE = DATA / "graphite_spark3.5.9_standalone_p10.txt"
APP = "app-1"
GIB = 1024.0**3


def jvm(
    values: Mapping[str, float],
    *,
    role: Role = Role.EXECUTOR,
    app: str = APP,
    id: str = "1",
    first_seen: float = 0.0,
    last_seen: float = 100.0,
) -> Instance:
    return Instance(role, app, id, "10.0.0.1", first_seen, last_seen, values)


def heap(used: float, maximum: float = GIB) -> dict[str, float]:
    return {"jvm.heap.used": used, "jvm.heap.max": maximum}


def snapshot(
    *instances: Instance, at: float = 100.0, deaths: Iterable[MemoryDeath] = (), new_after: float = 20.0, **over: Any
) -> Snapshot:
    fields: dict[str, Any] = {"executors_lost": 0, "cluster": None, "hdfs": None, "node": None, "counts": {}}
    return Snapshot(at=at, instances=instances, memory_deaths=tuple(deaths), new_after=new_after, **(fields | over))


def death(executor: str = "1", *, app: str = APP, at: float = 90.0, heap_max: float = GIB) -> MemoryDeath:
    return MemoryDeath(app, executor, at, heap_max, "its last report")


def application(id: str, name: str, state: str = "RUNNING") -> Application:
    return Application(id=id, name=name, state=state, memory_used_mb=1024)


def captured(report: int) -> Snapshot:
    """The first (0) or second (1) report of each JVM in a capture of a real Spark, ten seconds apart."""
    instances = (_instance(role, closed, lines) for role, closed, lines in _reports(report) if role != "applications")
    return snapshot(*instances, at=1795220380.0)


def reports(report: int) -> Iterator[tuple[bytes, str, float]]:
    """The same as it came over the wire: bytes, sender's address (each role has one of its own), arrival."""
    for peer, (_, closed, lines) in enumerate(_reports(report)):
        yield "".join(f"{line}\n" for line in lines).encode(), f"10.0.0.{peer}", closed


def _reports(report: int) -> Iterator[tuple[str, float, list[str]]]:
    """Every role twice in a row in the capture, but for the two workers, which take turns."""
    found: dict[str, list[tuple[str, float, list[str]]]] = {}
    for text in CAPTURE.read_text().split("#CONN ")[1:]:
        head, *lines = text.splitlines()
        role, closed = re.search(r"role=(\S+) .* close=(\S+)", head).groups()  # type: ignore[union-attr]
        found.setdefault(role, []).append((role, float(closed), lines))
    for one in found.values():
        half = len(one) // 2
        yield from one[report * half : (report + 1) * half]


def _instance(role: str, closed: float, lines: list[str]) -> Instance:
    values = {}
    app = id_ = ""
    for line in lines:
        name, value, _ = line.rsplit(" ", 2)
        if name.startswith("app-"):
            app, id_, name = name.split(".", 2)
        if math.isfinite(float(value)):
            values[name] = float(value)
    if role == "worker":  # the capture has no worker's identity: what stays the same tells them apart
        id_ = str(values["jvm.G1-Young-Generation.time"])
    kind = {"exec-0": Role.EXECUTOR, "exec-1": Role.EXECUTOR}.get(role) or Role(role)
    return Instance(kind, app, id_ or role, "127.0.0.1", 0.0, closed, values)
