"""The roll-up of snapshots; the first tests are against a capture of a real Spark, with figures worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate.binning import MAX_VALUES
from agent.aggregate.catalogue import BY_NAME, METRICS, Over
from agent.aggregate.jvm import live_set_percent
from agent.aggregate.rollup import RollUp, roll_up
from agent.aggregate.snapshot import Instance, Role, Snapshot
from agent.aggregate.table import Table
from agent.domain.datums import Distribution
from agent.domain.fleets import Collection, Fleet, FleetNode
from agent.domain.readings import (
    ClusterManager,
    ClusterNode,
    ClusterReading,
    ContainerAsk,
    HdfsReading,
    NodeCounts,
    NodeReading,
)
from agent.domain.stages import RemainingWork
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry
from tests.aggregate.snapshots import GIB, application, captured, death, heap, jvm, reports, snapshot


def rolled(now: Snapshot, before: Snapshot | None = None) -> RollUp:
    return roll_up(now, before, fleet=None, idle=None)


def one(*values: float) -> Distribution:
    return Distribution.of(values)


def test_a_real_report_rolls_up_to_the_figures_worked_out_by_hand() -> None:
    found = rolled(captured(1))
    assert found["ExecutorHeapUsedPercent"] == one(29, 41)  # 315313144 and 437787192 of 1073741824
    assert found["JvmHeapUsed"] == one(315313144, 437787192)
    assert found["ExecutorHeapUsed"] == one(753100336)
    assert found["ExecutorHeapMax"] == one(2147483648)
    assert found["ExecutorOldGenUsedPercent"] == one(16, 18)  # 167463936 and 193485312
    assert found["ExecutorUnifiedMemoryUsed"] == one(97038852)
    assert found["ExecutorOffHeapUsed"] == one(174127224)
    assert found["ExecutorDirectMemory"] == one(25250337)
    assert found["ExecutorsReporting"] == one(2)
    assert found["TaskSlotsActive"] == one(1)
    assert found["DriverHeapUsedPercent"] == one(9)
    assert found["DriverJvmHeapUsed"] == one(96704000)
    assert found["ActiveJobs"] == one(0)
    assert found["WorkerJvmHeapUsed"] == one(46094672, 52849856)
    assert found["MasterJvmHeapUsed"] == one(38776816)


def test_two_real_reports_give_deltas_and_shares_of_time() -> None:
    found = rolled(captured(1), captured(0))
    assert found["TasksCompleted"] == one(72)  # 98 - 63 and 98 - 61
    assert found["ShuffleReadBytes"] == one(955681)
    assert found["ShuffleWriteBytes"] == one(882335)
    assert found["InputBytes"] == one(193610990)
    assert found["SpillBytes"] == one(0)
    assert found["ExecutorCpuPercent"] == one(39, 36)  # 3.89 s in 10.004 s, 3.64 s in 10.007 s
    assert found["ExecutorGcTimePercent"] == one(0, 0)  # 39 ms, 26 ms
    assert found["ListenerEventsDropped"] == one(0)


def test_the_table_gives_the_same_figures_as_the_capture_read_by_hand() -> None:
    """The bytes go through the real table: two snapshots, one after each JVM's first and second report."""
    table = Table(ListenerSettings(report_period_s=10.0), 300.0, Telemetry())
    first, second = reports(0), reports(1)
    for report in first:
        table.report(*report)
    before = table.snapshot(1795220369.0)
    for report in second:
        table.report(*report)
    found = rolled(table.snapshot(1795220380.0), before)
    expected = rolled(captured(1), captured(0))
    spark = {name for name in expected if BY_NAME[name].over in (Over.EXECUTORS, Over.DRIVERS, Over.MASTERS)}
    assert {name: found.get(name) for name in spark} == {name: expected[name] for name in spark}
    assert found["WorkerJvmHeapUsed"] == expected["WorkerJvmHeapUsed"]


