"""The sums: CloudWatch's tiers and hours, alarms by their metrics, capacity by its market."""

from __future__ import annotations

from typing import Any

import pytest

from agent.aggregate.catalogue import METRICS
from agent.costs import published as module
from agent.costs.bill import bill, metrics_usd
from agent.costs.capacity import capacity, markets
from agent.costs.published import metrics_an_hour, names, of_one_executor, requests_an_hour
from agent.costs.workload import Workload
from agent.domain.fleets import Collection, Fleet
from agent.domain.prices import UnitPrices
from agent.settings import Settings
from agent.settings_costs import CostsSettings
from tests.alarms.told import PERSON, TOPIC, own

TIERS = CostsSettings().metric_tiers


def told(**tables: Any) -> Settings:
    return Settings.model_validate({"fleet": {"max_capacity_units": 10}, **tables})


def usd(settings: Settings, workload: Workload, what: str) -> float:
    return sum(line.usd for line in bill(settings, workload).lines if what in line.what)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (0, 0),
        (40, 12),
        (240, 72),
        (10_000, 3_000),
        (40_000, 6_000),
        (80_000, 10_000),
        (1_100_000, 3_000 + 24_000 + 37_500 + 2_000),
    ],
)
def test_metrics_go_through_the_tiers(metrics: float, expected: float) -> None:
    assert metrics_usd(metrics, TIERS) == pytest.approx(expected)


def test_executors_cost_nothing_more() -> None:
    one, many = (bill(told(), Workload(executors=executors)) for executors in (1, 5_000))
    assert one.usd == many.usd
    assert many.naive_usd > 5_000


def test_a_metric_is_billed_for_whole_hours() -> None:
    assert Workload(hours_per_day=1.2).billed_hours == Workload(hours_per_day=2).billed_hours
    whole, two = (usd(told(), Workload(hours_per_day=hours), "{ClusterId}") for hours in (24, 2))
    assert two == pytest.approx(whole / 12)


def test_a_name_doubles_the_metrics_and_applications_have_places() -> None:
    named = told(cluster={"name": "nightly", "app_dimensions": 3})
    assert names(named, Workload(applications=2)) == 2
    assert names(named, Workload(applications=3)) == 3
    assert names(named, Workload(applications=90)) == 4
    plain = told(cluster={"name": "nightly"})
    assert metrics_an_hour(plain, Workload(reasons=0)) == 2 * metrics_an_hour(told(), Workload(reasons=0))


@pytest.mark.parametrize(
    ("tables", "more", "absent"),
    [
        ({"sources": {"hdfs": {"url": ""}}}, {}, {"HdfsTotalLoad", "HdfsTotalLoadPerDataNode"}),
        ({"idle": {"enabled": False}}, {}, {"ClusterIdle"}),
        ({}, {"dynamic_allocation": False}, {"ExecutorsNeeded"}),
        ({"fleet": {"max_capacity_units": 10}}, {}, {"TaskFleetUsdPerHour"}),
    ],
)
def test_what_a_cluster_does_not_have_is_not_billed(
    tables: dict[str, Any], more: dict[str, Any], absent: set[str]
) -> None:
    capped = {"fleet": {"max_capacity_units": 10, "max_usd_per_hour": 5.0}}
    fewer = metrics_an_hour(told(**{**capped, **tables}), Workload(**more))
    assert metrics_an_hour(told(**capped), Workload()) - fewer == len(absent)


def test_what_the_capacity_costs_is_published_only_under_a_cap_in_money() -> None:
    capped = told(fleet={"max_capacity_units": 10, "max_usd_per_hour": 5})
    assert metrics_an_hour(capped, Workload()) == metrics_an_hour(told(), Workload()) + 1


def test_silence_of_the_table_is_published_only_where_there_is_one() -> None:
    with_table = told(lifecycle={"table": "clusters"})
    assert metrics_an_hour(with_table, Workload()) == metrics_an_hour(told(), Workload()) + 1


def test_the_whole_catalogue_is_the_most() -> None:
    streaming = Workload(streaming=True, process_tree=True, reasons=0)
    capped = {
        "fleet": {"max_capacity_units": 10, "max_usd_per_hour": 5.0},
        "lifecycle": {"table": "clusters"},
    }
    standalone = told(sources={"standalone": {"url": "http://127.0.0.1:1"}, "yarn": {"url": ""}}, **capped)
    on_yarn = metrics_an_hour(told(**capped), streaming)
    assert on_yarn == len(METRICS) - 2, "all but the heaps of the standalone daemons"
    assert metrics_an_hour(standalone, streaming) == len(METRICS) - len(module.ONLY_ON_YARN)


def test_names_that_are_told_apart_are_metrics() -> None:
    every = {metric.name for metric in METRICS}
    assert every >= module.ONLY_ON_YARN | module.OF_ALL_EXECUTORS
    assert 15 < of_one_executor() < 40


