"""Spark on a real YARN: a job loses nothing to a drained node or a killed one, and its metrics arrive as on EMR."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.sandbox import demo_app
from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.conf import CORE_LABEL, Shape
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.hadoop.spark import DeployMode, SparkOnYarn
from agent.sandbox.java import Java
from agent.sandbox.spark.conf import SMALL_APPLICATION
from agent.sandbox.spark.home import SparkHome
from tests.sandbox.hadoop_world import (
    at_rest,
    containers,
    executors_on,
    look,
    metrics,
    nodes_up,
    removals_of,
    removed,
    state,
    yarn_of,
)
from tests.sandbox.spark_world import line_in, running, wait_for

pytestmark = [pytest.mark.hadoop, pytest.mark.story, pytest.mark.timeout(900)]

UNIT_MB = 900
"""Room for one executor of 640 MB, or for an application master of 256 MB and one."""

SETTINGS = {**SMALL_APPLICATION, "spark.executor.memory": "480m"}

SIZES = ["--partitions", "16", "--partition-mb", "9", "--task-s", "0.2"]
"""144 MB, of which such an executor has room for about 100."""
CHECKSUM = f"{demo_app.expected_checksum(16, 72):x}"


class Job:
    """The demo's application with more data than one executor holds, until it is told to end."""

    def __init__(self, spark: SparkOnYarn, deploy_mode: DeployMode = "client", **settings: str) -> None:
        self.folder = spark.cluster.workdir
        self.end = self.folder / "end"
        self.result = self.folder / "result.json"
        ends = ["--executors", "99", "--at-most-s", "300", "--end-file", str(self.end), "--result", str(self.result)]
        self.process = spark.submit(Path(demo_app.__file__), [*SIZES, *ends], settings or None, deploy_mode=deploy_mode)

    def log(self) -> str:
        """Of the driver and of whoever submitted it."""
        logs = [self.folder / "logs" / "application.log", *self.folder.glob("nodemanager-*/containers/*/*/std*")]
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def tasks(self) -> dict[str, int]:
        """Finished tasks by executor, as the application last said."""
        said = re.findall(r"tasks by executor (\{.*\})", self.log())
        return {executor: int(count) for executor, count in re.findall(r"'(\d+)': (\d+)", said[-1])} if said else {}

    def passes(self) -> int:
        return self.log().count("tasks by executor")

    def has_work(self, *executors: str) -> bool:
        assert self.process.poll() is None, self.log()[-4000:]
        return set(executors) <= self.tasks().keys()

    def finish(self) -> dict[str, Any]:
        self.end.touch()
        assert self.process.wait(200) == 0, self.log()[-4000:]
        report: dict[str, Any] = json.loads(self.result.read_text())
        return report

    def failures(self) -> list[str]:
        """What the driver says when a stage fails or shuffle files are not found."""
        return re.findall(r".*(?:FetchFailed|Resubmitt|Stage \d+ \(.*\) failed in).*", self.log())


@pytest.fixture
def cluster(hadoop_jars: HadoopJars, java_home: Java, tmp_path: Path) -> Iterator[HadoopCluster]:
    shape = Shape(lost_after_s=8.0)
    with HadoopCluster(
        tmp_path, jars=hadoop_jars, java=java_home, shape=shape, memory_mb_per_unit=UNIT_MB
    ) as running_cluster:
        yield running_cluster


@pytest.fixture
def serving_cluster(
    hadoop_jars: HadoopJars, java_home: Java, spark_home: SparkHome, tmp_path: Path
) -> Iterator[HadoopCluster]:
    """Its NodeManagers run the external shuffle service."""
    with HadoopCluster(
        tmp_path, jars=hadoop_jars, java=java_home, spark=spark_home, memory_mb_per_unit=UNIT_MB
    ) as running_cluster:
        if not running_cluster.has_shuffle_service:
            pytest.skip(f"`mvn` brings no shuffle service for Spark {spark_home.version}")
        yield running_cluster


