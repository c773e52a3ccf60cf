"""The state that datapoints give an alarm: the tables of CloudWatch's user guide, row by row, and what always holds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.cloudwatch.states import EXTRA_DATAPOINTS, MissingData, State, state_of

OK, ALARM, INSUFFICIENT = State.OK, State.ALARM, State.INSUFFICIENT_DATA
KEPT = None
"""The state that the alarm has already."""
MARKS = {"0": False, "X": True, "-": None}

# datapoints, M, then the state under missing, ignore, breaching, notBreaching
THREE_OF_THREE = [
    ("0 - X - X", 3, OK, OK, OK, OK),
    ("0 - - - -", 3, OK, OK, OK, OK),
    ("- - - - -", 3, INSUFFICIENT, KEPT, ALARM, OK),
    ("0 X X - X", 3, ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", 3, ALARM, KEPT, ALARM, OK),
    ("X - - - -", 3, ALARM, KEPT, ALARM, OK),
    ("- - - - X", 3, INSUFFICIENT, KEPT, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", 2, ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", 2, ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", 2, OK, OK, ALARM, OK),
    ("- - - - 0", 2, OK, OK, ALARM, OK),
    ("- - - X -", 2, ALARM, KEPT, ALARM, OK),
    ("- - - - X", 2, INSUFFICIENT, KEPT, ALARM, OK),
]
# what the text of the guide says beside the tables
IN_WORDS = [
    ("- - - X -", 3, INSUFFICIENT, KEPT, ALARM, OK),
    ("- - - X 0", 3, OK, OK, OK, OK),
    ("- - X - 0", 3, OK, OK, OK, OK),
]
ROWS = [*THREE_OF_THREE, *TWO_OF_THREE, *IN_WORDS]
CASES = [
    pytest.param(row, to_alarm, missing, wanted, id=f"{row.replace(' ', '')}-{to_alarm}of3-{missing}")
    for row, to_alarm, *states in ROWS
    for missing, wanted in zip(MissingData, states, strict=True)
]


def points_of(row: str) -> Sequence[bool | None]:
    return [MARKS[mark] for mark in row.split()]


@pytest.mark.parametrize(("row", "to_alarm", "missing", "wanted"), CASES)
@pytest.mark.parametrize("current", State)
def test_a_row_of_the_guide(
    row: str, to_alarm: int, missing: MissingData, wanted: State | None, current: State
) -> None:
    found = state_of(points_of(row), to_alarm=to_alarm, periods=3, missing=missing, current=current)
    assert found is (current if wanted is KEPT else wanted)


def test_the_guides_range_is_the_one_that_is_used() -> None:
    assert len(points_of(ROWS[0][0])) == 3 + EXTRA_DATAPOINTS


MISSING = st.sampled_from(MissingData)
CURRENT = st.sampled_from(State)


@st.composite
def evaluations(draw: st.DrawFn) -> tuple[list[bool | None], int, int]:
    periods = draw(st.integers(1, 8))
    size = periods + EXTRA_DATAPOINTS
    points = draw(st.lists(st.sampled_from([True, False, None]), min_size=size, max_size=size))
    return points, draw(st.integers(1, periods)), periods


@given(evaluations(), MISSING, CURRENT)
def test_without_gaps_only_the_last_n_datapoints_count(
    made: tuple[list[bool | None], int, int], missing: MissingData, current: State
) -> None:
    points, to_alarm, periods = made
    full = [bool(point) for point in points]
    found = state_of(full, to_alarm=to_alarm, periods=periods, missing=missing, current=current)
    assert found is (ALARM if sum(full[-periods:]) >= to_alarm else OK)


@given(evaluations(), CURRENT)
def test_one_more_breaching_datapoint_never_calms_an_alarm(
    made: tuple[list[bool | None], int, int], current: State
) -> None:
    points, to_alarm, periods = made
    worse = [True if point is False else point for point in points]
    for missing in (MissingData.BREACHING, MissingData.NOT_BREACHING):
        before = state_of(points, to_alarm=to_alarm, periods=periods, missing=missing, current=current)
        after = state_of(worse, to_alarm=to_alarm, periods=periods, missing=missing, current=current)
        assert not (before is ALARM and after is OK)


@given(evaluations(), CURRENT)
def test_breaching_alarms_whenever_not_breaching_does(made: tuple[list[bool | None], int, int], current: State) -> None:
    points, to_alarm, periods = made
    lenient = state_of(points, to_alarm=to_alarm, periods=periods, missing=MissingData.NOT_BREACHING, current=current)
    strict = state_of(points, to_alarm=to_alarm, periods=periods, missing=MissingData.BREACHING, current=current)
    assert lenient is OK or strict is ALARM


@given(evaluations(), MISSING, CURRENT)
def test_insufficient_data_comes_only_of_missing_data(
    made: tuple[list[bool | None], int, int], missing: MissingData, current: State
) -> None:
    points, to_alarm, periods = made
    found = state_of(points, to_alarm=to_alarm, periods=periods, missing=missing, current=current)
    if found is INSUFFICIENT:
        assert len([point for point in points if point is not None]) < periods
        assert False not in points
        assert missing is MissingData.MISSING or (missing is MissingData.IGNORE and current is INSUFFICIENT)


@given(evaluations(), MISSING, CURRENT)
def test_a_datapoint_within_bounds_and_nothing_else_is_no_alarm_unless_missing_breaches(
    made: tuple[list[bool | None], int, int], missing: MissingData, current: State
) -> None:
    points, to_alarm, periods = made
    calm: list[bool | None] = [None if point else point for point in points]
    calm[-1] = False
    found = state_of(calm, to_alarm=to_alarm, periods=periods, missing=missing, current=current)
    assert found is OK or missing is MissingData.BREACHING
