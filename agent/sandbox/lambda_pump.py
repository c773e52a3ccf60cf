"""What a Lambda event source mapping does for a queue: batches to a Python function, and what is done deleted.

Shapes and rules: Lambda Developer Guide, "Using Lambda with Amazon SQS" and "Handling errors for an SQS event source".
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_BATCH = 10
IDLE_S = 1.0
"""How long one poll waits for a message."""

Handler = Callable[[Any, Any], Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaContext:
    """What a Python function of Lambda is given as its second argument, as far as it is of use here."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    until: float
    """When it is timed out, by `time.monotonic`."""

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.until - time.monotonic()) * 1000))


class LambdaPump:
    """One thread that polls, calls and deletes, between `start` and `stop`; or `once`, without any thread.

    What the function reports in `batchItemFailures` stays in the queue, and the whole batch when it raises or answers
    with what is not such a report: it comes again after the queue's visibility time-out, and the queue's redrive
    policy moves it to the dead letters. The function is not stopped at its time-out, as Lambda would.
    """

    def __init__(
        self,
        handler: Handler,
        sqs: Any,
        queue_url: str,
        *,
        name: str = "handler",
        batch_size: int = MAX_BATCH,
        timeout_s: float = 60.0,
        on_invocation: Callable[[float, bool], None] | None = None,
    ) -> None:
        """`sqs` is a boto3 client of the sandbox. `on_invocation` hears after each call how many seconds it took and
        whether it succeeded."""
        if not 1 <= batch_size <= MAX_BATCH:
            raise ValueError(f"batch_size is {batch_size}: ReceiveMessage gives 1 to {MAX_BATCH}")
        self._handler = handler
        self._sqs = sqs
        self._url = queue_url
        self._name = name
        self._batch_size = batch_size
        self._timeout_s = timeout_s
        self._on_invocation = on_invocation
        answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        self._arn: str = answer["Attributes"]["QueueArn"]
        self._region, self._account = self._arn.split(":")[3:5]
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def once(self, wait_s: float = 0.0) -> int:
        """Receive one batch and let the function deal with it; how many messages it had. Waits up to `wait_s` for
        one. Raises what boto3 raises."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._batch_size,
            WaitTimeSeconds=int(wait_s),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if messages:
            done = self._invoke(messages)
            self._delete([message for message in messages if message["MessageId"] in done])
        return len(messages)

    def start(self) -> None:
        """Poll until `stop`."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._pump, name=f"lambda-{self._name}", daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float = 30.0) -> None:
        """End after the call that is under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(deadline_s)

    def _pump(self) -> None:
        while not self._stopping.is_set():
            try:
                self.once(IDLE_S)
            except Exception:  # the boundary of this loop: a queue that does not answer is asked again
                log.exception("a queue could not be polled", extra={"queue": self._arn})
                self._stopping.wait(IDLE_S)

    def _invoke(self, messages: Sequence[Mapping[str, Any]]) -> frozenset[str]:
        """The ids of the messages that have been dealt with."""
        event = {"Records": [self._record(message) for message in messages]}
        ids = frozenset(message["MessageId"] for message in messages)
        context = LambdaContext(
            function_name=self._name,
            invoked_function_arn=f"arn:aws:lambda:{self._region}:{self._account}:function:{self._name}",
            until=time.monotonic() + self._timeout_s,
        )
        begun = time.monotonic()
        try:
            answer = json.loads(json.dumps(self._handler(json.loads(json.dumps(event)), context)))
        except Exception:  # as Lambda: what the function raises, or answers that is no JSON, fails the batch
            log.exception("the function failed", extra={"function": self._name})
            done, succeeded = frozenset[str](), False
        else:
            done, succeeded = ids - failed(answer, ids), True
        if self._on_invocation is not None:
            self._on_invocation(time.monotonic() - begun, succeeded)
        return done

    def _record(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {
                    "stringValue": attribute.get("StringValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": attribute["DataType"],
                }
                for name, attribute in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._region,
        }

    def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def failed(answer: Any, ids: frozenset[str]) -> frozenset[str]:
    """Which messages of a batch the function's answer gives back. All of them when the answer is no report that
    Lambda understands: no list, an entry without an id, an id that is not of the batch. Pure."""
    if answer is None:
        return frozenset()
    reported = answer.get("batchItemFailures") if isinstance(answer, dict) else ()
    if reported is None:
        return frozenset()
    if not isinstance(reported, list):
        return ids
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in reported]
    known = [name for name in named if isinstance(name, str) and name in ids]
    return frozenset(known) if len(known) == len(named) else ids
