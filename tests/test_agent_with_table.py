"""The whole agent as a process, with a table: its heartbeat, and what it does about what it hears back."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.journal import Bad
from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.lifecycle.rows import ClusterRow, JobRow, cluster_key, job_key
from agent.lifecycle.store import Store
from agent.lifecycle.words import EndReason, JobState, Phase, State
from agent.replay import Replayed, replay
from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from agent.settings import load
from agent.wire.hadoop_jmx import FSNAMESYSTEM
from tests.fakes import http
from tests.running import RunningAgent, agent, wait_for
from tests.status.watched import REGION, client, launched

YARN = Path(__file__).parent / "data" / "yarn"


def captured(folder: str, name: str) -> Any:
    return json.loads((YARN / folder / f"{name}.json").read_text())


class Hadoop:
    """A ResourceManager and a NameNode that say what a test wants."""

    def __init__(self, server: http.FakeHttp) -> None:
        self._server = server
        self.has(core=2)
        self.works(busy=False)

    def works(self, busy: bool) -> None:
        apps = captured("running" if busy else "empty", "apps")
        self._server.answers("/ws/v1/cluster/apps", http.value(apps))

    def has(self, core: int) -> None:
        node = captured("running", "nodes")["nodes"]["node"][0]
        idle = {**node, "usedMemoryMB": 0, "numContainers": 0, "usedVirtualCores": 0}
        nodes = {"node": [{**idle, "nodeHostName": f"core-{number}"} for number in range(core)]} if core else {}
        metrics = captured("empty", "metrics")
        metrics["clusterMetrics"]["unhealthyNodes"] = 0
        bean = {"name": FSNAMESYSTEM, "TotalLoad": 0, "NumLiveDataNodes": core}
        self._server.answers("/ws/v1/cluster/metrics", http.value(metrics))
        self._server.answers("/ws/v1/cluster/nodes", http.value({"nodes": nodes}))
        self._server.answers("/jmx", http.value({"beans": [bean]}))


@dataclass(frozen=True, slots=True)
class Alive:
    running: RunningAgent
    hadoop: Hadoop
    cluster_id: str
    emr: Any
    dynamodb: Any
    table: str

    @property
    def store(self) -> Store:
        return Store(DynamoTable(self.dynamodb, self.table))

    @property
    def row(self) -> ClusterRow:
        found = self.store.cluster(self.cluster_id)
        return found or ClusterRow(key=cluster_key(self.cluster_id))

    def emr_says(self) -> str:
        return str(self.emr.describe_cluster(ClusterId=self.cluster_id)["Cluster"]["Status"]["State"])

    def wait_for_end(self) -> None:
        wait_for(lambda: self.emr_says().startswith("TERMINAT"), self.running.log)

    def turns(self) -> list[dict[str, Any]]:
        lines = (self.running.folder / "journal.jsonl").read_text().splitlines(keepends=True)
        return [turn for line in lines if line.endswith("\n") and (turn := json.loads(line))["kind"] == "turn"]

    def decided_again(self) -> list[Replayed | Bad]:
        """Every turn of the journal, under the settings that the agent had."""
        lines = (self.running.folder / "journal.jsonl").read_text().splitlines()
        return list(replay(lines, load(self.running.folder / "tidemark.toml")))

    def wait_for_turns(self, more: int) -> None:
        until = len(self.turns()) + more
        wait_for(lambda: len(self.turns()) >= until, self.running.log)


@contextmanager
def alive(folder: Path, idle: str = "enabled = false", lifecycle: str = "", table: bool = True) -> Iterator[Alive]:
    """Everything turns and beats twice a second."""
    with (
        SandboxServer(delays=Delays(provision_s=0.1, bootstrap_s=0.1), quotas=NO_QUOTAS) as sandbox,
        http.FakeHttp() as server,
    ):
        cluster_id, dynamodb = launched(sandbox.endpoint), client("dynamodb", sandbox.endpoint)
        name = f"clusters-{uuid.uuid4()}"
        if table:
            create(dynamodb, name)
        hadoop = Hadoop(server)
        extra = f"""
