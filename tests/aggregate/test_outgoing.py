"""Datums of a roll-up."""

from __future__ import annotations

from dataclasses import replace

from agent.aggregate.catalogue import BY_NAME, METRICS
from agent.aggregate.outgoing import application_datums, datums, reason_datums
from agent.aggregate.rollup import roll_up
from agent.sinks.limits import fault_of
from tests.aggregate.snapshots import captured

ROLLUP = roll_up(captured(1), captured(0), fleet=None, idle=False)


def test_each_metric_is_one_datum_under_the_cluster_with_the_catalogues_unit() -> None:
    made = datums(ROLLUP, at=60.0, cluster_id="j-1")
    assert [datum.name for datum in made] == [metric.name for metric in METRICS if metric.name in ROLLUP]
    assert all(datum.unit is BY_NAME[datum.name].unit and datum.at == 60.0 for datum in made)
    assert {datum.dimensions for datum in made} == {(("ClusterId", "j-1"),)}
    assert {datum.name: datum.distribution for datum in made} == ROLLUP


def test_a_named_cluster_gets_a_second_set_of_the_name_alone() -> None:
    made = datums(ROLLUP, at=60.0, cluster_id="j-1", cluster_name="nightly")
    assert len(made) == 2 * len(ROLLUP)
    assert {datum.dimensions for datum in made} == {(("ClusterId", "j-1"),), (("ClusterName", "nightly"),)}


def test_an_application_is_told_with_its_cluster() -> None:
    made = application_datums({"etl": ROLLUP, "other": ROLLUP}, at=60.0, cluster_id="j-1")
    assert {datum.dimensions for datum in made} == {
        (("ClusterId", "j-1"), ("AppName", "etl")),
        (("ClusterId", "j-1"), ("AppName", "other")),
    }


def test_nothing_that_a_real_report_rolls_up_to_would_be_refused_by_cloudwatch() -> None:
    assert {fault_of(datum, 60.0) for datum in datums(ROLLUP, at=60.0, cluster_id="j-1", cluster_name="n")} == {None}


def test_a_refusal_is_published_by_reason_only_in_the_period_in_which_it_occurred() -> None:
    counts = {"LinesRejected.too_long": 3, "LinesRejected.truncated": 1, "LinesReceived": 9, "NoticesFailed.denied": 1}
    before = replace(captured(0), counts={"LinesRejected.truncated": 1})
    made = reason_datums(replace(captured(1), counts=counts), before, at=60.0, cluster_id="j-1")
    assert [(datum.name, datum.dimensions, datum.distribution.values) for datum in made] == [
        ("LinesRejected", (("ClusterId", "j-1"), ("Reason", "too_long")), (3.0,))
    ]


def test_without_a_period_before_no_reason_is_published() -> None:
    after = replace(captured(1), counts={"LinesRejected.too_long": 3})
    assert reason_datums(after, None, at=60.0, cluster_id="j-1") == ()
