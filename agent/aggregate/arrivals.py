"""Reports as they are understood line by line: who sent them, what is wanted of them, what was refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.aggregate.layouts import Shape, Shapes
from agent.settings_sources import ListenerSettings
from agent.wire import graphite, refusals, spark_names
from agent.wire.spark_names import Group, Origin

VOCABULARY_LIMIT = 16_384
"""Distinct series known at once in the whole table: Spark has a few hundred, streaming queries add their names."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one JVM sent in one report."""

    origin: Origin
    values: Mapping[str, bytes]
    """Wanted values as they were sent, by series."""
    named: frozenset[str]
    """Every wanted series that was there, those with a value that was refused included."""
    stamp: int
    """The newest of its timestamps."""
    shape: Shape | None
    """None when the report is not one to be recognised by its names next time."""


@dataclass(frozen=True, slots=True)
class Understood:
    arrivals: tuple[Arrival, ...]
    counts: Mapping[str, int]
    """By counter name, see `agent.wire.refusals`."""


class Reader:
    def __init__(self, settings: ListenerSettings, shapes: Shapes) -> None:
        self._settings = settings
        self._shapes = shapes
        self._vocabulary: dict[str, str] = {}

    def read(self, raw: bytes) -> Understood:
        """Never raises, whatever the bytes."""
        report = graphite.parse(raw, self._settings.max_line_bytes)
        names = spark_names.read(report.lines)
        refused: Counter[str] = Counter()
        arrivals = []
        for group in names.groups:
            values, stamp = self._values(group, report, refused)
            shape = None
            if len(names.groups) == 1 and not refused and self._repeatable(report, names, group):
                unknown = names.rejected.get(refusals.UNKNOWN_NAME, 0)
                kept = [(series, index) for series, (_, index) in zip(values, group.kept, strict=True)]
                shape = self._shapes.shape(kept, report.received, names.ignored, unknown)
            named = frozenset(series for series, _ in group.kept)
            arrivals.append(Arrival(group.origin, values, named, stamp, shape))
        counts = Counter(report.rejected) + Counter(names.rejected) + refused
        counts[refusals.REPORTS_RECEIVED] = 1
        counts[refusals.LINES_RECEIVED] = report.received
        counts[refusals.LINES_IGNORED] = names.ignored
        return Understood(tuple(arrivals), counts)

    def keep_only(self, series: Iterable[str]) -> None:
        """Forget the names that are in use no longer, once there are many."""
        if len(self._vocabulary) > VOCABULARY_LIMIT // 2:
            self._vocabulary = {name: name for name in series}

    def _values(self, group: Group, report: graphite.Report, refused: Counter[str]) -> tuple[dict[str, bytes], int]:
        """The group's sound values, the last one of a series that comes twice, and its newest timestamp."""
        values: dict[str, bytes] = {}
        stamps: dict[str, int] = {}
        sources: Counter[str] = Counter()
        for series, index in group.kept:
            line = report.lines[index]
            if not math.isfinite(line.value):
                refused[refusals.NOT_FINITE] += 1
                continue
            source = spark_names.source_of(series)
            known = self._word(series) if sources[source] < self._settings.max_names_per_source else None
            if series not in values:
                if known is None:
                    refused[refusals.TOO_MANY_NAMES] += 1
                    continue
                sources[source] += 1
            if line.stamp >= stamps.get(series, 0):
                values[known or series], stamps[series] = line.text, line.stamp
        return values, max(stamps.values(), default=0)

    def _word(self, series: str) -> str | None:
        """The one string that stands for this series everywhere; None when no more can be told apart."""
        known = self._vocabulary.get(series)
        if known is None and len(self._vocabulary) < VOCABULARY_LIMIT:
            known = self._vocabulary[series] = series
        return known

    @staticmethod
    def _repeatable(report: graphite.Report, names: spark_names.Names, group: Group) -> bool:
        """Whether each line is where it would be again: all are sound and each wanted series comes once."""
        unique = len({series for series, _ in group.kept}) == len(group.kept)
        return unique and not report.rejected and names.rejected.keys() <= {refusals.UNKNOWN_NAME}
