"""Signals: the roll-up with the time of its sources."""

from __future__ import annotations

from dataclasses import replace

from agent.aggregate.catalogue import BY_NAME, Over
from agent.aggregate.rollup import roll_up
from agent.aggregate.signals import signals
from agent.aggregate.snapshot import Role, Snapshot
from agent.domain.fleets import Collection, Fleet
from agent.domain.readings import ClusterManager, ClusterReading, HdfsReading, NodeReading
from agent.domain.signals import Signal, Statistic
from agent.domain.stages import RemainingWork
from tests.aggregate.snapshots import GIB, death, heap, jvm, snapshot

FLEET = Fleet(
    at=40.0, id="if-1", collection=Collection.FLEET, state="RUNNING",
    target_on_demand=0, target_spot=2, provisioned_on_demand=0, provisioned_spot=2,
)  # fmt: skip


def sensed(now: Snapshot, fleet: Fleet | None = None) -> dict[str, Signal]:
    return dict(signals(roll_up(now, None, fleet=fleet, idle=True, usd_per_hour=1.0), now, fleet=fleet))


def test_each_signal_is_as_old_as_its_source() -> None:
    now = snapshot(
        jvm(heap(1.0), last_seen=91.0),
        jvm(heap(1.0), role=Role.DRIVER, id="driver", last_seen=92.0),
        jvm(heap(1.0), role=Role.WORKER, app="", last_seen=93.0),
        jvm(heap(1.0), role=Role.MASTER, app="", last_seen=94.0),
        at=100.0,
        cluster=ClusterReading(
            at=81.0, manager=ClusterManager.YARN, memory_total_mb=10.0, memory_available_mb=1.0, applications=()
        ),
        remaining=RemainingWork(at=80.0, by_app={"a": 7.0}),
        hdfs=HdfsReading(at=82.0, total_load=1, live_data_nodes=1),
        node=NodeReading(
            at=83.0, cpu_percent=1, memory_used_percent=1, load_1m=1, agent_cpu_percent=1, agent_rss_bytes=1
        ),
    )
    times = {
        Over.EXECUTORS: 91.0, Over.DRIVERS: 92.0, Over.WORKERS: 93.0, Over.MASTERS: 94.0, Over.STAGES: 80.0,
        Over.CLUSTER: 81.0, Over.HDFS: 82.0, Over.NODE: 83.0, Over.FLEET: 40.0, Over.AGENT: 100.0,
    }  # fmt: skip
    found = sensed(now, FLEET)
    assert {BY_NAME[name].over for name in found} == set(Over) - {Over.STREAMS}, "which is remote"
    assert {name: signal.at for name, signal in found.items()} == {name: times[BY_NAME[name].over] for name in found}


def test_work_that_is_left_is_a_signal_while_all_of_it_is_known() -> None:
    known = RemainingWork(at=80.0, by_app={"a": 7.0, "b": 5.0})
    found = sensed(snapshot(remaining=known))["RemainingWorkSeconds"]
    assert (found.at, found.values[Statistic.AVERAGE]) == (80.0, 12.0)
    assert sensed(snapshot(remaining=replace(known, by_app={})))["RemainingWorkSeconds"].values[Statistic.MAXIMUM] == 0
    for unknown in (None, replace(known, unmeasured={"b": 3.0})):
        assert "RemainingWorkSeconds" not in sensed(snapshot(remaining=unknown))
        assert "RemainingWorkSeconds" not in roll_up(snapshot(remaining=unknown), None, fleet=None, idle=None)


def test_one_silent_executor_makes_the_distribution_as_old_as_it_is() -> None:
    now = snapshot(jvm(heap(1.0), id="1", last_seen=60.0), jvm(heap(2.0), id="2", last_seen=99.0))
    assert sensed(now)["JvmHeapUsed"].at == 60.0


def test_a_death_of_memory_does_not_age_what_the_others_say() -> None:
    """Its own last report is old, and is not a sample any more."""
    now = snapshot(jvm(heap(1.0), id="1", last_seen=60.0), jvm(heap(2.0), id="2", last_seen=99.0), deaths=[death("1")])
    found = sensed(now)["JvmHeapUsed"]
    assert found.at == 99.0
    assert found.values[Statistic.MAXIMUM] == GIB


def test_when_only_the_dead_are_left_the_signal_is_as_old_as_the_last_death() -> None:
    now = snapshot(deaths=[death("1", at=70.0), death("2", at=80.0)])
    assert sensed(now)["ExecutorHeapUsedPercent"].at == 80.0


def test_without_executors_there_is_no_signal_of_them_not_even_their_number() -> None:
    """Silence is no evidence: the number is published as zero, and nobody may act on it."""
    now = snapshot()
    assert roll_up(now, None, fleet=None, idle=None)["ExecutorsReporting"].sum == 0
    assert not {name for name in sensed(now) if BY_NAME[name].over is not Over.AGENT}


def test_a_signal_has_every_statistic() -> None:
    now = snapshot(*(jvm(heap(used * GIB), id=str(used)) for used in (0.1, 0.2, 0.9)))
    values = sensed(now)["ExecutorHeapUsedPercent"].values
    assert values == {
        Statistic.AVERAGE: 40.0, Statistic.MINIMUM: 10.0, Statistic.MAXIMUM: 90.0, Statistic.SUM: 120.0,
        Statistic.P50: 20.0, Statistic.P90: 90.0, Statistic.P99: 90.0,
    }  # fmt: skip
