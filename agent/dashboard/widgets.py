"""The parts of a dashboard's body as data, and how they are laid out on CloudWatch's grid. Pure.

Source of the structure: CloudWatch API reference, "Dashboard body structure and syntax".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.aggregate.catalogue import BY_NAME

COLUMNS = 24
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One metric of the catalogue in a graph; what is derived from it is another line's expression."""

    metric: str
    statistic: str = "Average"
    label: str = ""
    """Empty: the metric's name."""
    right: bool = False
    """Whether it is read on the right axis."""

    def __post_init__(self) -> None:
        if self.metric not in BY_NAME:
            raise ValueError(f"{self.metric!r} is no metric of the catalogue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Every metric of that name under `{ClusterId, <dimension>}`, one line each."""

    metric: str
    dimension: str
    statistic: str = "Sum"

    def __post_init__(self) -> None:
        if self.metric not in BY_NAME:
            raise ValueError(f"{self.metric!r} is no metric of the catalogue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """One metric of another namespace."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A horizontal line at a value that a setting gives."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    title: str
    lines: tuple[Line | Search | Outside, ...]
    marks: tuple[Mark, ...] = ()
    stacked: bool = False
    percent: bool = False
    """Whether the left axis goes from 0 to 100."""
    numbers: bool = False
    """The last values as numbers instead of a graph."""
    unit: str = ""
    """What the left axis is labelled with."""
    width: int = 8
    height: int = 6


@dataclass(frozen=True, slots=True)
class Text:
    markdown: str
    width: int = COLUMNS
    height: int = 2


Widget = Graph | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose metrics are shown, and where they are."""

    dimension: str
    value: str
    namespace: str
    region: str
    period_s: int
    """The graphs' own; a person may choose another in the console."""


def body(widgets: Iterable[Widget], scope: Scope) -> dict[str, Any]:
    """The dashboard, the widgets placed in rows from left to right; no two overlap."""
    return {"start": "-PT6H", "periodOverride": "inherit", "widgets": list(_placed(widgets, scope))}


def _placed(widgets: Iterable[Widget], scope: Scope) -> Iterator[dict[str, Any]]:
    x = y = tallest = 0
    for widget in widgets:
        if x + widget.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        properties = _text(widget) if isinstance(widget, Text) else _graph(widget, scope)
        yield {
            "type": "text" if isinstance(widget, Text) else "metric",
            "x": x,
            "y": y,
            "width": widget.width,
            "height": widget.height,
            "properties": properties,
        }
        x, tallest = x + widget.width, max(tallest, widget.height)


def _text(widget: Text) -> Json:
    return {"markdown": widget.markdown, "background": "transparent"}


def _graph(widget: Graph, scope: Scope) -> Json:
    properties: dict[str, Any] = {
        "title": widget.title,
        "region": scope.region,
        "view": "singleValue" if widget.numbers else "timeSeries",
        "stacked": widget.stacked,
        "period": scope.period_s,
        "metrics": [_row(number, line, scope) for number, line in enumerate(widget.lines)],
    }
    if widget.numbers:
        properties["sparkline"] = True
        return properties
    left: dict[str, Any] = {"min": 0}
    if widget.percent:
        left["max"] = 100
    if widget.unit:
        left |= {"label": widget.unit, "showUnits": False}
    properties["yAxis"] = {"left": left}
    properties["legend"] = {"position": "bottom"}
    if widget.marks:
        properties["annotations"] = {
            "horizontal": [{"label": mark.label, "value": mark.value} for mark in widget.marks]
        }
    return properties


def _row(number: int, line: Line | Search | Outside, scope: Scope) -> list[Any]:
    match line:
        case Line():
            rendering = {"stat": line.statistic, "label": line.label or line.metric}
            if line.right:
                rendering["yAxis"] = "right"
            return [scope.namespace, line.metric, scope.dimension, scope.value, rendering]
        case Search():
            terms = f'MetricName="{line.metric}" {scope.dimension}="{scope.value}"'
            # without quotes a name may have letters and digits only (CloudWatch guide, search expression syntax)
            namespace = scope.namespace if scope.namespace.isalnum() else f'"{scope.namespace}"'
            found = f"SEARCH('{{{namespace},{scope.dimension},{line.dimension}}} {terms}', '{line.statistic}')"
            return [{"expression": found, "id": f"e{number}", "label": f"${{PROP('Dim.{line.dimension}')}}"}]
        case Outside():
            names = [part for pair in line.dimensions for part in pair]
            return [line.namespace, line.name, *names, {"stat": line.statistic, "label": line.label}]
