"""A queue behind a rule on the default bus, and what has come to it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tests.sandbox.emr_world import boto


class Ear:
    """Hears what matches the pattern. moto keeps its state by process: names are new each time."""

    def __init__(self, endpoint: str, **pattern: Any) -> None:
        self.sqs = boto("sqs", endpoint)
        self.events = boto("events", endpoint)
        self._rule = f"ear-{uuid.uuid4().hex[:12]}"
        self._url = self.sqs.create_queue(QueueName=self._rule)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._gone = False
        self.events.put_rule(Name=self._rule, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=self._rule, Targets=[{"Id": "queue", "Arn": arn}])

    def heard(self) -> Sequence[Mapping[str, Any]]:
        """What has come since the last call, in order."""
        found: list[Mapping[str, Any]] = []
        while got := self.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def disable(self) -> None:
        self.events.disable_rule(Name=self._rule)

    def lose_queue(self) -> None:
        """The rule's target is not there any more."""
        self.sqs.delete_queue(QueueUrl=self._url)
        self._gone = True

    def close(self) -> None:
        """Leave no rule behind: it would hear the events of other tests, too."""
        self.events.remove_targets(Rule=self._rule, Ids=["queue"])
        self.events.delete_rule(Name=self._rule)
        if not self._gone:
            self.sqs.delete_queue(QueueUrl=self._url)

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
