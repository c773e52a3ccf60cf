"""Metric math: the examples of CloudWatch's user guide, what is refused, and what always holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core.exceptions import ServiceException

from agent.sandbox.cloudwatch.expressions import parse
from agent.sandbox.cloudwatch.functions import FUNCTIONS, ExpressionError, Scope, Value
from agent.sandbox.cloudwatch.queries import plan_of

PERIOD = 60.0
GAP = None
M1 = [30.0, 20.0, 0.0, 0.0]
M2 = [20.0, GAP, 20.0, GAP]


def series(*values: float | None) -> Mapping[float, float]:
    return {number * PERIOD: value for number, value in enumerate(values) if value is not None}


def value(text: str, **metrics: Mapping[float, float]) -> Value:
    size = max((int(at / PERIOD) + 1 for one in metrics.values() for at in one), default=0)
    times = [number * PERIOD for number in range(size)]
    return parse(text).value(Scope(times, PERIOD, metrics, {}))


def shown(text: str, **metrics: Mapping[float, float]) -> Any:
    """A time series as a list with None for what is missing."""
    found = value(text, **metrics)
    if not isinstance(found, Mapping):
        return found
    return [found.get(number * PERIOD) for number in range(int(max(found, default=-PERIOD) / PERIOD) + 1)]


GUIDE = {
    # comparison and logical operators
    "m1 < m2": [0, 0, 1, 0],
    "m1 >= 30": [1, 0, 0, 0],
    "m1 > 15 AND m2 > 15": [1, 0, 0, 0],
    "m1 > 15 && m2 > 15": [1, 0, 0, 0],
    "m1 > 15 OR m2 > 15": [1, 1, 1, 0],
    "m1 > 15 || m2 > 15": [1, 1, 1, 0],
    "m1 != 0 AND m1 <= 20": [0, 1, 0, 0],
    "m1 == 0": [0, 0, 1, 1],
    # arithmetic: what is missing is 0, a division by zero leaves no datapoint
    "m1 + m2": [50, 20, 20, 0],
    "m1 - m2": [10, 20, -20, 0],
    "m2 / m1": [20 / 30, 0],
    "5 * m1 ^ 2 - 1": [4499, 1999, -1, -1],
    "-m1": [-30, -20, 0, 0],
    "+m1 * (1 + 1)": [60, 40, 0, 0],
    "100 / m1": [100 / 30, 5],
    "m1 / PERIOD(m1)": [0.5, 20 / 60, 0, 0],
    # of one time series a number, of an array a time series
    "m1 - MAX(m1)": [0, -10, -30, -30],
    "m1 - MIN(m2)": [10, 0, -20, -20],
    "m2 * SUM(m1)": [1000, None, 1000],
    "m1 + AVG(m1)": [42.5, 32.5, 12.5, 12.5],
    "m1 * DATAPOINT_COUNT(m2)": [60, 40, 0, 0],
    "SUM([m1, m2])": [50, 20, 20, 0],
    "AVG([m1, m2])": [25, 10, 10, 0],
    "MAX([m1, m2])": [30, 20, 20, 0],
    "MIN(METRICS())": [20, 20, 0, 0],
    "SUM(METRICS('2'))": [20, None, 20],
    "SUM(100 / [m1, m2])": [100 / 30 + 5, 5, 5],
    'SUM([METRICS("1"), METRICS("2")])': [50, 20, 20, 0],
    "m1 / METRIC_COUNT(METRICS())": [15, 10, 0, 0],
    "STDDEV([m1, m2])": [5, 0, 10, 0],
    # FILL
    "FILL(m2, 7)": [20, 7, 20, 7],
    "FILL(m2, m1)": [20, 20, 20, 0],
    "FILL(m2, REPEAT)": [20, 20, 20, 20],
    "FILL(IF(m1 != 0, m1), REPEAT)": [30, 20, 20, 20],
    "FILL(m2, LINEAR)": [20, 20, 20],
    "FILL(IF(m1 != 20, m1), LINEAR)": [30, 15, 0, 0],
    "FILL(m2, MIN(m1))": [20, 0, 20, 0],
    "SUM(FILL(METRICS(), 1))": [50, 21, 20, 1],
    # one by one
    "ABS(m1 - 25)": [5, 5, 25, 25],
    "CEIL(m1 / 7)": [5, 3, 0, 0],
    "FLOOR(m1 / 7)": [4, 2, 0, 0],
    "DIFF(m1)": [None, -10, -20, 0],
    "RATE(m1)": [None, -10 / 60, -20 / 60, 0],
    "RUNNING_SUM(m1)": [30, 50, 50, 50],
    "LOG10(m1 * 0 + 100)": [2, 2, 2, 2],
    "LOG(m1 * 0 + 1)": [0, 0, 0, 0],
    "EPOCH(m1)": [0, 60, 120, 180],
    "TIME_SERIES(3)": [3, 3, 3, 3],
    "FIRST(METRICS())": [30, 20, 0, 0],
    "LAST(METRICS())": [20, None, 20],
    "SUM(REMOVE_EMPTY([m1, IF(m1 > 99, m1)]))": [30, 20, 0, 0],
    # lines and blanks
    "IF(m1 > 15,\n   m2,\n   5)": [20, 0, 5, 5],
}


@pytest.mark.parametrize(("text", "wanted"), GUIDE.items(), ids=GUIDE)
def test_an_expression_has_this_value(text: str, wanted: list[float | None]) -> None:
    assert shown(text, m1=series(*M1), m2=series(*M2)) == pytest.approx(wanted)


CONDITION = series(1, 1, 0, 0, GAP)
THEN = series(30, GAP, 0, 0, 30)
OTHER = series(0, 0, 20, GAP, 20)
IFS = {
    "IF(c, t, o)": [30, 0, 20],
    "IF(c, 5, o)": [5, 5, 20],
    "IF(c, t, 5)": [30, 0, 5, 5],
    "IF(c, 5, 6)": [5, 5, 6, 6],
    "IF(c, t)": [30, 0],
    "IF(c, 5)": [5, 5],
    "IF(1, t, o)": [30, None, 0, 0, 30],
    "IF(0, t, o)": [0, 0, 20, None, 20],
    "IF(0, t)": [],
    "IF(c > 0, t, 100)": [30, 0, 100, 100],
}


@pytest.mark.parametrize(("text", "wanted"), IFS.items(), ids=IFS)
def test_a_choice_as_the_guide_has_it(text: str, wanted: list[float | None]) -> None:
    assert shown(text, c=CONDITION, t=THEN, o=OTHER) == wanted


REFUSED = {
    "nothing": "",
    "half an operation": "m1 +",
    "a bracket too few": "SUM([m1)",
    "an unknown function": "MEDIAN(m1)",
    "a function in small letters": "sum([m1])",
    "a search": "SEARCH('{A} b', 'Sum')",
    "a chain": "1 < m1 < 2",
    "an attribute": "m1.real",
    "an index": "[m1][0]",
    "a lambda": "(lambda: 1)()",
    "a truth": "True",
    "nothing at all": "None",
    "a comprehension": "[m for m in m1]",
    "a condition of Python": "m1 if m1 else m2",
    "an assignment": "(x := 1)",
    "a name of Python": "__import__('os')",
    "a named argument": "FILL(m1, value=1)",
    "many arguments": "FILL(*m1)",
    "bytes": "b'1'",
    "a complex number": "1j",
    "integer division": "m1 // 2",
    "a remainder": "m1 % 2",
    "a not": "not m1",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_not_metric_math_is_refused_when_it_is_parsed(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


MISUSED = [
    "SUM(5)", "SUM(m1, m2)", "IF(m1)", "IF([m1], 1, 2)", "FILL(m1)", "FILL(m1, [m2])", "FILL(5, 1)", "METRICS(1)",
    "FIRST(m1)", "METRIC_COUNT(m1)", "PERIOD(m1 + 1)", "TIME_SERIES(m1)", "EPOCH(1)", "REMOVE_EMPTY(m1)", "ABS('x')",
    "[m1] + [m2]", "m1 + 'x'", "[1, m1]", "nobody + 1",
]  # fmt: skip


@pytest.mark.parametrize("text", MISUSED)
def test_what_a_function_does_not_take_is_refused_when_it_is_evaluated(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text, m1=series(1), m2=series(1))


@pytest.mark.parametrize("text", ["AVG(m1) / m1", "m1 / 0", "LOG(m1)", "m1 ^ 400 * m1 ^ 400", "(0 - m1) ^ 0.5"])
def test_what_is_no_number_leaves_no_datapoint(text: str) -> None:
    found = value(text, m1=series(0, -5, 1e300))
    assert isinstance(found, Mapping)
    assert all(math.isfinite(one) for one in found.values())


TEXTS = st.lists(
    st.sampled_from(
        [
            *FUNCTIONS,
            "m1",
            "m2",
            "1",
            "0.5",
            "(",
            ")",
            "[",
            "]",
            ",",
            "+",
            "-",
            "*",
            "/",
            "^",
            ">",
            "AND",
            "OR",
            "REPEAT",
            '"m"',
        ]
    ),
    max_size=12,
).map(" ".join)
METRICS = st.dictionaries(st.integers(0, 5).map(lambda n: n * PERIOD), st.floats(-1e6, 1e6), max_size=6)


@given(TEXTS | st.text(max_size=30), METRICS, METRICS)
def test_any_text_is_a_value_or_an_expression_error(
    text: str, one: Mapping[float, float], two: Mapping[float, float]
) -> None:
    try:
        found = value(text, m1=one, m2=two)
    except ExpressionError:
        return
    for part in found if isinstance(found, list) else [found]:
        assert not isinstance(part, Mapping) or all(math.isfinite(each) for each in part.values())


@given(METRICS, METRICS)
def test_arithmetic_has_a_datapoint_wherever_either_side_has_one(
    one: Mapping[float, float], two: Mapping[float, float]
) -> None:
    found = value("m1 + m2", m1=one, m2=two)
    assert isinstance(found, Mapping)
    assert set(found) == set(one) | set(two)
    assert value("m2 + m1", m1=one, m2=two) == found
    assert value("SUM([m1, m2])", m1=one, m2=two) == pytest.approx(found)


@given(METRICS)
def test_a_filled_series_has_no_gaps(one: Mapping[float, float]) -> None:
    found = value("FILL(m1, 0)", m1=one)
    assert isinstance(found, Mapping)
    assert sorted(found) == [number * PERIOD for number in range(len(found))]


def metric(name: str, **more: Any) -> Mapping[str, Any]:
    stat = {"Metric": {"Namespace": "N", "MetricName": name}, "Period": 60, "Stat": "Average"}
    return {"Id": name, "MetricStat": stat, **more}


def expression(name: str, text: str, **more: Any) -> Mapping[str, Any]:
    return {"Id": name, "Expression": text, **more}


BAD_PLANS = {
    "an id with a capital": [metric("M1")],
    "an id twice": [metric("m1"), metric("m1")],
    "neither": [{"Id": "m1"}],
    "both": [{**metric("m1"), "Expression": "1"}],
    "an id that is nowhere": [metric("m1"), expression("e1", "m2 * 2")],
    "a circle": [metric("m1"), expression("e1", "e2 + m1"), expression("e2", "e1 + m1")],
    "itself": [expression("e1", "e1 + 1")],
    "a number": [metric("m1"), expression("e1", "MAX(m1)")],
    "an unknown function": [metric("m1"), expression("e1", "MEDIAN(m1)")],
    "a misused function": [metric("m1"), expression("e1", "FIRST(m1)")],
    "an unknown statistic": [{**metric("m1"), "MetricStat": {**metric("m1")["MetricStat"], "Stat": "mean"}}],
    "a statistic that is not here": [{**metric("m1"), "MetricStat": {**metric("m1")["MetricStat"], "Stat": "tm90"}}],
}


@pytest.mark.parametrize("queries", BAD_PLANS.values(), ids=BAD_PLANS)
def test_queries_that_cannot_be_answered_are_refused(queries: list[Mapping[str, Any]]) -> None:
    with pytest.raises(ServiceException, match="ValidationError"):
        plan_of(queries)


def test_expressions_come_after_those_that_they_speak_of() -> None:
    plan = plan_of(
        [expression("c", "b + 1"), expression("b", "a * 2", ReturnData=False), metric("a", ReturnData=False)]
    )
    assert list(plan.expressions) == ["b", "c"]
    assert plan.returned == ("c",)
