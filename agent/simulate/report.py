"""A comparison as a table for the terminal and as one HTML page that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from agent.simulate.compare import Comparison, Entry

COLUMNS = ("policy", "node-h", "mean s", "p95 s", "p99 s", "resizes", "born", "idle", "killed")
"""Delays are of jobs; `born` are nodes billed, `idle` those of them that never got a container; `killed`
hours of work were lost with nodes."""
WIDTH = 120
"""Of the table where there is no terminal."""
COLOURS = ("#c2410c", "#f59e0b", "#1d4ed8", "#38bdf8", "#15803d", "#7c3aed", "#9ca3af")


def table(found: Comparison) -> Table:
    """The cheapest are not the best: cost and delay belong together."""
    title = f"{found.workload.name}: {len(found.workload.jobs)} jobs, {found.workload.task_count} tasks"
    shown = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    rows = [_row(entry) for entry in found.entries]
    for number, column in enumerate(COLUMNS):
        if number == 0:
            shown.add_column(column)
        else:
            # on a narrow terminal names are wrapped, and no figure is cut off
            width = max(map(len, (column, *(row[number] for row in rows))))
            shown.add_column(column, justify="right", no_wrap=True, min_width=width)
    for row in rows:
        shown.add_row(*row)
    shown.add_section()
    for reference in found.references:
        delay = "" if reference.mean_delay_s is None else f"{reference.mean_delay_s:.1f}"
        shown.add_row(reference.name, f"{reference.node_hours:.1f}", delay)
    return shown


def write(found: Comparison, path: Path) -> None:
    """Raises ModuleNotFoundError without plotly, OSError when the page cannot be written."""
    import jinja2

    page = jinja2.Environment(autoescape=True).from_string(_PAGE)
    rows = [_row(entry) for entry in found.entries]
    rows += [(one.name, f"{one.node_hours:.1f}", *[""] * (len(COLUMNS) - 2)) for one in found.references]
    reasons = [(entry.name, _reasons(entry)) for entry in found.entries if entry.ran.reasons]
    plot = _figure(found).to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    text = page.render(found=found, columns=COLUMNS, rows=rows, reasons=reasons, plot=plot)
    path.write_text(text, encoding="utf-8")


def _row(entry: Entry) -> tuple[str, ...]:
    one = entry.outcome
    return (
        entry.name,
        f"{one.node_hours:.1f}",
        f"{one.mean_delay_s:.1f}",
        f"{one.p95_delay_s:.0f}",
        f"{one.p99_delay_s:.0f}",
        str(one.resizes),
        str(one.nodes_launched),
        str(one.wasted_births),
        f"{one.killed_hours:.1f}",
    )


def _reasons(entry: Entry) -> str:
    ordered = sorted(entry.ran.reasons.items(), key=lambda item: -item[1])
    return ", ".join(f"{code} {count}" for code, count in ordered[:8])


def _figure(found: Comparison) -> Any:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    titles = ("Cost and delay", "Task nodes that take work", "Containers that wait")
    figure = make_subplots(rows=3, cols=1, vertical_spacing=0.09, subplot_titles=titles)
    sizes = sorted(found.sizes, key=lambda entry: entry.outcome.mean_delay_s)
    figure.add_trace(
        go.Scatter(
            x=[entry.outcome.mean_delay_s for entry in sizes],
            y=[entry.outcome.node_hours for entry in sizes],
            text=[entry.name for entry in sizes],
            mode="lines+markers",
            name="one size",
            line={"color": "#d1d5db", "dash": "dot"},
        ),
        row=1,
        col=1,
    )
    for number, entry in enumerate(found.entries):
        colour = COLOURS[number % len(COLOURS)]
        _add(figure, 1, entry.name, [entry.outcome.mean_delay_s], [entry.outcome.node_hours], colour, mode="markers")
        if not entry.ran.reasons:
            continue
        hours = [point.at / 3600 for point in entry.ran.points]
        _add(figure, 2, entry.name, hours, [float(point.ready) for point in entry.ran.points], colour)
        _add(figure, 3, entry.name, hours, [float(point.pending) for point in entry.ran.points], colour)
    for reference in found.references:
        figure.add_hline(y=reference.node_hours, line={"color": "#9ca3af", "dash": "dot"}, row=1, col=1,
                         annotation_text=reference.name)  # fmt: skip
    figure.update_xaxes(title_text="mean delay of a job (s)", row=1, col=1)
    figure.update_yaxes(title_text="task-node hours", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title_text="hours", row=3, col=1)
    figure.update_layout(template="plotly_white", height=1100, legend={"orientation": "h"})
    return figure


def _add(figure: Any, row: int, name: str, x: list[float], y: list[float], colour: str, *, mode: str = "lines") -> None:
    import plotly.graph_objects as go

    style: dict[str, Any] = {"line": {"color": colour, "shape": "hv", "width": 1.5}}
    if mode == "markers":
        style = {"marker": {"color": colour, "size": 11}}
    figure.add_trace(
        go.Scatter(x=x, y=y, name=name, legendgroup=name, showlegend=row == 1, mode=mode, **style), row=row, col=1
    )


_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ found.workload.name }} simulated</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
  th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid #e5e7eb; }
  th:first-child, td:first-child { text-align: left; }
</style>
<h1>{{ found.workload.name }}</h1>
<p>{{ found.workload.jobs | length }} jobs with {{ found.workload.task_count }} tasks. Delay is how much later a job
ends than it would with all capacity at all times. Node-hours are of task nodes, billed from launch on; of those born
the idle ones never got a container. The same jobs, the same seed ({{ found.world.seed }}), the agent's own policies and
guards.</p>
<table><tr>{% for column in columns %}<th>{{ column }}{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}{% endfor %}</tr>{% endfor %}</table>
{{ plot | safe }}
<h2>Turns by reason</h2>
<table><tr><th>policy<th>reasons</tr>
{% for name, text in reasons %}<tr><td>{{ name }}<td>{{ text }}</tr>{% endfor %}</table>
</html>
"""
