"""Layouts: which values of a report are wanted and where they stand, learned once and shared by all alike."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
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


class Values(Mapping[str, float]):
    """What one report says, by series. A table and its snapshots hold many: each costs eight bytes a series, for the
    names belong to the layout."""

    __slots__ = ("_index", "_numbers")

    def __init__(self, index: Mapping[str, int], numbers: array[float]) -> None:
        """`numbers` in the order of the layout; NaN where a series says nothing."""
        self._index = index
        self._numbers = numbers

    def __getitem__(self, series: str) -> float:
        value = self._numbers[self._index[series]]
        if value != value:
            raise KeyError(series)
        return value

    def __iter__(self) -> Iterator[str]:
        return (series for series, value in zip(self._index, self._numbers, strict=True) if value == value)

    def __len__(self) -> int:
        return sum(value == value for value in self._numbers)

    def __repr__(self) -> str:
        return f"Values({dict(self)})"


@dataclass(frozen=True, slots=True)
class Layout:
    """The wanted series of a report, in order."""

    series: tuple[str, ...]
    index: Mapping[str, int] = field(init=False, repr=False, compare=False)
    maxima: tuple[int, ...] = field(init=False, repr=False, compare=False)
    heartbeat: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {name: place for place, name in enumerate(self.series)}
        maxima = [place for name, place in index.items() if name.startswith("jvm.") and name.endswith(".max")]
        heartbeat = [place for name, place in index.items() if name.startswith(HEARTBEAT)]
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "maxima", tuple(maxima))
        object.__setattr__(self, "heartbeat", tuple(heartbeat))

    def values(self, packed: bytes) -> Values:
        """What the values say, by series: those that are numbers, possible, and not a sentinel for "undefined".

        Spark says −1 where a figure is undefined, JVMs also 0 for a maximum; every `ExecutorMetrics` is 0 until the
        first heartbeat (Spark: ExecutorMetricsSource), which must not count as an empty heap.
        """
        texts = packed.split()
        try:
            said = list(map(float, texts))
        except ValueError:
            said = [_number(text) for text in texts]
        if len(said) != len(self.series):
            raise ValueError(f"{len(said)} values for {len(self.series)} series")
        numbers = array("d", [value if 0 <= value <= LARGEST else math.nan for value in said])
        for place in self.maxima:
            if numbers[place] < 1:
                numbers[place] = math.nan
        first = self.index.get(FIRST_HEARTBEAT)
        if first is not None and numbers[first] == 0:
            for place in self.heartbeat:
                numbers[place] = math.nan
        return Values(self.index, numbers)


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
