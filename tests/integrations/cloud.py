"""The sandbox with a lifecycle in it: a table, a queue behind EMR's events, and what empties the queue."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.lifecycle.handler import Function
from agent.lifecycle.rows import ClusterProfile, ClusterRow, LaunchRow, profile_key
from agent.lifecycle.store import Store
from agent.sandbox.emr import NO_QUOTAS, Delays, Role, SandboxServer
from agent.sandbox.lambda_pump import LambdaPump
from agent.settings import AwsSettings
from agent.settings_lifecycle import LifecycleSettings
from tests.sandbox.emr_world import REGION, boto, fleets, step

QUICK = Delays(provision_s=0.3, bootstrap_s=0.3, decommission_s=0.3, terminate_s=0.3)
LOST_CORE_S = 1.0
PATIENCE_S = 120.0
"""An upper bound for what takes seconds, so that a busy machine fails nothing."""


class Cloud:
    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.endpoint = server.endpoint
        self.table = f"tidemark-{uuid.uuid4().hex}"
        create(boto("dynamodb", self.endpoint), self.table)
        self.store = Store(DynamoTable(boto("dynamodb", self.endpoint), self.table))
        self.sqs = boto("sqs", self.endpoint)
        self.queue_url = self.sqs.create_queue(QueueName=self.table, Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
        self.emr = boto("emr", self.endpoint)
        # the sandbox has no quotas here, and nobody else spends them
        settings = LifecycleSettings(
            table=self.table, queue_url=self.queue_url, calls_share=1.0, lost_core_s=LOST_CORE_S
        )
        self.function = Function(settings, AwsSettings(region=REGION, endpoint_url=self.endpoint))

    @contextmanager
    def hears_emr(self) -> Iterator[None]:
        """EMR's events come to the queue meanwhile."""
        wanted = {"QueueUrl": self.queue_url, "AttributeNames": ["QueueArn"]}
        arn = self.sqs.get_queue_attributes(**wanted)["Attributes"]["QueueArn"]
        events = boto("events", self.endpoint)
        events.put_rule(Name=self.table, EventPattern=json.dumps({"source": ["aws.emr"]}))
        events.put_targets(Rule=self.table, Targets=[{"Id": "queue", "Arn": arn}])
        try:
            yield
        finally:
            events.remove_targets(Rule=self.table, Ids=["queue"])
            events.delete_rule(Name=self.table)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of whoever uses this lifecycle."""
        return {
            "TIDEMARK_TABLE": self.table,
            "TIDEMARK_QUEUE_URL": self.queue_url,
            "TIDEMARK_LOST_CORE_S": str(LOST_CORE_S),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
        }

    def profile(self, name: str, **instances: Any) -> str:
        """Of a transient cluster of one primary and one core node; its name. The lifecycle itself tries once."""
        instances = {**fleets(task=False, KeepJobFlowAliveWhenNoSteps=False), **instances}
        roles = {"ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr"}
        request = {**roles, "Instances": instances}
        self.store.put_profile(ClusterProfile(key=profile_key(name), request=request, attempts=1))
        return name

    def launches(self, alias: str) -> Sequence[LaunchRow]:
        """Those of all tries of a task, the first one first."""
        return sorted(self.store.of_owner(alias)[1], key=lambda one: one.created_at)

    def cluster_of(self, launch: LaunchRow) -> ClusterRow:
        assert launch.cluster_id is not None, launch
        found = self.store.cluster(launch.cluster_id)
        assert found is not None, launch
        return found

    def at_work(self, profile: str) -> str | None:
        """A cluster of the profile whose step runs."""
        for row in self.store.open_clusters():
            if row.profile == profile and self.step_runs(row.id):
                return row.id
        return None

    def step_runs(self, cluster_id: str) -> bool:
        steps = self.emr.list_steps(ClusterId=cluster_id)["Steps"]
        return any(one["Status"]["State"] == "RUNNING" for one in steps)

    def lose(self, cluster_id: str, role: Role) -> None:
        """All its instances of this role are taken back, and none comes in their place."""
        self.server.emr.lose(cluster_id, role, time.time())

    def send(self, **message: Any) -> None:
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(message))


@contextmanager
def cloud(step_env: Mapping[str, str] | None = None) -> Iterator[Cloud]:
    with SandboxServer(delays=QUICK, quotas=NO_QUOTAS, region=REGION, step_env=step_env) as server:
        made = Cloud(server)
        pump = LambdaPump(made.function.handle, made.sqs, made.queue_url)
        with made.hears_emr():
            pump.start()
            try:
                yield made
            finally:
                pump.stop()


def shell(script: str) -> Mapping[str, Any]:
    """A step; its failure ends the cluster."""
    return step("shell", "bash", "-c", script, on_failure="TERMINATE_CLUSTER")
