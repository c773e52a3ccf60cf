from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.roles import Role
from agent.wire import graphite, refusals, spark_names
from agent.wire.spark_names import Origin
from tests.captures import FILES, connections, first

ROLES = {"driver": Role.DRIVER, "exec": Role.EXECUTOR, "master": Role.MASTER, "worker": Role.WORKER}


def read(*names: str) -> spark_names.Names:
    return spark_names.read([graphite.Line(name, 1.0, b"1", 1) for name in names])


def origin(*names: str) -> Origin:
    (group,) = read(*names).groups
    return group.origin


def kept(*names: str) -> list[str]:
    return [series for group in read(*names).groups for series, _ in group.kept]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_captured_line_is_kept_or_ignored_by_name(file):
    for connection in connections(file):
        lines = graphite.parse(connection.raw, 1024).lines
        names = spark_names.read(lines)
        assert not names.rejected
        if connection.role == "applications":
            assert not names.groups
            assert names.ignored == len(lines)
            continue
        (group,) = names.groups
        assert group.origin.role is ROLES[connection.role.partition("-")[0]]
        assert len(group.kept) + names.ignored == len(lines)
        for series, index in group.kept:
            assert lines[index].name == group.origin.prefix + series


WANTED_OF_AN_EXECUTOR = {
    "jvm.heap.used",
    "jvm.heap.max",
    "jvm.heap.committed",
    "jvm.non-heap.used",
    "jvm.direct.used",
    "jvm.pools.G1-Old-Gen.used",
    "jvm.pools.G1-Old-Gen.max",
    "jvm.G1-Young-Generation.time",
    "jvm.G1-Young-Generation.count",
    "jvm.G1-Old-Generation.time",
    "JVMCPU.jvmCpuTime",
    "ExecutorMetrics.JVMHeapMemory",
    "ExecutorMetrics.OnHeapUnifiedMemory",
    "executor.threadpool.activeTasks",
    "executor.threadpool.completeTasks",
    "executor.memoryBytesSpilled.count",
    "executor.diskBytesSpilled.count",
    "executor.shuffleTotalBytesRead.count",
    "executor.shuffleBytesWritten.count",
    "executor.bytesRead.count",
}
NOT_WANTED_OF_AN_EXECUTOR = {
    "jvm.heap.usage",
    "jvm.direct.count",
    "jvm.mapped.count",
    "jvm.pools.CodeHeap-'non-nmethods'.used",
    "CodeGenerator.compilationTime.p99",
    "HiveExternalCatalog.fileCacheHits.count",
    "executor.threadpool.maxPool_size",
    "executor.filesystem.hdfs.read_bytes",
    "NettyBlockTransfer.shuffle-client.usedHeapMemory",
}


def test_what_is_published_of_an_executor_is_kept_and_noise_is_not():
    connection = first("exec-0")
    names = [name for name, _, _ in connection.lines]
    sent = {name.partition(".0.")[2] for name in names}
    assert sent >= WANTED_OF_AN_EXECUTOR | NOT_WANTED_OF_AN_EXECUTOR
    assert set(kept(*names)) >= WANTED_OF_AN_EXECUTOR
    assert not set(kept(*names)) & NOT_WANTED_OF_AN_EXECUTOR


@pytest.mark.parametrize(
    ("name", "app", "identity", "prefix"),
    [
        ("app-20261121003226-0000.0.jvm.heap.used", "app-20261121003226-0000", "0", "app-20261121003226-0000.0."),
        ("clusterA.0.jvm.heap.used", "clusterA", "0", "clusterA.0."),
        ("My-App,-v1.0.0.jvm.heap.used", "My-App,-v1.0", "0", "My-App,-v1.0.0."),
        ("0.jvm.heap.used", "", "0", "0."),
        ("driver.jvm.heap.used", "", "driver", "driver."),
        ('it\'s-"mine".driver.jvm.heap.used', 'it\'s-"mine"', "driver", 'it\'s-"mine".driver.'),
        (
            "emr.j-ABC.ig-1.app-20261121003302-0003.0.jvm.heap.used",
            "app-20261121003302-0003",
            "0",
            "emr.j-ABC.ig-1.app-20261121003302-0003.0.",
        ),
        (
            "tide.application_1795220000000_0042.17.executor.cpuTime.count",
            "application_1795220000000_0042",
            "17",
            "tide.application_1795220000000_0042.17.",
        ),
        ("local-1795223846907.driver.jvm.heap.used", "local-1795223846907", "driver", "local-1795223846907.driver."),
        ("a.1.jvm.2.ExecutorMetrics.JVMHeapMemory", "a.1.jvm", "2", "a.1.jvm.2."),
        ("team.7.plugin.0.jvm.heap.used", "team.7.plugin", "0", "team.7.plugin.0."),
        ("größe.3.jvm.heap.used", "größe", "3", "größe.3."),
    ],
)
def test_namespaces_and_prefixes_of_any_shape_are_told_from_the_identity(name, app, identity, prefix):
    role = Role.DRIVER if identity == "driver" else Role.EXECUTOR
    assert origin(name) == Origin(role, app, identity, prefix)


