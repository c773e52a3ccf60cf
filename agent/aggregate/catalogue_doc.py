"""The catalogue as a Markdown table: `docs/metrics.md` is held to it by a test."""

from __future__ import annotations

from agent.aggregate.catalogue import METRICS, Metric

HEADER = "| metric | unit | over | how | by application | marks loss | meaning |"


def markdown() -> str:
    """One row a metric, in the catalogue's order."""
    return "\n".join([HEADER, "|---|---|---|---|---|---|---|", *map(row, METRICS)])


def row(metric: Metric) -> str:
    cells = (
        f"`{metric.name}`",
        str(metric.unit),
        str(metric.over),
        str(metric.aggregation),
        "yes" if metric.per_application else "",
        "yes" if metric.marks_loss else "",
        metric.meaning,
    )
    return f"| {' | '.join(cells)} |".replace("  ", " ")
