"""Alarms of the sandbox over HTTP, with unmodified boto3 clients and a stepped clock."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.sandbox.cloudwatch_world import NAMESPACE, CloudWatchWorld, cloudwatch_world
from tests.sandbox.emr_world import REGION


@pytest.fixture
def world() -> Iterator[CloudWatchWorld]:
    with cloudwatch_world() as made:
        yield made


def test_data_beyond_the_threshold_reach_the_queue_as_cloudwatchs_message(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    name = world.alarm(AlarmActions=[topic], AlarmDescription="for a test", Dimensions=[{"Name": "A", "Value": "b"}])
    assert world.state(name) == "INSUFFICIENT_DATA"
    datum = {
        "MetricName": "Load",
        "Dimensions": [{"Name": "A", "Value": "b"}],
        "Timestamp": world.clock.now,
        "Value": 12,
    }
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])
    world.pass_time(59)
    assert world.state(name) == "INSUFFICIENT_DATA", "the minute is not over"
    world.pass_time(1)
    assert world.state(name) == "ALARM"
    (envelope,) = world.messages(queue)
    assert envelope["Subject"] == f'ALARM: "{name}" in EU (Ireland)'
    message = json.loads(envelope["Message"])
    assert message["StateChangeTime"] == "2023-11-14T22:14:00.000+0000"
    assert "was greater than the threshold (10.0)" in message.pop("NewStateReason")
    message.pop("StateChangeTime")
    message.pop("AlarmConfigurationUpdatedTimestamp")
    assert message == {
        "AlarmName": name,
        "AlarmDescription": "for a test",
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "OldStateValue": "INSUFFICIENT_DATA",
        "Region": "EU (Ireland)",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:{name}",
        "OKActions": [],
        "AlarmActions": [topic],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "Load",
            "Namespace": NAMESPACE,
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "b", "name": "A"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 10.0,
            "TreatMissingData": "missing",
            "EvaluateLowSampleCountPercentile": "",
        },
    }
