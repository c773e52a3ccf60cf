"""Alarms as tables for people and as data for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent.alarms.alarm import Alarm, AnyAlarm, Composite
from agent.alarms.found import Found
from agent.alarms.plan import Planned, Step
from agent.alarms.requests import request
from agent.domain.datums import Unit

WIDTH = 120
"""Where no terminal says how wide it is."""
STYLES = {
    Step.CREATE: "green",
    Step.CHANGE: "yellow",
    Step.NONE: "dim",
    Step.TAKEN: "red",
    Step.LEFT_OVER: "yellow",
    "ALARM": "bold red",
    "OK": "green",
}


def planned(steps: Sequence[Planned]) -> Table:
    made = _empty()
    made.add_column("alarm", overflow="fold")
    made.add_column("step", no_wrap=True)
    made.add_column("goes off when", overflow="fold")
    for one in steps:
        about = Text("") if one.alarm is None else Text(condition(one.alarm))
        if one.step is Step.CHANGE:
            about.append(f" (differs in {', '.join(one.differs)})", "dim")
        made.add_row(Text(one.name), _styled(one.step), about)
    return made


def listed(found: Sequence[tuple[Found, AnyAlarm | None]], now: float) -> Table:
    """Each with the alarm that the settings ask for under its name, if they do."""
    made = _empty()
    made.add_column("alarm", overflow="fold")
    made.add_column("state", no_wrap=True)
    made.add_column("for", justify="right", no_wrap=True)
    made.add_column("goes off when", overflow="fold")
    for one, alarm in found:
        about = Text(Step.LEFT_OVER, "yellow") if alarm is None else Text(condition(alarm))
        lasting = "" if one.since is None else lasts(max(0.0, now - one.since))
        made.add_row(Text(one.name), _styled(one.state), lasting, about)
    return made


def condition(alarm: AnyAlarm) -> str:
    """Such as `p90 of ExecutorHeapUsedPercent > 85 %, in 3 of 5 × 1 min`."""
    if isinstance(alarm, Composite):
        return f"one of {len(alarm.of)} alarms is on"
    return f"{_value(alarm)} {alarm.comparison} {bound(alarm.bound, alarm.unit)}, {_lasting(alarm)}"


def bound(value: float, unit: Unit) -> str:
    if unit is Unit.PERCENT:
        return f"{value:g} %"
    if unit is Unit.BYTES and abs(value) >= 1e9:
        return f"{value / 1e9:g} GB"
    return f"{value:g}"


def lasts(seconds: float) -> str:
    """Such as `15 min`."""
    for length, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.3g} {word}"
    return f"{seconds:.0f} s"


def summary(steps: Iterable[Planned], dry_run: bool) -> str:
    """One line on what was done, or would be."""
    counts = Counter(one.step for one in steps)
    changed = counts[Step.CREATE] + counts[Step.CHANGE]
    if not changed:
        return f"nothing to do: {counts[Step.NONE]} alarms are as the settings ask"
    would = "would be " if dry_run else ""
    return (
        f"{counts[Step.CREATE]} {would}created, {counts[Step.CHANGE]} {would}changed, {counts[Step.NONE]} are as the "
        "settings ask"
    )


def planned_json(steps: Iterable[Planned], dry_run: bool) -> str:
    """`{"dry_run", "alarms": [{"name", "step", "differs", "request"}, …]}`; no request for one that is left over."""
    rows = [
        {
            "name": one.name,
            "step": one.step.name.lower(),
            "differs": one.differs,
            "request": None if one.alarm is None else request(one.alarm),
        }
        for one in steps
    ]
    return json.dumps({"dry_run": dry_run, "alarms": rows}, indent=2)


def listed_json(found: Sequence[tuple[Found, AnyAlarm | None]]) -> str:
    """`[{"name", "state", "since", "composite", "in_settings"}, …]`, times in Unix seconds."""
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "state": one.state,
            "since": one.since,
            "composite": one.composite,
            "in_settings": alarm is not None,
        }
        for one, alarm in found
    ]
    return json.dumps(rows, indent=2)


def _value(alarm: Alarm) -> str:
    if alarm.expression is None:
        (query,) = alarm.queries
        return f"{query.statistic} of {query.metric}"
    text = alarm.expression
    for query in alarm.queries:
        text = text.replace(query.id, query.metric)
    return text


def _lasting(alarm: Alarm) -> str:
    each = lasts(alarm.period_s)
    if alarm.breaching == alarm.evaluated:
        span = f"for {lasts(alarm.period_s * alarm.evaluated)}"
    else:
        span = f"in {alarm.breaching} of {alarm.evaluated} × {each}"
    return span + (", or without data" if alarm.missing_data == "breaching" else "")


def _styled(word: str) -> Text:
    return Text(str(word), STYLES.get(word, ""))


def _empty() -> Table:
    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
