"""A queue that is pumped into a Python function as Lambda does it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.lambda_pump import LambdaPump, failed
from tests.sandbox.emr_world import World, boto, world

Event = dict[str, Any]


class Queue:
    def __init__(self, it: World, receives: int = 2) -> None:
        self.sqs = boto("sqs", it.server.endpoint)
        self.dead, dead_arn = self._make({})
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": receives})
        self.url, self.arn = self._make({"RedrivePolicy": redrive, "VisibilityTimeout": "1"})

    def _make(self, attributes: Mapping[str, str]) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}", Attributes=attributes)["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def size(self, url: str | None = None) -> int:
        """Messages in it, those in flight included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture
def queue() -> Iterator[Queue]:
    with world() as it:
        yield Queue(it)


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_the_function_gets_what_lambda_would_give_it(queue: Queue) -> None:
    events: list[Event] = []
    contexts: list[Any] = []

    def handler(event: Event, context: Any) -> None:
        events.append(event)
        contexts.append(context)

    queue.sqs.send_message(
        QueueUrl=queue.url,
        MessageBody='{"owner": "df-1"}',
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "done"}},
    )
    assert LambdaPump(handler, queue.sqs, queue.url, name="lifecycle").once() == 1
    (record,) = events[0]["Records"]
    assert record["body"] == '{"owner": "df-1"}'
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert int(record["attributes"]["SentTimestamp"]) > 0
    assert record["messageAttributes"]["kind"]["stringValue"] == "done"
    assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == (
        "aws:sqs", queue.arn, "eu-west-1",
    )  # fmt: skip
    assert {"messageId", "receiptHandle", "md5OfBody"} <= record.keys()
    assert contexts[0].function_name == "lifecycle"
    assert 0 < contexts[0].get_remaining_time_in_millis() <= 60_000
    assert queue.size() == 0


def test_batches_are_of_at_most_ten(queue: Queue) -> None:
    sizes: list[int] = []
    pump = LambdaPump(lambda event, _: sizes.append(len(event["Records"])), queue.sqs, queue.url)
    queue.send(*(str(number) for number in range(23)))
    while pump.once():
        pass
    assert sizes == [10, 10, 3]
    assert queue.size() == 0


def test_what_is_reported_comes_again_and_the_rest_is_done(queue: Queue) -> None:
    seen: list[tuple[str, str]] = []

    def handler(event: Event, _: Any) -> Event:
        bad = []
        for record in event["Records"]:
            seen.append((record["body"], record["attributes"]["ApproximateReceiveCount"]))
            if record["body"] == "bad" and record["attributes"]["ApproximateReceiveCount"] == "1":
                bad.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": bad}

    pump = LambdaPump(handler, queue.sqs, queue.url)
    queue.send("good", "bad")
    assert pump.once() == 2
    assert queue.size() == 1
    eventually(lambda: pump.once() == 1)
    assert sorted(seen) == [("bad", "1"), ("bad", "2"), ("good", "1")]
    assert queue.size() == 0


@pytest.mark.parametrize("answer", ["raise", "no JSON", "nonsense"])
def test_a_function_that_fails_gives_the_whole_batch_back_and_at_last_to_the_dead_letters(
    queue: Queue, answer: str
) -> None:
    told: list[bool] = []

    def handler(_: Event, __: Any) -> Any:
        if answer == "raise":
            raise RuntimeError("as told")
        return {"no": {"JSON"}} if answer == "no JSON" else {"batchItemFailures": [{"itemIdentifier": "unknown"}]}

    pump = LambdaPump(handler, queue.sqs, queue.url, on_invocation=lambda _, succeeded: told.append(succeeded))
    queue.send("one", "two")
    assert pump.once() == 2
    eventually(lambda: pump.once() == 0 and queue.size(queue.dead) == 2)
    assert queue.size() == 0
    assert set(told) == {answer == "nonsense"}
    assert len(told) >= 2


def test_a_pump_runs_by_itself_until_it_is_stopped(queue: Queue) -> None:
    bodies: list[str] = []
    pump = LambdaPump(
        lambda event, _: bodies.extend(record["body"] for record in event["Records"]), queue.sqs, queue.url
    )
    pump.start()
    try:
        queue.send("one", "two")
        eventually(lambda: sorted(bodies) == ["one", "two"] and queue.size() == 0)
    finally:
        pump.stop()
    assert not any(thread.name == "lambda-handler" for thread in threading.enumerate())
    queue.send("three")
    assert sorted(bodies) == ["one", "two"]
    assert queue.size() == 1


def test_a_batch_is_of_one_to_ten(queue: Queue) -> None:
    with pytest.raises(ValueError, match="batch_size is 11"):
        LambdaPump(print, queue.sqs, queue.url, batch_size=11)


IDS = frozenset("abc")


@pytest.mark.parametrize(
    ("answer", "given_back"),
    [
        (None, ""),
        ({}, ""),
        ({"batchItemFailures": None}, ""),
        ({"batchItemFailures": []}, ""),
        ({"other": 1}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "abc"),
        ({"batchItemFailures": [{"identifier": "b"}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": "z"}]}, "abc"),
        ({"batchItemFailures": ["b"]}, "abc"),
        ({"batchItemFailures": "b"}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": ["b"]}]}, "abc"),
        (["b"], "abc"),
    ],
)
def test_what_an_answer_gives_back(answer: Any, given_back: str) -> None:
    assert failed(answer, IDS) == frozenset(given_back)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["batchItemFailures", "itemIdentifier"]), inner),
)


@given(JSON)
def test_no_answer_brings_the_pump_down(answer: Any) -> None:
    assert failed(answer, IDS) <= IDS
