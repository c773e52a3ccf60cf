"""The table in memory: for tests and the simulator. What DynamoDB would refuse is refused here as well."""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from agent.domain.faults import PermanentFault
from agent.lifecycle.conditions import check, check_all, is_check, is_number, meets, needs_row
from agent.lifecycle.table import KEY, Change, Index, Item

_Row = dict[str, Any]


class MemoryTable:
    """Safe to use from every thread. A row that was answered never changes afterwards, and is not to be changed.

    An index read is as of `index_lag_s` seconds of `clock` ago: with 0 indexes are never behind.
    """

    def __init__(self, index_lag_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._lag_s = index_lag_s
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._kinds: dict[str, dict[str, None]] = {}
        self._indexes = {index: _Ordered(index) for index in Index}
        self._coming: deque[tuple[float, str, _Row | None]] = deque()

    def get(self, key: str) -> Item | None:
        with self._lock:
            row = self._rows.get(key)
        return None if row is None else dict(row)

    def change(self, change: Change) -> Item | None:
        check(change)
        with self._lock:
            row = self._rows.get(change.key)
            if not _possible(row, change):
                return None
            after = _after(row, change)
            self._write(change.key, row, after)
        return {} if after is None else dict(after)

    def change_all(self, changes: Sequence[Change]) -> bool:
        check_all(changes)
        with self._lock:
            if not all(_possible(self._rows.get(change.key), change) for change in changes):
                return False
            made = [(change.key, row := self._rows.get(change.key), _after(row, change)) for change in changes]
            for key, row, after in made:
                self._write(key, row, after)
        return True

    def rows(self, index: Index, of: str, limit: int | None = None) -> Iterator[Item]:
        """Rows with the same place in the order come by key."""
        with self._lock:
            self._catch_up()
            found = list(islice(self._indexes[index].rows(of), limit))
        return map(dict, found)

    def keyed(self, prefix: str) -> Iterator[Item]:
        """In the order of their keys."""
        kind, mark, _ = prefix.partition("#")
        with self._lock:
            keys = self._kinds.get(kind, {}) if mark else self._rows
            found = [self._rows[key] for key in sorted(keys) if key.startswith(prefix)]
        return map(dict, found)

    def _write(self, key: str, before: _Row | None, after: _Row | None) -> None:
        if after is before:
            return
        kind = key.partition("#")[0]
        if after is None:
            self._rows.pop(key, None)
            self._kinds.get(kind, {}).pop(key, None)
        else:
            self._rows[key] = after
            if before is None:
                self._kinds.setdefault(kind, {})[key] = None
        if self._lag_s > 0:
            self._coming.append((self._clock(), key, after))
        else:
            self._index(key, after)

    def _catch_up(self) -> None:
        until = self._clock() - self._lag_s if self._coming else 0.0
        while self._coming and self._coming[0][0] <= until:
            _, key, row = self._coming.popleft()
            self._index(key, row)

    def _index(self, key: str, row: _Row | None) -> None:
        for index in self._indexes.values():
            index.put(key, row)


class _Ordered:
    """One index: for every value of its partition the places in order, and the rows as the index knows them."""

    def __init__(self, index: Index) -> None:
        self._partition, self._sort = index.value
        self._places: dict[str, list[tuple[Any, str]]] = {}
        self._known: dict[str, _Row] = {}

    def put(self, key: str, row: _Row | None) -> None:
        before = self._place(self._known.get(key))
        after = self._place(row)
        if before != after:
            if before is not None:
                self._leave(before, key)
            if after is not None:
                insort(self._places.setdefault(after[0], []), (after[1], key))
        if row is not None and after is not None:
            self._known[key] = row
        elif before is not None:
            del self._known[key]

    def rows(self, of: str) -> Iterator[_Row]:
        return (self._known[key] for _, key in self._places.get(of, ()))

    def _place(self, row: _Row | None) -> tuple[str, Any] | None:
        if row is None or self._partition not in row or self._sort not in row:
            return None
        return row[self._partition], row[self._sort]

    def _leave(self, place: tuple[str, Any], key: str) -> None:
        places = self._places[place[0]]
        del places[bisect_left(places, (place[1], key))]
        if not places:
            del self._places[place[0]]


def _possible(row: _Row | None, change: Change) -> bool:
    return meets(row, change.when) and not (row is None and needs_row(change))


def _after(row: _Row | None, change: Change) -> _Row | None:
    """A new row; the one before is as it was."""
    if change.delete:
        return None
    if is_check(change):
        return row
    after: _Row = {KEY: change.key} if row is None else dict(row)
    for name, value in change.default.items():
        if value is not None and name not in after:
            after[name] = _own(value)
    for name, value in change.set.items():
        if value is not None:
            after[name] = _own(value)
    for name, more in change.add.items():
        if more is not None:
            after[name] = _sum(after.get(name, 0), more, change.key, name)
    for gone in change.remove:
        after.pop(gone, None)
    return after


def _own(value: Any) -> Any:
    """A copy that nobody else holds, as JSON would give it back."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {name: _own(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_own(inner) for inner in value]
    raise PermanentFault(f"not a value for DynamoDB: {value!r}")


def _sum(there: Any, more: float, key: str, name: str) -> float:
    """As DynamoDB adds, in decimal digits: 0.1 and 0.2 are 0.3."""
    if not is_number(there) or not is_number(more):
        raise PermanentFault(f"{name} of {key} is {there!r}: {more!r} cannot be added to it")
    if isinstance(there, int) and isinstance(more, int):
        return there + more
    return float(Decimal(repr(there)) + Decimal(repr(more)))
