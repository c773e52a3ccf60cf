"""Real Hadoop daemons: the agent reads what they say, and nodes leave in order, at once, or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.conf import Shape
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.hadoop.nodes import HadoopNodes
from agent.sandbox.hadoop.primary import HadoopFailed
from agent.sandbox.java import Java
from agent.sandbox.nodes import Machine, NodePhase
from agent.sandbox.spark.home import SparkHome
from tests.sandbox.hadoop_world import at_rest, command_lines, family_of, hdfs_of, metrics, nodes_up, state, yarn_of
from tests.sandbox.spark_world import running, wait_for

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(900)]

MEMORY_MB = 512


@pytest.fixture(scope="module")
def cluster(
    hadoop_jars: HadoopJars, java_home: Java, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HadoopCluster]:
    folder = tmp_path_factory.mktemp("hadoop")
    shape = Shape(lost_after_s=4.0)
    with HadoopCluster(
        folder, jars=hadoop_jars, java=java_home, shape=shape, memory_mb_per_unit=MEMORY_MB
    ) as running_cluster:
        yield running_cluster
    assert not running({process.pid for process in running_cluster.primary.daemons.values()})


def test_the_agent_reads_what_the_daemons_say(cluster: HadoopCluster) -> None:
    small, large = cluster.add_node(1), cluster.add_node(2)
    nodes_up(cluster, small, large)
    told, reading = at_rest(lambda: metrics(cluster), yarn_of(cluster).once)
    assert reading.memory_total_mb == told["totalMB"] >= 3 * MEMORY_MB
    assert reading.memory_available_mb == told["availableMB"]
    assert reading.memory_pending_mb == told["pendingMB"]
    assert reading.containers_pending == told["containersPending"]
    assert reading.applications == ()
    nodes = {node.host: node for node in reading.nodes}
    assert small.host != large.host and len(nodes) == told["activeNodes"]
    assert (nodes[small.host].memory_total_mb, nodes[large.host].memory_total_mb) == (MEMORY_MB, 2 * MEMORY_MB)
    assert nodes[small.host].alive and not nodes[small.host].holds_work and cluster.idle(small)


def test_total_load_counts_a_file_that_is_being_written(cluster: HadoopCluster) -> None:
    poller = hdfs_of(cluster)

    def told() -> tuple[int, int]:
        query = "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem"
        bean = requests.get(cluster.name_node_url + query, timeout=30).json()["beans"][0]
        return bean["TotalLoad"], bean["NumLiveDataNodes"]

    wait_for(lambda: told()[1] == 1, "the DataNode is counted", 300)
    before, reading = at_rest(told, poller.once)
    assert (reading.total_load, reading.live_data_nodes) == before
    held = cluster.primary.hold_file_open("/held", 300)
    wait_for(lambda: poller.once().total_load > before[0], "the transfer is counted", 300)
    during, reading = at_rest(told, poller.once)
    assert (reading.total_load, reading.live_data_nodes) == during
    held.kill()
    assert poller.errors() == 0


def test_a_drained_node_leaves_in_order_and_alone(cluster: HadoopCluster) -> None:
    leaving, staying = cluster.add_node(), cluster.add_node()
    nodes_up(cluster, leaving, staying)
    began = time.monotonic()
    cluster.decommission(leaving, timeout_s=200)
    assert time.monotonic() - began < 1
    wait_for(lambda: leaving.gone, "the node is gone", 300)
    assert state(cluster, leaving) == "DECOMMISSIONED"
    assert leaving.process.poll() is not None
    assert (state(cluster, staying), staying.process.poll()) == ("RUNNING", None)
    assert leaving.host not in {node.host for node in yarn_of(cluster).once().nodes if node.alive}


def test_a_killed_node_is_lost(cluster: HadoopCluster) -> None:
    spot = cluster.add_node()
    nodes_up(cluster, spot)
    lost = metrics(cluster)["lostNodes"]
    pids = {spot.process.pid} | family_of(spot.process.pid)
    cluster.kill(spot)
    assert spot.gone and not running(pids)
    wait_for(lambda: state(cluster, spot) == "LOST", "YARN has noticed", 300)
    reading = yarn_of(cluster).once()
    assert reading.node_counts.lost == metrics(cluster)["lostNodes"] == lost + 1
    assert spot.host not in {node.host for node in reading.nodes if node.alive}


def test_a_restart_of_the_resource_manager_is_errors_and_then_the_same_nodes(cluster: HadoopCluster) -> None:
    node = cluster.add_node()
    nodes_up(cluster, node)
    poller = yarn_of(cluster)
    hosts = {each.host for each in poller.once().nodes if each.alive}
    assert poller.errors() == 0
    cluster.stop_resource_manager()
    assert poller.once() is None and poller.errors() > 0
    wait_for(lambda: cluster.view is None, "the view is gone", 30)
    assert not cluster.idle(node)
    cluster.start_resource_manager()
    errors = poller.errors()

    def back() -> bool:
        reading = poller.once()
        return reading is not None and {each.host for each in reading.nodes or () if each.alive} == hosts

    wait_for(back, "the same nodes are back", 300)
    assert poller.errors() == errors
    wait_for(lambda: cluster.alive(node), "and the sandbox sees it too", 30)


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


def test_instances_are_node_managers_whose_size_follows_their_units(cluster: HadoopCluster) -> None:
    nodes = HadoopNodes(cluster, drain_timeout_s=30)
    primary, core, task, crashing = machine(1, "MASTER"), machine(2, "CORE"), machine(3, "TASK", 2), machine(4, "TASK")
    began = time.monotonic()
    hosts = [nodes.launch(each) for each in (primary, core, task, crashing)]
    assert time.monotonic() - began < 1, "launching does not wait for anything"
    assert hosts[0] == "127.0.0.1" and len(set(hosts)) == 4
    assert nodes.phase(task) is NodePhase.STARTING
    crashed = nodes.node("ci-4")
    assert crashed is not None
    crashed.process.kill()
    wait_for(lambda: nodes.phase(crashing) is NodePhase.FAILED, "a node that ends by itself has failed", 30)
    wait_for(lambda: all(nodes.phase(m) is NodePhase.READY for m in (primary, core, task)), "all are ready", 300)
    view = cluster.read_view()
    assert view is not None
    sizes = [seen.memory_available_mb for host in hosts[1:3] if (seen := view.node(host))]
    assert sizes == [MEMORY_MB, 2 * MEMORY_MB]
    wait_for(lambda: nodes.idle([core, task]) == {"ci-2", "ci-3"}, "both are idle", 30)
    nodes.decommission(task)
    assert nodes.phase(task) in {NodePhase.DRAINING, NodePhase.GONE}
    for each in (core, crashing):
        nodes.terminate(each)
        nodes.terminate(each)
    gone = (task, core, crashing)
    wait_for(lambda: all(nodes.phase(each) is NodePhase.GONE for each in gone), "all are gone", 300)


def test_a_daemon_that_does_not_come_up_is_one_exception(
    hadoop_jars: HadoopJars, java_home: Java, tmp_path: Path
) -> None:
    (tmp_path / "hdfs").write_text("a file where the NameNode wants a folder")
    cluster = HadoopCluster(tmp_path, jars=hadoop_jars, java=java_home)
    with pytest.raises(HadoopFailed, match="the NameNode was not formatted"), cluster:
        raise AssertionError("it must not come up")
    assert not running({process.pid for process in cluster.primary.daemons.values()})


STARTER = """
import sys, time
from pathlib import Path
from agent.sandbox import demo_app
from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.spark import SparkOnYarn
from agent.sandbox.spark.conf import SMALL_APPLICATION
from agent.sandbox.spark.home import SparkHome
folder, home = Path(sys.argv[1]), SparkHome.at(Path(sys.argv[2]))
with HadoopCluster(folder, memory_mb_per_unit=1100) as cluster:
    cluster.add_node()
    SparkOnYarn(cluster, spark=home, settings=SMALL_APPLICATION).submit(
        Path(demo_app.__file__), ["--result", str(folder / "result.json"), "--executors", "99"]
    )
    time.sleep(600)
"""


PROGRAMS = ("ResourceManager", "NameNode", "DataNode", "NodeManager", "ExecutorLauncher", "YarnCoarseGrained")


def all_run(starter: subprocess.Popen[bytes]) -> bool:
    assert starter.poll() is None
    lines = command_lines(family_of(starter.pid))
    return all(any(program in line for line in lines) for program in PROGRAMS)


@pytest.mark.story
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_starter_that_is_gone(
    hadoop_jars: HadoopJars, spark_home: SparkHome, tmp_path: Path, how: signal.Signals
) -> None:
    """Daemons, containers and the application that was submitted end with it."""
    command = [sys.executable, "-c", STARTER, str(tmp_path), str(spark_home.path)]
    starter = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: all_run(starter), "every daemon, master and executor run", 180)
        family = family_of(starter.pid)
        starter.send_signal(how)
        starter.wait(60)
        wait_for(lambda: not running(family), f"none of {family} runs", 300)
    finally:
        starter.kill()
