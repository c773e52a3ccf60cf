"""Datums in a file."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from agent.domain.datums import Datum, Distribution, Unit
from agent.sinks.jsonl import JsonlSink
from agent.telemetry import Telemetry
from tests.sinks.helpers import CLUSTER, datum


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_datum_is_one_object_with_its_distribution_and_statistics(tmp_path: Path) -> None:
    path = tmp_path / "new" / "datums.jsonl"
    sink = JsonlSink(path, 10_000, "Tidemark", Telemetry())
    spread = Distribution((1.0, 2.5), (2, 4))
    sink.ship([Datum(name="JvmHeapUsed", unit=Unit.BYTES, dimensions=CLUSTER, at=1800.0, distribution=spread)])
    sink.ship([datum("Other", at=1860.0)])
    assert objects(path)[0] == {
        "namespace": "Tidemark",
        "name": "JvmHeapUsed",
        "dimensions": {"ClusterId": "j-TEST"},
        "unit": "Bytes",
        "timestamp": 1800.0,
        "values": [1.0, 2.5],
        "counts": [2, 4],
        "sample_count": 6,
        "sum": 12.0,
        "min": 1.0,
        "max": 2.5,
    }
    assert [one["name"] for one in objects(path)] == ["JvmHeapUsed", "Other"]


def test_two_files_bound_the_disk_and_no_period_is_split(tmp_path: Path) -> None:
    path = tmp_path / "datums.jsonl"
    sink = JsonlSink(path, 2_000, "Tidemark", Telemetry())
    for period in range(50):
        sink.ship([datum(f"P{period:02}", at=0.0), datum(f"P{period:02}", at=0.0)])
        assert path.stat().st_size <= 2_000
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "datums.jsonl.1"]
    names = [one["name"] for file in (tmp_path / "datums.jsonl.1", path) for one in objects(file)]
    assert names == sorted(names)
    assert names[-1] == "P49"
    assert all(names.count(name) == 2 for name in names)


@pytest.mark.parametrize("bad", ["/dev/full", "."])
def test_a_disk_error_is_counted_and_not_raised(bad: str, tmp_path: Path) -> None:
    telemetry = Telemetry()
    JsonlSink(tmp_path / bad, 10_000, "Tidemark", telemetry).ship([datum(), datum()])
    assert telemetry.counts() == {"FileErrors": 2}


def test_a_disk_that_fills_leaves_no_half_line(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow in the middle of a period (RLIMIT_FSIZE), then lets it again."""
    path = tmp_path / "datums.jsonl"
    telemetry = Telemetry()
    sink = JsonlSink(path, 1_000_000, "Tidemark", telemetry)
    sink.ship([datum("Before")])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, limits[1]))
    try:
        sink.ship([datum("Torn")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    sink.ship([datum("After")])
    assert [one["name"] for one in objects(path)] == ["Before", "After"]
    assert telemetry.counts() == {"FileErrors": 1}
