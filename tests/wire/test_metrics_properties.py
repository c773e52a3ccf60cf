"""A file that Spark would refuse is never rendered: one bad value makes every job of the cluster fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.spark.conf import shipped
from agent.wire import metrics_properties
from agent.wire.metrics_properties import UnusableSink, properties, render

TEMPLATE = shipped("metrics.properties").read_text(encoding="utf-8")


def test_what_was_asked_for_is_in_the_file() -> None:
    given = properties(render(TEMPLATE, host="10.0.0.5", port=42003, period_s=10))
    ours = {key: value for key, value in given.items() if key.startswith("*.sink.tidemark.")}
    assert ours == {
        "*.sink.tidemark.class": "org.apache.spark.metrics.sink.GraphiteSink",
        "*.sink.tidemark.host": "10.0.0.5",
        "*.sink.tidemark.port": "42003",
        "*.sink.tidemark.period": "10",
        "*.sink.tidemark.unit": "seconds",
        "*.sink.tidemark.regex": metrics_properties.regex(TEMPLATE),
    }
    assert "worker.sink.tidemark.prefix" not in given


def test_a_prefix_is_given_to_workers_only() -> None:
    given = properties(render(TEMPLATE, host="h", port=1, period_s=1, worker_prefix="worker-1"))
    assert {key: value for key, value in given.items() if "prefix" in key} == {
        "worker.sink.tidemark.prefix": "worker-1"
    }


@pytest.mark.parametrize("host", ["", " ", "two hosts", "a\nb", "@HOST@", "-", "127.0.0.1:80", "h\\u0041"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(UnusableSink, match="host"):
        render(TEMPLATE, host=host, port=42003, period_s=10)


@pytest.mark.parametrize(("port", "period_s"), [(0, 10), (65_536, 10), (-1, 10), (42003, 0), (42003, -5)])
def test_ports_and_periods_that_spark_refuses_are_refused(port: int, period_s: int) -> None:
    with pytest.raises(UnusableSink):
        render(TEMPLATE, host="h", port=port, period_s=period_s)


@pytest.mark.parametrize("prefix", ["", "a.b", "1", "a b", "é"])
def test_a_prefix_that_would_blur_the_names_is_refused(prefix: str) -> None:
    with pytest.raises(UnusableSink, match="prefix"):
        render(TEMPLATE, host="h", port=1, period_s=1, worker_prefix=prefix)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UnusableSink) as refused:
        render(TEMPLATE, host="", port=0, period_s=0)
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["host", "port", "period"]


@pytest.mark.parametrize(
    "change",
    [
        "*.sink.tidemark.protocol=udp",
        "*.sink.tidemark.protocol=carrier pigeon",
        "*.sink.tidemark.unit=fortnights",
        "*.sink.tidemark.class=org.example.NoSuchSink",
        "*.sink.tidemark.regex=(unclosed",
        "*.sink.tidemark.regex=a\\.b",
        "*.sink.tidemark.port=@PORT@",
        "*.sink.tidemark.period=ten",
    ],
)
def test_a_text_that_was_changed_by_hand_is_checked_the_same_way(change: str) -> None:
    sound = render(TEMPLATE, host="h", port=1, period_s=1)
    assert metrics_properties.faults(sound) == ()
    assert metrics_properties.faults(f"{sound}\n{change}\n") != ()


def test_the_template_itself_is_not_usable() -> None:
    assert metrics_properties.faults(TEMPLATE) != ()


@given(host=st.text(max_size=30), port=st.integers(-10, 70_000), period_s=st.integers(-10, 100_000))
def test_whatever_is_asked_for_either_arrives_as_it_is_or_is_refused(host: str, port: int, period_s: int) -> None:
    try:
        text = render(TEMPLATE, host=host, port=port, period_s=period_s)
    except UnusableSink:
        return
    found = properties(text)
    assert (found["*.sink.tidemark.host"], found["*.sink.tidemark.port"]) == (host, str(port))
    assert found["*.sink.tidemark.period"] == str(period_s)
