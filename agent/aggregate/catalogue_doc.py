"""The catalogue as a Markdown table: `docs/metrics.md` is held to it by a test."""

from __future__ import annotations

from collections.abc import Iterable

from agent.aggregate.catalogue import METRICS, REMOTE, Metric

HEADER = "| metric | unit | over | how | by application | marks loss | meaning |"


def markdown() -> str:
    """One row a metric, in the catalogue's order."""
    return _table(METRICS)


def remote_markdown() -> str:
    """The same of the signals that are read from CloudWatch and not published."""
    return _table(REMOTE)


def _table(metrics: Iterable[Metric]) -> str:
    return "\n".join([HEADER, "|---|---|---|---|---|---|---|", *map(row, metrics)])


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
