"""What a dashboard's body may have in it, as models. Pure.

Source: "Dashboard body structure and syntax" in CloudWatch's user guide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from agent.sandbox.cloudwatch.expressions import parse
from agent.sandbox.cloudwatch.functions import ExpressionError
from agent.sandbox.cloudwatch.statistics import STATISTICS, percentile_of

MAX_METRICS = 2500
"""Of all widgets together."""
_TRIMMED = re.compile(r"(?:tm|wm|tc|ts|TM|WM|TC|TS|PR|pr)[\d(].*|IQM")
_SEARCH = re.compile(
    r"\b(?:SEARCH|ANOMALY_DETECTION_BAND|INSIGHT_RULE_METRIC|SERVICE_QUOTA|SORT|SLICE)\s*\(|^\s*SELECT\b"
)
"""Expressions that a graph may have and metric math here does not know: they are let through unread."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


def _statistic(name: str) -> str:
    if name not in STATISTICS and percentile_of(name) is None and not _TRIMMED.fullmatch(name):
        raise ValueError(f"{name} is no statistic")
    return name


def _period(seconds: int) -> int:
    if seconds not in (1, 5, 10, 20, 30) and (seconds <= 0 or seconds % 60):
        raise ValueError("a period is 1, 5, 10, 20, 30 or a multiple of 60 seconds")
    return seconds


def _expression(text: str) -> str:
    if not _SEARCH.search(text):
        try:
            parse(text)
        except ExpressionError as error:
            raise ValueError(str(error)) from error
    return text


Statistic = Annotated[str, AfterValidator(_statistic)]
Period = Annotated[int, AfterValidator(_period)]
Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
Side = Literal["left", "right"]


class Rendering(_Part):
    """What may follow a metric in its row; alone in a row it is an expression."""

    account_id: str | None = None
    color: Color | None = None
    expression: Annotated[str, AfterValidator(_expression)] | None = None
    id: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]*$")] | None = None
    label: str | None = None
    period: Period | None = None
    region: str | None = None
    stat: Statistic | None = None
    visible: bool | None = None
    y_axis: Side | None = None


def _row(row: list[Any]) -> list[Any]:
    *names, last = row or [""]
    rendering = Rendering.model_validate(last) if isinstance(last, dict) else None
    if rendering is None:
        names.append(last)
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("a metric is given by texts: namespace, name, and dimensions with their values")
    if rendering is not None and rendering.expression is not None:
        if names:
            raise ValueError("an expression stands alone in its row")
    elif "..." not in names and (len(names) < 2 or len(names) % 2):
        raise ValueError("a metric is namespace, name, and dimensions with their values")
    return row


class Label(_Part):
    label: str | None = None
    color: Color | None = None
    visible: bool | None = None


class Horizontal(Label):
    value: float
    fill: Literal["above", "below"] | None = None
    y_axis: Side | None = None


class Vertical(Label):
    value: str
    fill: Literal["before", "after"] | None = None


class Annotations(_Part):
    horizontal: list[Horizontal | list[Horizontal]] | None = None
    vertical: list[Vertical | list[Vertical]] | None = None
    alarms: Annotated[list[str], Field(max_length=1)] | None = None


class Axis(_Part):
    label: str | None = None
    min: float | None = None
    max: float | None = None
    show_units: bool | None = None


class Axes(_Part):
    left: Axis | None = None
    right: Axis | None = None


class Legend(_Part):
    position: Literal["right", "bottom", "hidden"]


