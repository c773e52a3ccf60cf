"""The whole loop on a real YARN: the agent as a process, the sandbox's EMR over HTTP, instances that are NodeManagers.

Nothing here steers the agent: what it did is read afterwards, from its journal, from EMR's log of calls, from the
ResourceManager's request log and from Spark's event log.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent import journal
from agent.domain.decisions import Decision, Resize
from agent.domain.turns import Turn
from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from agent.sandbox.emr.api import Call
from agent.sandbox.hadoop.cluster import HadoopCluster, Node
from agent.sandbox.hadoop.nodes import HadoopNodes
from agent.sandbox.hadoop.spark import SparkOnYarn
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkHome
from tests.running import RunningAgent, agent
from tests.sandbox.emr_world import REGION, boto
from tests.sandbox.spark_world import wait_for
from tests.test_app import aws

IDLE_AFTER_S = 5.0
"""So soon the agent would end a cluster that it finds idle."""

RESIZES = frozenset({"ModifyInstanceFleet", "AddInstanceFleet", "ModifyInstanceGroups", "AddInstanceGroups"})
ENDS = frozenset({"TerminateJobFlows"})


@dataclass
class Loop:
    cluster: HadoopCluster
    nodes: HadoopNodes
    server: SandboxServer
    agent: RunningAgent
    emr: Any
    id: str
    folder: Path
    _turns: list[Turn] = field(default_factory=list)
    _lines: int = 0

    def spark(self, home: SparkHome, settings: Mapping[str, str]) -> SparkOnYarn:
        """Applications of it report to the agent and write an event log."""
        log = self.folder / "events"
        log.mkdir(exist_ok=True)
        events = {
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": log.as_uri(),
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.compress": "false",
        }
        sink = MetricsSink("127.0.0.1", self.agent.port, period_s=1)
        return SparkOnYarn(self.cluster, spark=home, sink=sink, settings={**settings, **events})

    def fleet(self) -> Mapping[str, Any]:
        fleets = self.emr.list_instance_fleets(ClusterId=self.id)["InstanceFleets"]
        return next(fleet for fleet in fleets if fleet["InstanceFleetType"] == "TASK")

    def target(self) -> int:
        fleet = self.fleet()
        return int(fleet["TargetSpotCapacity"] + fleet["TargetOnDemandCapacity"])

    def instances(self, role: str, *states: str) -> list[Mapping[str, Any]]:
        found = self.emr.list_instances(ClusterId=self.id, InstanceFleetType=role)["Instances"]
        return [each for each in found if not states or each["Status"]["State"] in states]

    def running(self, role: str) -> list[Node]:
        """The NodeManagers of the instances that EMR calls RUNNING."""
        return [self.node(each) for each in self.instances(role, "RUNNING")]

    def node(self, instance: Mapping[str, Any]) -> Node:
        found = self.nodes.node(instance["Id"])
        assert found is not None
        return found

    def turns(self) -> list[Turn]:
        """Of the agent's journal, as far as it is written."""
        file = self.agent.folder / "journal.jsonl"
        whole = [line for line in file.read_text().splitlines(True) if line.endswith("\n")] if file.exists() else []
        new = whole[self._lines :]
        self._lines = len(whole)
        self._turns += [line for line in journal.read(new) if isinstance(line, Turn)]
        return self._turns

    def await_turn(self, what: str, after: float, holds: Any, timeout_s: float = 120.0) -> Turn:
        """The first turn later than `after` of which `holds(turn)` is true."""
        return wait_for(
            lambda: next((turn for turn in self.turns() if turn.observation.at > after and holds(turn)), None),
            f"a turn: {what}; the agent's log: {self.agent.log()[-2000:]}",
            timeout_s,
        )

    def calls(self, names: frozenset[str], since: float, until: float) -> list[Call]:
        """What EMR was asked by whomever, refused or not."""
        return [call for call in self.server.api.calls() if call.operation in names and since <= call.at < until]

    def asked_of_resource_manager(self) -> list[tuple[str, str, str]]:
        """Method, path and user agent of every request in the ResourceManager's own log."""
        log = (self.cluster.workdir / "logs" / "resourcemanager.log").read_text()
        return re.findall(r'"([A-Z]+) (\S+) HTTP/[\d.]+" \d+ \d+ "[^"]*" "([^"]*)"', log)

    def let_go(self) -> None:
        """From now on only what the agent itself finds keeps the cluster alive."""
        _busy_file(self.folder).unlink()


