"""What can be seen of the clusters' lives from outside the lifecycle: EMR, the table, the queue and Spark."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from boto3.dynamodb.types import TypeDeserializer

from agent.aws.errors import AWS_ERRORS
from agent.sandbox.demo.ground import read_json
from agent.sandbox.demo.lifecycle.plan import CLUSTERS, LANDING, Places
from agent.sandbox.demo.lifecycle.stack import client
from agent.sandbox.emr.api import Call

EMR_EVERY = 3
"""Rounds between two looks at EMR: ListClusters refills at 0.5 a second for the whole account."""
ENDED = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})

Changes = list[tuple[float, str]]
"""States in their order, each with when it was first seen."""


@dataclass(slots=True)
class Life:
    """Of one cluster."""

    cluster_id: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    emr: Changes = field(default_factory=list)
    reason_code: str = ""
    """EMR's, of its end."""
    protected: bool = False
    table: Changes = field(default_factory=list)
    row: Mapping[str, Any] = field(default_factory=dict)
    beats: set[float] = field(default_factory=set)
    """Every heartbeat that was seen in the row."""
    last_at: float = 0.0

    @property
    def emr_state(self) -> str:
        return self.emr[-1][1] if self.emr else ""

    @property
    def table_state(self) -> str:
        return self.table[-1][1] if self.table else ""

    def is_in(self, states: Collection[str]) -> bool:
        """To EMR and to the table."""
        return self.emr_state in states and self.table_state in states

    def emr_had(self, state: str) -> float | None:
        """When EMR was first seen to have that state."""
        return next((at for at, found in self.emr if found == state), None)

    def emr_then(self, at: float) -> str:
        """What EMR was last seen to say at that time."""
        return next((state for since, state in reversed(self.emr) if since <= at), "")


@dataclass(slots=True)
class Seen:
    """All that was seen so far. Times are Unix seconds."""

    lives: dict[str, Life] = field(default_factory=dict)
    """By profile, the first cluster of each."""
    more_clusters: list[str] = field(default_factory=list)
    """Clusters beyond one a profile: there should be none."""
    calls: list[Call] = field(default_factory=list)
    """Every request that EMR answered, of whomever."""
    steps: list[tuple[str, str]] = field(default_factory=list)
    """Name and state, of the first cluster."""
    applications: set[str] = field(default_factory=set)
    """Every one that Spark's master ever had."""
    workers: int = 0
    """The most that were alive at once."""
    result: Mapping[str, Any] | None = None
    """What the application has written."""
    waiting: int | None = None
    """Messages on the queue: waiting, or under way."""
    put_off: int = 0
    """Messages on the queue that are delayed: what our share of EMR's quotas did not allow at once."""
    dead: int | None = None
    schedules: int | None = None
    schedules_at_most: int = 0
    open_rows: tuple[str, ...] | None = None
    waiter: tuple[int, str] | None = None
    """How `tidemark cluster wait` ended, and what it said last."""
    sweeps: int = 0
    done_said_at: float | None = None
    lost_at: float | None = None
    """When EC2 took the core nodes of the third cluster."""

    def life(self, profile: str) -> Life:
        """An empty one where EMR has none yet."""
        return self.lives.get(profile) or Life("", "")

    def ended_by(self, profile: str) -> Call | None:
        """The first TerminateJobFlows that EMR took for the profile's cluster."""
        wanted = self.life(profile).cluster_id
        return next(
            (
                call
                for call in tuple(self.calls)
                if call.operation == "TerminateJobFlows"
                and call.error is None
                and wanted
                and wanted in call.request.get("JobFlowIds", ())
            ),
            None,
        )


