"""Notices of clusters and jobs, by SNS: JSON for programs, text for people."""

from __future__ import annotations

import json
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle.rows import ClusterRow, JobRow, cluster_key, job_key
from agent.lifecycle.tell import LONGEST_SUBJECT, LONGEST_TEXT, LogTeller, TopicTeller, of_cluster, of_job, teller
from agent.lifecycle.words import EndReason, JobState, Phase, State
from agent.telemetry import Telemetry
from tests.lifecycle.hands import clients
from tests.sandbox.emr_world import World, boto, world

LOST = ClusterRow(
    key=cluster_key("j-1"), name="nightly l-1.1", owner="df-1", profile="nightly", launch_id="l-1", attempt=1,
    phase=Phase.ENDED, state=State.TERMINATED, reason_code="USER_REQUEST", ended_at=900.0, end_at=800.0,
    end_reason=EndReason.ZERO_CORE, end_why="no core node for 300 s",
)  # fmt: skip
FAILED = JobRow(
    key=job_key("job-1"), owner="me", profile="etl", state=JobState.FAILED, created_at=0, ended_at=5,
    why=("its step failed",),
)  # fmt: skip


class Topic:
    """A topic with a queue that hears of it."""

    def __init__(self, it: World) -> None:
        self.sqs, sns = boto("sqs", it.server.endpoint), boto("sns", it.server.endpoint)
        self.url = self.sqs.create_queue(QueueName=f"heard-{uuid.uuid4().hex}")["QueueUrl"]
        queue = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.arn = sns.create_topic(Name=f"told-{uuid.uuid4().hex}")["TopicArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue)

    def heard(self) -> list[Any]:
        got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        return [json.loads(message["Body"]) for message in got.get("Messages", ())]


def test_programs_hear_facts_as_json_under_a_subject() -> None:
    with world() as it:
        topic, telemetry = Topic(it), Telemetry()
        mine = teller(lambda: clients(it).sns, topic.arn, telemetry.count)
        mine.ended(LOST)
        (heard,) = topic.heard()
        assert heard["Subject"] == "Cluster j-1 ended: LOST"
        facts = json.loads(heard["Message"])
        assert (facts["event"], facts["outcome"], facts["reason"]) == ("cluster-ended", "LOST", "zero-core")
        assert (facts["owner"], facts["launch_id"], facts["attempt"], facts["at"]) == ("df-1", "l-1", 1, 900.0)
        mine.job_ended(FAILED)
        (heard,) = topic.heard()
        facts = json.loads(heard["Message"])
        assert (facts["event"], facts["job_id"], facts["state"], facts["why"]) == (
            "job-ended", "job-1", "FAILED", "its step failed",
        )  # fmt: skip
        assert telemetry.counts() == {"LifecycleNotices": 2}


def test_what_cannot_be_sent_is_counted_and_raises_nothing() -> None:
    with world() as it:
        telemetry = Telemetry()
        TopicTeller(lambda: clients(it).sns, "arn:aws:sns:eu-west-1:123456789012:none", telemetry.count).ended(LOST)
        assert telemetry.counts() == {"LifecycleErrors.Teller": 1}


def test_without_a_topic_it_is_logged() -> None:
    mine = teller(lambda: None, "", Telemetry().count)
    assert isinstance(mine, LogTeller)
    mine.ended(LOST)
    mine.job_ended(FAILED)


def test_people_read_why() -> None:
    _, text, _ = of_cluster(LOST)
    assert text == ("Cluster j-1 (nightly l-1.1) of df-1 ended: LOST. we ended it (zero-core): no core node for 300 s")
    going = LOST.model_copy(update={"phase": Phase.ENDING, "state": State.WAITING})
    subject, text, facts = of_cluster(going)
    assert subject == "Cluster j-1 is being ended: zero-core" and text.endswith("zero-core. no core node for 300 s")
    assert (facts["event"], facts["outcome"], facts["at"]) == ("cluster-ending", None, 800.0)
    assert of_job(FAILED)[1] == "Job job-1 of me is FAILED. its step failed"


@given(st.text(), st.text(), st.text(min_size=1, max_size=300))
def test_any_words_fit_into_a_message(owner: str, why: str, name: str) -> None:
    row = LOST.model_copy(update={"owner": owner, "end_why": why * 50, "name": name, "key": cluster_key(name)})
    sent: dict[str, Any] = {}

    class Client:
        def publish(self, **request: Any) -> None:
            sent.update(request)

    TopicTeller(Client, "arn", Telemetry().count).ended(row)
    assert 0 < len(sent["Subject"]) <= LONGEST_SUBJECT and sent["Subject"].isascii() and sent["Subject"].isprintable()
    formats = json.loads(sent["Message"])
    assert len(formats["email"]) <= LONGEST_TEXT and json.loads(formats["default"])["event"] == "cluster-ended"
