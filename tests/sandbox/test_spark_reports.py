"""What a real Spark reports, through the shipped configuration into the real listener and table, is what its JVMs
and its REST API say themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
import requests

from agent.aggregate.snapshot import Instance, Role
from agent.domain.readings import ExecutorRemoval
from agent.sandbox.java import Java
from agent.sandbox.spark.conf import shipped
from agent.sandbox.spark.home import SparkHome
from agent.sandbox.spark.standalone import StandaloneCluster, Worker
from agent.wire import metrics_properties, spark_rest
from tests.sandbox.spark_world import (
    APPLICATIONS,
    Heap,
    LineIn,
    executor_pids,
    heap,
    jcmd,
    line_in,
    max_heap,
    wait_for,
)

pytestmark = [pytest.mark.spark, pytest.mark.timeout(500)]

SETTINGS = {
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.executor.heartbeatInterval": "2s",
    "spark.ui.showConsoleProgress": "false",
    "spark.task.maxFailures": "1",
    "spark.locality.wait": "0s",
}
EXECUTORS = 2


@dataclass
class Holding:
    """An application whose executors have filled their caches and now hold one waiting task each."""

    cluster: StandaloneCluster
    workers: tuple[Worker, ...]
    line_in: LineIn
    ui: str
    app: str
    driver: Popen[bytes]

    def instances(self, role: Role) -> dict[str, Instance]:
        snapshot = self.line_in.table.snapshot(time.time())
        return {instance.id: instance for instance in snapshot.instances if instance.role is role}

    def executor_pids(self) -> dict[str, int]:
        return {k: v for worker in self.workers for k, v in executor_pids(worker.process.pid).items()}


@pytest.fixture(scope="module")
def holding(spark_home: SparkHome, java_home: Java, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holding]:
    folder = tmp_path_factory.mktemp("holding")
    ready, go = folder / "ready", folder / "go"
    with (
        line_in() as receiver,
        StandaloneCluster(folder, spark=spark_home, java=java_home, sink=receiver.sink, settings=SETTINGS) as cluster,
    ):
        workers = tuple(cluster.add_worker(f"127.0.1.{2 + number}", 1, 600) for number in range(EXECUTORS))
        for worker in workers:
            wait_for(lambda worker=worker: cluster.alive(worker), f"{worker.name} is alive")  # type: ignore[misc]
        arguments = [str(EXECUTORS), str(ready), str(go)]
        application = cluster.submit(APPLICATIONS / "holding.py", arguments)
        wait_for(lambda: ready.exists() or application.poll() is not None, "the caches are filled", 300)
        assert application.poll() is None, (folder / "logs" / "application.log").read_text()[-3000:]
        app = requests.get(f"{ready.read_text()}/api/v1/applications", timeout=60).json()[0]["id"]
        yield Holding(cluster, workers, receiver, ready.read_text(), app, application)
        go.touch()
        assert application.wait(60) == 0


def rest_peaks(holding: Holding) -> dict[str, int]:
    executors = requests.get(f"{holding.ui}/api/v1/applications/{holding.app}/executors", timeout=60).json()
    return {e["id"]: e.get("peakMemoryMetrics", {}).get("JVMHeapMemory", 0) for e in executors if e["id"] != "driver"}


def bracketed(holding: Holding, java: Java, pid: int, name: str, instance: str) -> tuple[float, Heap, float]:
    """A JVM's heap by its own word, between the reports just before and just after it, with no collection between.

    The JVM is made to collect first, so that it starts from little garbage.
    """
    counts = f"{instance}.jvm.{name}.count"

    def once() -> tuple[float, Heap, float] | None:
        asked = time.time()
        before = wait_for(
            lambda: [r for r in holding.line_in.series(f"{instance}.jvm.heap.used") if r[0] > asked][-1:], "a report"
        )[0]
        collections = holding.line_in.series(counts)[-1][1]
        said = heap(java, pid)
        asked = time.time()
        after = wait_for(
            lambda: [r for r in holding.line_in.series(f"{instance}.jvm.heap.used") if r[0] > asked][:1], "a report"
        )[0]
        quiet = holding.line_in.series(counts)[-1][1] == collections
        return (before[1], said, after[1]) if quiet else None

    jcmd(java, pid, "GC.run")
    return wait_for(once, f"no collection of {instance} between two reports")


def test_the_highest_heap_of_each_executor_is_the_peak_that_rest_says(holding: Holding) -> None:
    """Both are polls of the same JVM, made while a stage was active, so they agree to the byte."""

    def agree() -> bool:
        reported = {
            executor: max(value for _, value in holding.line_in.series(f"{executor}.ExecutorMetrics.JVMHeapMemory"))
            for executor in rest_peaks(holding)
        }
        return len(reported) == EXECUTORS and reported == rest_peaks(holding)

    wait_for(agree, f"agreement with {rest_peaks(holding)}", 60)
    assert min(rest_peaks(holding).values()) > 48 * 2**20, "each executor holds at least 6 partitions of 8 MiB"


def test_heap_maximum_and_use_of_each_executor_are_what_its_jvm_says(holding: Holding, java_home: Java) -> None:
    """Use grows between two collections, so what jcmd says lies between the reports before and after it.

    The slack is two regions: G1 counts the region that it is allocating in as a whole in one figure, as far as it is
    filled in the other.
    """
    pids = holding.executor_pids()
    assert sorted(pids) == sorted(holding.instances(Role.EXECUTOR)) and len(pids) == EXECUTORS
    for executor, pid in pids.items():
        assert holding.instances(Role.EXECUTOR)[executor].values["jvm.heap.max"] == max_heap(java_home, pid)
        before, said, after = bracketed(holding, java_home, pid, "G1-Young-Generation", f"{holding.app}.{executor}")
        assert before - said.slack <= said.used <= after + said.slack, executor
        assert said.used > 48 * 2**20


def test_the_drivers_heap_is_what_its_metrics_page_says(holding: Holding) -> None:
    """The page is asked between two reports; it is the same registry, so the maximum is equal and the use between."""
    prefix = f"{holding.app}.driver.jvm"

    def page() -> dict[str, float]:
        gauges = requests.get(f"{holding.ui}/metrics/json/", timeout=60).json()["gauges"]
        return {name: gauge["value"] for name, gauge in gauges.items() if name.startswith(prefix)}

    def between_two_reports() -> bool:
        before = holding.line_in.series(f"{prefix}.heap.used")[-1]
        said = page()
        after = wait_for(
            lambda: [r for r in holding.line_in.series(f"{prefix}.heap.used") if r[0] > before[0]][:1], "a report"
        )[0]
        same_collections = (
            said[f"{prefix}.G1-Young-Generation.count"]
            == [value for _, value in holding.line_in.series(f"{prefix}.G1-Young-Generation.count")][-1]
        )
        return same_collections and before[1] <= said[f"{prefix}.heap.used"] <= after[1]

    values = holding.instances(Role.DRIVER)["driver"].values
    assert values["jvm.heap.max"] == page()[f"{prefix}.heap.max"] == 512 * 2**20
    wait_for(between_two_reports, "the page's figure between those of two reports", 60)


def test_heap_of_the_master_and_of_each_worker_arrives_and_is_what_the_jvm_says(
    holding: Holding, java_home: Java
) -> None:
    workers, masters = holding.instances(Role.WORKER), holding.instances(Role.MASTER)
    assert sorted(workers) == sorted(f"{worker.name}@127.0.0.1" for worker in holding.workers)
    assert len(masters) == 1
    for values in [instance.values for instance in (*workers.values(), *masters.values())]:
        # a serial heap's maximum leaves one survivor space out: 256 MiB less 8.5 MiB
        assert 240 * 2**20 < values["jvm.heap.max"] <= 256 * 2**20
        assert 0 < values["jvm.heap.used"] <= values["jvm.heap.max"]
        assert "jvm.pools.Tenured-Gen.used" in values
    for worker in holding.workers:
        before, said, after = bracketed(holding, java_home, worker.process.pid, "Copy", worker.name)
        assert before - said.slack <= said.used <= after + said.slack, worker.name


def test_each_worker_says_how_much_memory_it_has_given_out(holding: Holding) -> None:
    for instance in holding.instances(Role.WORKER).values():
        assert instance.values["worker.memUsed_MB"] == 512
        assert instance.values["worker.memFree_MB"] == 600 - 512


def test_the_filter_lets_through_exactly_what_it_says(holding: Holding) -> None:
    """Spark's reading of the pattern (Java) agrees with ours (Python), and the agent knows every name that it gets."""
    pattern = re.compile(metrics_properties.regex(shipped("metrics.properties").read_text(encoding="utf-8")))
    attribute = re.compile(r"[.](count|max|mean|min|stddev|p\d+|m\d+_rate|mean_rate)$")
    names = {line.name for _, lines in holding.line_in.reports for line in lines}
    bare = {re.sub(r"^worker-\d+-[\d-]+[.]", "", name) for name in names}
    metrics = {name if ".jvm." in f".{name}" else attribute.sub("", name) for name in bare}
    assert [name for name in metrics if not pattern.search(name)] == []
    assert {
        "driver.DAGScheduler.job.activeJobs",
        "driver.LiveListenerBus.queue.appStatus.size",
        "driver.appStatus.jobs.succeededJobs.count",
        "0.executor.succeededTasks.count",
        "1.JVMCPU.jvmCpuTime",
        "0.jvm.pools.G1-Old-Gen.used",
    } <= {name.removeprefix(f"{holding.app}.") for name in names}
    counts = holding.line_in.table.snapshot(time.time()).counts
    assert counts.get("LinesRejected.unknown_name", 0) == 0
    assert counts["LinesReceived"] > 1000


