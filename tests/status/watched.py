"""A real agent with its page: EMR of the sandbox, and a ResourceManager that says what a test wants."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from tests.fakes import http
from tests.running import RunningAgent, agent

CAPTURED = Path(__file__).parents[1] / "data" / "yarn" / "running"
HOSTILE = "<script>document.title='broken'</script><img src=x onerror=alert(1)>"
REGION = "eu-west-1"


class ResourceManager:
    """YARN's REST API, from captured answers."""

    def __init__(self, server: http.FakeHttp) -> None:
        self._server = server
        self._metrics, self._apps = (read("metrics.json"), read("apps.json"))
        server.answers("/ws/v1/cluster/nodes", http.value(read("nodes.json")))
        server.answers("/ws/v1/cluster/scheduler", http.value(read("scheduler.json")))
        self.has(2048)
        self.runs(HOSTILE)

    def has(self, available_mb: int) -> None:
        """So much memory is available, of 8 GiB."""
        metrics = copy.deepcopy(self._metrics)
        metrics["clusterMetrics"]["totalClusterResourcesAcrossPartition"]["memory"] = 8192
        metrics["clusterMetrics"]["totalUsedResourcesAcrossPartition"]["memory"] = 8192 - available_mb
        self._server.answers("/ws/v1/cluster/metrics", http.value(metrics))

    def runs(self, name: str) -> None:
        """One application of that name."""
        apps = copy.deepcopy(self._apps)
        apps["apps"]["app"][0]["name"] = name
        self._server.answers("/ws/v1/cluster/apps", http.value(apps))


def read(name: str) -> Any:
    return json.loads((CAPTURED / name).read_text())


@dataclass(frozen=True, slots=True)
class Watched:
    running: RunningAgent
    manager: ResourceManager
    endpoint: str
    cluster_id: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.running.status_port}/"

    def state(self) -> dict[str, Any]:
        """As /state.json tells it; empty before the first turn, and while nobody answers."""
        try:
            answer = requests.get(f"{self.url}state.json", timeout=10)
        except requests.RequestException:
            return {}
        return answer.json() if answer.status_code == 200 else {}

    def report(self, *percents: int) -> None:
        """As many executors as percents report their heap."""
        lines = (
            f"app-20261121000000-0001.{number}.jvm.heap.{name} {value} {int(time.time())}\n"
            for number, percent in enumerate(percents)
            for name, value in (("max", 1_000_000), ("used", percent * 10_000))
        )
        self.running.send("".join(lines).encode())


@contextmanager
def watched(folder: Path, edit: Callable[[str], str] = lambda text: text) -> Iterator[Watched]:
    """The agent turns twice a second; it listens when this yields, its first turn may still be ahead."""
    with SandboxServer(delays=Delays(provision_s=0.1, bootstrap_s=0.1), quotas=NO_QUOTAS) as sandbox:
        cluster_id = launched(sandbox.endpoint)
        with http.FakeHttp() as server:
            manager = ResourceManager(server)
            extra = f"""
[aws]
region = "{REGION}"
endpoint_url = "{sandbox.endpoint}"
max_attempts = 1
[sources.yarn]
url = "{server.url}"
period_s = 0.5
[sinks.cloudwatch]
period_s = 1.0
storage_resolution_s = 1
[idle]
isbusy_path = "{folder / "isbusy"}"
"""

            def patient(text: str) -> str:
                """A machine with much to do must not have the supervisor end an agent that is well."""
                return edit(text.replace("j-TEST", cluster_id).replace("unresponsive_s = 2.0", "unresponsive_s = 60.0"))

            with agent(folder, extra, patient) as running:
                yield Watched(running, manager, sandbox.endpoint, cluster_id)


def client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t"
    )


def launched(endpoint: str) -> str:
    """A cluster with a primary and a core node, and no task fleet yet."""
    fleets = [
        {
            "InstanceFleetType": role,
            "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
            "TargetOnDemandCapacity": 1,
        }
        for role in ("MASTER", "CORE")
    ]
    answer = client("emr", endpoint).run_job_flow(
        Name="nightly",
        ReleaseLabel="emr-7.10.0",
        JobFlowRole="ec2",
        ServiceRole="emr",
        Instances={"InstanceFleets": fleets, "KeepJobFlowAliveWhenNoSteps": True},
    )
    return str(answer["JobFlowId"])