def test_what_the_capture_does_not_tell_is_absent() -> None:
    """No dynamic allocation, no streaming, no process tree (its figures are zero), no YARN, no HDFS, no fleet."""
    found = rolled(captured(1), captured(0))
    silent = {"ExecutorsNeeded", "ExecutorRssPercent", "MemoryAvailablePercent", "HdfsTotalLoad", "TaskFleetTarget"}
    silent |= {"ClusterIdle", "NodeLoad", *(name for name in BY_NAME if name.startswith("Streaming"))}
    assert not silent & set(found)


def test_without_a_snapshot_before_there_are_no_deltas() -> None:
    now = snapshot(jvm({"executor.bytesRead.count": 9.0, "JVMCPU.jvmCpuTime": 1e9}, first_seen=90.0))
    found = rolled(now)
    assert {name for name in found if BY_NAME[name].aggregation == "delta"} == {"ExecutorMemoryDeaths"}
    assert "ExecutorCpuPercent" not in found


@pytest.mark.parametrize(
    ("before", "now", "grown"),
    [(100.0, 130.0, 30.0), (100.0, 100.0, 0.0), (100.0, 40.0, 40.0)],
    ids=["grew", "stood still", "was reset: what it has counted since"],
)
def test_a_counter_is_published_as_what_it_grew_by(before: float, now: float, grown: float) -> None:
    name = "executor.bytesRead.count"
    found = rolled(snapshot(jvm({name: now}, last_seen=110)), snapshot(jvm({name: before}, last_seen=100)))
    assert found["InputBytes"] == one(grown)


def test_an_executor_that_is_new_counts_from_zero_and_one_with_a_past_does_not() -> None:
    """`new_after` is 20: what was first seen by then may have counted before the agent listened."""
    name = "executor.bytesRead.count"
    before = snapshot(jvm({name: 5.0}, id="1"), at=60.0)
    old = jvm({name: 7000.0}, id="2", first_seen=20.0)
    new = jvm({name: 30.0}, id="3", first_seen=20.5)
    assert rolled(snapshot(jvm({name: 6.0}, id="1"), old, new), before)["InputBytes"] == one(31.0)
    assert "InputBytes" not in rolled(snapshot(old), before)


def test_equal_executor_ids_of_two_applications_are_two_executors() -> None:
    name = "executor.bytesRead.count"
    before = snapshot(jvm({name: 10.0}, app="a"), jvm({name: 100.0}, app="b"))
    now = snapshot(jvm({name: 11.0}, app="a"), jvm({name: 102.0}, app="b"))
    assert rolled(now, before)["InputBytes"] == one(3.0)


def test_without_a_new_report_there_is_no_share_of_time() -> None:
    same = snapshot(jvm({"JVMCPU.jvmCpuTime": 1e9, "jvm.ZGC-Pauses.time": 5.0}))
    found = rolled(same, same)
    assert "ExecutorCpuPercent" not in found
    assert "ExecutorGcTimePercent" not in found


def test_collector_time_is_of_whatever_collectors_there_are_and_at_most_all_the_time() -> None:
    def at(last_seen: float, times: dict[str, float]) -> Snapshot:
        return snapshot(jvm({f"jvm.{name}.time": ms for name, ms in times.items()}, last_seen=last_seen))

    before = at(100, {"G1-Young-Generation": 100, "G1-Old-Generation": 0, "G1-Concurrent-GC": 0})
    now = at(110, {"G1-Young-Generation": 600, "G1-Old-Generation": 2000, "G1-Concurrent-GC": 500})
    assert rolled(now, before)["ExecutorGcTimePercent"] == one(30)
    both = {"ZGC-Cycles": 9000.0, "ZGC-Pauses": 9000.0}
    assert rolled(at(110, both), at(100, dict.fromkeys(both, 0.0)))["ExecutorGcTimePercent"] == one(100)


def test_two_busy_cores_are_200_percent() -> None:
    before = snapshot(jvm({"JVMCPU.jvmCpuTime": 1e9}, last_seen=100))
    now = snapshot(jvm({"JVMCPU.jvmCpuTime": 21e9}, last_seen=110))
    assert rolled(now, before)["ExecutorCpuPercent"] == one(200)


