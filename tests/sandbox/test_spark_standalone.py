"""A real standalone Spark: workers come and go while an application runs, and its result is right all the same."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.sandbox import demo_app
from agent.sandbox.java import Java
from agent.sandbox.nodes import Machine, NodePhase
from agent.sandbox.spark.conf import SMALL_APPLICATION
from agent.sandbox.spark.home import SparkHome, SparkMissing
from agent.sandbox.spark.nodes import SparkNodes
from agent.sandbox.spark.standalone import SparkFailed, StandaloneCluster
from tests.sandbox.spark_world import executor_pids, running, wait_for

spark = pytest.mark.spark


@pytest.fixture
def cluster(spark_home: SparkHome, java_home: Java, tmp_path: Path) -> Iterator[StandaloneCluster]:
    with StandaloneCluster(tmp_path, spark=spark_home, java=java_home, settings=SMALL_APPLICATION) as running_cluster:
        yield running_cluster


def tasks_by_executor(log: Path) -> dict[str, int]:
    """What the application last said."""
    said = re.findall(r"tasks by executor (\{.*\})", log.read_text()) if log.exists() else []
    return dict(re.findall(r"'(\d+)': (\d+)", said[-1])) if said else {}


def machine(number: int, role: str, units: int = 1) -> Machine:
    return Machine(
        id=f"ci-{number}",
        ec2_id=f"i-{number}",
        cluster_id="j-1",
        role=role,
        market="SPOT",
        instance_type="r6i.xlarge",
        units=units,
    )


@spark
@pytest.mark.story
@pytest.mark.timeout(400)
def test_no_result_is_lost_when_one_worker_is_drained_and_another_disappears(
    cluster: StandaloneCluster, tmp_path: Path
) -> None:
    core, drained = (cluster.add_worker(host, 1, 700) for host in ("127.0.1.2", "127.0.1.3"))
    log = tmp_path / "logs" / "application.log"
    result = tmp_path / "result.json"
    end = tmp_path / "end"
    # 288 MB, of which one executor has room for about 200: there always is work for a second one
    sizes = ["--partitions", "16", "--partition-mb", "18", "--task-s", "0.2"]
    ends = ["--executors", "99", "--at-most-s", "300", "--end-file", str(end)]
    application = cluster.submit(Path(demo_app.__file__), ["--result", str(result), *sizes, *ends])

    def has_work(executor: str) -> bool:
        assert application.poll() is None, log.read_text()[-3000:]
        return executor in tasks_by_executor(log)

    wait_for(lambda: has_work("0") and has_work("1"), "both executors have finished tasks", 150)
    assert not cluster.idle(drained)
    pids = set(executor_pids(drained.process.pid).values())
    assert len(pids) == 1
    cluster.decommission(drained, timeout_s=300)
    replacement = cluster.add_worker("127.0.1.4", 1, 700)
    wait_for(lambda: drained.gone, "the worker is drained and ended", 120)
    assert not running(pids | {drained.process.pid})
    wait_for(lambda: has_work("2"), "the replacement's executor has finished tasks", 120)
    cluster.kill(replacement)
    passes = log.read_text().count("tasks by executor")
    wait_for(lambda: log.read_text().count("tasks by executor") > passes + 1, "it goes on with one worker", 120)
    end.touch()
    assert application.wait(240) == 0, log.read_text()[-3000:]
    report = json.loads(result.read_text())
    assert report["correct"] and report["checksum"] == report["expected"]
    assert report["expected"] == f"{demo_app.expected_checksum(16, 144):x}"
    assert {"0", "1", "2"} <= set(report["tasks_by_executor"])
    wait_for(lambda: cluster.idle(core), "the core worker holds no executor any more", 30)


@spark
@pytest.mark.timeout(200)
def test_instances_are_workers_whose_size_follows_their_units(cluster: StandaloneCluster) -> None:
    nodes = SparkNodes(cluster, cores_per_unit=1, memory_mb_per_unit=300, drain_timeout_s=20)
    primary, core, task = machine(1, "MASTER"), machine(2, "CORE"), machine(3, "TASK", units=2)
    began = time.monotonic()
    assert [nodes.launch(m) for m in (primary, core, task)] == ["127.0.0.1", "127.0.1.2", "127.0.1.3"]
    assert time.monotonic() - began < 1, "launching does not wait for anything"
    assert nodes.phase(task) is NodePhase.STARTING
    wait_for(lambda: all(nodes.phase(m) is NodePhase.READY for m in (primary, core, task)), "all are ready", 90)
    view = cluster.read_view()
    assert view is not None
    assert {w.host: (w.cores, w.memory_mb) for w in view.workers} == {"127.0.1.2": (1, 300), "127.0.1.3": (2, 600)}
    wait_for(lambda: nodes.idle([core, task]) == {"ci-2", "ci-3"}, "both are idle", 30)

    nodes.decommission(task)
    assert nodes.phase(task) in {NodePhase.DRAINING, NodePhase.GONE}
    wait_for(lambda: nodes.phase(task) is NodePhase.GONE, "the task instance is gone", 60)

    crashing = machine(4, "TASK")
    nodes.launch(crashing)
    worker = nodes.worker("ci-4")
    assert worker is not None
    worker.process.kill()
    wait_for(lambda: nodes.phase(crashing) is NodePhase.FAILED, "a worker that ends by itself has failed", 30)
    nodes.terminate(crashing)
    wait_for(lambda: nodes.phase(crashing) is NodePhase.GONE, "and can be ended", 30)

    for m in (core, primary):
        nodes.terminate(m)
        nodes.terminate(m)
    wait_for(lambda: nodes.phase(core) is nodes.phase(primary) is NodePhase.GONE, "the cluster is gone", 60)
    assert cluster.read_view() is None


STARTER = """
import sys, time
from pathlib import Path
from agent.sandbox import demo_app
from agent.sandbox.spark.conf import SMALL_APPLICATION
from agent.sandbox.spark.home import SparkHome
from agent.sandbox.spark.standalone import StandaloneCluster
with StandaloneCluster(Path(sys.argv[1]), spark=SparkHome.at(Path(sys.argv[2])), settings=SMALL_APPLICATION) as cluster:
    cluster.add_worker("127.0.1.2", 1, 700)
    cluster.submit(Path(demo_app.__file__), ["--result", sys.argv[1] + "/result.json", "--executors", "9"])
    time.sleep(600)
