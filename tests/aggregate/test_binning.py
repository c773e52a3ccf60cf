"""Many samples as at most 150 values."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate.binning import MAX_VALUES, distribution, relative_error
from agent.domain.datums import Distribution

SAMPLES = st.lists(st.floats(0, 1e18), min_size=1, max_size=600)
MANY = st.lists(st.floats(1, 1e12), min_size=200, max_size=600, unique=True) | st.lists(
    st.integers(0, 10**12).map(float), min_size=200, max_size=600
)


@given(SAMPLES | MANY)
def test_count_and_extremes_are_exact_and_the_sum_but_for_rounding(samples: list[float]) -> None:
    found = distribution(samples)
    assert found is not None
    assert len(found.values) <= MAX_VALUES
    assert list(found.values) == sorted(set(found.values))
    assert found.sample_count == len(samples)
    assert (found.minimum, found.maximum) == (min(samples), max(samples))
    assert found.sum == pytest.approx(math.fsum(samples), rel=1e-9)


@given(MANY)
def test_no_sample_is_moved_by_more_than_the_stated_error(samples: list[float]) -> None:
    found = distribution(samples)
    assert found is not None
    published = [value for value, count in zip(found.values, found.counts, strict=True) for _ in range(count)]
    inner = sorted(set(samples))[1:-1]
    bound = relative_error(inner[0], inner[-1]) * (1 + 1e-6) + 1e-9 if len(inner) > MAX_VALUES - 2 else 0.0
    for real, shown in zip(sorted(samples), published, strict=True):
        assert abs(shown - real) <= bound * real


def test_the_error_is_what_the_documentation_says() -> None:
    assert relative_error(1.0, 100.0) == pytest.approx(0.0316, abs=5e-5)
    assert relative_error(1.0, 1000.0) == pytest.approx(0.0478, abs=5e-5)


@given(st.lists(st.sampled_from([float(i) for i in range(101)]), min_size=1, max_size=1000))
def test_whole_percents_are_never_binned(samples: list[float]) -> None:
    counted = sorted(Counter(samples).items())
    assert distribution(samples) == Distribution(tuple(v for v, _ in counted), tuple(n for _, n in counted))


def test_neighbouring_floats_that_have_one_logarithm_are_binned_too() -> None:
    samples = [1e300]
    while len(samples) < 400:
        samples.append(math.nextafter(samples[-1], math.inf))
    found = distribution(samples)
    assert found is not None
    assert found.sample_count == 400
    assert len(found.values) <= MAX_VALUES


def test_nothing_is_no_distribution() -> None:
    assert distribution([]) is None


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_negative_or_endless_sample_is_a_fault_of_the_caller(bad: float) -> None:
    with pytest.raises(ValueError, match="samples must be"):
        distribution([1.0, bad])