def test_without_the_sink_nothing_is_published() -> None:
    off = told(sinks={"cloudwatch": {"enabled": False}})
    assert (metrics_an_hour(off, Workload()), requests_an_hour(off, Workload())) == (0, 0)


def test_requests_follow_the_period_and_what_one_holds() -> None:
    assert requests_an_hour(told(), Workload(executors=1_000)) == 60
    quick = told(sinks={"cloudwatch": {"period_s": 10, "storage_resolution_s": 1}})
    assert requests_an_hour(quick, Workload()) == 360
    wide = told(cluster={"app_dimensions": 100})
    assert requests_an_hour(wide, Workload(applications=200, executors=20_000)) == 180


def test_an_alarm_costs_by_its_metrics_and_its_kind() -> None:
    settings = told(
        cluster={"name": "nightly"},
        sinks={"cloudwatch": {"storage_resolution_s": 1, "period_s": 10}},
        alarms={
            **{name: {"enabled": False} for name in ("heap_high", "heap_used_high", "hdfs_load_high", "metrics_lost")},
            "person_topic_arns": [PERSON],
            "own": [own(period_s=10)],
        },
    )
    # two metrics of memory-low, and one each of heartbeat-missing, listener-events-dropped, spot-shortfall
    assert usd(settings, Workload(), "alarms") == pytest.approx(5 * 0.10)
    assert usd(settings, Workload(), "high-resolution") == pytest.approx(0.30)
    assert usd(settings, Workload(), "composite") == pytest.approx(0.50)


def test_an_alarm_of_the_cluster_costs_while_it_is_there() -> None:
    workload = Workload(hours_per_day=6)
    all_day, quarter = usd(told(), Workload(), "alarms"), usd(told(), workload, "alarms")
    assert quarter == pytest.approx(all_day / 4)
    assert usd(told(alarms={"remove_at_end": False}), workload, "alarms") == all_day


def test_the_free_tier_is_taken_off_where_the_settings_say_so() -> None:
    free = told(costs={"free_tier": True})
    assert usd(free, Workload(), "PutMetricData") == 0
    assert usd(told(), Workload(), "metrics") - usd(free, Workload(), "metrics") == pytest.approx(3.0)
    assert usd(free, Workload(dashboards=3), "dashboard") == 0
    assert usd(told(), Workload(dashboards=3), "dashboard") == 9


def test_what_is_asked_of_aws_all_day_costs_too() -> None:
    queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/alarms"
    settings = told(
        actions={"queue_url": queue, "topic_arn": TOPIC},
        sources={"kinesis": [{"stream": "clicks"}, {"stream": "views"}], "kinesis_period_s": 60},
    )
    assert usd(settings, Workload(), "GetMetricData of 2 streams") == pytest.approx(2 * 0.438)
    assert usd(settings, Workload(), "ReceiveMessage") == pytest.approx(0.05256)
    assert (
        usd(told(costs={"free_tier": True}, actions={"queue_url": queue, "topic_arn": TOPIC}), Workload(), "Rec") == 0
    )


def test_tiers_that_make_no_sense_are_refused() -> None:
    for tiers in (
        [{"up_to": 10, "usd": 1}],
        [{"usd": 1}, {"usd": 2}],
        [{"up_to": 9, "usd": 1}, {"up_to": 3, "usd": 1}, {"usd": 0}],
    ):
        with pytest.raises(ValueError, match="metric_tiers"):
            told(costs={"metric_tiers": tiers})


def fleet(on_demand: int, spot: int) -> Fleet:
    return Fleet(
        at=0,
        id="if-1",
        collection=Collection.FLEET,
        state="RUNNING",
        target_on_demand=on_demand,
        target_spot=spot,
        provisioned_on_demand=0,
        provisioned_spot=0,
        nodes=(),
    )


def test_capacity_is_reckoned_on_the_market_that_it_grows_on() -> None:
    prices = UnitPrices(at=0, spot=0.1, on_demand=1.0)
    now, most = capacity(told(), prices, fleet(2, 3), None)
    assert (now.on_demand, now.spot) == (2, 3)
    assert now.usd_per_hour == pytest.approx(2.3)
    assert (most.on_demand, most.spot) == (2, 8)
    assert most.usd_per_hour == pytest.approx(2.8)
    assert markets(10, (2, 3), buys_on_demand=True) == (7, 3)
    assert markets(1, (2, 3), buys_on_demand=False) == (1, 0)


def test_what_nobody_knows_stays_unknown_unless_there_is_nothing_of_it() -> None:
    no_spot = UnitPrices(at=0, spot=None, on_demand=1.0)
    now, most = capacity(told(), no_spot, fleet(2, 0), None)
    assert (now.usd_per_hour, most.usd_per_hour) == (2.0, None)
    unknown, _ = capacity(told(), None, None, None)
    assert (unknown.spot, unknown.usd_per_hour) == (None, None)
    asked, _ = capacity(told(), no_spot, fleet(2, 2), 1)
    assert asked.usd_per_hour == 1.0, "one unit, on demand as the fleet's are"
