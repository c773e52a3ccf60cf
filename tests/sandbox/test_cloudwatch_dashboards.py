"""Dashboards of the sandbox: kept when CloudWatch would keep them, refused with all that is wrong when not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agent.sandbox.cloudwatch.dashboard_body import MAX_METRICS, findings
from tests.sandbox.cloudwatch_world import CloudWatchWorld, cloudwatch_world
from tests.sandbox.emr_world import SESSION

METRIC: Mapping[str, Any] = {"metrics": [["Tidemark", "JvmHeapUsed", "ClusterId", "j-1"]], "region": "eu-west-1"}


@pytest.fixture(scope="module")
def world() -> Iterator[CloudWatchWorld]:
    with cloudwatch_world() as made:
        yield made


def body(*widgets: Mapping[str, Any], **more: Any) -> str:
    return json.dumps({"widgets": list(widgets), **more})


def widget(kind: str = "metric", properties: Mapping[str, Any] = METRIC, **more: Any) -> Mapping[str, Any]:
    return {"type": kind, "properties": dict(properties), **more}


def metric(**properties: Any) -> Mapping[str, Any]:
    return widget(properties={**METRIC, **properties})


GOOD = {
    "nothing": body(),
    "all around": body(start="-PT6H", end="P0D", periodOverride="inherit"),
    "shorthand": body(metric(metrics=[["A", "b", "C", "d"], ["...", "e"], [".", ".", ".", "f", {"stat": "p99.9"}]])),
    "no dimension": body(metric(metrics=[["A", "b"]])),
    "expression": body(metric(metrics=[[{"expression": "IF(m1 > 3 AND m2 < 1, m1, 0)", "id": "e1"}]])),
    "search": body(metric(metrics=[[{"expression": "SEARCH('{A,B} MetricName=\"x\"', 'Sum', 300)", "id": "e1"}]])),
    "alarm alone": body(widget(properties={"region": "r", "annotations": {"alarms": ["arn:aws:cloudwatch:a"]}})),
    "lines": body(
        metric(
            annotations={
                "horizontal": [{"value": 1, "color": "#ff0000", "fill": "above"}, [{"value": 1}, {"value": 2.5}]],
                "vertical": [{"value": "2026-01-01T00:00:00Z", "label": "release"}],
            },
            legend={"position": "right"},
            yAxis={"left": {"min": 0, "max": 100.0, "showUnits": False}},
            view="gauge",
            period=300,
            stat="Maximum",
        )
    ),
    "text": body(widget("text", {"markdown": "# x", "background": "transparent"}, x=0, y=3, width=24, height=1)),
    "log": body(widget("log", {"query": "SOURCE 'x' | limit 1", "region": "r", "view": "table"})),
    "alarms": body(widget("alarm", {"alarms": ["arn:aws:cloudwatch:a"], "sortBy": "default", "states": ["ALARM"]})),
    "custom": body(widget("custom", {"endpoint": "arn:aws:lambda:x", "anything": 1})),
}
BAD = {
    "no JSON": ("{", "/"),
    "no widgets": ("{}", "/widgets"),
    "no type": (body({"properties": {}}), "/widgets/0"),
    "another type": (body(widget("chart2")), "/widgets/0"),
    "no properties": (body({"type": "metric"}), "/widgets/0/properties"),
    "no region": (body(widget(properties={"metrics": [["A", "b"]]})), "/widgets/0/properties/region"),
    "no metrics": (body(widget(properties={"region": "r"})), "/widgets/0/properties"),
    "a name alone": (body(metric(metrics=[["A"]])), "/widgets/0/properties/metrics/0"),
    "no value of a dimension": (body(metric(metrics=[["A", "b", "C"]])), "/widgets/0/properties/metrics/0"),
    "a number for a name": (body(metric(metrics=[["A", 1]])), "/widgets/0/properties/metrics/0"),
    "a row that is none": (body(metric(metrics=["A"])), "/widgets/0/properties/metrics/0"),
    "an empty row": (body(metric(metrics=[[]])), "/widgets/0/properties/metrics/0"),
    "two in a row": (body(metric(metrics=[["A", "b", {"expression": "m1"}]])), "/widgets/0/properties/metrics/0"),
    "a broken expression": (
        body(metric(metrics=[[{"expression": "m1 +"}]])),
        "/widgets/0/properties/metrics/0/expression",
    ),
    "a capital id": (body(metric(metrics=[["A", "b", {"id": "M"}]])), "/widgets/0/properties/metrics/0/id"),
    "no statistic": (body(metric(stat="median")), "/widgets/0/properties/stat"),
    "no period": (body(metric(period=90)), "/widgets/0/properties/period"),
    "no color": (body(metric(metrics=[["A", "b", {"color": "red"}]])), "/widgets/0/properties/metrics/0/color"),
    "no view": (body(metric(view="spiral")), "/widgets/0/properties/view"),
    "a gauge without an end": (body(metric(view="gauge")), "/widgets/0/properties"),
    "too wide": (body(widget(width=25)), "/widgets/0/width"),
    "too far right": (body(widget(x=24, y=0)), "/widgets/0/x"),
    "half a place": (body(widget(x=0)), "/widgets/0"),
    "no markdown": (body(widget("text", {})), "/widgets/0/properties/markdown"),
    "a text for a number": (body(widget(height="6")), "/widgets/0/height"),
    "too many in one": (body(metric(metrics=[["A", "b"]] * 501)), "/widgets/0/properties/metrics"),
    "too many in all": (body(*[metric(metrics=[["A", "b"]] * 500)] * (MAX_METRICS // 500 + 1)), "/"),
    "too many widgets": (body(*[widget("text", {"markdown": ""})] * 501), "/widgets"),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_cloudwatch_documents_is_accepted(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize(("text", "path"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_found_where_it_is(text: str, path: str) -> None:
    found = [one for one in findings(text) if one.fatal]
    assert path in {one.path for one in found}, found


def test_every_fault_is_in_the_one_refusal(world: CloudWatchWorld) -> None:
    wrong = body(metric(stat="median"), widget("text", {}))
    with pytest.raises(world.cloudwatch.exceptions.DashboardInvalidInputError) as caught:
        world.cloudwatch.put_dashboard(DashboardName="wrong", DashboardBody=wrong)
    text = caught.value.response["Error"]["Message"]
    assert "2 validation errors" in text
    assert "/widgets/0/properties/stat" in text
    assert "/widgets/1/properties/markdown" in text
    with pytest.raises(world.cloudwatch.exceptions.ResourceNotFound):
        world.cloudwatch.get_dashboard(DashboardName="wrong")


def test_a_property_that_is_not_known_is_said_and_the_dashboard_is_kept(world: CloudWatchWorld) -> None:
    odd = body(metric(shade=1))
    (said,) = world.cloudwatch.put_dashboard(DashboardName="odd", DashboardBody=odd)["DashboardValidationMessages"]
    assert said["DataPath"] == "/widgets/0/properties/shade"
    assert world.cloudwatch.get_dashboard(DashboardName="odd")["DashboardBody"] == odd


def test_dashboards_are_those_of_the_account_and_go_together_or_not_at_all(world: CloudWatchWorld) -> None:
    for name in ("one-a", "one-b", "two"):
        assert not world.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body())[
            "DashboardValidationMessages"
        ]
    listed = world.cloudwatch.list_dashboards(DashboardNamePrefix="one")["DashboardEntries"]
    assert [(entry["DashboardName"], entry["Size"]) for entry in listed] == [("one-a", 15), ("one-b", 15)]
    with pytest.raises(world.cloudwatch.exceptions.ResourceNotFound):
        world.cloudwatch.delete_dashboards(DashboardNames=["one-a", "none"])
    world.cloudwatch.delete_dashboards(DashboardNames=["one-a", "one-b"])
    elsewhere = SESSION.client("cloudwatch", region_name="us-east-1", endpoint_url=world.server.endpoint)
    assert elsewhere.get_dashboard(DashboardName="two")["DashboardBody"] == body()
    with pytest.raises(world.cloudwatch.exceptions.ClientError, match="DashboardName"):
        world.cloudwatch.put_dashboard(DashboardName="no blanks", DashboardBody=body())
