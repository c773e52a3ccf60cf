"""What CloudWatch was asked, by hour: what it would bill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.sandbox.cloudwatch.metrics import Metric

HOUR_S = 3600


@dataclass
class Hour:
    requests: Counter[str] = field(default_factory=Counter)
    """How many of each operation, those that were refused included."""
    data: int = 0
    """MetricDatum entries of all PutMetricData requests that were accepted."""
    metrics: set[Metric] = field(default_factory=set)
    """The distinct ones that got data."""


class Received:
    """Belongs to the holder of the model's lock."""

    def __init__(self) -> None:
        self._hours: dict[int, Hour] = {}

    def request(self, operation: str, at: float) -> None:
        self._hour(at).requests[operation] += 1

    def data(self, metrics: Iterable[Metric], at: float) -> None:
        hour = self._hour(at)
        for metric in metrics:
            hour.data += 1
            hour.metrics.add(metric)

    def hours(self) -> Mapping[int, Hour]:
        """A copy, by the time (seconds since 1970) at which the hour began, by the sandbox's clock."""
        return {
            begin: Hour(Counter(hour.requests), hour.data, set(hour.metrics))
            for begin, hour in sorted(self._hours.items())
        }

    def _hour(self, at: float) -> Hour:
        return self._hours.setdefault(int(at // HOUR_S) * HOUR_S, Hour())


def as_json(hours: Mapping[int, Hour]) -> Mapping[str, Any]:
    return {
        "hours": [
            {
                "begin": begin,
                "requests": dict(hour.requests),
                "data": hour.data,
                "metrics": [
                    {"namespace": metric.namespace, "name": metric.name, "dimensions": dict(metric.dimensions)}
                    for metric in sorted(hour.metrics, key=lambda one: (one.namespace, one.name, one.dimensions))
                ],
            }
            for begin, hour in hours.items()
        ]
    }
