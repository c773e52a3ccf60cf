"""Layouts: which values of a report are wanted and where they stand, learned once and shared by all alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, TypeVar

HEARTBEAT = "ExecutorMetrics."
FIRST_HEARTBEAT = "ExecutorMetrics.JVMHeapMemory"
LARGEST = 2.0**63
"""Spark's figures are Java longs or rates of them. A larger value is nobody's, and its sums would not be finite."""

Tokens = Sequence[bytes]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Layout:
    """The wanted series of a report, in order."""

    series: tuple[str, ...]
    maxima: tuple[str, ...] = field(init=False)
    heartbeat: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        maxima = tuple(name for name in self.series if name.startswith("jvm.") and name.endswith(".max"))
        object.__setattr__(self, "maxima", maxima)
        object.__setattr__(self, "heartbeat", tuple(name for name in self.series if name.startswith(HEARTBEAT)))

    def values(self, packed: bytes) -> dict[str, float]:
        """What the values say, by series: those that are numbers, possible, and not a sentinel for "undefined".

        Spark says −1 where a figure is undefined, JVMs also 0 for a maximum; every `ExecutorMetrics` is 0 until the
        first heartbeat (Spark: ExecutorMetricsSource), which must not count as an empty heap.
        """
        texts = packed.split()
        try:
            numbers = list(map(float, texts))
        except ValueError:
            numbers = [_number(text) for text in texts]
        values = {name: value for name, value in zip(self.series, numbers, strict=True) if 0 <= value <= LARGEST}
        for name in self.maxima:
            if values.get(name, 1) < 1:
                del values[name]
        if values.get(FIRST_HEARTBEAT) == 0:
            for name in self.heartbeat:
                values.pop(name, None)
        return values


EMPTY = Layout(())


class Shape(NamedTuple):
    """A whole report as it came once: a report with the same names in the same places is read by position."""

    layout: Layout
    pick: Callable[[Tokens], Tokens]
    """The wanted values of a report split at white space."""
    lines: int
    ignored: int
    unknown: int


class Shapes:
    """Shapes by what they are, so that ten thousand executors of one kind share one. Bounded."""

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._shapes: dict[tuple[object, ...], Shape] = {}

    def layout(self, series: tuple[str, ...]) -> Layout:
        return _intern(self._layouts, series, lambda: Layout(series), self._limit)

    def shape(self, kept: Sequence[tuple[str, int]], lines: int, ignored: int, unknown: int) -> Shape:
        """`kept`: the wanted series, each with the index of its line among `lines`."""
        key = (tuple(kept), lines, ignored, unknown)

        def made() -> Shape:
            layout = self.layout(tuple(series for series, _ in kept))
            return Shape(layout, _picker([3 * line + 1 for _, line in kept]), lines, ignored, unknown)

        return _intern(self._shapes, key, made, self._limit)


def _intern(known: dict[K, V], key: K, made: Callable[[], V], limit: int) -> V:
    found = known.get(key)
    if found is None:
        if len(known) >= limit:
            known.clear()
        found = known[key] = made()
    return found


def _picker(positions: Sequence[int]) -> Callable[[Tokens], Tokens]:
    if not positions:
        return lambda tokens: tokens[:0]
    first, *others = positions
    if not others:
        return lambda tokens: (tokens[first],)
    return itemgetter(*positions)


def _number(text: bytes) -> float:
    """NaN, which no value may be, for what is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