def test_heap_without_a_maximum_has_no_percent() -> None:
    found = rolled(snapshot(jvm({"jvm.heap.used": 5.0, "jvm.heap.max": -1.0})))
    assert "ExecutorHeapUsedPercent" not in found
    assert found["JvmHeapUsed"] == one(5.0)


@given(
    used=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    victim=st.integers(0, 19),
    forgotten=st.booleans(),
)
def test_a_death_of_memory_never_lowers_a_heap_distribution(used: list[float], victim: int, forgotten: bool) -> None:
    """Neither while the table still has the dead executor's last report nor after it has forgotten it."""
    victim %= len(used)
    alive = [
        jvm({**heap(share * GIB), "jvm.pools.G1-Old-Gen.used": share * GIB}, id=str(i)) for i, share in enumerate(used)
    ]
    left = [one for one in alive if not (forgotten and one.id == str(victim))]
    before, after = rolled(snapshot(*alive)), rolled(snapshot(*left, deaths=[death(str(victim))]))
    for name in ("ExecutorHeapUsedPercent", "JvmHeapUsed", "ExecutorHeapUsed", "ExecutorOldGenUsedPercent"):
        for part in (1, 50, 90, 99, 100):
            assert after[name].percentile(part) >= before[name].percentile(part), name
        assert after[name].average >= before[name].average * (1 - 1e-12), name
        assert after[name].sample_count == before[name].sample_count
        assert after[name].maximum == (100.0 if "Percent" in name else after[name].maximum)
    assert after["ExecutorHeapMax"] == before["ExecutorHeapMax"]
    assert after["ExecutorsReporting"] == one(len(used) - 1)


def test_a_death_counts_once_and_its_hold_does_not_count_again() -> None:
    alive, dead = snapshot(jvm(heap(1.0), id="2")), snapshot(jvm(heap(1.0), id="2"), deaths=[death()])
    assert rolled(dead, alive)["ExecutorMemoryDeaths"] == one(1)
    assert rolled(dead, dead)["ExecutorMemoryDeaths"] == one(0)


def test_a_death_without_a_known_maximum_still_counts_as_full() -> None:
    found = rolled(snapshot(deaths=[death(heap_max=0.0)]))
    assert found["ExecutorHeapUsedPercent"] == one(100)
    assert "JvmHeapUsed" not in found


def test_lost_executors_are_a_delta() -> None:
    assert rolled(snapshot(executors_lost=7), snapshot(executors_lost=4))["ExecutorsLost"] == one(3)


def driver(values: dict[str, float], last_seen: float = 100.0) -> Instance:
    return jvm(values, role=Role.DRIVER, id="driver", last_seen=last_seen)


def test_executors_needed_are_summed_over_drivers_and_never_negative() -> None:
    names = [f"ExecutorAllocationManager.executors.number{kind}Executors" for kind in ("MaxNeeded", "All")]
    wants = driver(dict(zip(names, (12.0, 2.0), strict=True)))
    has = replace(driver(dict(zip(names, (1.0, 6.0), strict=True))), app="app-2")
    assert rolled(snapshot(wants, has))["ExecutorsNeeded"] == one(10)


def test_both_kinds_of_streaming_are_rolled_up() -> None:
    query, stream = "spark.streaming.my-query.1", "my-app.StreamingMetrics.streaming"
    before = driver({f"{stream}.totalReceivedRecords": 100.0, f"{stream}.totalProcessedRecords": 100.0}, 90.0)
    now = driver(
        {
            f"{query}.inputRate-total": 193.35,
            f"{query}.processingRate-total": 307.42,
            f"{query}.latency": 7807.0,
            "spark.streaming.not-yet.latency": 0.0,
            f"{stream}.totalReceivedRecords": 400.0,
            f"{stream}.totalProcessedRecords": 300.0,
            f"{stream}.lastCompletedBatch_totalDelay": 1500.0,
            f"{stream}.lastCompletedBatch_schedulingDelay": 30.0,
            f"{stream}.waitingBatches": 2.0,
        }
    )
    found = rolled(snapshot(now), snapshot(before))
    assert found["StreamingInputRate"] == one(193.35, 30.0)
    assert found["StreamingProcessingRate"] == one(307.42, 20.0)
    assert found["StreamingBatchLatency"] == one(7807.0, 1500.0)
    assert found["StreamingSchedulingDelay"] == one(30.0)
    assert found["StreamingBatchesWaiting"] == one(2.0)
    assert found["StreamingLoadPercent"] == one(63.0)