"""


@pytest.mark.story
@spark
@pytest.mark.timeout(300)
def test_nothing_of_a_spark_is_left_when_its_starter_is_killed(spark_home: SparkHome, tmp_path: Path) -> None:
    """Master, worker, driver, executor and both Python sides: SIGKILL leaves the starter no chance to clean up."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path), str(spark_home.path)])
    try:
        log = tmp_path / "logs" / "application.log"
        wait_for(lambda: tasks_by_executor(log) or starter.poll() is not None, "the application has done tasks", 180)
        assert starter.poll() is None
        family = {child.pid for child in psutil.Process(starter.pid).children(recursive=True)}
        javas = [pid for pid in running(family) if psutil.Process(pid).name() == "java"]
        assert len(javas) == 4
        starter.send_signal(signal.SIGKILL)
        starter.wait(30)
        wait_for(lambda: not running(family), "nothing of it runs", 60)
    finally:
        starter.kill()


@spark
@pytest.mark.timeout(120)
def test_a_master_that_does_not_come_up_is_told_with_the_end_of_its_log(spark_home: SparkHome, tmp_path: Path) -> None:
    nowhere = Java(tmp_path / "nowhere", 17, "PATH")
    with (
        pytest.raises(SparkFailed, match="nowhere"),
        StandaloneCluster(tmp_path, spark=SparkHome(spark_home.path, "3.5.9", 3), java=nowhere),
    ):
        pass


def test_a_folder_without_spark_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(SparkMissing, match="jars/spark-core"):
        SparkHome.at(tmp_path)


def test_spark_is_found_in_a_folder_that_pip_filled(tmp_path: Path) -> None:
    jars = tmp_path / "pyspark" / "jars"
    jars.mkdir(parents=True)
    (jars / "spark-core_2.13-4.3.0.jar").touch()
    (jars / "spark-core_2.13-4.3.0-tests.txt").touch()
    assert SparkHome.at(tmp_path) == SparkHome(tmp_path / "pyspark", "4.3.0", 4)
