"""What the settings ask for becomes requests that CloudWatch's own service model takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import validate_parameters
from hypothesis import event, given
from hypothesis import strategies as st

from agent.aggregate.catalogue import BY_NAME, METRICS
from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Alarm, AnyAlarm, Composite
from agent.alarms.definitions import alarms, subjects
from agent.alarms.faults import MAX_METRICS, faults
from agent.alarms.requests import request
from agent.alarms.watches import LOSSES, WATCHES, what
from agent.domain.signals import Statistic
from agent.settings import Settings
from tests.alarms.told import CLUSTER, PERSON, TOPIC, own, told

MODEL = ServiceModel(Loader().load_service_model("cloudwatch", "service-2"))
PAGE = Path(__file__).parent.parent.parent / "docs" / "alarms.md"


def check(alarm: AnyAlarm) -> dict[str, Any]:
    """The request, held to the model: names and types, and the ranges, lengths and enumerations that botocore leaves
    to the service."""
    operation = "PutCompositeAlarm" if isinstance(alarm, Composite) else "PutMetricAlarm"
    shape = MODEL.operation_model(operation).input_shape
    made = request(alarm)
    validate_parameters(made, shape)
    for name, value in made.items():
        limits = shape.members[name].metadata
        size = len(value) if isinstance(value, str | list) else value
        assert limits.get("min", size) <= size <= limits.get("max", size), name
        assert value in limits.get("enum", [value]), name
    return made


def by_what(settings: Settings, cluster: str = CLUSTER) -> dict[str, AnyAlarm]:
    return {alarm.what: alarm for alarm in alarms(settings, cluster)}


def test_the_alarms_of_a_cluster_without_a_name_are_on_its_id() -> None:
    found = by_what(told())
    assert set(found) == set(map(what, WATCHES))
    assert {alarm.subject.dimension for alarm in found.values()} == {CLUSTER_ID}
    assert {alarm.name for alarm in found.values()} == {f"Tidemark {CLUSTER} {name}" for name in found}


def test_with_a_name_all_but_the_heartbeat_outlive_the_cluster() -> None:
    on = {alarm.what: alarm.subject for alarm in alarms(told("nightly"), CLUSTER)}
    assert {name for name, subject in on.items() if subject.dimension == CLUSTER_ID} == {"heartbeat-missing"}
    assert by_what(told("nightly"))["heap-high"].name == "Tidemark nightly heap-high"


def test_without_a_cluster_only_what_outlives_one_is_left() -> None:
    assert {alarm.subject.dimension for alarm in alarms(told("nightly"), "")} == {CLUSTER_NAME}
    assert alarms(told(), "") == ()
    assert [subject.value for subject in subjects(told("nightly"), CLUSTER)] == [CLUSTER, "nightly"]


def test_the_silence_of_the_agent_breaches_and_no_other() -> None:
    requests = [request(alarm) for alarm in alarms(told(), CLUSTER)]
    silent = {made["MetricName"] for made in requests if made["TreatMissingData"] == "breaching"}
    assert silent == {"Heartbeat"}


def test_jvm_heap_used_goes_off_above_20_gigabytes() -> None:
    made = request(by_what(told())["heap-used-high"])
    assert (made["MetricName"], made["Statistic"], made["ComparisonOperator"], made["Threshold"]) == (
        "JvmHeapUsed", "Maximum", "GreaterThanThreshold", 20e9,
    )  # fmt: skip
    assert (made["DatapointsToAlarm"], made["EvaluationPeriods"], made["Period"]) == (3, 5, 60)


def test_a_percentile_counts_on_few_executors_too() -> None:
    made = request(by_what(told())["heap-high"])
    assert (made["ExtendedStatistic"], made["EvaluateLowSampleCountPercentile"]) == ("p90", "evaluate")
    assert "Statistic" not in made


def test_memory_is_low_only_while_something_waits() -> None:
    made = request(by_what(told())["memory-low"])
    assert [query["ReturnData"] for query in made["Metrics"]] == [False, False, True]
    assert made["Metrics"][-1]["Expression"] == "IF(pending > 0, available, 100)"
    assert not {"MetricName", "Period", "Statistic", "Namespace", "Dimensions"} & made.keys()


def test_every_metric_that_marks_loss_is_watched() -> None:
    assert set(LOSSES) | {"ListenerEventsDropped"} == {metric.name for metric in METRICS if metric.marks_loss}
    assert len(LOSSES) <= MAX_METRICS
    lost = by_what(told())["metrics-lost"]
    assert isinstance(lost, Alarm)
    assert lost.expression == " + ".join(query.id for query in lost.queries)


def test_topics_hear_of_the_beginning_and_of_the_end() -> None:
    made = request(by_what(told())["heap-high"])
    assert made["AlarmActions"] == made["OKActions"] == [TOPIC]
    mine = request(by_what(told(own=[own(topic_arns=[])]))["mine"])
    assert mine["AlarmActions"] == mine["OKActions"] == []


def test_one_composite_stands_for_those_that_need_a_person() -> None:
    found = by_what(told("nightly", person_topic_arns=[PERSON], own=[own(person=True)]))
    (composite,) = (alarm for alarm in found.values() if isinstance(alarm, Composite))
    assert list(found)[-1] == composite.what, "put after those that it is made of"
    persons = {alarm.name for alarm in found.values() if isinstance(alarm, Alarm) and alarm.person}
    assert set(composite.of) == persons - {f"Tidemark {CLUSTER} heartbeat-missing"}
    assert "Tidemark nightly mine" in composite.of
    made = check(composite)
    assert made["AlarmRule"].count("ALARM(") == len(composite.of)
    assert made["AlarmActions"] == [PERSON]


def test_no_composite_is_made_on_a_cluster_whose_node_could_not_delete_it() -> None:
    assert not [one for one in alarms(told(person_topic_arns=[PERSON]), CLUSTER) if isinstance(one, Composite)]


def test_periods_are_no_shorter_than_those_of_the_metrics() -> None:
    for alarm in alarms(told(sink={"period_s": 90.0}), CLUSTER):
        assert isinstance(alarm, Alarm)
        assert alarm.period_s >= 90
        assert alarm.period_s % 60 == 0
    assert faults(told(sink={"period_s": 90.0})) == ()


def test_what_is_switched_off_is_not_there() -> None:
    off: dict[str, Any] = {name: {"enabled": False} for name in WATCHES}
    assert alarms(told(**off), CLUSTER) == ()


@pytest.mark.parametrize("name", ["", "nightly"])
def test_every_alarm_by_default_is_one_that_cloudwatch_takes(name: str) -> None:
    settings = told(name, person_topic_arns=[PERSON])
    assert faults(settings) == ()
    for alarm in alarms(settings, CLUSTER):
        made = check(alarm)
        assert made["AlarmDescription"].endswith(f"(Tidemark, {alarm.subject.dimension} {alarm.subject.value})")


def test_all_metrics_are_of_the_catalogue_in_its_units() -> None:
    for alarm in alarms(told(), CLUSTER):
        assert isinstance(alarm, Alarm)
        assert {query.metric for query in alarm.queries} <= BY_NAME.keys()
        assert alarm.unit is BY_NAME[alarm.queries[0].metric].unit


SECONDS = st.one_of(st.integers(1, 3_600).map(float), st.floats(0.001, 1e7), st.sampled_from([86_400.0, 86_401.0]))
NAME = st.text(st.characters(codec="utf-8"), max_size=260)
MINE = st.fixed_dictionaries(
    {
        "name": NAME.filter(lambda name: 0 < len(name) <= 200),
        "metric": st.one_of(st.sampled_from(sorted(BY_NAME)), st.sampled_from(["Heartbeat", "NoMetric"])),
        "statistic": st.sampled_from(Statistic),
        "comparison": st.sampled_from(["<", "<=", ">", ">="]),
        "bound": st.floats(allow_nan=False, allow_infinity=False),
        "for_s": SECONDS,
        "within_s": st.one_of(st.none(), SECONDS),
        "period_s": st.one_of(st.none(), st.sampled_from([10, 30, 60, 61, 120, 3600, 86_400])),
        "missing_data": st.sampled_from(["missing", "ignore", "breaching", "notBreaching"]),
        "person": st.booleans(),
        "text": st.text(max_size=700),
    }
)


@given(
    name=st.one_of(st.just(""), st.just("nightly"), NAME),
    period=st.sampled_from([1.0, 10.0, 60.0, 90.0, 3_600.0, 1e6]),
    resolution=st.sampled_from([1, 60]),
    topics=st.integers(0, 6),
    heap=st.fixed_dictionaries({"for_s": SECONDS, "within_s": st.just(3_600.0), "above_percent": st.floats(0, 100)}),
    mine=st.lists(MINE, max_size=2),
)
def test_settings_have_a_fault_or_make_what_cloudwatch_takes(
    name: str, period: float, resolution: int, topics: int, heap: dict[str, Any], mine: list[dict[str, Any]]
) -> None:
    arns = [f"{TOPIC}{number}" for number in range(topics)]
    sink = {"period_s": period, "storage_resolution_s": resolution}
    settings = told(name, sink, topic_arns=arns, person_topic_arns=arns[:1], heap_high=heap, own=mine)
    found = faults(settings)
    event("a fault" if found else "none")
    if found:
        return
    made = [check(alarm) for alarm in alarms(settings, CLUSTER)]
    assert len({one["AlarmName"] for one in made}) == len(made)
    for one in made:
        assert one["AlarmName"].isprintable()
        assert one.get("DatapointsToAlarm", 1) <= one.get("EvaluationPeriods", 1)
        assert len(one.get("Metrics", ())) <= MAX_METRICS + 1
        if "Period" in one:
            longest = 86_400 if one["Period"] < 3_600 else 604_800
            assert one["Period"] * one["EvaluationPeriods"] <= longest
            assert one["Period"] in (10, 20, 30) or one["Period"] % 60 == 0
