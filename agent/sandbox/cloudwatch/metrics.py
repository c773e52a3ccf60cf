"""The metrics that PutMetricData has made: samples by namespace, name and exact set of dimensions."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from agent.sandbox.cloudwatch.statistics import Sample, of_statistics, of_values, statistic

Series = Mapping[float, float]
"""Values by the time at which their period begins."""

_AT = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Metric:
    """What CloudWatch bills as one metric: another set of dimensions is another metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()
    """Name and value, sorted."""


@dataclass(frozen=True, slots=True)
class MetricStat:
    """A metric under one statistic; with a unit, only the samples of that unit."""

    metric: Metric
    statistic: str
    unit: str | None = None


def metric_of(namespace: str, name: str, dimensions: Iterable[Mapping[str, str]]) -> Metric:
    return Metric(namespace, name, tuple(sorted((one["Name"], one["Value"]) for one in dimensions)))


def sample_of(datum: Mapping[str, Any], received_at: float) -> Sample:
    """From a MetricDatum that is valid. Without a timestamp it is of the time at which it was received."""
    at, unit = datum.get("Timestamp", received_at), datum.get("Unit")
    if datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        return of_values(at, list(zip(datum["Values"], counts, strict=True)), unit)
    if "StatisticValues" in datum:
        given = datum["StatisticValues"]
        return of_statistics(at, given["SampleCount"], given["Sum"], given["Minimum"], given["Maximum"], unit)
    return of_values(at, [(datum["Value"], 1.0)], unit)


class MetricStore:
    """Belongs to whoever holds the model's lock."""

    def __init__(self) -> None:
        self._samples: dict[Metric, list[Sample]] = {}

    def put(self, metric: Metric, sample: Sample) -> None:
        insort(self._samples.setdefault(metric, []), sample, key=_AT)

    def metrics(self) -> Sequence[Metric]:
        """In the order in which they first came."""
        return list(self._samples)

    def samples(self, source: MetricStat, begin: float, end: float) -> Sequence[Sample]:
        """Those with `begin <= at < end`."""
        kept = self._samples.get(source.metric, [])
        found = kept[bisect_left(kept, begin, key=_AT) : bisect_left(kept, end, key=_AT)]
        return [sample for sample in found if source.unit in (None, sample.unit)]

    def series(self, source: MetricStat, begins: Iterable[float], period: float) -> Series:
        """The statistic in each of the periods that begin then; those without data are left out."""
        found = {begin: statistic(self.samples(source, begin, begin + period), source.statistic) for begin in begins}
        return {begin: value for begin, value in found.items() if value is not None}
