"""Putting, comparing and deleting over HTTP; the agent's removal of what is its cluster's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.alarms import cloudwatch
from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Subject
from agent.alarms.definitions import alarms, subjects
from agent.alarms.plan import Planned, Step, plan
from agent.alarms.removal import Removal
from agent.domain.faults import Fault
from agent.settings import Settings
from tests.alarms.told import PERSON, own, told
from tests.sandbox.emr_world import boto, world

NAME = "nightly"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with world() as made:
        yield made.server.endpoint


@pytest.fixture
def client(endpoint: str) -> Iterator[Any]:
    made = boto("cloudwatch", endpoint)
    yield made
    cloudwatch.delete(made, list(cloudwatch.described(made)))


def steps(client: Any, settings: Settings, cluster: str = "j-1") -> tuple[Planned, ...]:
    meant = subjects(settings, cluster)
    there = [one for subject in meant for one in cloudwatch.beginning_with(client, subject)]
    return plan(alarms(settings, cluster), there, meant)


def put(client: Any, settings: Settings, cluster: str = "j-1") -> tuple[list[Step], list[float]]:
    """What was done, and the pauses between."""
    found, slept = steps(client, settings, cluster), list[float]()
    due = [one.alarm for one in found if one.step in {Step.CREATE, Step.CHANGE} and one.alarm is not None]
    list(cloudwatch.put(client, due, slept.append))
    return [one.step for one in found], slept


def names(client: Any) -> set[str]:
    return {one.name for one in cloudwatch.described(client)}


def test_a_second_put_changes_nothing(client: Any) -> None:
    settings = told(NAME, own=[own(statistic="p99", within_s=600)])
    first, slept = put(client, settings)
    assert set(first) == {Step.CREATE}
    assert len(slept) == len(first) - 1
    assert min(slept) >= 1 / 3, "three a second are the account's"
    second, slept = put(client, settings)
    assert (set(second), slept) == ({Step.NONE}, [])


def test_a_composite_is_put_last_compared_and_deleted_first(client: Any) -> None:
    settings = told(NAME, person_topic_arns=[PERSON])
    put(client, settings)
    assert {one.step for one in steps(client, settings)} == {Step.NONE}
    more = told(NAME, person_topic_arns=[PERSON], own=[own(person=True)])
    changed = {one.name: one.differs for one in steps(client, more) if one.step is Step.CHANGE}
    assert changed == {"Tidemark nightly needs-a-person": ("AlarmRule",)}
    put(client, more)
    found = cloudwatch.of(client, Subject(CLUSTER_NAME, NAME))
    assert [one.name for one in found if one.composite] == ["Tidemark nightly needs-a-person"]
    cloudwatch.delete(client, found)
    assert names(client) == {"Tidemark j-1 heartbeat-missing"}


def test_another_bound_changes_that_alarm_alone(client: Any) -> None:
    put(client, told(NAME))
    changed = told(NAME, heap_high={"above_percent": 90})
    (one,) = (one for one in steps(client, changed) if one.step is not Step.NONE)
    assert (one.name, one.step, one.differs) == ("Tidemark nightly heap-high", Step.CHANGE, ("Threshold",))
    put(client, changed)
    assert {one.step for one in steps(client, changed)} == {Step.NONE}


def test_what_another_hand_has_set_is_taken_back(client: Any) -> None:
    put(client, told())
    described = client.describe_alarms(AlarmNames=["Tidemark j-1 spot-shortfall"])["MetricAlarms"][0]
    asked = client.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    client.put_metric_alarm(**{key: value for key, value in described.items() if key in asked} | {"Unit": "Seconds"})
    (one,) = (one for one in steps(client, told()) if one.step is not Step.NONE)
    assert (one.step, one.differs) == (Step.CHANGE, ("Unit",))


def test_somebody_elses_alarm_keeps_its_name(client: Any) -> None:
    request = {
        "AlarmName": "Tidemark j-1 heap-high",
        "AlarmDescription": "mine (Tidemark, ClusterId j-12)",
        "MetricName": "M",
        "Namespace": "N",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
    }
    client.put_metric_alarm(**request)
    done, _ = put(client, told())
    assert done.count(Step.TAKEN) == 1
    assert client.describe_alarms(AlarmNames=["Tidemark j-1 heap-high"])["MetricAlarms"][0]["Namespace"] == "N"
    Removal(lambda: client, "j-1")()
    assert names(client) == {"Tidemark j-1 heap-high"}


def test_what_the_settings_no_longer_ask_for_is_left_over(client: Any) -> None:
    put(client, told())
    without = told(heap_high={"enabled": False})
    left = [one for one in steps(client, without) if one.step is Step.LEFT_OVER]
    assert [one.name for one in left] == ["Tidemark j-1 heap-high"]
    cloudwatch.delete(client, [one.found for one in left if one.found is not None])
    assert "Tidemark j-1 heap-high" not in names(client)


def test_a_name_that_begins_like_another_is_not_taken_for_it(client: Any) -> None:
    put(client, told("night"), "")
    put(client, told("night shift"), "")
    here = cloudwatch.of(client, Subject(CLUSTER_NAME, "night"))
    assert here
    assert not [one for one in here if "shift" in one.name]


def test_the_agent_removes_what_is_its_clusters_and_what_is_the_names_stays(client: Any) -> None:
    put(client, told(NAME), "j-1")
    put(client, told(), "j-12")
    before = names(client)
    remove = Removal(lambda: client, "j-1")
    remove()
    assert before - names(client) == {"Tidemark j-1 heartbeat-missing"}
    Removal(lambda: client, "j-12")()
    assert names(client) == {one for one in before if one.startswith("Tidemark nightly ")}


def test_more_alarms_than_a_page_and_a_call_can_hold_are_removed(client: Any) -> None:
    many = told(own=[own(name=f"mine {number}") for number in range(230)])
    list(cloudwatch.put(client, alarms(many, "j-1"), lambda _: None))
    sent: list[int] = []
    client.meta.events.register(
        "before-parameter-build.cloudwatch.DeleteAlarms", lambda params, **_: sent.append(len(params["AlarmNames"]))
    )
    Removal(lambda: client, "j-1")()
    assert names(client) == set()
    assert sum(sent) == 238
    assert max(sent) <= 100


def test_a_removal_that_fails_raises_nothing_and_is_tried_again(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    put(client, told())
    clients = [boto("cloudwatch", "http://127.0.0.1:9"), client]
    remove = Removal(lambda: clients.pop(0), "j-1")
    remove()
    assert "alarms.left" in caplog.text
    assert names(client)
    remove()
    assert names(client) == set()
    remove()
    assert clients == [], "once it is done nothing is asked"


def test_what_cannot_be_reached_is_a_fault() -> None:
    nowhere = boto("cloudwatch", "http://127.0.0.1:9")
    with pytest.raises(Fault, match="DescribeAlarms"):
        cloudwatch.of(nowhere, Subject(CLUSTER_ID, "j-1"))
    with pytest.raises(Fault, match="PutMetricAlarm 'Tidemark j-1 heap-high'"):
        list(cloudwatch.put(nowhere, alarms(told(), "j-1"), lambda _: None))
