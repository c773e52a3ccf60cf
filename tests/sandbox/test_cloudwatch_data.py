"""Metrics of the sandbox over HTTP: what is taken, what is refused, what is given back, what would be billed."""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agent.sandbox.cloudwatch.data_operations import MAX_DATA, MAX_VALUES
from agent.sandbox.emr import QUOTAS
from tests.sandbox.cloudwatch_world import NAMESPACE, CloudWatchWorld, cloudwatch_world
from tests.sandbox.emr_world import REGION, SESSION

pytestmark = pytest.mark.filterwarnings("ignore:Exception.* does not match an error shape")
D = [{"Name": "d", "Value": "v"}]


@pytest.fixture
def world() -> Iterator[CloudWatchWorld]:
    with cloudwatch_world() as made:
        yield made


def put(world: CloudWatchWorld, *data: Mapping[str, Any], namespace: str = NAMESPACE) -> None:
    world.cloudwatch.put_metric_data(Namespace=namespace, MetricData=list(data))


def data_of(
    world: CloudWatchWorld, *queries: Mapping[str, Any], minutes: int = 3, **more: Any
) -> Mapping[str, list[float]]:
    """The values by id, of the last minutes."""
    end = world.clock.now
    answer = world.cloudwatch.get_metric_data(
        MetricDataQueries=list(queries), StartTime=end - 60 * minutes, EndTime=end, **more
    )
    return {one["Id"]: one["Values"] for one in answer["MetricDataResults"]}


def query(name: str, statistic: str = "Average", **more: Any) -> Mapping[str, Any]:
    metric = {"Namespace": NAMESPACE, "MetricName": name}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}, **more}


def test_expressions_and_percentiles_are_given_back(world: CloudWatchWorld) -> None:
    for load in (10.0, 20.0, 30.0):
        put(
            world,
            {"MetricName": "load", "Timestamp": world.clock.now, "Values": [load, 100.0], "Counts": [9.0, 1.0]},
            {"MetricName": "nodes", "Timestamp": world.clock.now, "Value": load / 10},
        )
        world.pass_time(60)
    found = data_of(
        world,
        query("load", "p90"),
        query("nodes", ReturnData=False),
        {"Id": "each", "Expression": "load / nodes"},
        {"Id": "many", "Expression": "IF(nodes > 1, load, 0)", "Label": "many"},
        ScanBy="TimestampAscending",
    )
    assert found == {"load": [10.0, 20.0, 30.0], "each": [10.0, 10.0, 10.0], "many": [0.0, 20.0, 30.0]}
    assert data_of(world, query("load", "Maximum"))["load"] == [100.0, 100.0, 100.0]
    assert data_of(world, query("nodes"))["nodes"] == [3.0, 2.0, 1.0], "the newest first"


def test_an_expression_of_many_series_gives_a_result_for_each(world: CloudWatchWorld) -> None:
    put(
        world,
        {"MetricName": "load", "Timestamp": world.clock.now, "Value": 1.0},
        {"MetricName": "nodes", "Timestamp": world.clock.now, "Value": 2.0},
    )
    world.pass_time(60)
    answer = world.cloudwatch.get_metric_data(
        MetricDataQueries=[
            query("load", ReturnData=False),
            query("nodes", ReturnData=False),
            {"Id": "all", "Expression": "METRICS() * 10"},
        ],
        StartTime=world.clock.now - 60,
        EndTime=world.clock.now,
    )
    assert [(one["Id"], one["Values"]) for one in answer["MetricDataResults"]] == [("all", [10.0]), ("all", [20.0])]