def test_a_query_without_data_says_nothing_of_its_load() -> None:
    query = "spark.streaming.q"
    idle = driver({f"{query}.inputRate-total": 0.0, f"{query}.processingRate-total": 0.0, f"{query}.latency": 12.0})
    assert not {"StreamingLoadPercent", "StreamingWatermarkLag"} & set(rolled(snapshot(idle)))


def test_the_load_of_a_dstream_is_its_last_batch_against_the_interval_of_its_batches() -> None:
    """Seven batches were made in seven seconds, of which two are done: the last took 4.5 s."""
    stream = "far.behind.StreamingMetrics.streaming"

    def at(seconds: float, completed: float, unprocessed: float) -> Instance:
        figures = {
            "totalCompletedBatches": completed,
            "unprocessedBatches": unprocessed,
            "lastReceivedBatch_submissionTime": 1_000_000.0 + 1000 * seconds,
            "lastCompletedBatch_processingDelay": 4500.0,
        }
        return driver({f"{stream}.{name}": value for name, value in figures.items()}, 90.0 + seconds)

    now, before = at(7, 4, 20), at(0, 2, 15)
    assert rolled(snapshot(now), snapshot(before))["StreamingLoadPercent"] == one(450.0)
    assert "StreamingLoadPercent" not in rolled(snapshot(now)), "the interval takes two looks"
    assert "StreamingLoadPercent" not in rolled(snapshot(at(7, 2, 15)), snapshot(before)), "no batch was made"


def test_state_and_watermark_of_queries() -> None:
    figures = {
        f"spark.streaming.{name}.{gauge}": value
        for name, watermark, rate in (("late", 70_000.0, 5.0), ("idle", 10_000.0, 0.0), ("without", 0.0, 5.0))
        for gauge, value in (
            ("eventTime-watermark", watermark),
            ("inputRate-total", rate),
            ("states-rowsTotal", 10.0),
            ("states-usedBytes", 240.0),
        )
    }
    found = rolled(snapshot(driver(figures, 100.0)))
    assert found["StreamingWatermarkLag"] == one(30_000.0)
    assert found["StreamingStateRows"] == one(30.0) and found["StreamingStateMemory"] == one(720.0)


def test_dropped_listener_events_are_summed_over_queues() -> None:
    def dropped(first: float, second: float) -> Snapshot:
        queue = "LiveListenerBus.queue"
        names = (f"{queue}.appStatus.numDroppedEvents.count", f"{queue}.shared.numDroppedEvents.count")
        return snapshot(driver(dict(zip(names, (first, second), strict=True))))

    assert rolled(dropped(5, 7), dropped(1, 2))["ListenerEventsDropped"] == one(9)


def reading(manager: ClusterManager = ClusterManager.YARN, **over: object) -> ClusterReading:
    fields: dict[str, object] = {"memory_total_mb": 8192.0, "memory_available_mb": 1024.0}
    return ClusterReading(at=95.0, manager=manager, **(fields | over))  # type: ignore[arg-type]


@pytest.mark.parametrize("manager", ClusterManager)
def test_memory_available_has_one_name_whatever_the_cluster_manager(manager: ClusterManager) -> None:
    found = rolled(snapshot(cluster=reading(manager)))
    assert found["MemoryAvailablePercent"] == one(12.5)
    assert found["MemoryTotal"] == one(8 * GIB)
    assert found["MemoryAvailable"] == one(GIB)
    assert not {"MemoryPending", "ContainersPending", "AppsRunning", "AppsPending"} & set(found)


def test_pending_memory_and_applications_are_published_where_they_are_told() -> None:
    apps = (application("a", "x"), application("b", "y", "ACCEPTED"), application("c", "z", "WAITING"))
    found = rolled(snapshot(cluster=reading(memory_pending_mb=0.0, containers_pending=3, applications=apps)))
    assert found["MemoryPending"] == one(0.0)
    assert found["ContainersPending"] == one(3)
    assert found["AppsRunning"] == one(1)
    assert found["AppsPending"] == one(2)