class MetricProperties(_Part):
    region: str
    metrics: Annotated[list[Annotated[list[Any], AfterValidator(_row)]], Field(max_length=500)] | None = None
    annotations: Annotations | None = None
    account_id: str | None = None
    end: str | None = None
    labels: Any = None
    legend: Legend | None = None
    live_data: bool | None = None
    period: Period | None = None
    set_period_to_time_range: bool | None = None
    single_value_full_precision: bool | None = None
    sparkline: bool | None = None
    stacked: bool | None = None
    start: str | None = None
    stat: Statistic | None = None
    table: Any = None
    timezone: str | None = None
    title: str | None = None
    trend: bool | None = None
    view: Literal["timeSeries", "singleValue", "gauge", "bar", "pie", "table"] | None = None
    y_axis: Axes | None = None

    @model_validator(mode="after")
    def _something_is_shown(self) -> MetricProperties:
        if not self.metrics and not (self.annotations and self.annotations.alarms):
            raise ValueError("metrics are required, or an alarm in the annotations")
        axis = self.y_axis.left if self.y_axis else None
        if self.view == "gauge" and (axis is None or axis.min is None or axis.max is None):
            raise ValueError("a gauge needs min and max of the left yAxis")
        return self


class TextProperties(_Part):
    markdown: str
    background: Literal["solid", "transparent"] | None = None


class LogProperties(_Part):
    query: str
    region: str
    account_id: str | None = None
    query_language: str | None = None
    stacked: bool | None = None
    title: str | None = None
    view: Literal["table", "timeSeries", "bar", "pie"] | None = None


class AlarmProperties(_Part):
    alarms: Annotated[list[str], Field(min_length=1, max_length=100)]
    sort_by: Literal["default", "stateUpdatedTimestamp", "timestamp"] | None = None
    states: list[Literal["ALARM", "INSUFFICIENT_DATA", "OK"]] | None = None
    title: str | None = None


class _Placed(_Part):
    x: Annotated[int, Field(ge=0, le=23)] | None = None
    y: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1, le=24)] = 6
    height: Annotated[int, Field(ge=1, le=1000)] = 6

    @model_validator(mode="after")
    def _on_the_grid(self) -> _Placed:
        if (self.x is None) != (self.y is None):
            raise ValueError("x and y are given together or not at all")
        return self


class MetricWidget(_Placed):
    type: Literal["metric"]
    properties: MetricProperties


class TextWidget(_Placed):
    type: Literal["text"]
    properties: TextProperties


class LogWidget(_Placed):
    type: Literal["log"]
    properties: LogProperties


class AlarmWidget(_Placed):
    type: Literal["alarm"]
    properties: AlarmProperties


class OtherWidget(_Placed):
    """Its properties are not looked into."""

    type: Literal["chart", "custom", "explorer"]
    properties: dict[str, Any]


Widget = Annotated[MetricWidget | TextWidget | LogWidget | AlarmWidget | OtherWidget, Field(discriminator="type")]


class Body(_Part):
    widgets: Annotated[list[Widget], Field(max_length=500)]
    start: str | None = None
    end: str | None = None
    period_override: Literal["auto", "inherit"] | None = None
    variables: list[Any] | None = None

    @model_validator(mode="after")
    def _not_too_many_metrics(self) -> Body:
        found = sum(len(one.properties.metrics or ()) for one in self.widgets if isinstance(one, MetricWidget))
        if found > MAX_METRICS:
            raise ValueError(f"a dashboard has at most {MAX_METRICS} metrics, this one {found}")
        return self


@dataclass(frozen=True, slots=True)
class Finding:
    path: str
    """Such as `/widgets/0/properties/region`."""
    text: str
    fatal: bool
    """A property that is not known is passed over; anything else makes the body invalid."""


def findings(body: str) -> Sequence[Finding]:
    """What is wrong with the body, all of it."""
    try:
        Body.model_validate_json(body)
    except ValidationError as error:
        return [_finding(one) for one in error.errors(include_url=False)]
    return []


_TAGS = frozenset({"metric", "text", "log", "alarm", "chart", "custom", "explorer"})


def _finding(error: Any) -> Finding:
    where = [str(part) for number, part in enumerate(error["loc"]) if not (number == 2 and part in _TAGS)]
    return Finding("/" + "/".join(where), str(error["msg"]), error["type"] != "extra_forbidden")
