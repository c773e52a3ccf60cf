"""An alarm, the datapoints that are there and a time: the state that follows, and why. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.sandbox.cloudwatch.definitions import COMPARISONS, HIGH_RESOLUTION_PERIODS, MetricAlarm
from agent.sandbox.cloudwatch.functions import ExpressionError, Series, Value
from agent.sandbox.cloudwatch.metrics import MetricStore
from agent.sandbox.cloudwatch.states import EXTRA_DATAPOINTS, MissingData, State, state_of
from agent.sandbox.cloudwatch.statistics import percentile_of, sample_count

SAMPLES_TO_BE_SURE = 10.0


@dataclass(frozen=True, slots=True)
class Judgement:
    state: State
    reason: str
    data: str
    """`StateReasonData`, JSON."""


def interval_of(alarm: MetricAlarm) -> int:
    """Seconds between two evaluations: CloudWatch slides its windows by a minute, those of short periods by 10 s."""
    return 10 if alarm.period in HIGH_RESOLUTION_PERIODS else 60


def judge(alarm: MetricAlarm, store: MetricStore, at: float, current: State, speed: float = 1.0) -> Judgement:
    """At `at`, over the periods that end there. `speed` makes the alarm's periods that many times shorter."""
    period = alarm.period / speed
    begins = [at - period * back for back in range(alarm.periods + EXTRA_DATAPOINTS, 0, -1)]
    try:
        series = _one(alarm.plan.values(store, begins, period)[alarm.watched])
    except ExpressionError as error:
        return Judgement(State.INSUFFICIENT_DATA, f"Evaluation error: {error}", "{}")
    if _too_few_samples(alarm, store, begins, period):
        return Judgement(current, "Too few samples for the percentile: the state is kept.", "{}")
    points = [alarm.breaching(series[begin]) if begin in series else None for begin in begins]
    state = state_of(points, to_alarm=alarm.to_alarm, periods=alarm.periods, missing=alarm.missing, current=current)
    there = [begin for begin in begins if begin in series][-alarm.periods :]
    return Judgement(state, _reason(alarm, state, series, there), _data(alarm, series, there, at))


def _one(value: Value) -> Series:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    raise ExpressionError("an alarm watches one time series")


def _too_few_samples(alarm: MetricAlarm, store: MetricStore, begins: Sequence[float], period: float) -> bool:
    share = percentile_of(alarm.statistic or "")
    if share is None or not alarm.few_samples_ignored:
        return False
    rest = min(share, 100 - share) / 100
    source = alarm.plan.metrics[alarm.watched]
    seen = sample_count(store.samples(source, begins[-alarm.periods], begins[-1] + period))
    return seen < (SAMPLES_TO_BE_SURE / rest if rest else math.inf)


def _reason(alarm: MetricAlarm, state: State, series: Series, there: Sequence[float]) -> str:
    filled = alarm.periods - len(there)
    if state is State.INSUFFICIENT_DATA or (not there and alarm.missing in (MissingData.MISSING, MissingData.IGNORE)):
        return f"Insufficient Data: {_many(filled, 'datapoint')} {_were(filled)} unknown."
    treated = _treated(alarm, filled)
    if not there:
        return f"Threshold Crossed: no datapoints were received for {_many(alarm.periods, 'period')}{treated}."
    alarming = state is State.ALARM
    shown = [begin for begin in there if alarm.breaching(series[begin]) == alarming]
    wording = COMPARISONS[alarm.comparison][1]
    listed = ", ".join(f"{series[begin]} ({_short(begin)})" for begin in reversed(shown))
    needed = alarm.to_alarm if alarming else alarm.periods - alarm.to_alarm + 1
    change = "OK -> ALARM" if alarming else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(shown)} out of the last {_many(len(there), 'datapoint')} [{listed}] "
        f"{_were(len(shown))} {'' if alarming else 'not '}{wording} the threshold ({alarm.threshold}){treated} "
        f"(minimum {_many(needed, 'datapoint')} for {change} transition)."
    )


def _treated(alarm: MetricAlarm, filled: int) -> str:
    words = {MissingData.BREACHING: "Breaching", MissingData.NOT_BREACHING: "NonBreaching"}
    if filled <= 0 or alarm.missing not in words:
        return ""
    return f" and {_many(filled, 'missing datapoint')} {_were(filled)} treated as [{words[alarm.missing]}]"


def _data(alarm: MetricAlarm, series: Series, there: Sequence[float], at: float) -> str:
    data = {
        "version": "1.0",
        "queryDate": stamp(at),
        "startDate": stamp(there[0]) if there else None,
        "statistic": alarm.statistic,
        "period": alarm.period,
        "recentDatapoints": [series[begin] for begin in there],
        "threshold": alarm.threshold,
        "evaluatedDatapoints": [{"timestamp": stamp(begin), "value": series[begin]} for begin in reversed(there)],
    }
    return json.dumps({name: value for name, value in data.items() if value is not None})


def stamp(at: float) -> str:
    """As CloudWatch writes a time into its messages: `2026-01-01T00:00:00.000+0000`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _short(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
