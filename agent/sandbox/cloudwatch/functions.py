"""The functions of metric math that are known here. A value is a number, a time series, or an array of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Value = float | str | Mapping[float, float] | list[Mapping[float, float]]
"""A text occurs only as an argument."""
Series = Mapping[float, float]
Function = Callable[["Scope", Sequence[Value]], Value]

WORDS = frozenset({"REPEAT", "LINEAR"})
"""What FILL takes in place of a value."""


class ExpressionError(Exception):
    """The expression cannot be parsed, or gives a function what it does not take."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression is evaluated with."""

    times: Sequence[float]
    """When the periods begin, ascending: FILL and TIME_SERIES give a value for each."""
    period: float
    metrics: Mapping[str, Series]
    """By id, in the order of the request; those that METRICS() gives."""
    expressions: Mapping[str, Value]

    def named(self, name: str) -> Value:
        if name in WORDS:
            return name
        if name in self.metrics:
            return self.metrics[name]
        if name in self.expressions:
            return self.expressions[name]
        raise ExpressionError(f"{name} is not the id of a metric or expression")


def clean(series: Series) -> Series:
    """Without the datapoints that are no finite number."""
    return {at: value for at, value in series.items() if math.isfinite(value)}


def _each(change: Callable[[Series], Series]) -> Function:
    """A function of one time series, or of each in an array."""

    def apply(_: Scope, args: Sequence[Value]) -> Value:
        match args:
            case [list() as many]:
                return [clean(change(one)) for one in many]
            case [Mapping() as one]:
                return clean(change(one))
        raise ExpressionError("one time series or an array of them is wanted")

    return apply


def _pointwise(change: Callable[[float], float]) -> Function:
    return _each(lambda series: {at: change(value) for at, value in series.items()})


def _gathered(gather: Callable[[Sequence[float], int], float]) -> Function:
    """A time series gives a number, an array a time series. `gather` gets the values that are there, never none,
    and how many there could be."""

    def apply(_: Scope, args: Sequence[Value]) -> Value:
        match args:
            case [list() as many]:
                times = sorted({at for one in many for at in one})
                return clean({at: gather([one[at] for one in many if at in one], len(many)) for at in times})
            case [Mapping() as one]:
                return gather(list(one.values()), len(one)) if one else math.nan
        raise ExpressionError("one time series or an array of them is wanted")

    return apply


def _if(_: Scope, args: Sequence[Value]) -> Value:
    if len(args) not in (2, 3) or any(isinstance(arg, (str, list)) for arg in args):
        raise ExpressionError("IF takes a condition and one or two values, none of them an array")
    condition, then, *others = args
    other: Value = others[0] if others else {}
    if isinstance(condition, float):
        return then if condition else other
    assert isinstance(condition, Mapping), "checked above"
    made: dict[float, float] = {}
    for at, true in condition.items():
        chosen = then if true else other
        made[at] = chosen if isinstance(chosen, float) else _of(chosen).get(at, 0.0 if true else math.nan)
    return clean(made)


def _of(value: Value) -> Series:
    if isinstance(value, Mapping):
        return value
    raise ExpressionError("a time series is wanted")


def _fill(scope: Scope, args: Sequence[Value]) -> Value:
    match args:
        case [list() as many, filler]:
            return [_filled(scope, one, filler) for one in many]
        case [Mapping() as one, filler]:
            return _filled(scope, one, filler)
    raise ExpressionError("FILL takes a time series or an array of them, and what to fill it with")


def _filled(scope: Scope, series: Series, filler: Value) -> Series:
    match filler:
        case float():
            missing: Callable[[float], float] = lambda _: filler  # noqa: E731
        case Mapping():
            missing = lambda at: filler.get(at, math.nan)  # noqa: E731
        case "REPEAT":
            missing = lambda at: _before(series, at)  # noqa: E731
        case "LINEAR":
            missing = lambda at: _between(series, at)  # noqa: E731
        case _:
            raise ExpressionError("FILL fills with a number, a time series, REPEAT or LINEAR")
    return clean({at: series[at] if at in series else missing(at) for at in sorted({*scope.times, *series})})