class Witness:
    """Asks every second and remembers. A question that fails is asked again the next second."""

    def __init__(self, places: Places, master_url: str, result: Path, seen: Seen) -> None:
        self._places = places
        self._emr, self._dynamodb, self._sqs, self._scheduler = (
            client(service, places.endpoint_url) for service in ("emr", "dynamodb", "sqs", "scheduler")
        )
        self._master_url = master_url
        self._result = result
        self._values = TypeDeserializer()
        self.seen = seen

    def run(self, stop: threading.Event) -> None:
        rounds = 0
        while not stop.wait(1.0):
            asks = [self._rows, self._spark, self._queues]
            if rounds % EMR_EVERY == 0:
                asks = [self._clusters, self._steps, self._open_rows, *asks]
            for ask in asks:
                self._try(ask)
            rounds += 1

    @staticmethod
    def _try(ask: Callable[[], None]) -> None:
        try:
            ask()
        except (*AWS_ERRORS, requests.RequestException, OSError, ValueError):
            return

    def _clusters(self) -> None:
        for one in reversed(self._emr.list_clusters()["Clusters"]):
            profile = str(one["Name"]).partition(" ")[0]
            if profile not in CLUSTERS:
                continue
            life = self.seen.lives.get(profile)
            if life is not None and life.cluster_id != one["Id"]:
                if one["Id"] not in self.seen.more_clusters:
                    self.seen.more_clusters.append(one["Id"])
                continue
            if life is None or life.emr_state != one["Status"]["State"]:
                self._describe(profile, one["Id"])
            else:
                life.last_at = time.time()

    def _describe(self, profile: str, cluster_id: str) -> None:
        cluster = self._emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        life = self.seen.lives.get(profile) or Life(cluster_id, cluster["Name"])
        life.tags = {tag["Key"]: tag["Value"] for tag in cluster.get("Tags", ())}
        life.protected = life.protected or bool(cluster.get("TerminationProtected"))
        life.reason_code = cluster["Status"].get("StateChangeReason", {}).get("Code", "")
        _add(life.emr, cluster["Status"]["State"])
        life.last_at = time.time()
        self.seen.lives[profile] = life

    def _steps(self) -> None:
        life = self.seen.lives.get(LANDING)
        if life is not None and life.emr_state not in ENDED:
            steps = self._emr.list_steps(ClusterId=life.cluster_id)["Steps"]
            self.seen.steps = [(one["Name"], one["Status"]["State"]) for one in steps]

    def _rows(self) -> None:
        for life in list(self.seen.lives.values()):
            key = {"key": {"S": f"CLUSTER#{life.cluster_id}"}}
            item = self._dynamodb.get_item(TableName=self._places.table, Key=key, ConsistentRead=True).get("Item")
            if item is None:
                continue
            life.row = self._plain(item)
            _add(life.table, str(life.row["state"]))
            if (beat := life.row.get("heartbeat_at")) is not None:
                life.beats.add(float(beat))

    def _open_rows(self) -> None:
        found = self._dynamodb.scan(
            TableName=self._places.table,
            FilterExpression="attribute_exists(#open) AND NOT begins_with(#key, :profile)",
            ExpressionAttributeNames={"#open": "open", "#key": "key"},
            ExpressionAttributeValues={":profile": {"S": "PROFILE#"}},
        )
        self.seen.open_rows = tuple(str(self._plain(item)["key"]) for item in found["Items"])
        group = self._places.schedule_group
        self.seen.schedules = len(self._scheduler.list_schedules(GroupName=group)["Schedules"])
        self.seen.schedules_at_most = max(self.seen.schedules_at_most, self.seen.schedules)

    def _queues(self) -> None:
        self.seen.waiting, self.seen.put_off = self._depth(self._places.queue_url)
        self.seen.dead = sum(self._depth(self._places.dead_url))

    def _depth(self, url: str) -> tuple[int, int]:
        """Messages that are there, and that are delayed."""
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        there, under_way, delayed = (int(answer["Attributes"][name]) for name in names)
        return there + under_way, delayed

    def _spark(self) -> None:
        if self.seen.result is None and self._result.exists():
            self.seen.result = json.loads(self._result.read_bytes())
        state = read_json(f"{self._master_url}/json/")
        self.seen.applications |= {app["id"] for app in (*state["activeapps"], *state["completedapps"])}
        alive = sum(worker["state"] == "ALIVE" for worker in state["workers"])
        self.seen.workers = max(self.seen.workers, alive)

    def _plain(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._values.deserialize(value) for name, value in item.items()}


def _add(changes: Changes, state: str) -> None:
    if not changes or changes[-1][1] != state:
        changes.append((time.time(), state))