def yarn_node(host: str, free_mb: float, **over: object) -> ClusterNode:
    fields: dict[str, object] = {"alive": True, "draining": False, "containers": 1}
    used = 8192 - free_mb
    told = {"memory_total_mb": 8192, "memory_used_mb": used, "memory_available_mb": free_mb}
    return ClusterNode(host=host, **(fields | told | over))  # type: ignore[arg-type]


def test_fragmentation_shows_beside_free_memory() -> None:
    """Ten nodes with 3 of 8 GB free each: more than a third is available, and not one executor of 4 GB fits."""
    asks = (ContainerAsk(memory_mb=4096, cores=1, label="", count=2),)
    apps = (replace(application("a", "x"), asks=asks),)
    nodes = tuple(yarn_node(f"n{n}", 3072) for n in range(10))
    told = reading(memory_total_mb=81920.0, memory_available_mb=30720.0, nodes=nodes, applications=apps)
    found = rolled(snapshot(cluster=told))
    assert found["MemoryAvailablePercent"] == one(37.5)
    assert found["ExecutorSlotsFree"] == one(0)
    assert found["ExecutorSlotMemory"] == one(4 * GIB)


def test_without_a_known_size_there_are_no_slots() -> None:
    found = rolled(snapshot(cluster=reading(nodes=(yarn_node("a", 8192),), applications=())))
    assert not {"ExecutorSlotsFree", "ExecutorSlotMemory"} & set(found)
    assert found["QueueLimited"] == one(0)


def test_nodes_are_counted_by_state_as_they_are_told() -> None:
    counts = NodeCounts(active=3, unhealthy=1, lost=2, decommissioning=4)
    found = rolled(snapshot(cluster=reading(node_counts=counts)))
    assert [found[f"Nodes{state}"] for state in ("Active", "Unhealthy", "Lost", "Decommissioning")] == [
        one(3),
        one(1),
        one(2),
        one(4),
    ]
    assert "NodesDecommissioned" not in found
    workers = (yarn_node("a", 1), yarn_node("b", 1, alive=False))
    listed = rolled(snapshot(cluster=reading(ClusterManager.STANDALONE, nodes=workers, applications=())))
    assert listed["NodesActive"] == one(1)
    assert not {"NodesLost", "QueueLimited"} & set(listed)


def test_a_standby_that_tells_nothing_publishes_nothing_of_the_cluster() -> None:
    assert "MemoryTotal" not in rolled(snapshot(cluster=reading(leader=False, memory_total_mb=0.0)))
    assert "MemoryTotal" in rolled(snapshot(cluster=reading(leader=False)))


def test_application_masters_on_task_nodes_are_counted_where_both_sides_are_told() -> None:
    apps = tuple(replace(application(name, name), master_host=host) for name, host in (("a", "IP-1"), ("b", "core")))
    task = replace(fleet(), nodes=(FleetNode(hosts=("10.0.0.1", "ip-1"), units=1),))
    told = snapshot(cluster=reading(applications=apps))
    assert roll_up(told, None, fleet=task, idle=None)["AppMastersOnTaskNodes"] == one(1)
    assert "AppMastersOnTaskNodes" not in roll_up(told, None, fleet=replace(task, nodes=None), idle=None)
    assert "AppMastersOnTaskNodes" not in roll_up(told, None, fleet=None, idle=None)


def test_a_cluster_without_memory_has_no_percent() -> None:
    assert "MemoryAvailablePercent" not in rolled(snapshot(cluster=reading(memory_total_mb=0.0)))


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_figure_that_cannot_be_is_absent_and_takes_nothing_with_it(bad: float) -> None:
    found = rolled(snapshot(cluster=reading(memory_pending_mb=bad)))
    assert "MemoryPending" not in found
    assert found["MemoryTotal"] == one(8 * GIB)