def test_no_result_is_lost_when_one_node_is_drained_and_another_disappears(
    cluster: HadoopCluster, spark_home: SparkHome
) -> None:
    core = cluster.add_node(core=True)
    nodes_up(cluster, core)
    with line_in() as line:
        job = Job(SparkOnYarn(cluster, spark=spark_home, sink=line.sink, settings=SETTINGS))
        wait_for(lambda: containers(cluster, core) == 2, "master and first executor are on the core node", 300)
        drained = cluster.add_node()
        wait_for(lambda: job.has_work("1", "2"), "both executors have finished tasks", 300)
        assert not cluster.idle(drained)
        told, reading = at_rest(lambda: metrics(cluster), yarn_of(cluster).once)
        assert reading.memory_available_mb == told["availableMB"]
        assert [app.state for app in reading.applications] == ["RUNNING"]
        assert reading.applications[0].memory_used_mb == told["allocatedMB"]

        cluster.decommission(drained, timeout_s=200)
        replacement = cluster.add_node()
        wait_for(lambda: drained.gone, "the node is drained and ended", 300)
        assert state(cluster, drained) == "DECOMMISSIONED"
        assert job.failures() == [], "the drained executor's shuffle files and blocks were moved before it went"
        wait_for(lambda: job.has_work("3"), "the replacement's executor has finished tasks", 300)

        executors = executors_on(replacement)
        assert executors
        cluster.kill(replacement)
        wait_for(lambda: not running(executors | {replacement.process.pid}), "node and executor have disappeared", 30)
        assert state(cluster, replacement) == "RUNNING", "before anyone had noticed, let alone ended the executor"
        wait_for(lambda: state(cluster, replacement) == "LOST", "YARN has noticed", 300)
        removals = removals_of(cluster)
        wait_for(
            lambda: removals.once() and removed(removals) >= {"2", "3"},
            "the agent has read at the application's own UI, through YARN's proxy, which executors were removed",
            120,
        )
        passes = job.passes()
        wait_for(lambda: job.has_work("1") and job.passes() > passes + 1, "it goes on with one executor", 300)
        report = job.finish()
        for name in ("1.jvm.heap.used", "driver.jvm.heap.used", "applicationMaster.numExecutorsRunning"):
            assert line.series(name), f"{name} has arrived"
    assert report["correct"] and report["checksum"] == report["expected"] == CHECKSUM
    assert {"1", "2", "3"} <= set(report["tasks_by_executor"])


def test_a_job_with_the_shuffle_service_in_cluster_mode_is_drained_too(
    serving_cluster: HadoopCluster, spark_home: SparkHome
) -> None:
    """Each executor registers with the service of its own node, by a secret; the driver is in a container."""
    cluster = serving_cluster
    core = cluster.add_node(2, core=True)
    nodes_up(cluster, core)
    spark = SparkOnYarn(cluster, spark=spark_home, settings=SETTINGS, shuffle_service=True)
    # the other executor has no room for all that is cached: the drained one does not wait for it for ever
    job = Job(spark, "cluster", **{"spark.executor.decommission.forceKillTimeout": "10s"})
    wait_for(lambda: containers(cluster, core) == 2, "driver and first executor are on the core node", 300)
    drained = cluster.add_node()
    wait_for(lambda: job.has_work("1", "2"), "both executors have finished tasks", 300)
    ports = set(re.findall(r"external shuffle service port = (\d+)", job.log()))
    started = re.findall(r"shuffle service for Spark on port (\d+)\. Authentication is (\w+)", _node_logs(cluster))
    assert len(ports) == 2 and {(port, "enabled") for port in ports} == set(started)
    cluster.decommission(drained, timeout_s=200)
    wait_for(lambda: drained.gone, "the node is drained and ended", 300)
    assert job.failures() == []
    passes = job.passes()
    wait_for(lambda: job.has_work("1") and job.passes() > passes + 1, "it goes on", 300)
    report = job.finish()
    assert report["correct"] and report["checksum"] == CHECKSUM
    assert job.failures() == []


def test_with_labels_the_master_stays_on_core_and_memory_is_that_of_all_partitions(
    hadoop_jars: HadoopJars, java_home: Java, spark_home: SparkHome, tmp_path: Path
) -> None:
    with HadoopCluster(
        tmp_path, jars=hadoop_jars, java=java_home, shape=Shape(core_label=True), memory_mb_per_unit=UNIT_MB
    ) as cluster:
        task, core = cluster.add_node(), cluster.add_node(core=True)
        nodes_up(cluster, task, core)
        wait_for(lambda: (seen := look(cluster, core)) and seen.labels == (CORE_LABEL,), "the core node's label", 300)
        job = Job(SparkOnYarn(cluster, spark=spark_home, settings=SETTINGS))
        wait_for(lambda: containers(cluster, core) >= 1, "the application master runs", 300)
        (application,) = wait_for(
            lambda: [a for a in _applications(cluster) if a["state"] == "RUNNING"], "it runs", 300
        )
        assert application["amHostHttpAddress"].startswith(f"{core.host}:")
        told, reading = at_rest(lambda: metrics(cluster), yarn_of(cluster).once)
        assert told["totalMB"] == UNIT_MB, "the plain figures are those of the default partition"
        assert reading.memory_total_mb == 2 * UNIT_MB
        used = told["totalUsedResourcesAcrossPartition"]["memory"]
        assert reading.memory_available_mb == 2 * UNIT_MB - used
        assert {node.host: node.label for node in reading.nodes} == {task.host: "", core.host: CORE_LABEL}
        job.process.kill()


def _applications(cluster: HadoopCluster) -> list[Mapping[str, Any]]:
    answer = requests.get(f"{cluster.resource_manager_url}/ws/v1/cluster/apps", timeout=30).json()
    found: list[Mapping[str, Any]] = (answer["apps"] or {}).get("app", [])
    return found


def _node_logs(cluster: HadoopCluster) -> str:
    return "".join(node.log.read_text(errors="replace") for node in cluster.nodes)
