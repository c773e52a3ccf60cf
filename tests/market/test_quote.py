"""Ranking: what fits, what it costs, and where the unknown goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent.market.facts import Hardware, SpotPrice
from agent.market.instance_types import describe
from agent.market.quote import Executor, Prices, Row, fitting, rank
from agent.market.report import WIDTH, as_json, table
from tests.market.build import Rig

GIB = 1024
HARDWARE = {
    "r6i.2xlarge": Hardware(64 * GIB, 8),
    "m5.4xlarge": Hardware(64 * GIB, 16),
    "c5.9xlarge": Hardware(72 * GIB, 36),
    "c5.large": Hardware(4 * GIB, 2),
}
EIGHT = Executor(8 * GIB, 4)


def prices(
    spot: Mapping[tuple[str, str], float], on_demand: Mapping[str, float] | None = None, fee: float = 0.25
) -> Prices:
    listed = {"r6i.2xlarge": 0.5, "m5.4xlarge": 0.8, "c5.9xlarge": 1.6} if on_demand is None else on_demand
    return Prices({place: SpotPrice(usd, usd) for place, usd in spot.items()}, listed, fee)


@pytest.mark.parametrize(
    ("executor", "container_mb"),
    [
        (Executor(8192, 4), 9728),
        (Executor(4743, 4), 5632),  # what EMR sets on a type whose YARN share is 5632 MiB
        (Executor(1024, 1), 1408),  # Spark's least overhead of 384 MiB
        (Executor(8192, 4, overhead=0.1), 9011),
        (Executor(8192, 4, overhead=0.0), 8576),
    ],
)
def test_a_container_is_memory_and_overhead(executor: Executor, container_mb: int) -> None:
    assert executor.container_mb == container_mb


@pytest.mark.parametrize(
    ("yarn_mb", "vcpus", "executor", "expected"),
    [
        (54272, 8, EIGHT, 2),  # cores: memory would hold 5
        (54272, 32, EIGHT, 5),  # memory: cores would hold 8
        (54272, 8, Executor(20 * GIB, 4), 2),
        (9727, 8, EIGHT, 0),
        (9728, 3, EIGHT, 0),
        (9728, 4, EIGHT, 1),
    ],
)
def test_what_fits_is_bound_by_memory_and_by_cores(yarn_mb: int, vcpus: int, executor: Executor, expected: int) -> None:
    assert fitting(yarn_mb, vcpus, executor) == expected


def test_three_types_are_compared_by_usable_memory() -> None:
    """In numbers: 2 containers of 9.5 GB for 0.2 + 0.125 USD, 4 for 0.2 + 0.2, 6 for 0.6 + 0.4."""
    spot = {("r6i.2xlarge", "a"): 0.2, ("m5.4xlarge", "a"): 0.2, ("c5.9xlarge", "a"): 0.6}
    rows = rank(["c5.9xlarge", "r6i.2xlarge", "m5.4xlarge"], HARDWARE, EIGHT, prices(spot))
    assert [(row.instance_type, row.executors, row.usable_mb) for row in rows] == [
        ("m5.4xlarge", 4, 38912),
        ("r6i.2xlarge", 2, 19456),
        ("c5.9xlarge", 6, 58368),
    ]
    assert [row.usd_per_gb_hour for row in rows] == pytest.approx([0.4 / 38, 0.325 / 19, 1.0 / 57])
    assert [row.saving for row in rows] == pytest.approx([0.75, 0.6, 0.625])


def test_the_size_of_the_executor_changes_the_order() -> None:
    spot = {("r6i.2xlarge", "a"): 0.2, ("m5.4xlarge", "a"): 0.2}
    rows = rank(HARDWARE.keys() & {"r6i.2xlarge", "m5.4xlarge"}, HARDWARE, Executor(20 * GIB, 4), prices(spot))
    assert [row.instance_type for row in rows] == ["r6i.2xlarge", "m5.4xlarge"]


def test_each_zone_has_its_row() -> None:
    spot = {("r6i.2xlarge", "a"): 0.3, ("r6i.2xlarge", "b"): 0.1, ("r6i.2xlarge", "c"): 0.2}
    assert [row.zone for row in rank(["r6i.2xlarge"], HARDWARE, EIGHT, prices(spot))] == ["b", "c", "a"]


def test_what_is_not_known_comes_last_and_is_said() -> None:
    spot = {("r6i.2xlarge", "a"): 0.9, ("m5.4xlarge", "a"): 0.1, ("c5.large", "a"): 0.01, ("x1.huge", "a"): 0.02}
    listed = {"r6i.2xlarge": 0.5, "c5.large": 0.1, "x1.huge": 9.0}
    types = ["x1.huge", "c5.9xlarge", "c5.large", "m5.4xlarge", "r6i.2xlarge"]
    rows = rank(types, HARDWARE, EIGHT, prices(spot, listed), zones=["a"])
    by_type = {row.instance_type: row for row in rows}
    assert rows[0].instance_type == "r6i.2xlarge"
    assert rows[1].instance_type == "m5.4xlarge", "of the unknown the one whose spot price and memory are known"
    assert by_type["m5.4xlarge"].fee is by_type["m5.4xlarge"].saving is by_type["m5.4xlarge"].usd_per_gb_hour is None
    assert (by_type["c5.9xlarge"].spot, by_type["c5.9xlarge"].zone) == (None, "a")
    assert (by_type["c5.large"].executors, by_type["c5.large"].usd_per_gb_hour) == (0, None)
    assert by_type["x1.huge"].executors is None
    shown = text(rows)
    assert "unknown" in shown
    assert "none fits" in shown


def test_a_type_without_any_price_has_one_row_without_a_zone() -> None:
    (row,) = rank(["r6i.2xlarge", "r6i.2xlarge"], HARDWARE, EIGHT, prices({}))
    assert (row.zone, row.spot, row.usd_per_gb_hour) == (None, None, None)


def test_without_a_fee_no_on_demand_price_is_needed() -> None:
    (row,) = rank(["r6i.2xlarge"], HARDWARE, EIGHT, prices({("r6i.2xlarge", "a"): 0.19}, {}, fee=0.0))
    assert row.usd_per_gb_hour == pytest.approx(0.01)
    assert (row.on_demand, row.saving) == (None, None)


USD = st.floats(0.001, 100)
PLACES = st.tuples(st.sampled_from([*HARDWARE, "x1.huge"]), st.sampled_from("abc"))


@given(
    st.dictionaries(PLACES, USD),
    st.dictionaries(st.sampled_from(list(HARDWARE)), USD),
    st.sampled_from([0.0, 0.25]),
    st.builds(Executor, st.integers(1, 100_000), st.integers(1, 64)),
)
def test_the_known_stand_in_order_before_the_unknown_and_nobody_is_lost(
    spot: dict[tuple[str, str], float], listed: dict[str, float], fee: float, executor: Executor
) -> None:
    rows = rank([*HARDWARE, "x1.huge"], HARDWARE, executor, prices(spot, listed, fee))
    values = [row.usd_per_gb_hour for row in rows]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == sorted(known)
    assert {(row.instance_type, row.zone) for row in rows} >= spot.keys()
    assert {row.instance_type for row in rows} == {*HARDWARE, "x1.huge"}
    for row in rows:
        assert row.usable_mb is None or row.yarn_mb is None or row.usable_mb <= row.yarn_mb
        assert row.memory_mb is None or (row.yarn_mb or 0) < row.memory_mb
    assert json.loads(as_json(rows, executor, "r", 0.0, 25.0))["rows"][0]["rank"] == 1
    assert text(rows)


def text(rows: list[Row], width: int = WIDTH) -> str:
    console = Console(width=width, file=StringIO())
    with console.capture() as captured:
        console.print(table(rows, EIGHT, 24, width))
    return captured.get()


@pytest.mark.parametrize(("width", "left_out"), [(WIDTH, False), (80, True)])
def test_no_cell_is_cut_whatever_the_width(width: int, left_out: bool) -> None:
    hardware = {"m6idn.24xlarge": Hardware(384 * GIB, 96)}
    made = prices({("m6idn.24xlarge", "ap-southeast-1a"): 3.1234}, {"m6idn.24xlarge": 7.6378})
    shown = text(rank(["m6idn.24xlarge"], hardware, EIGHT, made), width)
    assert "…" not in shown
    assert "ap-southeast-1a" in shown
    assert ("EMR" not in shown.split("USD an hour")[0]) == left_out


def test_memory_and_processors_come_from_ec2(rig: Rig) -> None:
    assert describe(rig.ec2, ["r6i.2xlarge", "r5.nothing"]) == {"r6i.2xlarge": Hardware(64 * GIB, 8)}
    assert describe(rig.ec2, []) == {}
    assert len(describe(rig.ec2, ["r6i.*"])) > 7, "more than a page"