def test_the_application_master_is_known_by_its_own_source():
    names = [
        f"application_1_0001.applicationMaster.{metric}"
        for metric in (
            "numExecutorsRunning",
            "numExecutorsFailed",
            "numReleasedContainers",
            "numLocalityAwareTasks",
            "numContainersPendingAllocate",
        )
    ]
    assert origin(*names) == Origin(
        Role.APPLICATION_MASTER, "application_1_0001", "applicationMaster", "application_1_0001."
    )
    assert len(kept(*names)) == 5


@pytest.mark.parametrize("prefix", ["", "emr.j-ABC.", "rack.5."])
@pytest.mark.parametrize(("role", "own"), [(Role.MASTER, "master.aliveWorkers"), (Role.WORKER, "worker.memFree_MB")])
def test_a_daemon_is_known_by_its_own_lines_in_the_same_report(prefix, role, own):
    names = [prefix + series for series in ("jvm.heap.used", "jvm.heap.max", own)]
    assert origin(*names) == Origin(role, "", "", prefix)
    assert kept(*names) == ["jvm.heap.used", "jvm.heap.max", own]


def test_names_without_identity_in_a_report_without_a_daemons_lines_are_refused():
    assert dict(read("jvm.heap.used", "jvm.heap.max").rejected) == {refusals.NO_IDENTITY: 2}
    older_application_master = read("app_1.applicationMaster.numExecutorsRunning", "jvm.heap.used")
    assert dict(older_application_master.rejected) == {refusals.NO_IDENTITY: 1}


def test_the_masters_registry_of_applications_is_ignored():
    names = read("application.my-app-v1.2-(test).1795220526596.cores", "HiveExternalCatalog.fileCacheHits.count")
    assert (names.groups, names.ignored, dict(names.rejected)) == ((), 2, {})


def test_streaming_queries_keep_their_names_dots_included():
    prefix = "local-1.driver."
    series = [
        f"spark.streaming.{query}.{gauge}"
        for query in ("my-query.1", "336e81bb-2c1a-47e6-9731-fc6fde6cd437", "a.3.spark.streaming.b")
        for gauge in ("inputRate-total", "processingRate-total", "latency", "states-usedBytes")
    ]
    assert kept(prefix + "BlockManager.memory.maxMem_MB", *(prefix + one for one in series))[1:] == series


@pytest.mark.parametrize("application", ["", "MyStream.", "My-Stream,-v1.2.", "x.3.", "has.driver.inside."])
def test_dstreams_are_the_drivers_whatever_the_application_is_called(application):
    names = ["app-1.driver.BlockManager.memory.maxMem_MB", f"app-1.driver.{application}StreamingMetrics.streaming.x"]
    assert origin(*names) == Origin(Role.DRIVER, "app-1", "driver", "app-1.driver.")
    assert kept(names[1]) == ["StreamingMetrics.streaming.x"]


@pytest.mark.parametrize(
    "series",
    [
        f"jvm.{collector}.{figure}"
        for collector in ("PS-Scavenge", "PS-MarkSweep", "Copy", "MarkSweepCompact", "ZGC-Cycles", "Shenandoah-Pauses")
        for figure in ("count", "time")
    ]
    + [
        f"jvm.pools.{pool}.{figure}"
        for pool in ("G1-Old-Gen", "PS-Old-Gen", "Tenured-Gen", "ZHeap", "Shenandoah", "ZGC-Old-Generation")
        for figure in ("used", "max")
    ],
)
def test_collectors_and_old_generations_of_every_garbage_collector_are_kept(series):
    assert kept("app-1.7." + series) == [series]


def test_a_series_is_kept_of_the_role_that_it_means_something_of():
    assert kept("app-1.driver.DAGScheduler.job.activeJobs") == ["DAGScheduler.job.activeJobs"]
    names = read("app-1.7.DAGScheduler.job.activeJobs")
    assert (names.groups[0].kept, names.ignored, dict(names.rejected)) == ((), 1, {})


@pytest.mark.parametrize(
    "name", ["app-1.7.MyOwnSource.things", "things", "app-1.7.jvm.of.my.own", "jvm", ".", "app-1.7." + "jvm." * 200]
)
def test_names_that_spark_does_not_have_are_unknown(name):
    assert dict(read(name).rejected) == {refusals.UNKNOWN_NAME: 1}


def test_a_users_listener_whose_class_name_holds_a_source_stays_the_drivers():
    prefix = "app-1.driver."
    name = prefix + "LiveListenerBus.listenerProcessingTime.com.acme.executor.Watch.count"
    names = read(prefix + "LiveListenerBus.queue.shared.size", name)
    assert [group.origin.id for group in names.groups] == ["driver"]
    assert names.ignored == 1


WORDS = st.sampled_from(
    ["app", "1", "driver", "jvm", "heap", "used", "executor", "spark", "streaming", "x", "", "count"]
)


@given(st.lists(st.lists(WORDS, max_size=9).map(".".join), max_size=20))
def test_every_name_is_accounted_for_whatever_it_is(names):
    found = read(*names)
    assert sum(len(group.kept) for group in found.groups) + found.ignored + sum(found.rejected.values()) == len(names)


def test_past_many_unknown_names_the_rest_of_a_report_is_not_looked_at():
    names = [f"unknown{number}" for number in range(graphite.MAX_REFUSALS + 3)]
    assert dict(read(*names).rejected) == {refusals.UNKNOWN_NAME: graphite.MAX_REFUSALS, refusals.SKIPPED: 3}