@pytest.mark.story
def test_an_executor_that_dies_of_memory_is_seen_as_such(
    spark_home: SparkHome, java_home: Java, tmp_path: Path
) -> None:
    """Exit code 52: Spark's REST API says it, the agent's decoder reads it, the table counts it as a memory death."""
    ready, go = tmp_path / "ready", tmp_path / "go"
    with (
        line_in() as receiver,
        StandaloneCluster(tmp_path, spark=spark_home, java=java_home, sink=receiver.sink, settings=SETTINGS) as cluster,
    ):
        worker = cluster.add_worker("127.0.1.2", 1, 600)
        wait_for(lambda: cluster.alive(worker), "the worker is alive")
        application = cluster.submit(APPLICATIONS / "dying.py", [str(ready), str(go)])
        wait_for(lambda: ready.exists() or application.poll() is not None, "the executor died", 300)
        assert application.poll() is None, (tmp_path / "logs" / "application.log").read_text()[-3000:]
        api = f"{ready.read_text()}{spark_rest.APPLICATIONS_PATH}"
        app = requests.get(api, timeout=60).json()[0]["id"]

        def dead() -> tuple[ExecutorRemoval, ...]:
            answer = requests.get(f"{api}/{app}/allexecutors", timeout=60).json()
            removals = spark_rest.removals(answer, time.time(), app)
            assert isinstance(removals, tuple)
            return removals

        removal = wait_for(dead, "Spark says why the executor went", 60)[0]
        assert removal.executor == "0"
        assert "52" in removal.reason
        receiver.table.take(removal)
        deaths = receiver.table.snapshot(time.time()).memory_deaths
        assert [(death.app, death.executor, death.how) for death in deaths] == [(app, "0", removal.reason)]
        go.touch()
        assert application.wait(60) == 0