def test_hdfs_load_is_shared_by_the_data_nodes_that_live() -> None:
    found = rolled(snapshot(hdfs=HdfsReading(at=1.0, total_load=9, live_data_nodes=2)))
    assert found["HdfsTotalLoad"] == one(9)
    assert found["HdfsTotalLoadPerDataNode"] == one(4.5)
    none_live = rolled(snapshot(hdfs=HdfsReading(at=1.0, total_load=0, live_data_nodes=0)))
    assert "HdfsTotalLoadPerDataNode" not in none_live


def fleet() -> Fleet:
    return Fleet(
        at=70.0, id="if-1", collection=Collection.FLEET, state="RESIZING",
        target_on_demand=1, target_spot=9, provisioned_on_demand=1, provisioned_spot=3,
    )  # fmt: skip


def test_fleet_node_and_idleness_are_published_as_they_are() -> None:
    node = NodeReading(
        at=1.0, cpu_percent=12.0, memory_used_percent=40.0, load_1m=0.5, agent_cpu_percent=1.5, agent_rss_bytes=7
    )
    found = roll_up(snapshot(node=node), None, fleet=fleet(), idle=False)
    names = ("TaskFleetTarget", "TaskFleetProvisioned", "TaskFleetShortfall", "ClusterIdle", "AgentMemory", "NodeLoad")
    assert [found[name] for name in names] == [one(10), one(4), one(6), one(0), one(7), one(0.5)]


def test_the_agents_counters_are_deltas_with_their_reasons_added_up() -> None:
    before = snapshot(counts={"LinesRejected.too_long": 5, "PollErrors": 2, "PollErrors.yarn.timeout": 2})
    now = snapshot(
        counts={
            "LinesRejected.too_long": 6,
            "LinesRejected.malformed": 3,
            "LinesRejectedElsewhere": 100,
            "PollErrors": 4,
            "PollErrors.yarn.timeout": 4,
        }
    )
    found = rolled(now, before)
    assert found["LinesRejected"] == one(4)
    assert found["PollErrors"] == one(2), "a total that is counted itself is not added to its reasons"
    assert found["DatumsLost"] == one(0), "never counted is zero: the agent knows its own counters"


def test_everything_at_once_is_the_whole_catalogue_in_its_order() -> None:
    """So that no metric of the catalogue is one that the roll-up cannot make."""
    values = {
        **heap(1.0), "jvm.pools.G1-Old-Gen.used": 1.0, "jvm.pools.G1-Old-Gen.used-after-gc": 1.0,
        "ExecutorMetrics.OnHeapUnifiedMemory": 1.0,
        "jvm.non-heap.used": 1.0, "jvm.direct.used": 1.0, "ExecutorMetrics.ProcessTreeJVMRSSMemory": 1.0,
        "jvm.X.time": 1.0, "JVMCPU.jvmCpuTime": 1.0, "executor.threadpool.activeTasks": 1.0,
        "executor.threadpool.completeTasks": 1.0, "executor.diskBytesSpilled.count": 1.0,
        "executor.shuffleTotalBytesRead.count": 1.0, "executor.shuffleBytesWritten.count": 1.0,
        "executor.bytesRead.count": 1.0, "DAGScheduler.job.activeJobs": 1.0, "DAGScheduler.stage.runningStages": 1.0,
        "DAGScheduler.stage.waitingStages": 1.0, "spark.streaming.q.inputRate-total": 1.0,
        "spark.streaming.q.processingRate-total": 1.0, "spark.streaming.q.latency": 1.0,
        "StreamingMetrics.streaming.lastCompletedBatch_schedulingDelay": 1.0,
        "StreamingMetrics.streaming.waitingBatches": 1.0, "spark.streaming.q.eventTime-watermark": 1.0,
        "spark.streaming.q.states-rowsTotal": 1.0, "spark.streaming.q.states-usedBytes": 1.0,
        "LiveListenerBus.queue.shared.numDroppedEvents.count": 1.0,
        "ExecutorAllocationManager.executors.numberMaxNeededExecutors": 1.0,
        "ExecutorAllocationManager.executors.numberAllExecutors": 1.0,
    }  # fmt: skip

    def full(last_seen: float) -> Snapshot:
        node = NodeReading(
            at=1.0, cpu_percent=1, memory_used_percent=1, load_1m=1, agent_cpu_percent=1, agent_rss_bytes=1
        )
        cluster = reading(
            memory_pending_mb=1.0, containers_pending=1, applications=(), nodes=(),
            node_counts=NodeCounts(active=1, unhealthy=0, lost=0, decommissioning=0, decommissioned=0),
        )  # fmt: skip
        roles = (Role.EXECUTOR, Role.DRIVER, Role.WORKER, Role.MASTER)
        return snapshot(
            *(jvm(values, role=role, last_seen=last_seen) for role in roles),
            cluster=cluster, hdfs=HdfsReading(at=1.0, total_load=1, live_data_nodes=1), node=node,
            remaining=RemainingWork(at=1.0, by_app={}), counts={"LifecycleErrors": 0},
        )  # fmt: skip

    found = roll_up(full(110), full(100), fleet=replace(fleet(), nodes=()), idle=True, usd_per_hour=1.0)
    assert list(found) == [metric.name for metric in METRICS]


