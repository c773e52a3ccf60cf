"""What YARN gets of an instance, against figures of the Amazon EMR Release Guide ("Task configuration")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.market.yarn_share import ODD, yarn_memory_mb

GIB = 1024


@pytest.mark.parametrize(
    ("instance_type", "memory_gib", "documented_mb"),
    [
        ("m5.xlarge", 16, 12288),
        ("m5.2xlarge", 32, 24576),
        ("m5.4xlarge", 64, 57344),
        ("m5.24xlarge", 384, 385_024),
        ("c5.9xlarge", 72, 65536),
        ("r4.xlarge", 30.5, 23424),
        ("r5.xlarge", 32, 24576),
        ("r5.2xlarge", 64, 57344),
        ("i3.16xlarge", 488, 491_520),
        ("r5b.2xlarge", 64, 54272),
        ("r6i.2xlarge", 64, 54272),
        ("r6in.32xlarge", 1024, 991_232),
        ("r7a.48xlarge", 1536, 1_490_944),
        ("r7g.xlarge", 32, 23424),
        ("r7g.4xlarge", 128, 116_736),
        ("c6i.xlarge", 8, 5632),
        ("c6i.2xlarge", 16, 11712),
        ("c6a.24xlarge", 192, 179_200),
        ("c5.xlarge", 8, 6144),
        ("c5a.12xlarge", 96, 90112),
        ("m1.xlarge", 15, 12288),
    ],
)
def test_documented_figures_are_met(instance_type: str, memory_gib: float, documented_mb: int) -> None:
    assert yarn_memory_mb(instance_type, int(memory_gib * GIB)) == documented_mb


def test_a_type_of_the_future_gets_what_the_newer_ones_get() -> None:
    assert yarn_memory_mb("r99x.2xlarge", 64 * GIB) == yarn_memory_mb("r7g.2xlarge", 64 * GIB)
    assert yarn_memory_mb("r99x.2xlarge", 64 * GIB) < yarn_memory_mb("r5.2xlarge", 64 * GIB)


@given(st.sampled_from(["m5", "r7g", "x99"]), st.integers(1, 24_000))
def test_yarn_gets_some_and_never_all(family: str, memory_gib: int) -> None:
    assert 0 < yarn_memory_mb(f"{family}.large", memory_gib * GIB) < memory_gib * GIB


def test_the_odd_ones_are_single_types() -> None:
    assert all("." in name for name in ODD)
