"""A sandbox whose time the test steps, and a boto3 client whose every request and answer is held to the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from agent.sandbox.emr.service_model import check

REGION = "eu-west-1"
SESSION = boto3.session.Session("test", "test", region_name=REGION)
"""One for all tests: each session loads the service models anew. Only the test's own thread makes clients."""
BEGIN = 1_700_000_000.0
DELAYS = Delays(provision_s=60, bootstrap_s=120, decommission_s=30, terminate_s=20)


class ManualClock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


def boto(service: str, endpoint: str, attempts: int = 1) -> Any:
    return SESSION.client(
        service,
        endpoint_url=endpoint,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=30, read_timeout=60
        ),
    )


class World:
    def __init__(self, server: SandboxServer, clock: ManualClock) -> None:
        self.server = server
        self.clock = clock
        self.emr = check(boto("emr", server.endpoint))

    def pass_time(self, seconds: float, step: float = 5.0) -> None:
        """Tick at once, and then every `step` seconds until the time has passed."""
        self.server.tick()
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + step)
            self.server.tick()

    def wait(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Tick, with the sandbox's time standing still, until something real has happened."""
        until = time.monotonic() + seconds
        self.server.tick()
        while not condition():
            assert time.monotonic() < until, "it did not happen in time"
            time.sleep(0.01)
            self.server.tick()

    def launch(self, **request: Any) -> str:
        """A cluster that is started but not ready yet; its id."""
        defaults = {"Name": "test", "ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr"}
        answer = self.emr.run_job_flow(**{**defaults, **request})
        return str(answer["JobFlowId"])

    def ready(self, **request: Any) -> str:
        cluster = self.launch(**request)
        self.pass_time(240)
        return cluster

    def cluster(self, cluster: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.emr.describe_cluster(ClusterId=cluster)["Cluster"]
        return found

    def state(self, cluster: str) -> str:
        return str(self.cluster(cluster)["Status"]["State"])

    def fleet(self, cluster: str, role: str = "TASK") -> Mapping[str, Any]:
        fleets = self.emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
        found: Mapping[str, Any] = next(f for f in fleets if f["InstanceFleetType"] == role)
        return found

    def group(self, cluster: str, role: str = "TASK") -> Mapping[str, Any]:
        groups = self.emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
        found: Mapping[str, Any] = next(g for g in groups if g["InstanceGroupType"] == role)
        return found

    def resize(self, cluster: str, spot: int, on_demand: int = 0, **more: Any) -> None:
        config = {"TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot, **more}
        fleet = {"InstanceFleetId": self.fleet(cluster)["Id"], **config}
        self.emr.modify_instance_fleet(ClusterId=cluster, InstanceFleet=fleet)

    def instances(self, cluster: str, **filters: Any) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.emr.list_instances(ClusterId=cluster, **filters)["Instances"]
        return found

    def steps(self, cluster: str) -> Mapping[str, str]:
        """State by name."""
        return {s["Name"]: s["Status"]["State"] for s in self.emr.list_steps(ClusterId=cluster)["Steps"]}


@contextmanager
def world(**options: Any) -> Iterator[World]:
    clock = ManualClock()
    defaults: dict[str, Any] = {"delays": DELAYS, "quotas": NO_QUOTAS, "clock": clock, "tick_s": None, "region": REGION}
    with SandboxServer(**{**defaults, **options}) as server:
        yield World(server, clock)


def fleets(weight: int = 1, spot: int = 0, on_demand: int = 0, task: bool = True, **more: Any) -> Mapping[str, Any]:
    """`Instances` of a cluster with one primary, one core and, unless told, a task fleet."""
    one = [{"InstanceType": "m5.xlarge"}]
    made: list[Mapping[str, Any]] = [
        {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": one},
        {"InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": one},
    ]
    if task:
        types = [{"InstanceType": "r5.xlarge", "WeightedCapacity": weight}]
        targets = {"TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot}
        made.append({"InstanceFleetType": "TASK", "InstanceTypeConfigs": types, **targets})
    return {"InstanceFleets": made, "KeepJobFlowAliveWhenNoSteps": True, **more}


def groups(*task: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    """`Instances` of a cluster with one primary, one core and these task groups."""
    fixed = [
        {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 1},
    ]
    return {"InstanceGroups": [*fixed, *task], "KeepJobFlowAliveWhenNoSteps": True, **more}


def task_group(count: int, market: str = "SPOT", **more: Any) -> Mapping[str, Any]:
    made = {"InstanceRole": "TASK", "InstanceType": "r5.xlarge", "InstanceCount": count, "Market": market}
    return {**made, **more}


def step(name: str, *command: str, on_failure: str = "CONTINUE", jar: str = "command-runner.jar") -> Mapping[str, Any]:
    return {"Name": name, "ActionOnFailure": on_failure, "HadoopJarStep": {"Jar": jar, "Args": list(command)}}


SCALING_POLICY: Mapping[str, Any] = {
    "Constraints": {"MinCapacity": 0, "MaxCapacity": 5},
    "Rules": [
        {
            "Name": "out",
            "Action": {"SimpleScalingPolicyConfiguration": {"ScalingAdjustment": 1}},
            "Trigger": {
                "CloudWatchAlarmDefinition": {
                    "ComparisonOperator": "LESS_THAN",
                    "MetricName": "YARNMemoryAvailablePercentage",
                    "Period": 300,
                    "Threshold": 15.0,
                }
            },
        }
    ],
}
COMPUTE_LIMITS: Mapping[str, Any] = {
    "UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9
}  # fmt: skip
