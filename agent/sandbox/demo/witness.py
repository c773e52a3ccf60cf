"""What can be seen of the demo from outside the agent: CloudWatch, EMR and Spark, asked over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from agent.aws.errors import AWS_ERRORS
from agent.sandbox.demo.ground import Ground, read_json
from agent.wire import hadoop_jmx

NAMESPACE = "Tidemark"
EMR_EVERY = 5
"""Rounds between two looks at EMR: ListInstanceFleets refills at 0.5 a second for the whole account."""


@dataclass(frozen=True, slots=True)
class FleetSight:
    at: float
    target: int
    provisioned: int
    state: str


@dataclass(frozen=True, slots=True)
class ExecutorSight:
    host: str
    completed_tasks: int
    active: bool


@dataclass(slots=True)
class Seen:
    """All that was seen so far; the series are what the report plots. Times are Unix seconds."""

    memory_available: dict[float, float] = field(default_factory=dict)
    """MemoryAvailablePercent (Average), read back from CloudWatch, by period start."""
    heap_used: dict[float, float] = field(default_factory=dict)
    """JvmHeapUsed (Maximum over executors, bytes), read back from CloudWatch."""
    heap_executors: float = 0
    """The most samples in one period of JvmHeapUsed: how many executors reported."""
    executors_needed: dict[float, float] = field(default_factory=dict)
    """ExecutorsNeeded (Maximum), read back from CloudWatch."""
    total_load: dict[float, float] = field(default_factory=dict)
    """HdfsTotalLoad (Maximum), read back from CloudWatch."""
    name_node_load: int = 0
    """The highest TotalLoad that the NameNode itself told."""
    fleet: list[FleetSight] = field(default_factory=list)
    spot_bought: int = 0
    on_demand_bought: int = 0
    task_hosts: set[str] = field(default_factory=set)
    """Every address that EMR ever listed in the task fleet."""
    executors: dict[str, ExecutorSight] = field(default_factory=dict)
    """Every executor that Spark ever reported, by id, as last seen."""
    executor_count: list[tuple[float, int]] = field(default_factory=list)
    workers: list[Mapping[str, Any]] = field(default_factory=list)
    """Every instance that EMR lists in the task fleet, those that are gone included, as it last told them."""
    weights: dict[str, int] = field(default_factory=dict)
    """Capacity units by instance type."""
    workers_at: datetime | None = None
    """When EMR was last asked for them."""
    step: Mapping[str, Any] | None = None
    """As EMR last told it."""
    step_state: str = ""
    cluster_state: str = ""
    ending_since: float = float("inf")
    """When the cluster was first seen in a state of its end."""
    cluster_reason: str = ""


class Witness:
    """Asks every second and remembers. A question that fails is asked again the next second."""

    def __init__(self, *, emr: Any, cloudwatch: Any, cluster_id: str, ground: Ground, driver_url: str) -> None:
        self._emr = emr
        self._cloudwatch = cloudwatch
        self._cluster_id = cluster_id
        self._ground = ground
        self._driver_url = driver_url
        self._began = datetime.now(UTC)
        self.seen = Seen()

    def run(self, stop: threading.Event) -> None:
        """Look every second, at EMR less often: its quotas are those of the account, and the agent needs them too."""
        rounds = 0
        while not stop.wait(1.0):
            asks = [self._metrics, self._spark]
            if rounds % EMR_EVERY == 0:
                asks += [self._cluster, self._fleet, self._step]
            for ask in asks:
                self._try(ask)
            rounds += 1

    def look_again(self) -> None:
        """A last look at what the figures are made of."""
        for ask in (self._fleet, self._step):
            self._try(ask)

    @staticmethod
    def _try(ask: Callable[[], None]) -> None:
        try:
            ask()
        except (*AWS_ERRORS, requests.RequestException, ValueError):
            return

    def _cluster(self) -> None:
        status = self._emr.describe_cluster(ClusterId=self._cluster_id)["Cluster"]["Status"]
        self.seen.cluster_state = status["State"]
        if status["State"].startswith("TERMINAT"):
            self.seen.ending_since = min(self.seen.ending_since, time.time())
        self.seen.cluster_reason = status.get("StateChangeReason", {}).get("Code", "")

    def _fleet(self) -> None:
        fleets = self._emr.list_instance_fleets(ClusterId=self._cluster_id)["InstanceFleets"]
        for fleet in fleets:
            if fleet["InstanceFleetType"] != "TASK":
                continue
            spot, on_demand = fleet["ProvisionedSpotCapacity"], fleet["ProvisionedOnDemandCapacity"]
            target = fleet["TargetSpotCapacity"] + fleet["TargetOnDemandCapacity"]
            self.seen.fleet.append(FleetSight(time.time(), target, spot + on_demand, fleet["Status"]["State"]))
            self.seen.spot_bought = max(self.seen.spot_bought, spot)
            self.seen.on_demand_bought = max(self.seen.on_demand_bought, on_demand)
            listed = self._emr.list_instances(ClusterId=self._cluster_id, InstanceFleetId=fleet["Id"])
            self.seen.workers, self.seen.workers_at = listed["Instances"], datetime.now(UTC)
            types = fleet["InstanceTypeSpecifications"]
            self.seen.weights = {one["InstanceType"]: one["WeightedCapacity"] for one in types}
            self.seen.task_hosts |= {i["PrivateIpAddress"] for i in listed["Instances"] if i.get("PrivateIpAddress")}

    def _step(self) -> None:
        steps = self._emr.list_steps(ClusterId=self._cluster_id)["Steps"]
        if steps:
            self.seen.step = steps[0]
            self.seen.step_state = steps[0]["Status"]["State"]

    def _metrics(self) -> None:
        for point in self._statistics("MemoryAvailablePercent", "Average"):
            self.seen.memory_available[point["Timestamp"].timestamp()] = point["Average"]
        for point in self._statistics("JvmHeapUsed", "Maximum"):
            self.seen.heap_used[point["Timestamp"].timestamp()] = point["Maximum"]
            self.seen.heap_executors = max(self.seen.heap_executors, point["SampleCount"])
        for point in self._statistics("ExecutorsNeeded", "Maximum"):
            self.seen.executors_needed[point["Timestamp"].timestamp()] = point["Maximum"]
        if self._ground.name_node_url is not None:
            for point in self._statistics("HdfsTotalLoad", "Maximum"):
                self.seen.total_load[point["Timestamp"].timestamp()] = point["Maximum"]
            bean = read_json(self._ground.name_node_url + hadoop_jmx.PATH)["beans"][0]
            self.seen.name_node_load = max(self.seen.name_node_load, bean["TotalLoad"])

    def _statistics(self, metric: str, statistic: str) -> list[dict[str, Any]]:
        answer = self._cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=[{"Name": "ClusterId", "Value": self._cluster_id}],
            StartTime=self._began,
            EndTime=datetime.now(UTC),
            Period=1,
            Statistics=[statistic, "SampleCount"],
        )
        points: list[dict[str, Any]] = answer["Datapoints"]
        return points

    def _spark(self) -> None:
        applications = self._ground.running_applications()
        now = time.time()
        active = 0
        for app in applications:
            for executor in read_json(f"{self._driver_url}/api/v1/applications/{app}/allexecutors"):
                if executor["id"] == "driver":
                    continue
                active += executor["isActive"]
                self.seen.executors[executor["id"]] = ExecutorSight(
                    executor["hostPort"].rsplit(":", 1)[0], executor["completedTasks"], executor["isActive"]
                )
        self.seen.executor_count.append((now, active))
