"""A recorded spot market, and what is none."""

from __future__ import annotations

import pytest

from agent.simulate import spot

HEAD = "time_s,available_units\n"


def test_times_and_units_are_read_in_whatever_order_the_columns_stand() -> None:
    assert spot.read((HEAD + "0,16\n300.5,0\n").splitlines()) == ((0.0, 16), (300.5, 0))
    assert spot.read(["zone,available_units,time_s", "a,3,60"]) == ((60.0, 3),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1 names nothing; the columns are time_s,available_units"),
        ("at,units\n0,1\n", "line 1 names at, units; the columns are"),
        (HEAD, "no line but the first"),
        (HEAD + "0,5\nx,5\n", "line 3: time_s 'x' is no number"),
        (HEAD + "0\n", "line 2: available_units '' is no number"),
        (HEAD + "0,nan\n", "line 2: available_units 'nan' is no number"),
        (HEAD + "0,2.5\n", "line 2: 0,2.5 is not a time from 0 on and a whole number"),
        (HEAD + "0,-1\n", "line 2: 0,-1 is not"),
        (HEAD + "300,5\n300,6\n", "line 3: 300 s is not after the 300 s of the line before"),
    ],
)
def test_what_is_no_series_says_where_and_why(text: str, why: str) -> None:
    with pytest.raises(spot.NotSpotSeries, match=why):
        spot.read(text.splitlines())