def test_a_thousand_executors_are_at_most_150_values() -> None:
    executors = [jvm(heap(GIB * (0.1 + i / 1500)), id=str(i)) for i in range(1000)]
    found = rolled(snapshot(*executors))
    assert all(len(distribution.values) <= MAX_VALUES for distribution in found.values())
    assert found["JvmHeapUsed"].sample_count == 1000
    assert found["JvmHeapUsed"].minimum == 0.1 * GIB
    assert found["JvmHeapUsed"].sum == pytest.approx(sum(one.values["jvm.heap.used"] for one in executors), rel=1e-9)
    assert found["ExecutorHeapUsedPercent"].sample_count == 1000


def test_a_death_of_memory_in_the_first_period_is_told() -> None:
    """Whoever decides must see it: there may be no second telling."""
    assert rolled(snapshot(deaths=[death("1")]))["ExecutorMemoryDeaths"].maximum == 1


@pytest.mark.parametrize(("used", "maximum"), [(1e300, 1.0), (1.0, 1e-300), (2.0**63, 1.0)])
def test_no_report_however_wrong_stops_the_roll_up(used: float, maximum: float) -> None:
    """Through the real table: what no JVM can mean is left out, and what is left can be rolled up."""
    table = Table(ListenerSettings(), 300.0, Telemetry())
    for executor in ("1", "2"):
        lines = f"application_1_0001.{executor}.jvm.heap.used {used:f} 1000\n"
        lines += f"application_1_0001.{executor}.jvm.heap.max {maximum:.320f} 1000\n"
        table.report(lines.encode(), "10.0.0.1", 1000.0)
    found = roll_up(table.snapshot(1000.0), None, fleet=None, idle=None)
    assert all(math.isfinite(value) for one in found.values() for value in one.values)


@pytest.mark.parametrize(
    ("values", "percent"),
    [
        ({"jvm.pools.G1-Old-Gen.used-after-gc": 30.0, "jvm.pools.G1-Old-Gen.max": 100.0}, 30.0),
        ({"jvm.pools.PS-Old-Gen.used-after-gc": 30.0, "jvm.pools.PS-Old-Gen.max": 60.0}, 50.0),
        ({"jvm.pools.ZHeap.used-after-gc": 30.0, "jvm.pools.ZHeap.max": -1.0, "jvm.heap.max": 40.0}, 75.0),
        ({"jvm.pools.G1-Old-Gen.used-after-gc": 0.0, "jvm.pools.G1-Old-Gen.max": 100.0}, None),
        ({"jvm.pools.G1-Old-Gen.used": 30.0, "jvm.pools.G1-Old-Gen.max": 100.0}, None),
    ],
)
def test_the_live_set_is_what_the_last_old_collection_left_and_unknown_before_one(
    values: dict[str, float], percent: float | None
) -> None:
    one = Instance(role=Role.EXECUTOR, app="a", id="1", peer="p", first_seen=0.0, last_seen=0.0, values=values)
    assert live_set_percent(one) == percent
