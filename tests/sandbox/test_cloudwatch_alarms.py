"""Alarms of the sandbox over HTTP, with unmodified boto3 clients and a stepped clock."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.cloudwatch.alarms import Alarms
from agent.sandbox.cloudwatch.metrics import MetricStore
from agent.sandbox.cloudwatch.rules import parse
from tests.sandbox.cloudwatch_world import NAMESPACE, CloudWatchWorld, cloudwatch_world
from tests.sandbox.emr_world import REGION


@pytest.fixture
def world() -> Iterator[CloudWatchWorld]:
    with cloudwatch_world() as made:
        yield made


def states(world: CloudWatchWorld, name: str) -> Sequence[str]:
    """Every state that the alarm came to, in their order."""
    items = world.cloudwatch.describe_alarm_history(
        AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )["AlarmHistoryItems"]
    return [item["HistorySummary"].rpartition(" ")[2] for item in items]


def subjects(world: CloudWatchWorld, queue: str) -> Sequence[str]:
    return sorted(message["Subject"].partition(" in ")[0] for message in world.messages(queue))


def query(name: str, statistic: str = "Average", **more: Any) -> Mapping[str, Any]:
    metric = {"Namespace": NAMESPACE, "MetricName": name}
    return {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}, **more}


# what reaches the topic


def test_data_beyond_the_threshold_reach_the_queue_as_cloudwatchs_message(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    dimensions = [{"Name": "A", "Value": "b"}]
    name = world.alarm(AlarmActions=[topic], AlarmDescription="for a test", Dimensions=dimensions)
    assert world.state(name) == "INSUFFICIENT_DATA"
    datum = {"MetricName": "Load", "Dimensions": dimensions, "Timestamp": world.clock.now, "Value": 12}
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])
    world.pass_time(59)
    assert world.state(name) == "INSUFFICIENT_DATA", "the minute is not over"
    world.pass_time(1)
    assert world.state(name) == "ALARM"
    (envelope,) = world.messages(queue)
    assert envelope["Subject"] == f'ALARM: "{name}" in EU (Ireland)'
    assert json.loads(envelope["Message"]) == {
        "AlarmName": name,
        "AlarmDescription": "for a test",
        "AWSAccountId": "123456789012",
        "AlarmConfigurationUpdatedTimestamp": "2023-11-14T22:13:00.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoint [12.0 (14/11/23 22:13:00)] was greater "
        "than the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition).",
        "OldStateValue": "INSUFFICIENT_DATA",
        "StateChangeTime": "2023-11-14T22:14:00.000+0000",
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


def test_each_state_has_its_own_actions_and_only_a_change_runs_them(world: CloudWatchWorld) -> None:
    topics = [world.topic_with_queue() for _ in range(3)]
    (hot, hot_queue), (calm, calm_queue), (blind, blind_queue) = topics
    name = world.alarm(AlarmActions=[hot], OKActions=[calm], InsufficientDataActions=[blind])
    for values in ([12.0], [13.0], [5.0], [6.0], [], [], [], []):
        world.minute(*values)
    assert states(world, name) == ["ALARM", "OK", "INSUFFICIENT_DATA"]
    assert subjects(world, hot_queue) == [f'ALARM: "{name}"']
    assert subjects(world, calm_queue) == [f'OK: "{name}"']
    assert subjects(world, blind_queue) == [f'INSUFFICIENT_DATA: "{name}"']


def test_a_filter_on_the_message_lets_only_alarms_through(world: CloudWatchWorld) -> None:
    policy = json.dumps({"NewStateValue": ["ALARM"]})
    topic, queue = world.topic_with_queue(FilterPolicyScope="MessageBody", FilterPolicy=policy)
    world.alarm(AlarmActions=[topic], OKActions=[topic])
    world.minute(1.0)
    world.minute(11.0)
    assert [json.loads(message["Message"])["NewStateValue"] for message in world.messages(queue)] == ["ALARM"]


def test_a_topic_that_is_gone_is_in_the_history_and_stops_nothing(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    gone = f"arn:aws:sns:{REGION}:123456789012:gone"
    name = world.alarm(AlarmActions=[gone, f"arn:aws:lambda:{REGION}:123456789012:function:f", topic])
    world.minute(12.0)
    assert len(world.messages(queue)) == 1
    items = world.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]
    done = {item["HistorySummary"].partition(" action")[0] for item in items}
    assert (len(items), done) == (3, {"Failed to execute", "Successfully executed"})


def test_a_metric_math_alarm_tells_its_metrics(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    metrics = [
        query("Load", ReturnData=False),
        query("Pending", "Maximum", ReturnData=False),
        {"Id": "e1", "Expression": "IF(pending > 0, load, 100)", "Label": "load with demand"},
    ]
    name = world.alarm(
        Metrics=metrics, ComparisonOperator="LessThanThreshold", Threshold=15, AlarmActions=[topic], EvaluationPeriods=2
    )
    for load, pending in ((9, 0), (9, 1), (9, 1)):
        for metric, number in (("Load", load), ("Pending", pending)):
            data = [{"MetricName": metric, "Timestamp": world.clock.now, "Value": number}]
            world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        world.pass_time(60)
    assert states(world, name) == ["OK", "ALARM"]
    (envelope,) = world.messages(queue)
    trigger = json.loads(envelope["Message"])["Trigger"]
    assert trigger["Period"] == 60
    assert [one["Id"] for one in trigger["Metrics"]] == ["load", "pending", "e1"]
    assert trigger["Metrics"][0]["MetricStat"]["Metric"] == {
        "Namespace": NAMESPACE,
        "MetricName": "Load",
        "Dimensions": [],
    }
    assert trigger["Metrics"][2] == {**metrics[2], "ReturnData": True}


# evaluation


def test_m_of_n_needs_m_breaching_minutes_among_the_last_n(world: CloudWatchWorld) -> None:
    name = world.alarm(EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    found = []
    for value in (11, 1, 1, 11, 1, 11, 1, 1):
        world.minute(value)
        found.append(world.state(name))
    assert found == ["OK", "OK", "OK", "OK", "OK", "ALARM", "OK", "OK"]


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_silence_is_what_the_alarm_says_it_is(world: CloudWatchWorld, missing: str, wanted: str) -> None:
    name = world.alarm(TreatMissingData=missing)
    world.minute(12.0)
    assert world.state(name) == "ALARM"
    for _ in range(4):
        world.minute()
    assert world.state(name) == wanted


def test_a_heartbeat_that_stops_is_an_alarm_and_says_so(world: CloudWatchWorld) -> None:
    name = world.alarm(
        ComparisonOperator="LessThanThreshold", Threshold=1, TreatMissingData="breaching", EvaluationPeriods=2
    )
    world.minute(1)
    world.minute(1)
    assert world.state(name) == "OK"
    for _ in range(4):
        world.minute()
    described = world.described(name)
    assert described["StateValue"] == "ALARM"
    assert described["StateReason"] == (
        "Threshold Crossed: no datapoints were received for 2 periods and "
        "2 missing datapoints were treated as [Breaching]."
    )


@pytest.mark.parametrize(
    ("statistic", "values", "wanted"),
    [
        ("Maximum", [1, 11], "ALARM"),
        ("Minimum", [1, 11], "OK"),
        ("Sum", [5, 6], "ALARM"),
        ("SampleCount", [1] * 11, "ALARM"),
        ("SampleCount", [1] * 10, "OK"),
        ("Average", [1, 21], "ALARM"),
    ],
)
def test_the_statistic_is_what_is_compared(
    world: CloudWatchWorld, statistic: str, values: Sequence[float], wanted: str
) -> None:
    name = world.alarm(Statistic=statistic)
    world.minute(*values)
    assert world.state(name) == wanted


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ("GreaterThanThreshold", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM"),
        ("LessThanThreshold", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM"),
    ],
)
def test_the_threshold_itself(world: CloudWatchWorld, operator: str, wanted: str) -> None:
    name = world.alarm(ComparisonOperator=operator)
    world.minute(10.0)
    assert world.state(name) == wanted


def test_a_percentile_is_taken_over_values_with_their_counts(world: CloudWatchWorld) -> None:
    names = [world.alarm(ExtendedStatistic=statistic) for statistic in ("p90", "p91")]
    data = [{"MetricName": "Load", "Timestamp": world.clock.now, "Values": [5.0, 50.0], "Counts": [90.0, 10.0]}]
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    world.pass_time(60)
    assert [world.state(name) for name in names] == ["OK", "ALARM"]
    assert world.described(names[1])["ExtendedStatistic"] == "p91"


def test_a_percentile_of_few_samples_is_ignored_when_that_is_asked_for(world: CloudWatchWorld) -> None:
    careful = world.alarm(ExtendedStatistic="p90", EvaluateLowSampleCountPercentile="ignore")
    plain = world.alarm(ExtendedStatistic="p90")
    world.minute(*[11.0] * 99)
    assert [world.state(name) for name in (careful, plain)] == ["INSUFFICIENT_DATA", "ALARM"]
    world.minute(*[11.0] * 99)
    assert world.state(careful) == "INSUFFICIENT_DATA", "two minutes together would be enough, but one is evaluated"
    world.minute(*[11.0] * 100)
    assert world.state(careful) == "ALARM"


def test_a_long_period_slides_by_the_minute(world: CloudWatchWorld) -> None:
    name = world.alarm(Period=300, Statistic="Sum", TreatMissingData="notBreaching")
    world.minute(6.0)
    world.minute(6.0)
    assert world.state(name) == "ALARM", "two minutes of the last five"
    for _ in range(3):
        world.minute(0.0)
    assert world.state(name) == "ALARM"
    world.minute(0.0)
    assert world.state(name) == "OK", "the first of them has left the window"


def test_a_short_period_is_evaluated_every_ten_seconds(world: CloudWatchWorld) -> None:
    name = world.alarm(Period=10)
    data = [{"MetricName": "Load", "Timestamp": world.clock.now, "Value": 11, "StorageResolution": 1}]
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    world.pass_time(10)
    assert world.state(name) == "ALARM"


def test_every_minute_that_has_passed_is_evaluated_in_order(world: CloudWatchWorld) -> None:
    name = world.alarm(TreatMissingData="notBreaching")
    begin = world.clock.now
    data = [
        {"MetricName": "Load", "Timestamp": begin + 60 * minute, "Value": value}
        for minute, value in enumerate([11, 1, 11, 11, 1])
    ]
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    world.pass_time(300)
    assert states(world, name) == ["ALARM", "OK", "ALARM", "OK"]


def test_data_that_come_late_are_still_seen(world: CloudWatchWorld) -> None:
    name = world.alarm()
    begun = world.clock.now
    world.pass_time(60)
    assert world.state(name) == "INSUFFICIENT_DATA"
    data = [{"MetricName": "Load", "Timestamp": begun, "Value": 11}]
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    world.pass_time(60)
    assert world.state(name) == "ALARM"


def test_another_dimension_set_is_another_metric(world: CloudWatchWorld) -> None:
    name = world.alarm(Dimensions=[{"Name": "ClusterId", "Value": "j-1"}])
    dimensions = [{"Name": "ClusterId", "Value": "j-1"}, {"Name": "AppName", "Value": "a"}]
    data = [{"MetricName": "Load", "Timestamp": world.clock.now, "Value": 11, "Dimensions": dimensions}]
    world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    world.minute(11.0)
    assert world.state(name) == "INSUFFICIENT_DATA"


def test_a_faster_sandbox_has_shorter_minutes() -> None:
    with cloudwatch_world(alarm_speed=30.0) as world:
        name = world.alarm(Statistic="Sum")
        data = [
            {"MetricName": "Load", "Timestamp": world.clock.now + after, "Value": value}
            for after, value in ((1, 11), (3, 6))
        ]
        world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        world.pass_time(1.9)
        assert world.state(name) == "INSUFFICIENT_DATA"
        world.pass_time(0.1)
        assert world.state(name) == "ALARM"
        world.pass_time(2)
        assert world.state(name) == "OK", "the second of the short minutes has 6 and no more"


@given(st.floats(0.1, 1000), st.floats(1, 2e9))
def test_an_evaluation_is_always_followed_by_a_later_one(speed: float, now: float) -> None:
    alarms = Alarms(REGION, "123456789012", MetricStore(), speed)
    request = {"AlarmName": "a", "AlarmRule": "TRUE"}
    times = [now]
    for _ in range(5):
        times.append(alarms.put(request, parse("TRUE"), times[-1]).next_at)
    assert all(before < after <= before + 10.001 / speed for before, after in pairwise(times))


def test_on_the_real_clock_the_sandboxs_own_thread_evaluates() -> None:
    with cloudwatch_world(clock=time.time, tick_s=0.02, alarm_speed=300.0) as world:
        topic, queue = world.topic_with_queue()
        name = world.alarm(AlarmActions=[topic], TreatMissingData="ignore")
        until = time.monotonic() + 60
        while world.state(name) != "ALARM":
            assert time.monotonic() < until, "it was not evaluated in time"
            world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": "Load", "Value": 11}])
            time.sleep(0.05)
        while not (found := world.messages(queue)):
            assert time.monotonic() < until, "nothing was published in time"
        assert json.loads(found[0]["Message"])["NewStateValue"] == "ALARM"


# composite alarms


def test_a_composite_alarm_follows_its_rule(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    one, two = world.alarm(MetricName="One"), world.alarm(MetricName="Two")
    world.cloudwatch.put_composite_alarm(
        AlarmName="both", AlarmRule=f'ALARM("{one}") AND NOT OK({two})', AlarmActions=[topic]
    )
    assert world.state("both") == "INSUFFICIENT_DATA"
    for first, second, wanted in ((11, 1, "OK"), (11, 11, "ALARM"), (1, 11, "OK")):
        data = [
            {"MetricName": name, "Timestamp": world.clock.now, "Value": value}
            for name, value in (("One", first), ("Two", second))
        ]
        world.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        world.pass_time(60)
        assert world.state("both") == wanted
    (envelope,) = world.messages(queue)
    message = json.loads(envelope["Message"])
    assert message["AlarmRule"] == f'ALARM("{one}") AND NOT OK({two})'
    assert "Trigger" not in message
    assert {child["Arn"].rpartition(":")[2]: child["State"]["Value"] for child in message["TriggeringChildren"]} == {
        one: "ALARM",
        two: "ALARM",
    }


def test_composites_of_composites_are_evaluated_after_them(world: CloudWatchWorld) -> None:
    leaf = world.alarm()
    for name, rule in (("a", f"ALARM({leaf})"), ("b", f"ALARM({leaf})"), ("a", "ALARM(b)")):
        world.cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule)
    world.minute(11.0)
    assert [world.state(name) for name in ("a", "b")] == ["ALARM", "ALARM"]
    since = {world.described(name)["StateUpdatedTimestamp"].timestamp() for name in ("a", "b", leaf)}
    assert since == {world.clock.now}


def test_rules_that_lead_nowhere_or_in_a_circle_are_refused(world: CloudWatchWorld) -> None:
    refused = world.cloudwatch.exceptions.ClientError
    leaf, other = world.alarm(), world.alarm()
    world.cloudwatch.put_composite_alarm(AlarmName="a", AlarmRule=f"ALARM({leaf})")
    world.cloudwatch.put_composite_alarm(AlarmName="b", AlarmRule="ALARM(a)")
    for name, rule, match in (
        ("c", "ALARM(nobody)", "nobody.* do not exist"),
        ("a", "ALARM(b)", "itself"),
        ("c", "ALARM(c)", "itself"),
        ("c", "ALARM(a", "AlarmRule"),
        (other, "ALARM(a)", "another type"),
    ):
        with pytest.raises(refused, match=match):
            world.cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule)
    with pytest.raises(refused, match="depending on it"):
        world.cloudwatch.delete_alarms(AlarmNames=[leaf])
    with pytest.raises(refused, match="At most one composite"):
        world.cloudwatch.delete_alarms(AlarmNames=["a", "b"])
    world.cloudwatch.delete_alarms(AlarmNames=["b"])
    world.cloudwatch.delete_alarms(AlarmNames=["a", leaf, other])
    assert world.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] == []


# putting, finding, deleting


def test_an_alarm_that_is_put_again_keeps_its_state_and_nothing_else(world: CloudWatchWorld) -> None:
    name = world.alarm(AlarmDescription="first", Tags=[{"Key": "owner", "Value": "tidemark"}])
    world.minute(11.0)
    world.alarm(AlarmName=name, Threshold=100.0)
    described = world.described(name)
    assert (described["StateValue"], described["Threshold"]) == ("ALARM", 100.0)
    assert "AlarmDescription" not in described
    world.minute(11.0)
    assert world.state(name) == "OK"
    tags = world.cloudwatch.list_tags_for_resource(ResourceARN=described["AlarmArn"])["Tags"]
    assert tags == [{"Key": "owner", "Value": "tidemark"}]


def test_alarms_are_found_by_what_is_asked(world: CloudWatchWorld) -> None:
    topic, _ = world.topic_with_queue()
    for name in ("a-2", "b-1", "a-1"):
        world.alarm(AlarmName=name, AlarmActions=[topic] if name == "b-1" else [])
    world.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(a-1) OR OK(b-1)")
    world.cloudwatch.set_alarm_state(AlarmName="a-2", StateValue="OK", StateReason="said")
    both = ["MetricAlarm", "CompositeAlarm"]
    asked: Sequence[tuple[Mapping[str, Any], Sequence[str]]] = [
        ({}, ["a-1", "a-2", "b-1"]),
        ({"AlarmTypes": both}, ["a-1", "a-2", "b-1", "c"]),
        ({"AlarmTypes": ["CompositeAlarm"]}, ["c"]),
        ({"AlarmNamePrefix": "a-"}, ["a-1", "a-2"]),
        ({"AlarmNames": ["b-1", "nobody"]}, ["b-1"]),
        ({"StateValue": "OK"}, ["a-2"]),
        ({"ActionPrefix": topic[:20]}, ["b-1"]),
        ({"ChildrenOfAlarmName": "c"}, ["a-1", "b-1"]),
        ({"ParentsOfAlarmName": "a-1"}, ["c"]),
    ]
    for request, wanted in asked:
        answer = world.cloudwatch.describe_alarms(**request)
        found = [one["AlarmName"] for one in [*answer["MetricAlarms"], *answer["CompositeAlarms"]]]
        assert found == wanted, request
    pages = world.cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2})
    assert [[one["AlarmName"] for one in page["MetricAlarms"]] for page in pages] == [["a-1", "a-2"], ["b-1"]]
    with pytest.raises(world.cloudwatch.exceptions.InvalidNextToken):
        world.cloudwatch.describe_alarms(NextToken="forged")
    for_metric = world.cloudwatch.describe_alarms_for_metric(Namespace=NAMESPACE, MetricName="Load")["MetricAlarms"]
    assert len(for_metric) == 3


def test_unknown_names_are_passed_over_when_alarms_are_deleted(world: CloudWatchWorld) -> None:
    name = world.alarm()
    world.cloudwatch.delete_alarms(AlarmNames=["nobody", name])
    assert world.cloudwatch.describe_alarms()["MetricAlarms"] == []
    summaries = [one["HistorySummary"] for one in world.cloudwatch.describe_alarm_history()["AlarmHistoryItems"]]
    assert summaries == [f'Alarm "{name}" deleted', f'Alarm "{name}" created']


def test_a_state_that_is_set_by_hand_runs_the_actions_and_lasts_until_the_next_evaluation(
    world: CloudWatchWorld,
) -> None:
    topic, queue = world.topic_with_queue()
    name = world.alarm(AlarmActions=[topic])
    world.minute(1.0)
    world.cloudwatch.set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="a drill", StateReasonData='{"drill": true}'
    )
    assert json.loads(world.messages(queue)[0]["Message"])["NewStateReason"] == "a drill"
    assert world.described(name)["StateReasonData"] == '{"drill": true}'
    world.minute(1.0)
    assert world.state(name) == "OK"
    with pytest.raises(world.cloudwatch.exceptions.ResourceNotFound):
        world.cloudwatch.set_alarm_state(AlarmName="nobody", StateValue="OK", StateReason="")
    with pytest.raises(world.cloudwatch.exceptions.InvalidFormatFault):
        world.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="", StateReasonData="{")


def test_actions_can_be_switched_off(world: CloudWatchWorld) -> None:
    topic, queue = world.topic_with_queue()
    name = world.alarm(AlarmActions=[topic], OKActions=[topic])
    world.cloudwatch.disable_alarm_actions(AlarmNames=[name])
    world.minute(11.0)
    assert (world.state(name), world.messages(queue)) == ("ALARM", [])
    world.cloudwatch.enable_alarm_actions(AlarmNames=[name])
    world.minute(1.0)
    assert subjects(world, queue) == [f'OK: "{name}"']


def test_the_history_is_paged_and_can_be_asked_for_a_span(world: CloudWatchWorld) -> None:
    name = world.alarm()
    begun = world.clock.now
    for value in (11, 1, 11, 1):
        world.minute(value)
    pages = world.cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=name, PaginationConfig={"PageSize": 2}
    )
    summaries = [item["HistorySummary"] for page in pages for item in page["AlarmHistoryItems"]]
    assert len(summaries) == 5
    assert summaries[-1] == f'Alarm "{name}" created'
    some = world.cloudwatch.describe_alarm_history(AlarmName=name, StartDate=begun + 120, EndDate=begun + 180)
    assert [item["Timestamp"].timestamp() - begun for item in some["AlarmHistoryItems"]] == [180, 120]
    data = json.loads(some["AlarmHistoryItems"][0]["HistoryData"])
    assert (data["oldState"]["stateValue"], data["newState"]["stateValue"]) == ("OK", "ALARM")


REFUSED: Mapping[str, Mapping[str, Any]] = {
    "M above N": {"DatapointsToAlarm": 2},
    "a crooked period": {"Period": 90},
    "more than a day": {"Period": 60, "EvaluationPeriods": 1441},
    "no such treatment": {"TreatMissingData": "ignored"},
    "no such comparison": {"ComparisonOperator": "EqualToThreshold"},
    "anomaly detection": {"ComparisonOperator": "GreaterThanUpperThreshold"},
    "a statistic and no metric": {"Statistic": "Sum", "Metrics": []},
    "no percentile": {"ExtendedStatistic": "p101"},
    "no such option for few samples": {"EvaluateLowSampleCountPercentile": "skip"},
    "an action that is no ARN": {"AlarmActions": ["my-topic"]},
    "an action elsewhere": {"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"]},
    "six actions": {"AlarmActions": [f"arn:aws:sns:{REGION}:123456789012:t{n}" for n in range(6)]},
    "a long name": {"AlarmName": "x" * 256},
    "a long description": {"AlarmDescription": "x" * 1025},
    "an unknown function": {"Metrics": [query("Load", ReturnData=False), {"Id": "e", "Expression": "MEDIAN(load)"}]},
    "a search": {"Metrics": [query("Load", ReturnData=False), {"Id": "e", "Expression": "SEARCH('x', 'Sum')"}]},
    "a number": {"Metrics": [query("Load", ReturnData=False), {"Id": "e", "Expression": "MAX(load)"}]},
    "two results": {"Metrics": [query("Load"), query("Other")]},
    "no metric": {"Metrics": [{"Id": "e", "Expression": "TIME_SERIES(1)", "Period": 60}]},
    "eleven metrics": {
        "Metrics": [
            *[query(f"M{n}", ReturnData=False) for n in range(11)],
            {"Id": "e", "Expression": "SUM(METRICS())"},
        ]
    },
    "two periods": {"Metrics": [query("Load", ReturnData=False), {"Id": "e", "Expression": "load * 2", "Period": 300}]},
    "both forms": {"Metrics": [query("Load")], "Namespace": NAMESPACE},
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_what_cloudwatch_refuses_is_refused(world: CloudWatchWorld, request_: Mapping[str, Any]) -> None:
    with pytest.raises(world.cloudwatch.exceptions.ClientError) as caught:
        world.alarm(**request_)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert world.cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_tags_are_kept_by_alarm(world: CloudWatchWorld) -> None:
    arn = world.described(world.alarm())["AlarmArn"]
    world.cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    world.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert world.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(world.cloudwatch.exceptions.ResourceNotFoundException):
        world.cloudwatch.list_tags_for_resource(ResourceARN=f"{arn}-2")