[aws]
region = "{REGION}"
endpoint_url = "{sandbox.endpoint}"
max_attempts = 1
[sources.yarn]
url = "{server.url}"
period_s = 0.5
[sources.hdfs]
url = "{server.url}"
period_s = 0.5
[sinks.cloudwatch]
period_s = 1.0
storage_resolution_s = 1
[idle]
isbusy_path = "{folder / "isbusy"}"
grace_s = 0
notice_s = 0
{idle}
[lifecycle]
table = "{name}"
heartbeat_s = 0.5
{lifecycle}
"""

        def patient(text: str) -> str:
            return text.replace("j-TEST", cluster_id).replace("unresponsive_s = 2.0", "unresponsive_s = 60.0")

        with agent(folder, extra, patient) as running:
            yield Alive(running, hadoop, cluster_id, client("emr", sandbox.endpoint), dynamodb, name)


def test_a_row_is_kept_fresh_and_a_missing_table_is_said_once_and_found_when_it_is_there(tmp_path: Path) -> None:
    with alive(tmp_path, table=False) as it:
        wait_for(lambda: "lifecycle.table_silent" in it.running.log(), it.running.log)
        it.wait_for_turns(4)
        assert it.running.log().count("lifecycle.table_silent") == 1
        create(it.dynamodb, it.table)
        wait_for(lambda: (it.row.core_nodes, it.row.task_nodes, it.row.apps) == (2, 0, 0), it.running.log)
        wait_for(lambda: "lifecycle.table_back" in it.running.log(), it.running.log)
        first = it.row
        assert (first.name, first.phase, first.state in {State.RUNNING, State.WAITING}) == ("nightly", "WORKING", True)
        wait_for(lambda: (it.row.heartbeat_at or 0) > (first.heartbeat_at or 0), it.running.log)
        it.hadoop.works(busy=True)
        wait_for(lambda: (it.row.apps or 0) > 0, it.running.log)
        assert it.running.stop() == 0


def test_an_end_that_somebody_else_has_marked_ends_a_busy_cluster(tmp_path: Path) -> None:
    with alive(tmp_path) as it:
        it.hadoop.works(busy=True)
        wait_for(lambda: it.row.apps, it.running.log)
        assert it.emr_says() in {"RUNNING", "WAITING"}
        assert it.store.mark_end(it.cluster_id, EndReason.OWNER_DONE, "the pipeline has ended", time.time()) is not None
        it.wait_for_end()
        assert (it.row.end_reason, it.row.end_why) == (EndReason.OWNER_DONE, "the pipeline has ended")
        wait_for(lambda: any(turn["outcome"] == "applied" for turn in it.turns()), it.running.log)
        (acted,) = [turn for turn in it.turns() if turn["outcome"] == "applied"]
        assert acted["decision"]["because"][0][0] == "ordered"
        assert acted["observation"]["orders"]["end_reason"] == "owner-done"
        assert it.running.stop() == 0
        again = it.decided_again()
        assert again and not [one for one in again if isinstance(one, Bad) or one.differs]


def test_a_deadline_in_the_row_ends_the_cluster_and_is_written_as_the_reason(tmp_path: Path) -> None:
    with alive(tmp_path) as it:
        wait_for(lambda: it.row.core_nodes == 2, it.running.log)
        assert it.store.set_deadline(it.cluster_id, time.time()) is not None
        it.wait_for_end()
        assert (it.row.end_reason, it.row.phase) == (EndReason.TERMINATE_AFTER, Phase.ENDING)


def test_a_claimed_cluster_stays_and_ends_when_it_is_free_and_idle(tmp_path: Path) -> None:
    with alive(tmp_path, "after_s = 2.0\nsteps_period_s = 1.0") as it:
        now = time.time()
        it.store.know(ClusterRow(key=cluster_key(it.cluster_id), name="pooled", created_at=now, pool=True))
        wait_for(lambda: it.emr_says() in {"RUNNING", "WAITING"}, it.running.log)
        it.store.saw_state(it.cluster_id, State.WAITING, now, now)
        job = JobRow(key=job_key("a"), owner="o", profile="p", state=JobState.QUEUED, created_at=now)
        it.store.submit(job)
        assert it.store.claim(it.cluster_id, job, now, None) is not None
        wait_for(lambda: any(_withheld(turn) == "claimed" for turn in it.turns()), it.running.log)
        wait_for((tmp_path / "isbusy").exists, "EMR's own auto-termination is kept from ending it")
        assert it.emr_says() in {"RUNNING", "WAITING"}
        assert it.store.release(it.cluster_id, "a", time.time()) is not None
        it.wait_for_end()
        assert it.row.end_reason is EndReason.IDLE
        wait_for(lambda: not (tmp_path / "isbusy").exists(), it.running.log)


def test_a_cluster_that_has_lost_its_core_nodes_is_ended(tmp_path: Path) -> None:
    with alive(tmp_path, lifecycle="lost_core_s = 1.0") as it:
        wait_for(lambda: it.row.core_nodes == 2, it.running.log)
        it.hadoop.works(busy=True)
        it.hadoop.has(core=0)
        it.wait_for_end()
        assert (it.row.end_reason, it.row.core_nodes) == (EndReason.ZERO_CORE, 0)
        assert it.running.stop() == 0
        again = it.decided_again()
        assert again and not [one for one in again if isinstance(one, Bad) or one.differs]


def _withheld(turn: dict[str, Any]) -> str | None:
    return None if turn["withheld"] is None else str(turn["withheld"][0])
