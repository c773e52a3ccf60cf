"""A sandbox whose CloudWatch the test steps, with clients and an SQS queue that is subscribed to a topic."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from agent.sandbox.model_faults import faults
from tests.sandbox.emr_world import REGION, ManualClock, boto

NAMESPACE = "Sandbox/Alarms"


def _held_to_the_model(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    if response_dict["status_code"] < 300:
        found = list(faults(operation_model.output_shape, json.loads(response_dict["body"] or b"{}")))
        assert not found, f"{operation_model.name} answered what the service model does not allow: {found}"


class CloudWatchWorld:
    def __init__(self, server: SandboxServer, clock: ManualClock) -> None:
        self.server = server
        self.clock = clock
        self.cloudwatch = boto("cloudwatch", server.endpoint)
        self.cloudwatch.meta.events.register("before-parse.cloudwatch", _held_to_the_model)
        self.sns = boto("sns", server.endpoint)
        self.sqs = boto("sqs", server.endpoint)

    def topic_with_queue(self, **attributes: str) -> tuple[str, str]:
        """ARN of a new topic and URL of a new queue that is subscribed to it."""
        name = f"alarms-{uuid.uuid4().hex}"
        topic = self.sns.create_topic(Name=name)["TopicArn"]
        queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return topic, queue

    def messages(self, queue: str) -> Sequence[Mapping[str, Any]]:
        """The bodies that wait in the queue, which is empty afterwards."""
        found: list[Mapping[str, Any]] = []
        while received := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def alarm(self, **request: Any) -> str:
        """Put an alarm: the average of `Load` above 10 in one period of a minute, unless told. Its name."""
        name = request.pop("AlarmName", f"alarm-{uuid.uuid4().hex}")
        defaults: Mapping[str, Any] = {
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 10.0,
            "EvaluationPeriods": 1,
        }
        watched: Mapping[str, Any] = {
            "Namespace": NAMESPACE,
            "MetricName": "Load",
            "Statistic": "Average",
            "Period": 60,
        }
        asked = {**defaults, **({} if "Metrics" in request else watched), **request}
        if "ExtendedStatistic" in request:
            asked.pop("Statistic")
        self.cloudwatch.put_metric_alarm(AlarmName=name, **asked)
        return str(name)

    def minute(self, *values: float, name: str = "Load") -> None:
        """The values as data of the minute that begins now; then it passes, and the alarms are evaluated."""
        if values:
            data = [{"MetricName": name, "Timestamp": self.clock.now, "Values": list(values)}]
            self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        self.pass_time(60)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.server.tick()

    def described(self, name: str) -> Mapping[str, Any]:
        both = ["MetricAlarm", "CompositeAlarm"]
        answer = self.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=both)
        found: Sequence[Mapping[str, Any]] = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        assert len(found) == 1, f"{len(found)} alarms have the name {name}"
        return found[0]

    def state(self, name: str) -> str:
        return str(self.described(name)["StateValue"])


@contextmanager
def cloudwatch_world(**options: Any) -> Iterator[CloudWatchWorld]:
    clock = ManualClock()
    clock.now -= clock.now % 60
    defaults: dict[str, Any] = {"quotas": NO_QUOTAS, "clock": clock, "tick_s": None, "region": REGION}
    with SandboxServer(**{**defaults, **options}) as server:
        yield CloudWatchWorld(server, clock)
