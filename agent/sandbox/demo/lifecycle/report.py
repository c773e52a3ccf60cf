"""The report of the three clusters' lives: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go

from agent.sandbox.demo.lifecycle.plan import CLUSTERS, GUARDED, LANDING, TIMED
from agent.sandbox.demo.lifecycle.stages import Passed, Stage
from agent.sandbox.demo.lifecycle.witness import ENDED, Changes, Seen

INK, QUIET = "#1f2937", "#9ca3af"
COLOURS = {
    "STARTING": "#dbeafe",
    "BOOTSTRAPPING": "#93c5fd",
    "RUNNING": "#15803d",
    "WAITING": "#86efac",
    "ZERO_CORE": "#c2410c",
    "ZERO_MASTER": "#7c2d12",
    "TERMINATING": "#d1d5db",
}
"""Of the states; what has ended is not drawn."""
STORIES = {LANDING: "for an owner", TIMED: "with a deadline", GUARDED: "that lost its core"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    began: float
    stages: Sequence[Stage]
    passed: Sequence[Passed]
    seen: Seen
    without: str | None
    """What was taken away, in words."""
    saved: str | None
    differences: Sequence[tuple[str, str, str]]
    calls: Sequence[tuple[str, int]]
    counts: Sequence[tuple[str, int]]
    """What the function counted."""
    files: Sequence[str]


@dataclass(frozen=True, slots=True)
class Event:
    at: float
    profile: str
    text: str


def write(report: Report, path: Path) -> None:
    """Write the page. Everything that it shows is inside it: it opens without a network."""
    page = jinja2.Environment(autoescape=True).from_string(_PAGE)
    plot = _figure(report).to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    path.write_text(
        page.render(
            plot=plot,
            stages=_stage_rows(report),
            lives=list(_life_rows(report)),
            complete=len(report.passed) == len(report.stages),
            without=report.without,
            saved=report.saved,
            differences=report.differences,
            calls=report.calls,
            counts=report.counts,
            files=report.files,
        ),
        encoding="utf-8",
    )


def events_of(seen: Seen) -> Iterator[Event]:
    """What happened to the clusters from outside, and when EMR was asked to end them."""
    if seen.done_said_at is not None:
        yield Event(seen.done_said_at, LANDING, "owner done")
    if seen.lost_at is not None:
        yield Event(seen.lost_at, GUARDED, "core lost")
    if (deadline := seen.life(TIMED).row.get("terminate_at")) is not None:
        yield Event(float(deadline), TIMED, "deadline")
    for profile in CLUSTERS:
        if (ended := seen.ended_by(profile)) is not None:
            yield Event(ended.at, profile, "TerminateJobFlows")


def _stage_rows(report: Report) -> list[tuple[str, str, str]]:
    passed = {one.stage.name: (f"{one.at - report.began:.0f} s", one.evidence) for one in report.passed}
    rows = [(stage.name, *passed.get(stage.name, ("not seen", ""))) for stage in report.stages]
    return [(at, name, evidence) for name, at, evidence in rows]


def _life_rows(report: Report) -> Iterator[tuple[str, ...]]:
    for profile in CLUSTERS:
        life = report.seen.life(profile)
        row = life.row
        yield (
            life.cluster_id or "none",
            f"{profile}, {STORIES[profile]}",
            str(row.get("owner", "")),
            f"{life.emr_state} {life.reason_code}".strip(),
            str(row.get("end_reason", "")),
            str(row.get("end_why", "")),
        )


def _figure(report: Report) -> Any:
    figure = go.Figure()
    told: set[str] = set()
    for profile in CLUSTERS:
        life = report.seen.life(profile)
        for who, changes in (("EMR", life.emr), ("table", life.table)):
            for state, since, until in _spans(changes, life.last_at):
                figure.add_trace(
                    go.Bar(
                        orientation="h",
                        y=[f"{profile}: {who}"],
                        base=[since - report.began],
                        x=[until - since],
                        name=state,
                        legendgroup=state,
                        showlegend=state not in told,
                        marker={"color": COLOURS.get(state, QUIET), "line": {"color": "white", "width": 1}},
                        hovertemplate=f"{state} for {until - since:.0f} s<extra>{who}</extra>",
                    )
                )
                told.add(state)
    marks = list(events_of(report.seen))
    figure.add_trace(
        go.Scatter(
            x=[mark.at - report.began for mark in marks],
            y=[f"{mark.profile}: EMR" for mark in marks],
            mode="markers",
            name="events",
            hovertext=[mark.text for mark in marks],
            hoverinfo="text+x",
            marker={"color": INK, "size": 11, "symbol": "diamond", "line": {"color": "white", "width": 1}},
        )
    )
    for number, mark in enumerate(marks):
        ends = mark.text == "TerminateJobFlows"
        figure.add_annotation(
            x=mark.at - report.began,
            y=f"{mark.profile}: EMR",
            text=mark.text,
            xanchor="left" if ends else "right",
            showarrow=True,
            arrowhead=0,
            ax=14 if ends else -14,
            ay=-30 if number % 2 else -26,
            font={"color": INK, "size": 11},
        )
    order = [f"{profile}: {who}" for profile in reversed(CLUSTERS) for who in ("table", "EMR")]
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.update_xaxes(title_text="seconds since the demo began", rangemode="tozero")
    figure.update_layout(
        template="plotly_white",
        barmode="overlay",
        bargap=0.45,
        height=460,
        margin={"l": 110, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.12},
    )
    return figure


def _spans(changes: Changes, last_at: float) -> Iterator[tuple[str, float, float]]:
    """State, from, until; nothing after the end."""
    for (since, state), (until, _) in zip(changes, [*changes[1:], (last_at, "")], strict=True):
        if state not in ENDED and until > since:
            yield state, since, until


_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark: three clusters from launch to end</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
  th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #e5e7eb; vertical-align: top; }
  th { font-weight: 600; } td:first-child { white-space: nowrap; } code { font-size: .9em; }
  td { overflow-wrap: anywhere; } div:has(> .lives) { overflow-x: auto; } .lives { min-width: 900px; }
  .lives td:nth-child(4), .lives td:nth-child(5) { white-space: nowrap; } .note { color: #6b7280; font-size: .9em; }
</style>
<h1>Three clusters from launch to end</h1>
<p>{{ "Every stage was observed." if complete else "The demo did not get through all stages." }}
{% if without %}Taken away: {{ without }}.{% endif %} {% if saved %}<strong>{{ saved }}</strong>{% endif %}
A stage counts only as seen from outside the lifecycle: in EMR's answers, the table's rows, the queue, and Spark.</p>
<h2>Stages</h2>
<table><tr><th>at<th>stage<th>what was seen</tr>
{% for at, name, evidence in stages %}<tr><td>{{ at }}<td>{{ name }}<td>{{ evidence }}</tr>{% endfor %}</table>
<h2>Their lives</h2>
{{ plot | safe }}
<p class="note">Each cluster twice: as EMR called it, asked every 3 s, and as the table had it, read every second.</p>
<div><table class="lives"><tr><th>cluster<th>profile<th>owner<th>EMR<th>ended for<th>why</tr>
{% for life in lives %}<tr>{% for cell in life %}<td>{{ cell }}{% endfor %}</tr>{% endfor %}</table></div>
<h2>Where the demo differs from the defaults</h2>
<table><tr><th>what<th>default<th>demo</tr>
{% for path, default, demo in differences %}
<tr><td><code>{{ path }}</code><td>{{ default }}<td>{{ demo }}</tr>{% endfor %}</table>
<h2>Calls of EMR, by everybody here</h2>
<table><tr><th>operation<th>calls</tr>
{% for name, count in calls %}<tr><td>{{ name }}<td>{{ count }}</tr>{% endfor %}</table>
<h2>What the function counted</h2>
<table><tr><th>count<th>times</tr>
{% for name, count in counts %}<tr><td><code>{{ name }}</code><td>{{ count }}</tr>{% endfor %}</table>
<h2>Files beside this page</h2>
<p>{% for file in files %}<a href="{{ file }}">{{ file }}</a> {% endfor %}</p>
</html>
"""
