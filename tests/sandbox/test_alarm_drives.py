"""An alarm of CloudWatch drives the fleet: the agent's own metrics cross a bound, and nobody sets a state by hand.

Real processes and sockets: lines into the agent's listener, PutMetricData, the sandbox's evaluation, SNS, SQS or HTTPS,
and ModifyInstanceFleet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from tests.fakes.tls import Authority
from tests.running import RunningAgent, agent, free_port, wait_for
from tests.sandbox.emr_world import REGION, boto, fleets

BOUND = 600.0
"""Bytes of heap in use, of the reports below."""
MINUTE_S = 2.0
"""A minute of the alarms here."""


@dataclass
class Stage:
    """A cluster of the sandbox, a topic, and a queue of the agent's and one to listen in on."""

    server: SandboxServer
    cluster: str
    topic: str
    queue: str
    spy: str

    def client(self, service: str) -> Any:
        return boto(service, self.server.endpoint)

    def target(self) -> int:
        found = self.client("emr").list_instance_fleets(ClusterId=self.cluster)["InstanceFleets"]
        (task,) = (each for each in found if each["InstanceFleetType"] == "TASK")
        return int(task["TargetSpotCapacity"])

    def put_alarm(self) -> str:
        name = f"Tidemark {self.cluster} heap"
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="Tidemark",
            MetricName="JvmHeapUsed",
            Dimensions=[{"Name": "ClusterId", "Value": self.cluster}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=BOUND,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
            AlarmActions=[self.topic],
            OKActions=[self.topic],
        )
        return name

    def state(self, alarm: str) -> str:
        (found,) = self.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return str(found["StateValue"])

    def overheard(self) -> list[dict[str, Any]]:
        """The envelopes that SNS has sent, as SQS has them."""
        found = self.client("sqs").receive_message(QueueUrl=self.spy, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in found.get("Messages", ())]

    def send(self, body: str) -> None:
        self.client("sqs").send_message(QueueUrl=self.queue, MessageBody=body)

    def left(self) -> int:
        """Messages in the agent's queue, in sight or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@contextmanager
def staged(**more: Any) -> Iterator[Stage]:
    delays = Delays(provision_s=0.2, bootstrap_s=0.2, decommission_s=0.2, terminate_s=0.2)
    with SandboxServer(quotas=NO_QUOTAS, region=REGION, delays=delays, alarm_speed=60 / MINUTE_S, **more) as server:
        emr, sns, sqs = (boto(name, server.endpoint) for name in ("emr", "sns", "sqs"))
        cluster = emr.run_job_flow(
            Name="test", ReleaseLabel="emr-7.10.0", JobFlowRole="ec2", ServiceRole="emr", Instances=fleets(spot=1)
        )["JobFlowId"]
        topic = sns.create_topic(Name=f"alarms-{uuid4()}")["TopicArn"]
        urls = [sqs.create_queue(QueueName=f"{name}-{uuid4()}")["QueueUrl"] for name in ("agent", "spy")]
        for url in urls:
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        stage = Stage(server, cluster, topic, *urls)
        wait_for(
            lambda: emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING", "the cluster"
        )
        yield stage


def told(stage: Stage, folder: Path, actions: str) -> str:
    return f"""
