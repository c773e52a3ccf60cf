"""The demo's report: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from agent.sandbox.demo import figures
from agent.sandbox.demo.figures import Figures
from agent.sandbox.demo.stages import Passed, Stage
from agent.sandbox.demo.witness import Seen

MIB = 2**20
INK, QUIET, WARM, COOL, GREEN = "#1f2937", "#9ca3af", "#c2410c", "#1d4ed8", "#15803d"


@dataclass(frozen=True, slots=True)
class Mark:
    """A decision that was carried out."""

    at: float
    label: str
    reasons: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    began: float
    stages: Sequence[Stage]
    passed: Sequence[Passed]
    marks: Sequence[Mark]
    seen: Seen
    memory_bounds_percent: Sequence[float]
    """Of the rules that acted."""
    runs: Sequence[Figures]
    """This run's figures, the last; before it another's to compare with, if there is one."""
    differences: Sequence[tuple[str, str, str]]
    """Settings that are not the defaults: dotted path, default, the demo's."""
    calls: Sequence[tuple[str, int]]
    """AWS operations the agent called, and how often."""
    files: Sequence[str]


def write(report: Report, path: Path) -> None:
    """Write the page. Everything that it shows is inside it: it opens without a network."""
    page = jinja2.Environment(autoescape=True).from_string(_PAGE)
    plot = _figure(report).to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    path.write_text(
        page.render(
            plot=plot,
            policy=report.runs[-1].policy,
            header=figures.HEADER,
            figures=figures.rows(report.runs),
            verdict=figures.verdict(report.runs[-1], report.runs[0]) if len(report.runs) > 1 else "",
            meaning=figures.MEANING,
            stages=_stage_rows(report),
            marks=[(f"{mark.at - report.began:.0f}", mark.label, mark.reasons) for mark in report.marks],
            differences=report.differences,
            calls=report.calls,
            files=report.files,
            complete=len(report.passed) == len(report.stages),
        ),
        encoding="utf-8",
    )


def _stage_rows(report: Report) -> list[tuple[str, str, str]]:
    rows = [(f"{p.at - report.began:.0f} s", p.stage.name, p.evidence) for p in report.passed]
    return rows + [("not seen", stage.name, "") for stage in report.stages[len(report.passed) :]]


def _figure(report: Report) -> Any:
    titles = (
        "Available memory of the cluster (%)",
        "JVM heap of the fullest executor (MiB)",
        "Task fleet and executors",
    )
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07, subplot_titles=titles)
    seen = report.seen

    def line(row: int, name: str, points: Sequence[tuple[float, float]], colour: str, **style: Any) -> None:
        shape = style.pop("shape", "linear")
        figure.add_trace(
            go.Scatter(
                x=[at - report.began for at, _ in points],
                y=[value for _, value in points],
                name=name,
                mode="lines",
                line={"color": colour, "shape": shape, "width": 2, **style},
            ),
            row=row,
            col=1,
        )

    line(1, "MemoryAvailablePercent", sorted(seen.memory_available.items()), COOL, shape="hv")
    for bound in report.memory_bounds_percent:
        figure.add_hline(y=bound, line={"color": QUIET, "dash": "dot", "width": 1}, row=1, col=1)
    line(2, "JvmHeapUsed, Maximum", [(at, value / MIB) for at, value in sorted(seen.heap_used.items())], WARM)
    line(3, "target units", [(f.at, float(f.target)) for f in seen.fleet], INK, shape="hv", dash="dash")
    line(3, "provisioned units", [(f.at, float(f.provisioned)) for f in seen.fleet], GREEN, shape="hv")
    line(3, "executors", [(at, float(count)) for at, count in seen.executor_count], QUIET, shape="hv")
    for mark in report.marks:
        figure.add_vline(x=mark.at - report.began, line={"color": INK, "width": 1, "dash": "dot"})
    figure.add_trace(
        go.Scatter(
            x=[mark.at - report.began for mark in report.marks],
            y=[100.0 for _ in report.marks],
            mode="markers+text",
            name="decisions",
            text=[mark.label for mark in report.marks],
            textposition="bottom left",
            hovertext=[mark.reasons for mark in report.marks],
            hoverinfo="text",
            marker={"color": INK, "size": 8, "symbol": "triangle-down"},
        ),
        row=1,
        col=1,
    )
    figure.update_xaxes(title_text="seconds since the demo began", row=3, col=1)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(range=[0, 108], row=1, col=1)
    figure.update_layout(
        template="plotly_white", height=760, margin={"l": 50, "r": 20, "t": 40, "b": 50}, legend={"orientation": "h"}
    )
    return figure


_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark demo</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
  th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #e5e7eb; vertical-align: top; }
  th { font-weight: 600; } td:first-child { white-space: nowrap; } code { font-size: .9em; }
  .note { color: #6b7280; font-size: .9em; }
</style>
<h1>Tidemark demo</h1>
<p>Policy <code>{{ policy }}</code>.
{{ "Every stage was observed." if complete else "The demo did not get through all stages." }}
A stage counts only as seen from outside the agent: read back from CloudWatch, EMR or Spark.</p>
<h2>Figures</h2>
{% if verdict %}<p><strong>{{ verdict }}</strong></p>{% endif %}
<table><tr>{% for name in header %}<th>{{ name }}{% endfor %}</tr>
{% for row in figures %}<tr>{% for cell in row %}<td>{{ cell }}{% endfor %}</tr>{% endfor %}</table>
<p class="note">{{ meaning }}</p>
<h2>Stages</h2>
<table><tr><th>at<th>stage<th>what was seen</tr>
{% for at, name, evidence in stages %}<tr><td>{{ at }}<td>{{ name }}<td>{{ evidence }}</tr>{% endfor %}</table>
{{ plot | safe }}
<h2>Decisions that were carried out</h2>
<table><tr><th>at (s)<th>decision<th>because</tr>
{% for at, label, reasons in marks %}<tr><td>{{ at }}<td>{{ label }}<td>{{ reasons }}</tr>{% endfor %}</table>
<h2>Where the demo's settings differ from the defaults</h2>
<table><tr><th>setting<th>default<th>demo</tr>
{% for path, default, demo in differences %}
<tr><td><code>{{ path }}</code><td>{{ default }}<td>{{ demo }}</tr>{% endfor %}</table>
<h2>AWS calls of the agent</h2>
<table><tr><th>operation<th>calls</tr>
{% for name, count in calls %}<tr><td>{{ name }}<td>{{ count }}</tr>{% endfor %}</table>
<h2>Files beside this page</h2>
<p>{% for file in files %}<a href="{{ file }}">{{ file }}</a> {% endfor %}</p>
</html>
"""
