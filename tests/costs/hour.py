"""An hour of a cluster: reports of captured JVMs into the real table, closed by the real periods, sent by the real sink
over HTTP to a CloudWatch whose time the test steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from random import Random

from agent.aggregate.table import Table
from agent.domain.fleets import Collection, Fleet
from agent.domain.readings import (
    Application,
    ClusterManager,
    ClusterNode,
    ClusterReading,
    ContainerAsk,
    HdfsReading,
    NodeCounts,
    NodeReading,
)
from agent.domain.stages import StageProgress, StagesReading
from agent.periods import Periods
from agent.sandbox.cloudwatch.received import Hour
from agent.settings import Settings
from agent.sinks.cloudwatch import CloudWatchSink
from agent.telemetry import Telemetry
from tests import captures
from tests.sandbox.emr_world import ManualClock, World, boto

HOUR_S = 3_600
MORE: dict[str, dict[str, float]] = {
    "executor": {"jvm.pools.G1-Old-Gen.used-after-gc": 1e8},
    "driver": {
        "ExecutorAllocationManager.executors.numberMaxNeededExecutors": 12,
        "ExecutorAllocationManager.executors.numberAllExecutors": 10,
    },
}
"""What the captured cluster had no occasion to say: no full collection, no dynamic allocation."""


def pass_an_hour(it: World, settings: Settings, *, executors: int, applications: int) -> Hour:
    """What CloudWatch received in a whole hour of its clock."""
    telemetry, clock = Telemetry(), it.clock
    begin, period_s = (clock.now // HOUR_S + 1) * HOUR_S, settings.sinks.cloudwatch.period_s
    clock.now = begin - period_s / 2
    table = Table(settings.listener, settings.policy.memory_death_hold_s, telemetry)
    periods = Periods(table, settings.cluster, "j-1", clock.now)
    client = boto("cloudwatch", it.server.endpoint)
    for _ in range(int(HOUR_S / period_s)):
        clock.now += period_s
        _tell(table, clock, executors, applications)
        fleet = _fleet(clock.now)
        shadows = {str(shadow): 3 for shadow in settings.policy.shadows}
        sink = CloudWatchSink(settings.sinks.cloudwatch, lambda: client, clock, telemetry, Random(1))
        sink.ship(periods.close(clock.now, fleet, idle=False, shadows=shadows))
        sink.close(60)
    lost = {name: count for name, count in telemetry.counts().items() if name.startswith("DatumsLost")}
    assert lost == {}
    return it.server.cloudwatch.received()[int(begin)]


def _tell(table: Table, clock: ManualClock, executors: int, applications: int) -> None:
    at = clock.now
    for number in range(applications):
        table.report(_report("driver", _app(number), "driver", number, at), "10.0.0.1", at)
    for number in range(executors):
        table.report(_report("executor", _app(number % applications), str(number), number, at), "10.0.0.2", at)
    for reading in _readings(at, applications):
        table.take(reading)


def _app(number: int) -> str:
    return f"application_1700000000000_{number:04}"


@cache
def _lines(role: str) -> tuple[tuple[str, str], ...]:
    """Names without identity, and values, as captured."""
    captured = captures.first("exec-0" if role == "executor" else "driver").lines
    told = {re.sub(r"^[^.]+\.[^.]+\.", "", name, count=1): value for name, value, _ in captured if name[:4] == "app-"}
    return tuple({**told, **{name: str(value) for name, value in MORE[role].items()}}.items())


STAMP = b"@AT@"


def _report(role: str, app: str, id: str, number: int, at: float) -> bytes:
    return _template(role, app, id, number).replace(STAMP, str(int(at)).encode())


@cache
def _template(role: str, app: str, id: str, number: int) -> bytes:
    """Every JVM has figures of its own: the distributions are as wide as they can be."""
    lines = (f"{app}.{id}.{name} {_moved(value, number * 1_000_003)} " for name, value in _lines(role))
    return b"".join(line.encode() + STAMP + b"\n" for line in lines)


def _moved(value: str, by: int) -> str:
    return str(int(value) + by) if value.isdigit() and int(value) > 1_000_000 else value


def _readings(at: float, applications: int) -> Iterator[ClusterReading | HdfsReading | NodeReading | StagesReading]:
    ask = ContainerAsk(memory_mb=4_096, cores=1, label="", count=2)
    yield ClusterReading(
        at=at,
        manager=ClusterManager.YARN,
        memory_total_mb=100_000,
        memory_available_mb=20_000,
        memory_pending_mb=8_192,
        containers_pending=2,
        node_counts=NodeCounts(active=2, unhealthy=0, lost=0, decommissioning=0, decommissioned=0),
        nodes=(
            ClusterNode(
                host="core-0", alive=True, draining=False, memory_total_mb=1e5, memory_used_mb=8e4, containers=9
            ),
        ),
        applications=tuple(
            Application(
                id=_app(one), name=f"job {one}", state="RUNNING", memory_used_mb=8e3, master_host="core-0", asks=(ask,)
            )
            for one in range(applications)
        ),
    )
    yield HdfsReading(at=at, total_load=7, live_data_nodes=2)
    yield NodeReading(
        at=at, cpu_percent=9, memory_used_percent=50, load_1m=0.5, agent_cpu_percent=2, agent_rss_bytes=90_000_000
    )
    for one in range(applications):
        stage = StageProgress(app=_app(one), tasks=10, running=2, completed=3, run_time_s=30)
        yield StagesReading(at=at, app=_app(one), stages=(stage,))


def _fleet(at: float) -> Fleet:
    return Fleet(
        at=at,
        id="if-1",
        collection=Collection.FLEET,
        state="RUNNING",
        target_on_demand=0,
        target_spot=4,
        provisioned_on_demand=0,
        provisioned_spot=4,
        nodes=(),
    )
