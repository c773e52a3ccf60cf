"""What a datum is refused for, before CloudWatch would."""

from __future__ import annotations

import pytest

from agent.domain.datums import Datum, Dimensions
from agent.sinks.limits import fault_of
from tests.sinks.helpers import CLUSTER, datum

NOW = 1_800_000_000.0
DAY = 86_400.0


def dims(count: int) -> Dimensions:
    return tuple((f"D{i}", "v") for i in range(count))


@pytest.mark.parametrize(
    "good",
    [
        datum(at=NOW),
        datum("a" * 255, at=NOW),
        datum(at=NOW - 13.9 * DAY),
        datum(at=NOW + 7100),
        datum(values=[float(i) for i in range(150)], at=NOW),
        datum(values=[-(2.0**360), 0.0, 2.0**-360, 2.0**360], at=NOW),
        datum(dimensions=dims(30), at=NOW),
        datum(dimensions=(("AppName", "v" * 1024),), at=NOW),
        datum(dimensions=(("AppName", ": an app"),), at=NOW),
    ],
)
def test_a_datum_at_the_limit_passes(good: Datum) -> None:
    assert fault_of(good, NOW) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (datum("", at=NOW), "name"),
        (datum("a" * 256, at=NOW), "name"),
        (datum("Speicherfüllung", at=NOW), "name"),
        (datum(dimensions=dims(31), at=NOW), "dimensions"),
        (datum(dimensions=CLUSTER + CLUSTER, at=NOW), "dimension_twice"),
        (datum(dimensions=((":a", "v"),), at=NOW), "dimension_name"),
        (datum(dimensions=(("AppName", ""),), at=NOW), "dimension_value"),
        (datum(dimensions=(("AppName", "  "),), at=NOW), "dimension_value"),
        (datum(dimensions=(("AppName", "a\nb"),), at=NOW), "dimension_value"),
        (datum(dimensions=(("AppName", "v" * 1025),), at=NOW), "dimension_value"),
        (datum(at=NOW - 14 * DAY), "past"),
        (datum(at=NOW + 7200), "future"),
        (datum(at=float("nan")), "timestamp"),
        (datum(values=[float(i) for i in range(151)], at=NOW), "values"),
        (datum(values=[2.0**361], at=NOW), "range"),
        (datum(values=[5e-324], at=NOW), "range"),
    ],
)
def test_a_datum_past_a_limit_is_refused_with_its_reason(bad: Datum, reason: str) -> None:
    assert fault_of(bad, NOW) == reason
