"""What CloudWatch would refuse is said before anything is sent, all at once, with where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.alarms.faults import faults
from agent.settings import SettingsError
from agent.settings_check import load_checked
from tests.alarms.told import TOPIC, own, told


def texts(*args: Any, **alarms: Any) -> dict[str, str]:
    """What is said of each place, joined."""
    found: dict[str, str] = {}
    for fault in faults(told(*args, **alarms)):
        found[fault.path] = f"{found.get(fault.path, '')}; {fault.text}"
    return found


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"own": [own(metric="HeartBeat")]}, "alarms.own.0.metric", "did you mean 'Heartbeat'?"),
        ({"own": [own(metric="xxxx")]}, "alarms.own.0.metric", "docs/metrics.md"),
        ({"own": [own(), own()]}, "alarms.own.1.name", "the name of 2 alarms"),
        ({"own": [own(name="heap-high")]}, "alarms.own.0.name", "is there already"),
        ({"own": [own(name="needs-a-person")]}, "alarms.own.0.name", "is there already"),
        ({"own": [own(period_s=45)]}, "alarms.own.0", "10, 20, 30 or a multiple of 60"),
        ({"own": [own(period_s=30)]}, "alarms.own.0", "storage_resolution_s = 1"),
        ({"own": [own(for_s=86_401)]}, "alarms.own.0", "looks back 86400 s"),
        ({"own": [own(period_s=3600, for_s=604_801)]}, "alarms.own.0", "looks back 604800 s"),
        ({"own": [own(for_s=300, within_s=60)]}, "alarms.own.0", "for_s is longer than within_s"),
        ({"own": [own(on="name")]}, "alarms.own.0.on", "cluster.name is empty"),
        ({"own": [own(name="a\nb")]}, "alarms.own.0", "control characters"),
        ({"heap_high": {"on": "name"}}, "alarms.heap_high.on", "cluster.name is empty"),
        ({"heap_high": {"for_s": 600}}, "alarms.heap_high", "for_s is longer than within_s"),
        ({"topic_arns": [f"{TOPIC}{n}" for n in range(6)]}, "alarms.topic_arns", "at most 5"),
        ({"own": [own(topic_arns=[f"{TOPIC}{n}" for n in range(6)])]}, "alarms.own.0.topic_arns", "at most 5"),
    ],
)
def test_a_fault_is_named_with_its_place(given: dict[str, Any], path: str, said: str) -> None:
    assert said in texts(**given)[path]


def test_a_period_shorter_than_the_sinks_is_one_without_data_half_of_the_time() -> None:
    assert (
        "shorter than sinks.cloudwatch.period_s"
        in texts("", {"period_s": 300.0}, own=[own(period_s=60)])["alarms.own.0"]
    )


def test_high_resolution_is_taken_where_the_metrics_have_it() -> None:
    assert texts("", {"period_s": 10.0, "storage_resolution_s": 1}, own=[own(period_s=10)]) == {}


def test_a_name_that_makes_an_alarms_name_too_long_is_said_for_each() -> None:
    found = texts("n" * 250)
    assert "at most 255" in found["alarms.heap_high"]
    assert "alarms.heartbeat_missing" not in found, "it is on the cluster's id"


def test_a_composite_cannot_name_what_it_cannot_quote() -> None:
    assert "quote" in texts('the "big" one', person_topic_arns=[TOPIC])["alarms.person_topic_arns"]


def test_all_faults_of_rules_and_alarms_are_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        """
        [fleet]
        max_capacity_units = 3
        [[policy.rules]]
        name = "a"
        signal = "MemoryAvailabePercent"
        comparison = "<"
        bound = 1
        for_s = 1
        adjustment_units = 1
        [alarms.memory_low]
        on = "name"
        for_s = 100000
        [[alarms.own]]
        name = "b"
        metric = "HdfsTotalLod"
        comparison = ">"
        bound = 1
        for_s = 100000
        """
    )
    with pytest.raises(SettingsError) as caught:
        load_checked(file)
    said = {fault.path: fault.text for fault in caught.value.faults}
    assert "did you mean 'MemoryAvailablePercent'?" in said["policy.rules.0.signal"]
    assert "did you mean 'HdfsTotalLoad'?" in said["alarms.own.0.metric"]
    assert {"alarms.memory_low.on", "alarms.memory_low", "alarms.own.0"} <= said.keys()


def test_a_topic_that_is_no_topic_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="topic_arns"):
        told(topic_arns=["arn:aws:sqs:eu-west-1:123456789012:queue"])
    with pytest.raises(ValueError, match="twice"):
        told(topic_arns=[TOPIC, TOPIC])