def test_statistics_are_given_back_by_period(world: CloudWatchWorld) -> None:
    at = world.clock.now
    put(world, {"MetricName": "load", "Timestamp": at + 61, "Values": [1.0, 3.0], "Unit": "Count", "Dimensions": D})
    asked = {"Namespace": NAMESPACE, "MetricName": "load", "StartTime": at, "EndTime": at + 180, "Period": 60}
    (point,) = world.cloudwatch.get_metric_statistics(
        **asked, Statistics=["Average", "Sum"], ExtendedStatistics=["p50", "p100"], Dimensions=D
    )["Datapoints"]
    assert point.pop("Timestamp").timestamp() == at + 60
    assert point == {"Average": 2.0, "Sum": 4.0, "Unit": "Count", "ExtendedStatistics": {"p50": 1.0, "p100": 3.0}}
    assert world.cloudwatch.get_metric_statistics(**asked, Statistics=["Sum"])["Datapoints"] == []
    errors = world.cloudwatch.exceptions
    for wrong, refused in (
        ({}, errors.InvalidParameterCombinationException),
        ({"Statistics": ["Sum"], "Period": 1, "EndTime": at + 1441}, errors.InvalidParameterCombinationException),
        ({"Statistics": ["Sum"], "EndTime": at}, errors.InvalidParameterValueException),
    ):
        with pytest.raises(refused):
            world.cloudwatch.get_metric_statistics(**{**asked, **wrong})


def test_metrics_are_listed_by_what_is_asked(world: CloudWatchWorld) -> None:
    put(world, {"MetricName": "a", "Value": 1.0}, {"MetricName": "a", "Value": 1.0, "Dimensions": D})
    put(world, {"MetricName": "b", "Value": 1.0, "Dimensions": D}, namespace="Sandbox/Other")
    for asked, wanted in (
        ({}, 3),
        ({"Namespace": NAMESPACE}, 2),
        ({"MetricName": "a", "Dimensions": D}, 1),
        ({"Dimensions": [{"Name": "d"}]}, 2),
        ({"Dimensions": [{"Name": "d", "Value": "w"}]}, 0),
    ):
        assert len(world.cloudwatch.list_metrics(**asked)["Metrics"]) == wanted, asked


