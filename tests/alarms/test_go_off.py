"""Each alarm by default goes off when what it is about happens, tells its topic, and is over when that is over.

The metrics are sent by boto3 and the alarms are evaluated by the sandbox's CloudWatch; nobody sets a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agent.aggregate.catalogue import BY_NAME
from agent.alarms.alarm import Composite
from agent.alarms.cloudwatch import of, put
from agent.alarms.definitions import alarms, subjects
from tests.alarms.told import PERSON, TOPIC, own, told
from tests.sandbox.emr_world import World, boto, world

CLUSTER = "j-1"
Data = Mapping[str, list[float]]
"""Samples of a minute, by metric."""

CALM: Data = {
    "ExecutorHeapUsedPercent": [50.0] * 10,
    "JvmHeapUsed": [4e9] * 10,
    "HdfsTotalLoadPerDataNode": [3.0],
    "MemoryAvailablePercent": [40.0],
    "MemoryPending": [0.0],
    "Heartbeat": [1.0],
    "ListenerEventsDropped": [0.0],
    "TaskFleetShortfall": [0.0],
    "StreamingBatchLatency": [900.0],
    **{name: [0.0] for name, metric in BY_NAME.items() if metric.marks_loss},
}
OWN = own(name="falling-behind", metric="StreamingBatchLatency", statistic="p90", bound=60_000, for_s=180, within_s=300)


class Place:
    def __init__(self, it: World) -> None:
        self.world = it
        self.client = boto("cloudwatch", it.server.endpoint)
        self.sns = boto("sns", it.server.endpoint)
        self.sqs = boto("sqs", it.server.endpoint)
        for topic in (TOPIC, PERSON):
            self.sns.create_topic(Name=topic.rpartition(":")[2])
        self.settings = told("nightly", person_topic_arns=[PERSON], own=[OWN])
        list(put(self.client, alarms(self.settings, CLUSTER), lambda _: None))

    def minutes(self, count: int, **changed: list[float] | None) -> None:
        """So many minutes of calm data, but for what is told; None for a metric that is not sent."""
        for _ in range(count):
            told = {name: values for name, values in {**CALM, **changed}.items() if values is not None}
            for name, value in (("ClusterId", CLUSTER), ("ClusterName", "nightly")):
                data = [self._datum(metric, values, name, value) for metric, values in told.items()]
                self.client.put_metric_data(Namespace="Tidemark", MetricData=data)
            self.world.clock.now += 60
            self.world.server.tick()

    def on(self) -> set[str]:
        """The ends of the names of the alarms that are on."""
        return {
            one.name.partition(subject.prefix)[2]
            for subject in subjects(self.settings, CLUSTER)
            for one in of(self.client, subject)
            if one.state == "ALARM"
        }

    def _datum(self, metric: str, values: list[float], name: str, value: str) -> dict[str, Any]:
        return {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value}],
            "Timestamp": self.world.clock.now,
            "Values": values,
            "Unit": str(BY_NAME[metric].unit),
        }


@pytest.fixture
def place() -> Iterator[Place]:
    with world() as it:
        yield Place(it)


HAPPENS: Mapping[str, tuple[int, dict[str, list[float] | None]]] = {
    "heap-high": (6, {"ExecutorHeapUsedPercent": [50.0] * 8 + [90.0] * 2}),
    "heap-used-high": (6, {"JvmHeapUsed": [4e9] * 9 + [21e9]}),
    "hdfs-load-high": (12, {"HdfsTotalLoadPerDataNode": [140.0]}),
    "memory-low": (17, {"MemoryAvailablePercent": [5.0], "MemoryPending": [8e9]}),
    "heartbeat-missing": (8, {"Heartbeat": None}),
    "listener-events-dropped": (2, {"ListenerEventsDropped": [7.0]}),
    "spot-shortfall": (36, {"TaskFleetShortfall": [3.0]}),
    "metrics-lost": (21, {"LinesRejected": [1.0], "JournalErrors": [2.0]}),
    "falling-behind": (6, {"StreamingBatchLatency": [90_000.0]}),
}
"""What each is about, for how many minutes at most until it goes off."""
PERSONS = {"memory-low", "listener-events-dropped", "metrics-lost"}


def test_every_alarm_is_tried_here(place: Place) -> None:
    made = {alarm.what for alarm in alarms(place.settings, CLUSTER) if not isinstance(alarm, Composite)}
    assert made == set(HAPPENS)


@pytest.mark.parametrize("alarm", HAPPENS)
def test_an_alarm_goes_off_alone_and_is_over_again(place: Place, alarm: str) -> None:
    minutes, happens = HAPPENS[alarm]
    place.minutes(6)
    assert place.on() == set()
    place.minutes(minutes, **happens)
    assert place.on() - {"needs-a-person"} == {alarm}
    assert ("needs-a-person" in place.on()) is (alarm in PERSONS)
    place.minutes(36)
    assert place.on() == set()


def test_a_moment_of_each_is_no_alarm(place: Place) -> None:
    place.minutes(6)
    for alarm, (_, happens) in HAPPENS.items():
        if alarm != "listener-events-dropped":
            place.minutes(1, **happens)
            assert place.on() == set(), alarm


def test_low_memory_that_nobody_waits_for_is_no_alarm(place: Place) -> None:
    place.minutes(20, MemoryAvailablePercent=[1.0], MemoryPending=[0.0])
    assert place.on() == set()


def test_a_cluster_that_has_ended_leaves_no_alarm_of_its_name_on(place: Place) -> None:
    place.minutes(8, ExecutorHeapUsedPercent=[99.0] * 10)
    assert place.on() == {"heap-high"}
    for _ in range(10):
        place.world.clock.now += 60
        place.world.server.tick()
    assert place.on() == {"heartbeat-missing"}, "which goes with the cluster"


def test_topics_hear_of_the_beginning_and_the_end(place: Place) -> None:
    queues = {}
    for topic in (TOPIC, PERSON):
        name = topic.rpartition(":")[2]
        queues[topic] = place.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:eu-west-1:123456789012:{name}"
        place.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    place.minutes(6)
    place.minutes(2, ListenerEventsDropped=[7.0])
    place.minutes(6)
    for topic, alarm in ((TOPIC, "listener-events-dropped"), (PERSON, "needs-a-person")):
        found = place.sqs.receive_message(QueueUrl=queues[topic], MaxNumberOfMessages=10)["Messages"]
        bodies = [one["Body"] for one in found]
        about = [body for body in bodies if f"Tidemark nightly {alarm}" in body]
        assert sum('"NewStateValue": "ALARM"' in body or '"NewStateValue":"ALARM"' in body for body in about) == 1
        assert sum('"NewStateValue": "OK"' in body or '"NewStateValue":"OK"' in body for body in about) >= 1
