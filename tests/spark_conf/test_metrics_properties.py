"""The shipped filter against what a real Spark sent, with nothing filtered."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from agent.sandbox.spark.conf import shipped
from agent.wire import metrics_properties, spark_names
from agent.wire.spark_series import OLD_GENERATIONS, ONE_GENERATION
from tests.spark_conf.captured import CAPTURES, lines

TEMPLATE = shipped("metrics.properties").read_text(encoding="utf-8")
REGEX = re.compile(metrics_properties.regex(TEMPLATE))

NOISE = (
    "CodeGenerator.",
    "HiveExternalCatalog.",
    "NettyBlockTransfer.",
    "LiveListenerBus.listenerProcessingTime.",
    "DAGScheduler.messageProcessingTime",
    "application.",
    "jvm.mapped.",
    "jvm.total.",
    "jvm.pools.CodeHeap",
    "jvm.pools.Metaspace",
    "jvm.pools.Compressed-Class-Space",
    "jvm.pools.G1-Eden-Space",
)

LINES_BEFORE_AND_AFTER = {
    "spark3.5.9_executor_oom_nan": {"exec": (192, 89)},
    "spark3.5.9_localcluster_p1": {
        "driver": (248, 59),
        "exec": (192, 89),
        "master": (120, 21),
        "worker": (121, 22),
        "applications": (51, 0),
    },
    "spark3.5.9_standalone_p10": {
        "driver": (248, 59),
        "exec": (192, 89),
        "master": (120, 21),
        "worker": (121, 22),
        "applications": (51, 0),
    },
    "spark3.5.9_standalone_p1_memfull": {
        "driver": (233, 59),
        "exec": (192, 89),
        "master": (120, 21),
        "worker": (121, 22),
        "applications": (51, 0),
    },
    "spark3.5.9_streaming_local2": {"driver": (342, 123)},
    "spark4.3.0_localcluster_p1": {
        "driver": (264, 75),
        "exec": (194, 91),
        "master": (120, 21),
        "worker": (121, 22),
        "applications": (51, 0),
    },
}


def by_capture(capture: Path) -> str:
    return capture.stem.removeprefix("graphite_")


@pytest.mark.parametrize("capture", CAPTURES, ids=by_capture)
def test_every_series_that_the_table_wants_passes(capture: Path) -> None:
    wanted = [line for line in lines(capture) if line.role != "applications" and spark_names.recognise(line.series)]
    assert wanted
    assert [line.name for line in wanted if not REGEX.search(line.metric)] == []


@pytest.mark.parametrize("capture", CAPTURES, ids=by_capture)
def test_nothing_passes_that_the_table_does_not_want_but_figures_of_the_executor_and_of_jobs(capture: Path) -> None:
    passing = [line for line in lines(capture) if REGEX.search(line.metric)]
    extra = {line.series for line in passing if not spark_names.recognise(line.series)}
    assert [series for series in extra if not series.startswith(("executor.", "appStatus."))] == []


@pytest.mark.parametrize("capture", CAPTURES, ids=by_capture)
def test_the_noise_is_dropped(capture: Path) -> None:
    passing = {line.series for line in lines(capture) if REGEX.search(line.metric)}
    assert [series for series in passing if series.startswith(NOISE) or "listenerProcessingTime" in series] == []


@pytest.mark.parametrize("capture", CAPTURES, ids=by_capture)
def test_the_lines_of_a_report_before_and_after(capture: Path) -> None:
    """The largest report of each kind of instance: what is sent unfiltered, and what is left of it."""
    before, after = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for line in lines(capture):
        before[line.role, line.connection] += 1
        after[line.role, line.connection] += bool(REGEX.search(line.metric))
    figures: dict[str, tuple[int, int]] = {}
    for (role, connection), count in before.items():
        figures[role] = max(figures.get(role, (0, 0)), (count, after[role, connection]))
    assert figures == LINES_BEFORE_AND_AFTER[by_capture(capture)]


@pytest.mark.parametrize("identity", ["app-20261121001142-0000.0.", "app-20261121001142-0000.driver.", ""])
@pytest.mark.parametrize("pool", [*OLD_GENERATIONS, *ONE_GENERATION])
def test_the_old_generation_of_any_collector_passes(identity: str, pool: str) -> None:
    for attribute in ("used", "max", "committed", "used-after-gc"):
        assert REGEX.search(f"{identity}jvm.pools.{pool}.{attribute}")


@pytest.mark.parametrize(
    "collector",
    [
        "G1-Young-Generation",
        "G1-Concurrent-GC",
        "PS-MarkSweep",
        "Copy",
        "ZGC-Cycles",
        "ZGC-Major-Pauses",
        "Shenandoah-Pauses",
    ],
)
def test_time_and_count_of_any_collector_pass(collector: str) -> None:
    for name in (f"a.1.jvm.{collector}.time", f"a.driver.jvm.{collector}.count", f"jvm.{collector}.time"):
        assert REGEX.search(name)


def test_streaming_of_both_kinds_passes() -> None:
    assert REGEX.search("app-20261121001142-0000.driver.spark.streaming.my-query.1.latency")
    assert REGEX.search("app-20261121001142-0000.driver.My-App,-v1.0.StreamingMetrics.streaming.waitingBatches")


def test_dynamic_allocation_and_the_application_master_pass() -> None:
    assert REGEX.search("application_1_2.driver.ExecutorAllocationManager.executors.numberMaxNeededExecutors")
    assert REGEX.search("application_1_2.applicationMaster.numContainersPendingAllocate")


@pytest.mark.parametrize("namespace", ["", "clusterA.", "My-App,-v1.0.", "a.driver.b."])
def test_any_namespace_will_do(namespace: str) -> None:
    assert REGEX.search(f"{namespace}0.jvm.heap.used")
    assert REGEX.search(f"{namespace}driver.DAGScheduler.job.activeJobs")
    assert REGEX.search(f"{namespace}12.executor.cpuTime")
    assert not REGEX.search(f"{namespace}driver.CodeGenerator.compilationTime")


def test_a_timer_of_the_queue_appstatus_is_not_taken_for_the_source_of_that_name() -> None:
    assert not REGEX.search("application_1_2.driver.LiveListenerBus.queue.appStatus.listenerProcessingTime")


def test_every_instance_has_the_jvm_source() -> None:
    given = metrics_properties.properties(TEMPLATE)
    for instance in ("master", "worker", "driver", "executor", "applicationMaster"):
        assert given[f"{instance}.source.jvm.class"] == "org.apache.spark.metrics.source.JvmSource"


def test_the_shipped_defaults_leave_the_jvm_source_alone() -> None:
    """`spark.metrics.staticSources.enabled=false` takes every heap figure away."""
    settings = [line for line in shipped("spark-defaults.conf").read_text().splitlines() if line and line[0] != "#"]
    assert settings
    assert not [line for line in settings if line.startswith("spark.metrics.staticSources.enabled")]