[aws]
region = "{REGION}"
endpoint_url = "{stage.server.endpoint}"
connect_timeout_s = 5.0
read_timeout_s = 20.0
[sinks.cloudwatch]
period_s = 1.0
storage_resolution_s = 1
[idle]
enabled = false
[actions]
topic_arn = "{stage.topic}"
sns_origin = "{stage.server.endpoint}"
request_path = "{folder / "scale.json"}"
ledger_path = "{folder / "requests.json"}"
{actions}
[[actions.alarms]]
name = "heap"
adjustment_units = 2
cooldown_s = 0
"""


def report(running: RunningAgent, high: float) -> None:
    text = "".join(
        f"app-20261121000000-0001.{executor}.jvm.heap.{name} {value} {int(time.time())}\n"
        for executor, used in (("0", 300), ("1", high))
        for name, value in (("max", 1000), ("used", used))
    )
    running.send(text.encode())


def until(running: RunningAgent, stage: Stage, high: float, alarm: str, state: str) -> None:
    """Report that heap until the alarm has come into that state."""

    def reached() -> bool:
        report(running, high)
        return stage.state(alarm) == state

    wait_for(reached, lambda: f"{alarm} is {state}:\n{running.log()}")


def own_cluster(stage: Stage) -> Callable[[str], str]:
    return lambda text: text.replace('"j-TEST"', f'"{stage.cluster}"').replace(
        "max_capacity_units = 4", "max_capacity_units = 20"
    )


def journalled(folder: Path) -> list[dict[str, Any]]:
    """The lines that are whole by now."""
    whole, _, _ = (folder / "journal.jsonl").read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines() if line]


def applied(folder: Path) -> list[dict[str, Any]]:
    return [turn for turn in journalled(folder) if turn.get("outcome") == "applied"]


def crossed(running: RunningAgent, stage: Stage) -> str:
    """The alarm is put, is OK by what the agent publishes, and then goes to ALARM; the fleet follows."""
    alarm = stage.put_alarm()
    until(running, stage, 300, alarm, "OK")
    assert stage.target() == 1
    until(running, stage, 900, alarm, "ALARM")
    wait_for(lambda: stage.target() == 3, lambda: f"the fleet follows:\n{running.log()}")
    return alarm


@pytest.mark.story
def test_the_agents_own_metric_crosses_the_bound_of_an_alarm_and_the_fleet_grows(tmp_path: Path) -> None:
    with staged() as stage:
        queue = f'queue_url = "{stage.queue}"'
        with agent(tmp_path, told(stage, tmp_path, queue), own_cluster(stage)) as running:
            alarm = crossed(running, stage)
            # EMR has it a moment before the journal
            wait_for(lambda: applied(tmp_path), running.log)
            (acted,) = applied(tmp_path)
            assert acted["decision"]["rule"] == f"alarm {alarm}"
            assert acted["decision"]["because"][0][0] == "requested"
            assert acted["observation"]["requests"][0]["id"] == acted["decision"]["request"]
            assert acted["requests"][0]["fate"] == "applied"

            no_harm_is_done_by_forged_and_replayed_messages(running, stage, alarm)

            # the alarm is over: it says so, and its next time is another one
            until(running, stage, 300, alarm, "OK")
            until(running, stage, 900, alarm, "ALARM")
            wait_for(lambda: stage.target() == 5, lambda: f"the fleet follows again:\n{running.log()}")
            wait_for(lambda: stage.left() <= 1, "every message is deleted but the dead agent's", within_s=180)


def no_harm_is_done_by_forged_and_replayed_messages(running: RunningAgent, stage: Stage, alarm: str) -> None:
    genuine = next(one for one in stage.overheard() if json.loads(one["Message"])["NewStateValue"] == "ALARM")
    now = time.strftime("%Y-%m-%dT%H:%M:%S.001+0000", time.gmtime())
    altered = json.loads(genuine["Message"]) | {"StateChangeTime": now}
    forged = genuine | {"Message": json.dumps(altered)}
    bodies = {
        "duplicate": json.dumps(genuine),
        "forged": json.dumps(forged),
        "raw": json.dumps(altered),
        "other-topic": json.dumps(forged | {"TopicArn": stage.topic + "x"}),
        "malformed": "{]",
    }
    for body in bodies.values():
        stage.send(body)
    wait_for(lambda: all(f"reason={reason}" in running.log() for reason in bodies), running.log, within_s=180)
    a_few_turns(running)
    assert stage.target() == 3

    # the agent dies, the next one knows nothing but the ledger, and somebody sends the genuine message once more
    before = running.log().count("reason=duplicate")
    starts = running.log().count("agent.started")
    running.child.kill()
    stage.send("for the dead agent's wait, which the queue does not know to be over")
    wait_for(lambda: running.log().count("agent.started") > starts, running.log)
    stage.send(bodies["duplicate"])
    wait_for(lambda: running.log().count("reason=duplicate") > before, running.log, within_s=180)
    a_few_turns(running)
    assert stage.target() == 3


def a_few_turns(running: RunningAgent) -> None:
    turns = len(journalled(running.folder))
    wait_for(lambda: len(journalled(running.folder)) > turns + 3, "a few turns more")


def test_the_same_by_way_of_an_https_endpoint(tmp_path: Path) -> None:
    """SNS asks for the confirmation of the subscription, the agent gives it, and the alarm reaches it."""
    authority = Authority(tmp_path)
    with staged(sns_trust=authority.file) as stage:
        port = free_port()
        endpoint = f"""
[actions.endpoint]
enabled = true
port = {port}
certificate_path = "{tmp_path / "server.pem"}"
key_path = "{tmp_path / "server.pem"}"
"""
        with agent(tmp_path, told(stage, tmp_path, endpoint), own_cluster(stage)) as running:
            wait_for(lambda: "actions.listening" in running.log(), running.log)
            url = f"https://127.0.0.1:{port}/"
            stage.client("sns").subscribe(TopicArn=stage.topic, Protocol="https", Endpoint=url)
            wait_for(lambda: "actions.subscribed" in running.log(), running.log)
            crossed(running, stage)


def test_a_guard_that_withholds_holds_an_alarm_too(tmp_path: Path) -> None:
    """The request stands in the journal with the guard's reason, and nothing is resized."""
    with staged() as stage:
        (tmp_path / "pause.json").write_text(json.dumps({"until": time.time() + 600, "why": "a test"}))
        settings = told(stage, tmp_path, f'queue_url = "{stage.queue}"')

        def edit(text: str) -> str:
            return own_cluster(stage)(text).replace("[policy]", f'[policy]\npause_path = "{tmp_path / "pause.json"}"')

        with agent(tmp_path, settings, edit) as running:
            alarm = stage.put_alarm()
            until(running, stage, 300, alarm, "OK")
            until(running, stage, 900, alarm, "ALARM")

            def withheld() -> bool:
                answers = [answer for turn in journalled(tmp_path) for answer in turn.get("requests", ())]
                return any(reason["code"] == "paused" for answer in answers for reason in answer["because"])

            wait_for(withheld, running.log)
            assert stage.target() == 1
            assert running.stop() == 0, "a stop waits for no long poll"
