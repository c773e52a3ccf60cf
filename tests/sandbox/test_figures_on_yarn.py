"""What the running agent publishes of a real YARN and HDFS equals what the daemons' own endpoints say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.domain.signals import Statistic
from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome
from tests.sandbox.emr_world import boto
from tests.sandbox.hadoop_world import containers, metrics
from tests.sandbox.spark_world import APPLICATIONS, wait_for
from tests.sandbox.test_hadoop_spark import SETTINGS, UNIT_MB
from tests.sandbox.yarn_loop import Loop, loop

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(900)]

MIB = 1024 * 1024
WAITING, WRITERS = 2, 2

Figures = dict[str, float]


@pytest.fixture
def cluster(hadoop_jars: HadoopJars, java_home: Java, tmp_path: Path) -> Iterator[HadoopCluster]:
    with HadoopCluster(tmp_path / "hadoop", jars=hadoop_jars, java=java_home, memory_mb_per_unit=UNIT_MB) as started:
        yield started


def submit_waiting(cluster: HadoopCluster) -> None:
    """An application whose master, of 256 MB, has nowhere to run."""
    base, user = f"{cluster.resource_manager_url}/ws/v1/cluster/apps", {"user.name": "hadoop"}
    new = requests.post(f"{base}/new-application", params=user, timeout=30).json()
    application = {
        "application-id": new["application-id"],
        "application-name": "waiting",
        "am-container-spec": {"commands": {"command": "true"}},
        "resource": {"memory": 256, "vCores": 1},
    }
    assert requests.post(base, params=user, json=application, timeout=30).status_code == 202


def bean(cluster: HadoopCluster, name: str) -> dict[str, Any]:
    answer = requests.get(f"{cluster.name_node_url}/jmx?qry=Hadoop:service=NameNode,name={name}", timeout=30)
    (found,) = answer.json()["beans"]
    return dict(found)


def told(cluster: HadoopCluster) -> Figures | None:
    """By the daemons, in the units of the metrics; None while the two beans of the NameNode still differ: it makes
    one afresh for every question, and fills the other, which the agent reads, once a period."""
    yarn, hdfs, filled = metrics(cluster), bean(cluster, "FSNamesystemState"), bean(cluster, "FSNamesystem")
    load = (hdfs["TotalLoad"], hdfs["NumLiveDataNodes"])
    if load != (filled["TotalLoad"], filled["NumLiveDataNodes"]):
        return None
    return {
        "MemoryTotal": yarn["totalMB"] * MIB,
        "MemoryAvailable": yarn["availableMB"] * MIB,
        "MemoryAvailablePercent": 100 * yarn["availableMB"] / yarn["totalMB"],
        "MemoryPending": yarn["pendingMB"] * MIB,
        "ContainersPending": yarn["containersPending"],
        "AppsRunning": yarn["appsRunning"],
        "AppsPending": yarn["appsPending"],
        "NodesActive": yarn["activeNodes"],
        "NodesUnhealthy": yarn["unhealthyNodes"],
        "NodesLost": yarn["lostNodes"],
        "NodesDecommissioning": yarn["decommissioningNodes"],
        "NodesDecommissioned": yarn["decommissionedNodes"],
        "HdfsTotalLoad": hdfs["TotalLoad"],
        "HdfsTotalLoadPerDataNode": hdfs["TotalLoad"] / hdfs["NumLiveDataNodes"],
    }


def published(world: Loop, metric: str, since: float) -> list[float]:
    """What CloudWatch has of the cluster's periods that began at `since` or later; each has one value."""
    points = boto("cloudwatch", world.server.endpoint).get_metric_statistics(
        Namespace="Tidemark",
        MetricName=metric,
        Dimensions=[{"Name": "ClusterId", "Value": world.id}],
        StartTime=datetime.fromtimestamp(since, UTC),
        EndTime=datetime.fromtimestamp(time.time() + 60, UTC),
        Period=1,
        Statistics=["Minimum", "Maximum"],
    )["Datapoints"]
    return [point[extreme] for point in points for extreme in ("Minimum", "Maximum")]


def heard_since(world: Loop, since: float) -> float | None:
    """When a turn began that knew answers of both daemons to questions asked at `since` or later."""
    for turn in world.turns():
        reading, load = turn.observation.reading, turn.observation.signals.get("HdfsTotalLoad")
        if reading is not None and load is not None and min(reading.at, load.at) >= since:
            return turn.observation.at
    return None


def compared(world: Loop) -> tuple[Figures, dict[str, set[float]]] | None:
    """The daemons' figures and those published, of a span in which the daemons' did not change; None without rest.

    A period that counts began after the agent had asked both daemons within the span, and was published within it: so
    what it holds was asked within it.
    """
    before, began = told(world.cluster), time.time()
    if before is None:
        return None
    heard = wait_for(lambda: heard_since(world, began), f"both daemons are asked: {world.agent.log()[-2000:]}", 300)
    # CloudWatch's times are whole seconds
    since = float(int(heard) + 1)
    wait_for(lambda: all(published(world, metric, since) for metric in before), "a period of each is published", 300)
    found = {metric: set(published(world, metric, since)) for metric in before}
    return (before, found) if told(world.cluster) == before else None


def test_what_is_published_equals_what_the_daemons_say(
    cluster: HadoopCluster, spark_home: SparkHome, tmp_path: Path
) -> None:
    """One application runs and waits for two more executors, others wait for their masters, files of HDFS are being
    written: all of it stands still until the test ends."""
    with loop(cluster, tmp_path) as world:
        three = {"spark.dynamicAllocation.minExecutors": "3", "spark.dynamicAllocation.initialExecutors": "3"}
        spark = world.spark(spark_home, {**SETTINGS, **three})
        running = spark.submit(APPLICATIONS / "waves.py", [str(tmp_path)])
        (core,) = world.running("CORE")
        wait_for(lambda: containers(cluster, core) == 2, "master and first executor are on the core node", 300)
        for _ in range(WAITING):
            submit_waiting(cluster)
        for number in range(WRITERS):
            cluster.primary.hold_file_open(f"/held-{number}", 600)

        def written() -> bool:
            return bool(bean(cluster, "FSNamesystem")["NumFilesUnderConstruction"] == WRITERS)

        def at_work() -> bool:
            now = told(cluster)
            return now is not None and (
                (now["AppsRunning"], now["AppsPending"], now["ContainersPending"]) == (1, WAITING, 2 + WAITING)
                and now["HdfsTotalLoad"] >= WRITERS
            )

        wait_for(written, "files are being written", 300)
        wait_for(at_work, "everything waits", 300)
        daemons, found = wait_for(lambda: compared(world), "a span without change", 180)
        assert running.poll() is None
        for metric, value in daemons.items():
            assert found[metric] == {value}, metric
        assert daemons["MemoryPending"] > 0 and daemons["HdfsTotalLoad"] >= WRITERS
        signals = world.turns()[-1].observation.signals
        for metric, value in daemons.items():
            decided_on = signals[metric].values[Statistic.AVERAGE]
            assert decided_on == pytest.approx(value, rel=1e-5), f"{metric}, which has six digits in the journal"
