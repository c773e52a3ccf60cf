"""The dashboard's body against CloudWatch's rules, and the verbs against the sandbox over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from agent.aggregate.catalogue import BY_NAME
from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Subject
from agent.cli import main
from agent.dashboard.calls import MAX_BYTES
from agent.dashboard.contents import PARTS, dashboard, name, parts_of
from agent.dashboard.widgets import COLUMNS, Graph, Line, Scope, Search, Text, body
from agent.sandbox.cloudwatch.dashboard_body import findings
from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from agent.settings import Settings, parse

LEAST = "[fleet]\nmax_capacity_units = 40\n"
FULL = """
[cluster]
name = "nightly"
[fleet]
min_capacity_units = 2
max_capacity_units = 40
max_usd_per_hour = 12.5
[[sources.kinesis]]
stream = "clicks"
[[sources.kinesis]]
stream = "orders"
consumer = "spark"
"""
CLUSTER, NAMED = Subject(CLUSTER_ID, "j-2AXXXXXXGAPLF"), Subject(CLUSTER_NAME, "nightly")


def made(text: str, subject: Subject, parts: frozenset[str] | None = None) -> dict[str, Any]:
    told = parse(text)
    return dict(dashboard(told, subject, "eu-west-1", parts_of(told) if parts is None else parts))


CASES = [
    (text, subject, frozenset(parts))
    for text in (LEAST, FULL)
    for subject in (CLUSTER, NAMED)
    for number in range(len(PARTS) + 1)
    for parts in combinations(PARTS, number)
]


def rows(found: dict[str, Any]) -> Iterator[list[Any]]:
    for widget in found["widgets"]:
        yield from widget["properties"].get("metrics", ())


@pytest.mark.parametrize(("text", "subject", "parts"), CASES)
def test_the_body_keeps_to_the_documented_structure(text: str, subject: Subject, parts: frozenset[str]) -> None:
    found = made(text, subject, parts)
    assert findings(json.dumps(found)) == []
    assert len(found["widgets"]) <= 500
    assert all(len(widget["properties"].get("metrics", ())) <= 500 for widget in found["widgets"])
    assert len(json.dumps(found).encode()) < MAX_BYTES


def cells(widget: dict[str, Any]) -> set[tuple[int, int]]:
    return {
        (x, y)
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    }


def overlap_nowhere(found: dict[str, Any]) -> None:
    placed = [cells(widget) for widget in found["widgets"]]
    assert len(set().union(*placed)) == sum(map(len, placed))
    assert all(0 <= x < COLUMNS for one in placed for x, _ in one)


@pytest.mark.parametrize(("text", "subject", "parts"), CASES)
def test_widgets_lie_on_the_grid_and_nowhere_over_each_other(
    text: str, subject: Subject, parts: frozenset[str]
) -> None:
    overlap_nowhere(made(text, subject, parts))


@given(st.lists(st.tuples(st.integers(1, COLUMNS), st.integers(1, 12))))
def test_widgets_of_any_size_find_places_of_their_own(sizes: list[tuple[int, int]]) -> None:
    scope = Scope(dimension=CLUSTER_ID, value="j-1", namespace="Tidemark", region="eu-west-1", period_s=60)
    found = body([Text("x", width, height) for width, height in sizes], scope)
    if sizes:
        overlap_nowhere(found)


@pytest.mark.parametrize(("text", "subject", "parts"), CASES)
def test_every_metric_is_one_that_is_published_under_that_dimension(
    text: str, subject: Subject, parts: frozenset[str]
) -> None:
    for row in rows(made(text, subject, parts)):
        if len(row) == 1:
            found = re.fullmatch(
                r"SEARCH\('\{Tidemark,ClusterId,Reason\} MetricName=\"(\w+)\" ClusterId=\"j-\w+\"', 'Sum'\)",
                row[0]["expression"],
            )
            assert found and found[1] in BY_NAME and subject is CLUSTER
        elif row[0] == "Tidemark":
            assert row[1] in BY_NAME
            assert tuple(row[2:4]) == (subject.dimension, subject.value)
        else:
            assert row[0] == "AWS/Kinesis" and "streaming" in parts


@pytest.mark.parametrize(
    ("namespace", "searched"), [("Tidemark", "Tidemark"), ("Data/Tidemark", '"Data/Tidemark"'), ("a b", '"a b"')]
)
def test_a_namespace_of_more_than_letters_is_searched_in_quotes(namespace: str, searched: str) -> None:
    found = made(f'{LEAST}[sinks.cloudwatch]\nnamespace = "{namespace}"\n', CLUSTER)
    (expression,) = (row[0]["expression"] for row in rows(found) if len(row) == 1)
    assert expression.startswith(f"SEARCH('{{{searched},ClusterId,Reason}} ")


def test_a_metric_that_does_not_exist_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="is no metric"):
        Line(metric="MemoryAvailablePercents")
    with pytest.raises(ValueError, match="is no metric"):
        Search(metric="DecisionsWithhold", dimension="Reason")


def shown(found: dict[str, Any]) -> set[str]:
    return {row[1] for row in rows(found) if len(row) > 1}


def test_what_an_operator_needs_at_a_glance_is_there() -> None:
    found = made(FULL, CLUSTER)
    assert {
        "MemoryAvailablePercent", "ExecutorHeapUsedPercent", "TaskFleetTarget", "TaskFleetProvisioned",
        "MemoryPending", "RemainingWorkSeconds", "ResizeActions", "DecisionsWithheld", "TaskFleetUsdPerHour",
        "Heartbeat", "StreamingLoadPercent", "GetRecords.IteratorAgeMilliseconds",
        "SubscribeToShardEvent.MillisBehindLatest",
    } <= shown(found)  # fmt: skip
    heap = next(one for one in found["widgets"] if "Heap of the executors" in one["properties"].get("title", ""))
    assert [row[-1]["stat"] for row in heap["properties"]["metrics"]] == ["p50", "p90", "p99", "Maximum"]
    marks = [
        (mark["label"], mark["value"])
        for one in found["widgets"]
        for mark in one["properties"].get("annotations", {}).get("horizontal", ())
    ]
    assert {("Maximum", 40), ("Minimum", 2), ("Cap", 12.5)} <= set(marks)


def test_streams_and_hdfs_are_shown_where_there_are_some() -> None:
    assert not [one for one in shown(made(LEAST, CLUSTER)) if one.startswith("Streaming")]
    assert "HdfsTotalLoad" in shown(made(LEAST, CLUSTER))
    assert "HdfsTotalLoad" not in shown(made(LEAST + '[sources.hdfs]\nurl = ""\n', CLUSTER))


def test_another_namespace_and_period_are_followed() -> None:
    found = made(LEAST + '[sinks.cloudwatch]\nnamespace = "Ours"\nperiod_s = 90\n', CLUSTER)
    assert {row[0] for row in rows(found) if len(row) > 1} == {"Ours"}
    assert {one["properties"]["period"] for one in found["widgets"] if one["type"] == "metric"} == {120}


@given(st.text(min_size=1, max_size=400))
def test_the_name_is_one_that_cloudwatch_takes(value: str) -> None:
    assert re.fullmatch(r"Tidemark-[A-Za-z0-9_-]{1,246}", name(Subject(CLUSTER_NAME, value)))


@given(st.lists(st.text("ab -é", min_size=1, max_size=4), min_size=2, max_size=2, unique=True))
@example(["a b", "a-b"])
@example(["a" * 300, "a" * 301])
def test_two_names_have_two_dashboards(values: list[str]) -> None:
    one, other = (name(Subject(CLUSTER_NAME, value)) for value in values)
    assert one != other


def test_an_ordinary_name_stays_as_it_is() -> None:
    assert name(Subject(CLUSTER_NAME, "nightly-2")) == "Tidemark-nightly-2"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SandboxServer(quotas=NO_QUOTAS) as server:
        yield server.endpoint


@pytest.fixture
def run(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = tmp_path / "config.toml"
    config.write_text(FULL, encoding="utf-8")

    def verb(what: str, *more: str) -> Result:
        where = ["--config", str(config), "--region", "eu-west-1", "--endpoint-url", endpoint]
        return CliRunner().invoke(main, ["dashboard", what, *where, *more])

    return verb


def test_put_makes_it_a_second_put_changes_nothing_and_delete_takes_it_away(run: Any, endpoint: str) -> None:
    client = boto3.client("cloudwatch", region_name="eu-west-1", endpoint_url=endpoint)
    dry = run("put", "--dry-run")
    assert dry.exit_code == 0 and "would be made" in dry.output
    assert client.list_dashboards()["DashboardEntries"] == []
    put = run("put")
    assert put.exit_code == 0 and put.output.startswith("Tidemark-nightly made: ")
    kept = json.loads(client.get_dashboard(DashboardName="Tidemark-nightly")["DashboardBody"])
    assert kept == json.loads(run("show").output) == json.loads(run("show", "--there").output)
    assert json.loads(run("put", "--json").output)["does"] == "unchanged"
    assert "replaced" in run("put", "--no-hdfs").output
    assert json.loads(run("delete", "--dry-run", "--json").output)["deleted"]
    assert run("delete").output == "Tidemark-nightly deleted\n"
    assert run("delete").output == "Tidemark-nightly is not there\n"
    assert run("show", "--there").exit_code == 1


def test_one_cluster_has_a_dashboard_of_its_own_with_the_reasons(run: Any) -> None:
    found = json.loads(run("show", "--cluster-id", "j-2AXXXXXXGAPLF").output)
    assert any("SEARCH(" in json.dumps(row) for row in rows(found))
    assert "Tidemark-j-2AXXXXXXGAPLF made" in run("put", "--cluster-id", "j-2AXXXXXXGAPLF").output
    assert run("delete", "--cluster-id", "j-2AXXXXXXGAPLF").exit_code == 0


def test_without_any_cluster_it_is_wrong_use(run: Any, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(LEAST, encoding="utf-8")
    found = run("show")
    assert found.exit_code == 2 and "--cluster-id" in found.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--endpoint-url", "cloud"), "did you mean 'http://cloud'?"),
        (("--cluster-id", "nightly"), "'nightly' is no cluster id"),
    ],
)
def test_what_cannot_be_meant_is_wrong_use_in_one_line(run: Any, words: tuple[str, str], said: str) -> None:
    for verb in ("put", "show", "delete"):
        found = run(verb, *words)
        assert found.exit_code == 2 and said in found.output.splitlines()[-1]


def test_without_credentials_it_says_where_they_come_from(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    found = run("put")
    assert found.exit_code == 1 and "AWS_PROFILE" in found.output and len(found.output.splitlines()) == 1


def test_the_validator_refuses_what_cloudwatch_would() -> None:
    """So that the tests above can fail: a graph without a Region, and one off the grid."""
    good = made(FULL, NAMED)
    for change in ({"x": 24}, {"properties": {"metrics": [["Tidemark", "Heartbeat"]]}}):
        bad = json.loads(json.dumps(good))
        bad["widgets"][1] |= change
        assert findings(json.dumps(bad))


def test_a_graph_has_a_title_and_lines() -> None:
    settings: Settings = parse(FULL)
    from agent.dashboard.contents import widgets

    graphs = [one for one in widgets(settings, CLUSTER, frozenset(PARTS)) if isinstance(one, Graph)]
    assert len({graph.title for graph in graphs}) == len(graphs)
    assert all(graph.lines for graph in graphs)
