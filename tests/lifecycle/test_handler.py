"""The function as Lambda runs it: batches of the queue, over HTTP, to clusters, rows and what is delivered again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.lifecycle.handler import Function, embedded, handle
from agent.lifecycle.rows import ClusterProfile, UnreadableRow, profile_key
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change
from agent.lifecycle.words import EndReason, LaunchState, State
from agent.sandbox.lambda_pump import LambdaPump
from agent.settings import AwsSettings
from agent.settings_lifecycle import LifecycleSettings
from tests.lifecycle import hands
from tests.sandbox.emr_world import REGION, World, boto, fleets, world

TABLE = "tidemark"


class Stack:
    """What the template makes, as far as the function needs it: table, queue with dead letters, and the function."""

    def __init__(self, it: World) -> None:
        self.it = it
        endpoint = it.server.endpoint
        self.sqs = boto("sqs", endpoint)
        dynamodb = boto("dynamodb", endpoint)
        create(dynamodb, TABLE)
        self.store = Store(DynamoTable(dynamodb, TABLE))
        self.dead = self._queue("lifecycle-dead", {})
        redrive = {"deadLetterTargetArn": self._arn(self.dead), "maxReceiveCount": "2"}
        self.queue = self._queue("lifecycle", {"VisibilityTimeout": "0", "RedrivePolicy": json.dumps(redrive)})
        settings = LifecycleSettings(table=TABLE, queue_url=self.queue)
        hands.clients(it)
        self.function = Function(settings, AwsSettings(region=REGION, endpoint_url=endpoint), it.clock)
        self.pump = LambdaPump(self.function.handle, self.sqs, self.queue)

    def say(self, message: Any) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(message))

    def dead_letters(self) -> list[str]:
        return [one["Body"] for one in self.sqs.receive_message(QueueUrl=self.dead).get("Messages", ())]

    def _queue(self, name: str, attributes: dict[str, str]) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def _arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def clean_up(self) -> None:
        for url in (self.queue, self.dead):
            self.sqs.delete_queue(QueueUrl=url)
        boto("dynamodb", self.it.server.endpoint).delete_table(TableName=TABLE)


@contextmanager
def stack() -> Iterator[Stack]:
    with world() as it:
        made = Stack(it)
        profile = ClusterProfile(
            key=profile_key("session"),
            request={
                "ReleaseLabel": "emr-7.10.0",
                "ServiceRole": "emr",
                "JobFlowRole": "ec2",
                "Instances": fleets(),
            },
        )
        made.store.put_profile(profile)
        try:
            yield made
        finally:
            made.clean_up()


def test_a_message_launches_a_cluster_and_another_one_ends_it() -> None:
    with stack() as it:
        launch = {"id": "l-1", "profile": "session", "owner": "df-ABC", "alias": "wg-1", "at": it.it.clock.now}
        it.say({"launch": launch})
        it.say({"launch": launch})
        it.pump.once()
        row = it.store.launch("l-1")
        assert row is not None and row.state is LaunchState.LAUNCHED and row.cluster_id is not None
        assert len(it.it.server.api.calls("RunJobFlow")) == 1
        it.it.pass_time(300)
        it.say({"owner": "wg-1", "event": "failed", "at": it.it.clock.now})
        it.pump.once()
        it.it.pass_time(120)
        assert it.it.state(row.cluster_id) == "TERMINATED"
        it.say({"sweep": {}})
        it.pump.once()
        cluster = it.store.cluster(row.cluster_id)
        assert cluster is not None
        assert (cluster.end_reason, cluster.owner) == (EndReason.OWNER_FAILED, "df-ABC")


def test_a_sweep_hears_of_what_no_event_has_told() -> None:
    with stack() as it:
        it.say({"launch": {"id": "l-2", "profile": "session", "owner": "o"}})
        it.pump.once()
        it.it.pass_time(900)
        it.say({"sweep": {}})
        it.pump.once()
        (cluster,) = it.store.open_clusters()
        assert cluster.state is State.WAITING
        assert cluster.ready_at is not None


def test_what_nobody_can_act_on_fails_alone_and_goes_to_the_dead_letters() -> None:
    with stack() as it:
        it.say({"lounch": {"profile": "session"}})
        it.say({"launch": {"id": "l-3", "profile": "session", "owner": "o"}})
        for _ in range(4):
            it.pump.once()
        assert it.store.launch("l-3") is not None
        assert it.dead_letters() == ['{"lounch": {"profile": "session"}}']
        counts = it.function.counts()
        assert counts["MessagesHeard"] == 1
        assert sum(number for name, number in counts.items() if name.startswith("LifecycleMalformed.")) == 2


def test_a_call_without_messages_does_nothing_and_asks_for_no_settings() -> None:
    assert handle({"Records": []}, None) == {"batchItemFailures": []}


def test_what_was_counted_is_a_line_that_cloudwatch_makes_metrics_of() -> None:
    told = json.loads(embedded({"MessagesHeard": 3, "ClustersEnded.idle": 1}, "tidemark", 12.5))
    (directive,) = told["_aws"]["CloudWatchMetrics"]
    assert told["_aws"]["Timestamp"] == 12500
    assert {one["Name"]: told[one["Name"]] for one in directive["Metrics"]} == {
        "MessagesHeard": 3,
        "ClustersEnded.idle": 1,
    }
    assert [told[name] for (name,) in directive["Dimensions"]] == ["tidemark"]


def test_a_row_that_nobody_can_read_is_not_the_others_loss() -> None:
    with stack() as it:
        it.say({"launch": {"id": "l-2", "profile": "session", "owner": "o"}})
        it.pump.once()
        it.it.pass_time(900)
        table = DynamoTable(boto("dynamodb", it.it.server.endpoint), TABLE)
        broken: dict[str, dict[str, Any]] = {
            "CLUSTER#j-BAD": {"open": "CLUSTER", "state": "HIBERNATING"},
            "LAUNCH#l-bad": {"open": "LAUNCH", "state": "LAUNCHED"},
            "JOB#bad": {"open": "JOB", "state": "QUEUED", "cluster_id": "j-BAD", "owner": "o"},
            "PROFILE#bad": {"open": "PROFILE", "maximum": -1},
            "OWNER#o": {"reason": "no-reason"},
        }
        for key, attributes in broken.items():
            assert table.change(Change(key=key, set={"created_at": 1.0, **attributes})) is not None
        it.say({"sweep": {}})
        it.pump.once()
        launch = it.store.launch("l-2")
        assert launch is not None and launch.cluster_id is not None
        cluster = it.store.cluster(launch.cluster_id)
        assert cluster is not None and cluster.state is State.WAITING
        with pytest.raises(UnreadableRow, match="'CLUSTER#j-BAD' cannot be read: state: Input should be 'STARTING'"):
            it.store.cluster("j-BAD")
        assert it.function.counts()["Sweeps"] == 1
