"""What a real Spark sent of a query and a DStream that fall behind, as the metrics that a rule may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.aggregate.rollup import RollUp, roll_up
from agent.aggregate.table import Table
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry
from tests.captures import Connection, connections

FILE = Path(__file__).parent.parent / "data" / "graphite" / "spark3.5.9_streams_behind.txt"


@pytest.fixture(scope="module")
def rolled() -> RollUp:
    table = Table(ListenerSettings(report_period_s=1), 300.0, Telemetry())

    def heard(report: Connection) -> float:
        table.report(report.raw, "127.0.0.1", report.at)
        return report.at

    first, second = connections(FILE)
    before = table.snapshot(heard(first))
    return roll_up(table.snapshot(heard(second)), before, fleet=None, idle=None)


def test_no_line_of_it_is_unknown() -> None:
    telemetry = Telemetry()
    table = Table(ListenerSettings(), 300.0, telemetry)
    for report in connections(FILE):
        table.report(report.raw, "127.0.0.1", report.at)
        table.snapshot(report.at)
    assert not [name for name in telemetry.counts() if "Rejected" in name]


def test_both_are_seen_to_fall_behind(rolled: RollUp) -> None:
    """The query takes records at 5.95 a second of which 10.14 arrive; a batch takes 3.9 s of the second it has."""
    load = rolled["StreamingLoadPercent"]
    assert load.minimum == 170
    assert 380 < load.maximum < 400


def test_how_far_they_are_behind(rolled: RollUp) -> None:
    assert rolled["StreamingSchedulingDelay"].maximum == 61_446
    assert rolled["StreamingBatchesWaiting"].sum == 67
    assert rolled["StreamingWatermarkLag"].maximum == pytest.approx(86_000, abs=1_500)
    assert rolled["StreamingStateRows"].sum == 5
    assert rolled["StreamingStateMemory"].sum == 2032
