"""Periods and turns over one table: what a datum's delta and a signal's delta are against."""

from __future__ import annotations

from agent.aggregate.table import Table
from agent.domain.signals import Statistic
from agent.periods import Periods
from agent.settings import ClusterSettings, ListenerSettings
from agent.telemetry import Telemetry

BEGAN = 1_000_000.0
PERIOD_S = 60.0


def world() -> tuple[Table, Periods]:
    table = Table(ListenerSettings(), 300.0, Telemetry())
    return table, Periods(table, ClusterSettings(), "j-1", BEGAN)


def read_bytes(table: Table, at: float, total: int) -> None:
    """One executor's cumulative counter."""
    table.report(f"application_1_0001.1.executor.bytesRead.count {total} {int(at)}\n".encode(), "10.0.0.1", at)


def test_a_period_is_against_the_close_before() -> None:
    table, periods = world()
    found = []
    for number in range(4):
        at = BEGAN + number * PERIOD_S
        read_bytes(table, at, 100 * number * number)
        datums = periods.close(at, None, None)
        found.append([datum.distribution.sum for datum in datums if datum.name == "InputBytes"])
    assert found == [[], [100.0], [300.0], [500.0]]


def test_the_first_period_begins_with_the_agent() -> None:
    table, periods = world()
    read_bytes(table, BEGAN + 10, 1)
    assert {datum.at for datum in periods.close(BEGAN + 30, None, None)} == {BEGAN}
    assert {datum.at for datum in periods.close(BEGAN + 60, None, None)} == {BEGAN + 30}


def test_a_signal_spans_at_least_a_whole_period_also_right_after_a_close() -> None:
    table, periods = world()
    for number in range(2):
        read_bytes(table, BEGAN + number * PERIOD_S, 100 * number)
        assert "InputBytes" not in periods.sense(BEGAN + number * PERIOD_S, None, None).signals, "too short a span"
        periods.close(BEGAN + number * PERIOD_S, None, None)
    right_after = periods.sense(BEGAN + PERIOD_S + 1, None, None).signals["InputBytes"]
    assert right_after.values[Statistic.SUM] == 100.0
