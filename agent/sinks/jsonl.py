"""The same datums in a file, one JSON object a line."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from agent import log
from agent.domain.datums import Datum
from agent.telemetry import Telemetry

ERRORS = "FileErrors"


class JsonlSink:
    """Appends; past `max_bytes` the file is renamed to `<path>.1` once, over an older one."""

    def __init__(self, path: Path, max_bytes: int, namespace: str, telemetry: Telemetry) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._namespace = namespace
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._failing = False

    def ship(self, datums: Sequence[Datum]) -> None:
        """Whole periods: one is never split over two files. A disk that fails costs the period, counted."""
        if not datums:
            return
        lines = "".join(line(datum, self._namespace) + "\n" for datum in datums)
        with self._lock:
            try:
                self._append(lines.encode("utf-8"))
                self._failing = False
            except OSError as error:
                self._telemetry.count(ERRORS, len(datums))
                if not self._failing:
                    log.event(logging.WARNING, "jsonl.failing", path=self._path, error=str(error))
                self._failing = True

    def close(self, deadline_s: float) -> None:
        """Nothing is held: each period is on its way to the disk when `ship` returns."""

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size + len(data) > self._max_bytes:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        with self._path.open("ab", buffering=0) as file:
            start = file.tell()
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(start)  # a reader never sees half a line
                raise


def line(datum: Datum, namespace: str) -> str:
    """`timestamp` is Unix seconds, the start of the period."""
    spread = datum.distribution
    return json.dumps(
        {
            "namespace": namespace,
            "name": datum.name,
            "dimensions": dict(datum.dimensions),
            "unit": str(datum.unit),
            "timestamp": datum.at,
            "values": spread.values,
            "counts": spread.counts,
            "sample_count": spread.sample_count,
            "sum": spread.sum,
            "min": spread.minimum,
            "max": spread.maximum,
        }
    )
