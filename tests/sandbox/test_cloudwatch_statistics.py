"""Statistics over what PutMetricData brought, in each of its forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.cloudwatch.metrics import Metric, MetricStat, MetricStore, metric_of, sample_of
from agent.sandbox.cloudwatch.statistics import STATISTICS, of_statistics, of_values, percentile_of, statistic

WANTED = {"SampleCount": 6.0, "Sum": 35.0, "Minimum": 1.0, "Maximum": 10.0, "Average": 35.0 / 6}
FORMS = {
    "values": [{"Values": [1.0, 2.0, 10.0], "Counts": [1.0, 2.0, 3.0]}],
    "single values": [{"Value": value} for value in (10.0, 2.0, 10.0, 1.0, 2.0, 10.0)],
    "a statistic set": [{"StatisticValues": {"SampleCount": 6.0, "Sum": 35.0, "Minimum": 1.0, "Maximum": 10.0}}],
    "mixed": [{"Value": 1.0}, {"StatisticValues": {"SampleCount": 5.0, "Sum": 34.0, "Minimum": 2.0, "Maximum": 10.0}}],
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_statistics(data: list[dict[str, object]]) -> None:
    samples = [sample_of(datum, 0.0) for datum in data]
    assert {name: statistic(samples, name) for name in STATISTICS} == pytest.approx(WANTED)


@pytest.mark.parametrize(
    ("name", "wanted"), [("p0", 1.0), ("p16", 1.0), ("p17", 2.0), ("p50", 2.0), ("p50.1", 10.0), ("p100", 10.0)]
)
def test_a_percentile_is_the_smallest_value_with_that_share_at_or_below_it(name: str, wanted: float) -> None:
    samples = [of_values(0.0, [(10.0, 3.0), (1.0, 1.0)]), of_values(0.0, [(2.0, 2.0)])]
    assert statistic(samples, name) == wanted


def test_statistic_sets_have_no_percentiles_unless_all_their_values_are_one() -> None:
    assert statistic([of_statistics(0.0, 6, 35, 1, 10)], "p90") is None
    assert statistic([of_statistics(0.0, 2, 14, 7, 7)], "p90") == 7.0
    assert statistic([of_values(0.0, [(1.0, 1.0)]), of_statistics(0.0, 6, 35, 1, 10)], "p90") is None


def test_negative_values_have_no_percentiles() -> None:
    assert statistic([of_values(0.0, [(-1.0, 1.0), (5.0, 1.0)])], "p50") is None


def test_no_samples_no_statistic() -> None:
    assert statistic([], "Average") is None
    assert statistic([of_values(0.0, [(3.0, 0.0)])], "Average") is None


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("p90", 90.0), ("p99.99", 99.99), ("p0", 0.0), ("p100", 100.0), ("p101", None), ("P90", None), ("p", None),
     ("Average", None), ("p90.", None), ("tm90", None)],
)  # fmt: skip
def test_the_names_of_percentiles(name: str, wanted: float | None) -> None:
    assert percentile_of(name) == wanted


VALUES = st.lists(st.tuples(st.floats(0, 1e9), st.integers(1, 50).map(float)), min_size=1, max_size=30)


@given(VALUES, st.floats(0, 100))
def test_percentiles_rise_with_their_share_and_stay_within_the_values(
    values: list[tuple[float, float]], share: float
) -> None:
    samples = [of_values(0.0, values)]
    found = statistic(samples, f"p{share:.2f}".replace("p100.00", "p100"))
    assert found is not None
    low, high = statistic(samples, "p0"), statistic(samples, "p100")
    assert low == min(value for value, _ in values)
    assert high == max(value for value, _ in values)
    assert low is not None and high is not None and low <= found <= high


@given(VALUES, st.integers(1, 5))
def test_it_makes_no_difference_how_the_values_are_spread_over_data(
    values: list[tuple[float, float]], parts: int
) -> None:
    together = [of_values(0.0, values)]
    apart = [of_values(0.0, part) for n in range(parts) if (part := values[n::parts])]
    for name in (*STATISTICS, "p50", "p90"):
        assert statistic(apart, name) == pytest.approx(statistic(together, name))


def test_dimension_sets_are_different_metrics_and_their_order_is_none() -> None:
    store = MetricStore()
    ab, ba = (
        ({"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}),
        ({"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}),
    )
    store.put(metric_of("n", "m", ab), of_values(5.0, [(1.0, 1.0)]))
    store.put(metric_of("n", "m", ba), of_values(5.0, [(2.0, 1.0)]))
    store.put(metric_of("n", "m", ab[:1]), of_values(5.0, [(4.0, 1.0)]))
    assert len(store.metrics()) == 2
    assert store.series(MetricStat(metric_of("n", "m", ab), "Sum"), [0.0], 60) == {0.0: 3.0}
    assert store.series(MetricStat(Metric("n", "m"), "Sum"), [0.0], 60) == {}


def test_a_period_has_its_begin_and_not_its_end() -> None:
    store, metric = MetricStore(), Metric("n", "m")
    for at in (120.0, 60.0, 119.0, 59.0):
        store.put(metric, of_values(at, [(at, 1.0)]))
    assert store.series(MetricStat(metric, "Sum"), [0.0, 60.0, 120.0, 180.0], 60) == {
        0.0: 59.0,
        60.0: 179.0,
        120.0: 120.0,
    }


def test_a_unit_chooses_among_the_samples() -> None:
    store, metric = MetricStore(), Metric("n", "m")
    store.put(metric, of_values(1.0, [(1.0, 1.0)], "Bytes"))
    store.put(metric, of_values(1.0, [(2.0, 1.0)], "Count"))
    assert store.series(MetricStat(metric, "Sum", "Count"), [0.0], 60) == {0.0: 2.0}
    assert store.series(MetricStat(metric, "Sum", "Percent"), [0.0], 60) == {}
