"""`python -m agent.sandbox.hadoop.record FOLDER` records what a real ResourceManager and NameNode answer.

Each body becomes `FOLDER/yarn/<moment>/<what>.json` or `FOLDER/hdfs/<moment>/<what>.json`. The moments:

- `empty`: no node, no application; `waiting`: an application and no node for it
- `running`: a core node and a task node of 1100 MB; the application wants four executors and has room for two
- `decommissioning`: the task node is being drained and has no room any more; `decommissioned`: it has left
- `lost`: another task node was killed; `finished`: the application has ended
- `labels`: the core node carries a label, the task node none; the application's master is on the core node
- `limited`: room for both of two applications, but the queue lets only one application master run
- `fragmented`: what is free on three nodes together would do for another executor, on each of them it does not; one of
  them is kept for it
- `idle`, `writing` (HDFS): nobody writes; one client holds a file open
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from agent.sandbox import demo_app
from agent.sandbox.hadoop import views
from agent.sandbox.hadoop.cluster import HadoopCluster, Node
from agent.sandbox.hadoop.conf import Shape
from agent.sandbox.hadoop.jars import HadoopMissing
from agent.sandbox.hadoop.primary import HadoopFailed
from agent.sandbox.hadoop.spark import SparkOnYarn
from agent.sandbox.java import JavaMissing
from agent.sandbox.spark.conf import SMALL_APPLICATION
from agent.sandbox.spark.home import SparkMissing

UNFINISHED = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
YARN = {
    "metrics": "/ws/v1/cluster/metrics",
    "nodes": "/ws/v1/cluster/nodes",
    "apps": f"/ws/v1/cluster/apps?states={UNFINISHED}",
}
MORE = {
    "info": "/ws/v1/cluster/info",
    "apps_of_all_states": "/ws/v1/cluster/apps",
    "scheduler": "/ws/v1/cluster/scheduler",
    "node_labels": "/ws/v1/cluster/get-node-labels",
}
HDFS = {
    "fsnamesystem": f"/jmx?qry={views.FS_NAME_SYSTEM}",
    "fsnamesystem_state": f"/jmx?qry={views.FS_NAME_SYSTEM}State",
    "status": "/jmx?qry=Hadoop:service=NameNode,name=NameNodeStatus",
}
WANTED = {
    **SMALL_APPLICATION,
    "spark.dynamicAllocation.minExecutors": "4",
    "spark.dynamicAllocation.initialExecutors": "4",
    "spark.dynamicAllocation.maxExecutors": "4",
}
PATIENCE_S = 300.0
"""For what takes some ten seconds on a machine with nothing else to do."""


@dataclass(frozen=True, slots=True)
class Recorder:
    cluster: HadoopCluster
    folder: Path

    def yarn(self, moment: str, *more: str) -> None:
        """The bodies of every moment, and some of `MORE`."""
        paths = YARN | {name: MORE[name] for name in more}
        self._record(self.cluster.resource_manager_url, paths, self.folder / "yarn" / moment)

    def hdfs(self, moment: str) -> None:
        self._record(self.cluster.name_node_url, HDFS, self.folder / "hdfs" / moment)

    def _record(self, base: str, paths: dict[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            answer = requests.get(base + path, timeout=10)
            answer.raise_for_status()
            text = json.dumps(_anonymous(answer.json()), indent=1)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def record(folder: Path) -> None:
    """Raises HadoopMissing, JavaMissing, SparkMissing, HadoopFailed, or TimeoutError when a moment does not come."""
    with tempfile.TemporaryDirectory(prefix="tidemark-record-") as scratch:
        with HadoopCluster(Path(scratch) / "plain", memory_mb_per_unit=1100) as cluster:
            _plain(Recorder(cluster, folder), Path(scratch))
        shape = Shape(core_label=True)
        with HadoopCluster(Path(scratch) / "labels", memory_mb_per_unit=1100, shape=shape) as cluster:
            _labels(Recorder(cluster, folder), Path(scratch))
        shape = Shape(application_master_share=0.0)
        with HadoopCluster(Path(scratch) / "limited", memory_mb_per_unit=1100, shape=shape) as cluster:
            _limited(Recorder(cluster, folder), Path(scratch))
        with HadoopCluster(Path(scratch) / "fragmented", memory_mb_per_unit=1200) as cluster:
            _fragmented(Recorder(cluster, folder), Path(scratch))


def _plain(recorder: Recorder, scratch: Path) -> None:
    cluster = recorder.cluster
    _wait(lambda: _ha_state(cluster) == "ACTIVE", "the ResourceManager leads")
    recorder.yarn("empty", "info")
    end = scratch / "end"
    application = SparkOnYarn(cluster, settings=WANTED).submit(
        Path(demo_app.__file__), _arguments(scratch, end), log_name="recorded"
    )
    _wait(lambda: _apps(cluster, "ACCEPTED") == 1, "an application waits")
    recorder.yarn("waiting")
    core = cluster.add_node(core=True)
    # one node after the other: the master goes to whichever registers first
    _wait(lambda: _containers(cluster, core) == 2, "the master and an executor run on the core node")
    task = cluster.add_node()
    _wait(lambda: _containers(cluster, task) == 1, "an executor runs on the task node")
    recorder.yarn("running", "scheduler")
    _hdfs(recorder)
    cluster.decommission(task, timeout_s=60)
    _wait(lambda: _state(cluster, task) == "DECOMMISSIONING", "the task node is being drained")
    _wait(lambda: _metrics(cluster)["totalMB"] < 2200, "and has no more than is used")
    recorder.yarn("decommissioning")
    _wait(lambda: task.gone and _state(cluster, task) == "DECOMMISSIONED", "the task node has left")
    recorder.yarn("decommissioned")
    spot = cluster.add_node()
    _wait(lambda: _containers(cluster, spot) == 1, "an executor runs on the new task node")
    cluster.kill(spot)
    _wait(lambda: _state(cluster, spot) == "LOST", "the killed node is lost")
    # it is LOST before the scheduler has taken back what it had given there
    _wait(lambda: _metrics(cluster)["allocatedMB"] == 1024 and not _metrics(cluster)["reservedMB"], "and forgotten")
    recorder.yarn("lost")
    end.touch()
    _wait(lambda: application.poll() is not None, "the application ends")
    _wait(lambda: _apps(cluster, UNFINISHED) == 0, "the application has ended")
    _wait(lambda: _containers(cluster, core) == 0, "its containers have ended too")
    recorder.yarn("finished", "apps_of_all_states")


def _labels(recorder: Recorder, scratch: Path) -> None:
    cluster = recorder.cluster
    core, task = cluster.add_node(core=True), cluster.add_node()
    _wait(lambda: cluster.alive(core) and cluster.alive(task), "two nodes")
    SparkOnYarn(cluster, settings=WANTED).submit(
        Path(demo_app.__file__), _arguments(scratch, scratch / "never"), log_name="recorded"
    )
    _wait(lambda: _containers(cluster, core) + _containers(cluster, task) >= 2, "an executor runs")
    recorder.yarn("labels", "scheduler", "node_labels")


def _limited(recorder: Recorder, scratch: Path) -> None:
    cluster = recorder.cluster
    core = cluster.add_node(4, core=True)
    _wait(lambda: cluster.alive(core), "a node")
    spark = SparkOnYarn(cluster, settings=SMALL_APPLICATION)
    for name in ("first", "second"):
        arguments = _arguments(scratch, scratch / "never")
        spark.submit(Path(demo_app.__file__), arguments, {"spark.app.name": name}, log_name=name)
    _wait(lambda: _apps(cluster, "RUNNING") == 1 and _apps(cluster, "ACCEPTED") == 1, "one runs, one waits")
    _wait(lambda: _containers(cluster, core) == 2, "the one that runs has its executor")
    recorder.yarn("limited", "scheduler")


def _fragmented(recorder: Recorder, scratch: Path) -> None:
    cluster = recorder.cluster
    core = cluster.add_node(core=True)
    arguments = _arguments(scratch, scratch / "never")
    SparkOnYarn(cluster, settings=WANTED).submit(Path(demo_app.__file__), arguments, log_name="recorded")
    _wait(lambda: _containers(cluster, core) == 2, "the master and an executor run on the core node")
    tasks = [cluster.add_node() for _ in range(2)]
    _wait(lambda: [_containers(cluster, task) for task in tasks] == [1, 1], "each task node has an executor")
    _wait(lambda: _metrics(cluster)["containersReserved"] == 1, "a node is kept for the next one")
    recorder.yarn("fragmented")


def _hdfs(recorder: Recorder) -> None:
    cluster = recorder.cluster
    recorder.hdfs("idle")
    cluster.primary.hold_file_open("/held", 60)
    _wait(lambda: (views.total_load(cluster.name_node_url) or 0) > 0, "a client writes")
    recorder.hdfs("writing")


def _arguments(scratch: Path, end: Path) -> list[str]:
    sizes = ["--partitions", "24", "--partition-mb", "12", "--task-s", "0.5"]
    return ["--result", str(scratch / "result.json"), *sizes, "--executors", "99", "--end-file", str(end)]


def _apps(cluster: HadoopCluster, states: str) -> int:
    body = requests.get(f"{cluster.resource_manager_url}/ws/v1/cluster/apps?states={states}", timeout=10).json()
    return len((body["apps"] or {}).get("app", []))


def _metrics(cluster: HadoopCluster) -> dict[str, int]:
    body = requests.get(cluster.resource_manager_url + YARN["metrics"], timeout=10).json()
    found: dict[str, int] = body["clusterMetrics"]
    return found


def _ha_state(cluster: HadoopCluster) -> str:
    """INITIALIZING for a moment although it has STARTED."""
    body = requests.get(cluster.resource_manager_url + MORE["info"], timeout=10).json()
    return str(body["clusterInfo"]["haState"])


def _containers(cluster: HadoopCluster, node: Node) -> int:
    view = cluster.read_view()
    seen = view.node(node.host) if view is not None else None
    return seen.containers if seen is not None else 0


def _state(cluster: HadoopCluster, node: Node) -> str:
    view = cluster.read_view()
    seen = view.node(node.host) if view is not None else None
    return seen.state if seen is not None else ""


def _anonymous(value: Any) -> Any:
    """The same without the name of the machine that it was recorded on."""
    if isinstance(value, dict):
        return {k: "primary" if k == "tag.Hostname" else _anonymous(v) for k, v in value.items()}
    return [_anonymous(each) for each in value] if isinstance(value, list) else value


def _wait(seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")
        time.sleep(0.1)


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m agent.sandbox.hadoop.record FOLDER\n")
        return 2
    try:
        record(Path(sys.argv[1]))
    except (HadoopMissing, HadoopFailed, JavaMissing, SparkMissing, TimeoutError) as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
