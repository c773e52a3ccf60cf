"""Periods and turns over one table: what a datum's delta and a signal's delta are against."""

from __future__ import annotations

from typing import Any

from agent.aggregate.catalogue import BY_NAME, Over
from agent.aggregate.outgoing import SHADOW_TARGET
from agent.aggregate.table import Table
from agent.domain.readings import Application, ClusterManager, ClusterReading, NodeReading
from agent.domain.signals import Statistic
from agent.periods import Periods
from agent.settings import ClusterSettings
from agent.settings_sources import ListenerSettings
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


def of_yarn(at: float, **changed: Any) -> ClusterReading:
    app = Application(id="application_1_0001", name="job", state="RUNNING", memory_used_mb=1024.0, kind="SPARK")
    facts: dict[str, Any] = {"at": at, "memory_total_mb": 4096.0, "memory_available_mb": 1024.0, "peers": 2}
    return ClusterReading(manager=ClusterManager.YARN, **{"applications": (app,), **facts, **changed})


def test_an_agent_that_does_not_act_publishes_itself_and_its_node_alone() -> None:
    table, periods = world()
    published = {}
    for number, leader in enumerate((False, False, True)):
        at = BEGAN + number * PERIOD_S
        read_bytes(table, at, 100 * number)
        table.take(of_yarn(at, leader=leader))
        table.take(node(at))
        published[number] = periods.close(at, None, True)
    names = {datum.name for datum in published[1]}
    assert {"Heartbeat", "LinesReceived", "AgentMemory", "NodeCpuPercent"} <= names
    assert {BY_NAME[name].over for name in names} == {Over.AGENT, Over.NODE}
    assert "ClusterIdle" not in names
    after = {datum.name: datum.distribution.sum for datum in published[2]}
    assert after["InputBytes"] == 100, "what grew in the period of the failover, not all that came before it"
    assert {"MemoryTotal", "AppsRunning", "ExecutorsReporting", "ClusterIdle"} <= set(after)


def test_the_reading_names_the_running_applications_of_which_nothing_reports_here() -> None:
    table, periods = world()
    table.take(of_yarn(BEGAN))
    reading = periods.sense(BEGAN, None, None).reading
    assert reading is not None and reading.unheard == ("application_1_0001",)
    read_bytes(table, BEGAN, 1)
    reading = periods.sense(BEGAN, None, None).reading
    assert reading is not None and reading.unheard == ()
    table.take(of_yarn(BEGAN + 1, applications=None))
    reading = periods.sense(BEGAN + 1, None, None).reading
    assert reading is not None and reading.unheard is None


def node(at: float) -> NodeReading:
    return NodeReading(
        at=at, cpu_percent=5.0, memory_used_percent=50.0, load_1m=0.1, agent_cpu_percent=1.0, agent_rss_bytes=10**8
    )


def test_what_shadows_would_do_is_published_by_policy_and_only_by_the_agent_that_acts() -> None:
    table, periods = world()
    told = {"demand": 7, "dataproc": 3}
    datums = periods.close(BEGAN + 60, None, None, told)
    found = {datum.dimensions[1]: datum.distribution.sum for datum in datums if datum.name == SHADOW_TARGET}
    assert found == {("Policy", "demand"): 7.0, ("Policy", "dataproc"): 3.0}
    table.take(of_yarn(BEGAN + 61, leader=False))
    assert SHADOW_TARGET not in {datum.name for datum in periods.close(BEGAN + 120, None, None, told)}