REFUSED: Mapping[str, tuple[list[Mapping[str, Any]], str]] = {
    "no value": ([{"MetricName": "m"}], "MissingParameter"),
    "two forms": ([{"MetricName": "m", "Value": 1.0, "Values": [1.0]}], "InvalidParameterCombination"),
    "no number": ([{"MetricName": "m", "Value": math.nan}], "InvalidParameterValue"),
    "endless": ([{"MetricName": "m", "Values": [math.inf]}], "InvalidParameterValue"),
    "too large": ([{"MetricName": "m", "Value": 2.0**361}], "InvalidParameterValue"),
    "other counts": ([{"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}], "InvalidParameterValue"),
    "too many values": (
        [{"MetricName": "m", "Values": [float(n) for n in range(MAX_VALUES + 1)]}],
        "InvalidParameterValue",
    ),
    "too many data": ([{"MetricName": "m", "Value": 1.0}] * (MAX_DATA + 1), "InvalidParameterValue"),
    "a dimension twice": ([{"MetricName": "m", "Value": 1.0, "Dimensions": D * 2}], "InvalidParameterValue"),
    "a dimension that is not ASCII": (
        [{"MetricName": "m", "Value": 1.0, "Dimensions": [{"Name": "d", "Value": "ü"}]}],
        "InvalidParameterValue",
    ),
    "too many dimensions": (
        [{"MetricName": "m", "Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}],
        "ValidationError",
    ),
    "no such unit": ([{"MetricName": "m", "Value": 1.0, "Unit": "Parsec"}], "ValidationError"),
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_one_bad_datum_refuses_the_whole_request(
    world: CloudWatchWorld, data: list[Mapping[str, Any]], code: str
) -> None:
    with pytest.raises(world.cloudwatch.exceptions.ClientError) as caught:
        put(world, {"MetricName": "good", "Value": 1.0}, *data)
    assert code in str(caught.value.response["Error"])
    assert world.cloudwatch.list_metrics()["Metrics"] == []


def test_the_namespace_of_aws_and_long_bodies_are_refused(world: CloudWatchWorld) -> None:
    with pytest.raises(world.cloudwatch.exceptions.InvalidParameterValueException):
        put(world, {"MetricName": "m", "Value": 1.0}, namespace="AWS/EMR")
    name = "m" * 255
    dimensions = [{"Name": f"d{n}", "Value": "v" * 1000} for n in range(2)]
    with pytest.raises(world.cloudwatch.exceptions.ClientError, match="RequestEntityTooLarge"):
        put(world, *[{"MetricName": name, "Value": 1.0, "Dimensions": dimensions}] * 500)


def test_what_was_received_is_told_by_the_hour(world: CloudWatchWorld) -> None:
    hour = int(world.clock.now // 3600) * 3600
    for _ in range(2):
        put(world, {"MetricName": "a", "Value": 1.0}, {"MetricName": "a", "Value": 1.0, "Dimensions": D})
    with pytest.raises(world.cloudwatch.exceptions.ClientError):
        put(world, {"MetricName": "a"})
    world.pass_time(3600)
    put(world, {"MetricName": "b", "Value": 1.0})
    world.cloudwatch.describe_alarms()
    told = world.server.cloudwatch.received()
    assert [(begin, one.data, len(one.metrics)) for begin, one in told.items()] == [(hour, 4, 2), (hour + 3600, 1, 1)]
    assert [dict(one.requests) for one in told.values()] == [
        {"PutMetricData": 3},
        {"PutMetricData": 1, "DescribeAlarms": 1},
    ]
    with urllib.request.urlopen(f"{world.server.endpoint}/_sandbox/cloudwatch/received", timeout=30) as answer:
        (first, second) = json.load(answer)["hours"]
    assert first["requests"] == {"PutMetricData": 3}
    assert first["metrics"] == [
        {"namespace": NAMESPACE, "name": "a", "dimensions": {}},
        {"namespace": NAMESPACE, "name": "a", "dimensions": {"d": "v"}},
    ]
    assert second["begin"] == hour + 3600
    assert world.server.cloudwatch.received("us-east-1") == {}


def test_regions_are_worlds_apart(world: CloudWatchWorld) -> None:
    put(world, {"MetricName": "a", "Value": 1.0})
    elsewhere = SESSION.client("cloudwatch", region_name="us-east-1", endpoint_url=world.server.endpoint)
    assert elsewhere.list_metrics()["Metrics"] == []
    assert len(world.cloudwatch.list_metrics()["Metrics"]) == 1


def test_old_clients_that_speak_the_query_protocol_are_understood(world: CloudWatchWorld) -> None:
    def ask(form: str) -> str:
        scope = f"Credential=test/20231114/{REGION}/monitoring/aws4_request, SignedHeaders=host, Signature=0"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        request = urllib.request.Request(f"{world.server.endpoint}/", form.encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    ask(
        f"Action=PutMetricData&Version=2010-08-01&Namespace={NAMESPACE}&MetricData.member.1.MetricName=old"
        "&MetricData.member.1.Values.member.1=11&MetricData.member.1.Values.member.2=12"
        "&MetricData.member.1.Dimensions.member.1.Name=d&MetricData.member.1.Dimensions.member.1.Value=v"
    )
    (metric,) = world.cloudwatch.list_metrics()["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == ("old", D)
    name = world.alarm(MetricName="old", Dimensions=D)
    described = ask("Action=DescribeAlarms&Version=2010-08-01")
    assert f"<AlarmName>{name}</AlarmName>" in described
    assert "<StateValue>INSUFFICIENT_DATA</StateValue>" in described


def test_what_a_test_injects_is_answered(world: CloudWatchWorld) -> None:
    world.server.cloudwatch.fail_next("PutMetricData", 1, "Throttling")
    world.server.cloudwatch.deny(["DescribeAlarms"])
    for _ in range(2):
        with pytest.raises(world.cloudwatch.exceptions.ClientError, match="perform: cloudwatch:DescribeAlarms"):
            world.cloudwatch.describe_alarms()
    with pytest.raises(world.cloudwatch.exceptions.ClientError, match="Throttling"):
        put(world, {"MetricName": "a", "Value": 1.0})
    put(world, {"MetricName": "a", "Value": 1.0})
    world.server.cloudwatch.deny([])
    assert world.cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_alarms_cannot_be_put_as_fast_as_one_likes() -> None:
    with cloudwatch_world(quotas=QUOTAS) as world:
        for _ in range(3):
            world.alarm()
        with pytest.raises(world.cloudwatch.exceptions.ClientError, match="Throttling"):
            world.alarm()
        world.pass_time(1)
        world.alarm()