@contextmanager
def loop(cluster: HadoopCluster, folder: Path, rules: str = "", max_units: int = 2) -> Iterator[Loop]:
    """A cluster of EMR with one core unit and an empty task fleet, and beside it the agent, with these rules as TOML
    or its own. It counts as busy until it is `let_go`."""
    nodes = HadoopNodes(cluster, drain_timeout_s=60.0)
    with SandboxServer(
        host=nodes, delays=Delays(provision_s=0.5, choice_s=3.0), quotas=NO_QUOTAS, region=REGION
    ) as server:
        emr = boto("emr", server.endpoint)
        cluster_id = emr.run_job_flow(**_job_flow())["JobFlowId"]

        def state() -> str:
            return str(emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"])

        wait_for(lambda: state() == "WAITING", "the cluster is ready", 300)
        more = aws(server.endpoint) + _patience(cluster, folder) + rules
        far = time.time() + 3600.0
        _busy_file(folder).touch()
        os.utime(_busy_file(folder), (far, far))
        with agent(folder, more, _edit(cluster_id, max_units)) as running:
            yield Loop(cluster, nodes, server, running, emr, cluster_id, folder)


def _busy_file(folder: Path) -> Path:
    """EMR's own way to say that a cluster is in use."""
    return folder / "isbusy"


def _job_flow() -> dict[str, Any]:
    types = [{"InstanceType": "r6i.xlarge", "WeightedCapacity": 1}]
    fleets = [
        {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
        {"InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
        {"InstanceFleetType": "TASK", "TargetSpotCapacity": 0, "InstanceTypeConfigs": types},
    ]
    return {
        "Name": "loop",
        "ReleaseLabel": "emr-7.14.0",
        "Instances": {"InstanceFleets": fleets, "KeepJobFlowAliveWhenNoSteps": True, "TerminationProtected": False},
        "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": "EMR_EC2_DefaultRole",
    }


def _edit(cluster_id: str, max_units: int) -> Any:
    """The fleet is looked at every second; a busy machine is no reason to restart the agent."""
    changes = {
        'id = "j-TEST"': f'id = "{cluster_id}"',
        "max_capacity_units = 4": (
            f"max_capacity_units = {max_units}\npoll_period_s = 1.0\nsettle_poll_period_s = 1.0\nmax_age_s = 60.0"
        ),
        "unresponsive_s = 2.0": "unresponsive_s = 60.0",
    }

    def edit(text: str) -> str:
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text

    return edit


def _patience(cluster: HadoopCluster, folder: Path) -> str:
    """Everything is asked every second. No span of time and no heap of a few megabytes holds a scale-in here: what
    holds it must be what the agent sees of the cluster."""
    return f"""
[sources]
node_period_s = 5.0
[sources.yarn]
url = "{cluster.resource_manager_url}"
period_s = 1.0
timeout_s = 10.0
[sources.hdfs]
url = "{cluster.name_node_url}"
period_s = 1.0
timeout_s = 10.0
[sources.spark]
period_s = 2.0
timeout_s = 10.0
[policy.guards]
capacity_lost_hold_s = 0.0
min_life_s = 0.0
max_live_set_percent = 100.0
max_gc_percent = 100.0
[idle]
after_s = {IDLE_AFTER_S}
grace_s = 0.0
notice_s = 0.0
isbusy_path = "{_busy_file(folder)}"
"""


# what turns say


def lowers(decision: Decision | None) -> bool:
    return isinstance(decision, Resize) and decision.target < decision.current


def raises(decision: Decision | None) -> bool:
    return isinstance(decision, Resize) and decision.target > decision.current


def targets(calls: Sequence[Call]) -> list[int]:
    """Capacity units that each call asked for."""
    fleets = [call.request["InstanceFleet"] for call in calls]
    return [fleet["TargetSpotCapacity"] + fleet["TargetOnDemandCapacity"] for fleet in fleets]


def flaps(path: Sequence[int]) -> int:
    """How often a path of targets turns back: down after up, or up after down. Staying is no turn."""
    steps = [after - before for before, after in pairwise(path) if after != before]
    return sum((one > 0) != (next_one > 0) for one, next_one in pairwise(steps))


class Events:
    """Spark's event log of the one application that wrote there, after it has ended."""

    def __init__(self, folder: Path) -> None:
        (file,) = [each for each in folder.iterdir() if not each.name.startswith(".")]
        assert not file.name.endswith(".inprogress"), "the application has not stopped"
        self.all: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.all if event["Event"] == f"SparkListener{kind}"]

    def ended_at(self) -> float:
        """When the application said that it ends: before it gave up its executors."""
        (end,) = self.of("ApplicationEnd")
        return float(end["Timestamp"]) / 1000

    def executors_on(self, host: str) -> set[str]:
        return {added["Executor ID"] for added in self.of("ExecutorAdded") if added["Executor Info"]["Host"] == host}

    def finished_tasks(self, executor: str, stage: int | None = None) -> int:
        return sum(
            end["Task End Reason"]["Reason"] == "Success"
            and end["Task Info"]["Executor ID"] == executor
            and stage in (None, end["Stage ID"])
            for end in self.of("TaskEnd")
        )

    def failed_stages(self) -> list[str]:
        infos = [done["Stage Info"] for done in self.of("StageCompleted")]
        return [str(info["Failure Reason"]) for info in infos if "Failure Reason" in info]

    def repeated_stages(self) -> list[int]:
        """Stages that were tried more than once."""
        infos = [submitted["Stage Info"] for submitted in self.of("StageSubmitted")]
        return [info["Stage ID"] for info in infos if info["Stage Attempt ID"] > 0]

    def failed_tasks(self) -> list[str]:
        reasons = [end["Task End Reason"]["Reason"] for end in self.of("TaskEnd")]
        return [reason for reason in reasons if reason != "Success"]
