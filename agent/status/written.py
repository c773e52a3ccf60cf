"""The state as bytes: for programs (`/state.json`), for Prometheus (`/metrics`)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as METRICS_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from agent.aggregate.catalogue import BY_NAME, METRICS, Aggregation, Over
from agent.status.losses import by_reason
from agent.status.state import Figure, State

__all__ = ["METRICS_TYPE", "as_json", "as_metrics"]

STATISTICS = (("average", "value"), ("minimum", "minimum"), ("maximum", "maximum"))
PERCENTILES = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"))
UNITS = {"Bytes": "bytes", "Percent": "percent", "Milliseconds": "milliseconds", "Seconds": "seconds"}


def as_json(state: State) -> bytes:
    """One object, ASCII. What is not finite, as no number should be, is null."""
    return json.dumps(_plain(state), separators=(",", ":"), allow_nan=False).encode("ascii")


def _plain(found: Any) -> Any:
    """As `dataclasses.asdict`, without its copies: this runs every turn."""
    if isinstance(found, float):
        return found if math.isfinite(found) else None
    if isinstance(found, tuple):
        return [_plain(value) for value in found]
    if is_dataclass(found):
        return {name: _plain(getattr(found, name)) for name in found.__dataclass_fields__}
    return found


def as_metrics(state: State, counts: Mapping[str, int]) -> bytes:
    """Prometheus' text format: every figure that is not stale, and the agent's counters since its start, by reason."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told((*_own(state), *_gauges(state), *_counters(counts))))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self._metrics = metrics

    def collect(self) -> tuple[Metric, ...]:
        return self._metrics


def _own(state: State) -> Iterator[Metric]:
    me = state.agent
    about = {"version": me.version, "cluster_id": me.cluster_id, "policy": me.policy, "actuator": me.actuator}
    yield InfoMetricFamily("tidemark", "The agent, and what it is set up for.", value=about)
    yield GaugeMetricFamily("tidemark_turn_timestamp_seconds", "When the last turn was.", value=state.at)
    yield GaugeMetricFamily("tidemark_start_timestamp_seconds", "When the agent started.", value=me.started_at)
    if state.money.usd_per_hour is not None:
        text = "What the task capacity that is there costs, in USD an hour."
        yield GaugeMetricFamily("tidemark_task_fleet_usd_per_hour", text, value=state.money.usd_per_hour)


def _gauges(state: State) -> Iterator[Metric]:
    for figure in state.figures:
        metric = BY_NAME[figure.name]
        if figure.seen.stale or (metric.over is Over.AGENT and metric.aggregation is Aggregation.DELTA):
            continue
        text = metric.meaning if metric.aggregation is not Aggregation.DELTA else f"{metric.meaning} In a period."
        yield _gauge(figure, text, metric.aggregation is Aggregation.DISTRIBUTION)


def _gauge(figure: Figure, text: str, distributed: bool) -> Metric:
    unit = UNITS.get(figure.unit)
    name = _snake(figure.name)
    if unit is not None and unit not in name.split("_"):
        name = f"{name}_{unit}"
    if not distributed:
        return GaugeMetricFamily(name, text, value=figure.value)
    gauge = GaugeMetricFamily(name, text, labels=("statistic",))
    for label, field in (*STATISTICS, *PERCENTILES):
        gauge.add_metric((label,), getattr(figure, field))
    return gauge


def _counters(counts: Mapping[str, int]) -> Iterator[Metric]:
    for metric in METRICS:
        if metric.over is not Over.AGENT or metric.aggregation is not Aggregation.DELTA:
            continue
        total, reasons = by_reason(counts, metric.name)
        name = _snake(metric.name)
        if not reasons:
            yield CounterMetricFamily(name, metric.meaning, value=total)
            continue
        counter = CounterMetricFamily(name, metric.meaning, labels=("reason",))
        for reason, count in reasons:
            counter.add_metric((reason,), count)
        if (rest := total - sum(count for _, count in reasons)) > 0:
            counter.add_metric(("other",), rest)
        yield counter


def _snake(name: str) -> str:
    return "tidemark_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