def _before(series: Series, at: float) -> float:
    earlier = [time for time in series if time < at]
    return series[max(earlier)] if earlier else math.nan


def _between(series: Series, at: float) -> float:
    earlier, later = [time for time in series if time < at], [time for time in series if time > at]
    if not earlier or not later:
        return math.nan
    begin, end = max(earlier), min(later)
    return series[begin] + (series[end] - series[begin]) * (at - begin) / (end - begin)


def _metrics(scope: Scope, args: Sequence[Value]) -> Value:
    match args:
        case []:
            return list(scope.metrics.values())
        case [str() as part]:
            return [series for name, series in scope.metrics.items() if part in name]
    raise ExpressionError("METRICS takes nothing, or one text")


def _one_of(which: int) -> Function:
    def apply(_: Scope, args: Sequence[Value]) -> Value:
        match args:
            case [list() as many] if many:
                chosen: Series = many[which]
                return chosen
        raise ExpressionError("an array of time series is wanted")

    return apply


def _metric_count(_: Scope, args: Sequence[Value]) -> Value:
    match args:
        case [list() as many]:
            return float(len(many))
    raise ExpressionError("METRIC_COUNT takes an array of time series")


def _period(scope: Scope, args: Sequence[Value]) -> Value:
    match args:
        case [Mapping() as one] if any(one is metric for metric in scope.metrics.values()):
            return scope.period
    raise ExpressionError("PERIOD takes one metric")


def _time_series(scope: Scope, args: Sequence[Value]) -> Value:
    match args:
        case [float() as value]:
            return clean(dict.fromkeys(scope.times, value))
    raise ExpressionError("TIME_SERIES takes one number")


def _epoch(scope: Scope, args: Sequence[Value]) -> Value:
    match args:
        case [Mapping()]:
            return {at: at for at in scope.times}
    raise ExpressionError("EPOCH takes one time series")


def _diff(series: Series) -> Series:
    return {after: series[after] - series[before] for before, after in pairwise(sorted(series))}


def _rate(series: Series) -> Series:
    return {after: (series[after] - series[before]) / (after - before) for before, after in pairwise(sorted(series))}


def _running_sum(series: Series) -> Series:
    times = sorted(series)
    return dict(zip(times, accumulate(series[at] for at in times), strict=True))


def _remove_empty(_: Scope, args: Sequence[Value]) -> Value:
    match args:
        case [list() as many]:
            return [one for one in many if one]
    raise ExpressionError("REMOVE_EMPTY takes an array of time series")


def _logarithm(base: Callable[[float], float]) -> Function:
    return _pointwise(lambda value: base(value) if value > 0 else math.nan)


FUNCTIONS: Mapping[str, Function] = {
    "ABS": _pointwise(abs),
    "AVG": _gathered(lambda values, possible: math.fsum(values) / possible),
    "CEIL": _pointwise(lambda value: float(math.ceil(value))),
    "DATAPOINT_COUNT": _gathered(lambda values, _: float(len(values))),
    "DIFF": _each(_diff),
    "EPOCH": _epoch,
    "FILL": _fill,
    "FIRST": _one_of(0),
    "FLOOR": _pointwise(lambda value: float(math.floor(value))),
    "IF": _if,
    "LAST": _one_of(-1),
    "LOG": _logarithm(math.log),
    "LOG10": _logarithm(math.log10),
    "MAX": _gathered(lambda values, _: max(values)),
    "METRICS": _metrics,
    "METRIC_COUNT": _metric_count,
    "MIN": _gathered(lambda values, _: min(values)),
    "PERIOD": _period,
    "RATE": _each(_rate),
    "REMOVE_EMPTY": _remove_empty,
    "RUNNING_SUM": _each(_running_sum),
    "STDDEV": _gathered(lambda values, _: statistics.pstdev(values)),
    "SUM": _gathered(lambda values, _: math.fsum(values)),
    "TIME_SERIES": _time_series,
}
