"""What was lost or failed since the agent's start, by its own counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.aggregate.catalogue import METRICS, Aggregation, Over
from agent.aggregate.snapshot import Snapshot
from agent.domain.observation import Observation
from agent.status.state import Count, Losses

REASONS = 8
"""The most frequent ones are told."""
FAULTS = frozenset(
    {"PollErrors", "PublishErrors", "EmrReadErrors", "PriceErrors", "CallsDenied", "LoopErrors", "StatusErrors"}
)
"""Counters of what failed without data being lost."""


def losses(seen: Observation, snapshot: Snapshot | None) -> Losses:
    return Losses(
        counts=() if snapshot is None else tuple(one for one in _counts(snapshot.counts) if one.count),
        executors_lost=0 if snapshot is None else snapshot.executors_lost,
        capacity_lost_at=seen.history.capacity_lost_at,
    )


def by_reason(counts: Mapping[str, int], name: str) -> tuple[int, tuple[tuple[str, int], ...]]:
    """A counter's total, and its reasons, the most frequent first: `LinesRejected.too_long` is one of
    `LinesRejected`."""
    start = name + "."
    reasons = sorted(
        ((key.removeprefix(start), count) for key, count in counts.items() if key.startswith(start)),
        key=lambda each: (-each[1], each[0]),
    )
    total = counts.get(name)
    return (sum(count for _, count in reasons) if total is None else total), tuple(reasons)


def _counts(counts: Mapping[str, int]) -> Iterator[Count]:
    for metric in METRICS:
        counter = metric.over is Over.AGENT and metric.aggregation is Aggregation.DELTA
        if counter and (metric.marks_loss or metric.name in FAULTS):
            total, reasons = by_reason(counts, metric.name)
            yield Count(name=metric.name, meaning=metric.meaning, count=total, reasons=reasons[:REASONS])
