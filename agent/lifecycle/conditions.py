"""What both tables hold a change to: whether a row meets its conditions, and whether a table would take it at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.domain.faults import PermanentFault
from agent.lifecycle.table import (
    KEY,
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Index,
    Item,
    NoneOf,
    OneOf,
    Present,
)

MOST_CHANGES = 100
"""In one change of all or none (TransactWriteItems, quotas of DynamoDB)."""
NUMBERS = frozenset({"created_at"})
"""Those of the indexes' keys that are numbers."""
INDEX_KEYS = frozenset(name for index in Index for name in index.value) - {KEY}


def meets(row: Item | None, conditions: Sequence[Condition]) -> bool:
    """Whether all conditions hold for the row, None being one that is not there. A number is no string and no
    boolean: values of two types are never equal, and only numbers are above or below."""
    there = row or {}
    return all(_holds(there, condition) for condition in conditions)


def is_check(change: Change) -> bool:
    """Whether it changes nothing: it asks whether its conditions hold, and makes no row."""
    return not (change.delete or change.remove or given(change.set) or given(change.default) or given(change.add))


def needs_row(change: Change) -> bool:
    """Whether it only removes: there is nothing to do in a row that is not there, and none is made."""
    return not (change.delete or given(change.set) or given(change.default) or given(change.add)) and bool(
        change.remove
    )


def given(values: Any) -> dict[str, Any]:
    """The attributes that are to be written: None is left out."""
    return {name: value for name, value in values.items() if value is not None}


def check(change: Change) -> None:
    """Raises PermanentFault when a table would refuse the change whatever its row is."""
    if not change.key or not isinstance(change.key, str):
        raise PermanentFault(f"a change of a row without a key: {change}")
    if change.delete:
        return
    names = {*change.set, *change.default, *change.add, *change.remove}
    if len(names) != len(change.set) + len(change.default) + len(change.add) + len(change.remove) or KEY in names:
        raise PermanentFault(f"a change of {change.key} names an attribute twice, or the key: {sorted(names)}")
    for name in INDEX_KEYS & names:
        for values in (change.set, change.default, change.add):
            if values.get(name) is not None and not _may_be_key(name, values[name]):
                kind = "a number" if name in NUMBERS else "a string, and not empty"
                raise PermanentFault(f"{name} of {change.key} is {values[name]!r}: the index needs {kind}")


def check_all(changes: Sequence[Change]) -> None:
    """Raises PermanentFault when a table would refuse these together."""
    if len(changes) > MOST_CHANGES:
        raise PermanentFault(f"{len(changes)} changes at once: at most {MOST_CHANGES}")
    if len({change.key for change in changes}) < len(changes):
        raise PermanentFault(f"two changes of one row at once: {sorted(change.key for change in changes)}")
    for change in changes:
        check(change)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _may_be_key(name: str, value: Any) -> bool:
    return is_number(value) if name in NUMBERS else isinstance(value, str) and value != ""


def _holds(row: Item, condition: Condition) -> bool:
    found = row.get(condition.name)
    match condition:
        case Absent():
            return found is None
        case Present():
            return found is not None
        case Equals(value=value):
            return _same(found, value)
        case OneOf(values=values):
            return any(_same(found, value) for value in values)
        case NoneOf(values=values):
            return not any(_same(found, value) for value in values)
        case Below(value=value):
            return found is None or (is_number(found) and found < value)
        case Above(value=value):
            return found is not None and is_number(found) and found > value


def _same(found: Any, value: str | float) -> bool:
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)
