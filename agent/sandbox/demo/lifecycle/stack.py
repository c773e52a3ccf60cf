"""What `bootstrap/cloudformation/lifecycle.yaml` makes, as far as the demo needs it, in the sandbox and over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from agent.aws.errors import AWS_ERRORS
from agent.lifecycle import dynamo_table
from agent.lifecycle.handler import Function
from agent.sandbox.demo.lifecycle import plan as plans
from agent.sandbox.demo.lifecycle.plan import Part, Places, Plan
from agent.sandbox.emr.server import ACCOUNT
from agent.sandbox.lambda_pump import LambdaPump
from agent.settings import AwsSettings

REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
"""The sandbox asks for a signature, as AWS does, and does not check it."""
IN_THE_WAY = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
OF_EMR = [
    "EMR Cluster State Change",
    "EMR Step Status Change",
    "EMR Instance Fleet State Change",
    "EMR Instance Fleet Provisioning",
    "EMR Instance Fleet Resize",
]
RECEIVED_AT_MOST = 6
"""As in the template: afterwards a message is a dead letter."""


def client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}, s3={"addressing_style": "path"}),
    )


def environment() -> dict[str, str]:
    """Of a process that is to talk to the sandbox."""
    return {**{name: value for name, value in os.environ.items() if name not in IN_THE_WAY}, **CREDENTIALS}


@contextmanager
def credentials_here() -> Iterator[None]:
    """The same for this process, in which the function runs; afterwards it is as it was."""
    before = dict(os.environ)
    wanted = environment()
    try:
        os.environ.clear()
        os.environ.update(wanted)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def build(plan: Plan, endpoint: str) -> Places:
    """Make all of it; names are new each time, for the sandbox keeps them by process."""
    name = f"demo-{uuid.uuid4().hex[:8]}"
    sqs, sns, s3, events, scheduler, dynamodb = (
        client(service, endpoint) for service in ("sqs", "sns", "s3", "events", "scheduler", "dynamodb")
    )
    dynamo_table.create(dynamodb, name)
    dead_url = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, dead_url), "maxReceiveCount": str(RECEIVED_AT_MOST)}
    attributes = {"VisibilityTimeout": "10", "RedrivePolicy": json.dumps(redrive)}
    queue_url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    queue_arn = _arn(sqs, queue_url)
    topic_arn = sns.create_topic(Name=f"{name}-owners")["TopicArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    patterns = {"objects": {"source": ["aws.s3"], "detail-type": ["Object Created"]}}
    if plan.without is not Part.EVENTS:
        patterns["clusters"] = {"source": ["aws.emr"], "detail-type": OF_EMR}
    for rule, pattern in patterns.items():
        events.put_rule(Name=f"{name}-{rule}", EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"{name}-{rule}", Targets=[{"Id": "queue", "Arn": queue_arn}])
    scheduler.create_schedule_group(Name=name)
    return Places(
        region=REGION,
        endpoint_url=endpoint,
        table=name,
        queue_url=queue_url,
        queue_arn=queue_arn,
        schedule_group=name,
        schedule_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{name}-scheduler",
        bucket=name,
        owner_topic_arn=topic_arn,
        dead_url=dead_url,
    )


def forget(places: Places) -> None:
    """Take the rules away: what the sandbox keeps is the process's, and they would go on sending."""
    events = client("events", places.endpoint_url)
    for rule in ("objects", "clusters"):
        with contextlib.suppress(*AWS_ERRORS):
            events.remove_targets(Rule=f"{places.table}-{rule}", Ids=["queue"])
            events.delete_rule(Name=f"{places.table}-{rule}")


@contextmanager
def function(plan: Plan, places: Places) -> Iterator[Function]:
    """The function at its queue, as Lambda's event source mapping calls it, in threads of this process."""
    with credentials_here():
        aws = AwsSettings(region=places.region, endpoint_url=places.endpoint_url)
        made = Function(plans.lifecycle(plan, places), aws)
        pump = LambdaPump(made.handle, client("sqs", places.endpoint_url), places.queue_url)
        pump.start()
        try:
            yield made
        finally:
            pump.stop()


class Sweeper:
    """Puts a sweep on the queue every few seconds, except while it is to rest."""

    def __init__(self, plan: Plan, places: Places, rests: Callable[[float], bool]) -> None:
        self._every_s = plan.sweep_every_s
        self._queue_url = places.queue_url
        self._sqs = client("sqs", places.endpoint_url)
        self._rests = rests
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self.sent: list[float] = []

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            if self._rests(time.time()):
                continue
            with contextlib.suppress(*AWS_ERRORS):
                self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps({"sweep": {}}))
                self.sent.append(time.time())

    def __enter__(self) -> Sweeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


def _arn(sqs: Any, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
