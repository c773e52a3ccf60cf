"""Fields of JSON records read by a table: what is absent or of another kind is a value, never an exception."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bad data: the answer is not what it should be. `reason` is one of few constant texts and can be counted."""

    reason: str


def number(value: object) -> float | None:
    """A finite number. Newer ResourceManagers write numbers as strings (`"4096"`): those count as well."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def amount(value: object) -> float | None:
    """A number that is not negative; the −1 that Hadoop writes for "not known" is none."""
    found = number(value)
    return found if found is not None and found >= 0 else None


def count(value: object) -> int | None:
    """A whole number that is not negative."""
    found = amount(value)
    return int(found) if found is not None and found.is_integer() else None


def text(value: object) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def web_url(value: object) -> str | None:
    """An http or https address; Hadoop writes `UNASSIGNED`, `N/A` or a bare host where there is none yet."""
    return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table: the key in the answer, the name it gets, how it is read."""

    key: str
    name: str
    read: Callable[[object], object | None]
    required: bool = True


def read(value: object, fields: Sequence[Field], what: str) -> dict[str, Any] | Malformed:
    """The fields by their names. One that is not required is None when absent or of another kind."""
    if not isinstance(value, dict):
        return Malformed(f"{what}: no object")
    found: dict[str, Any] = {}
    for field in fields:
        found[field.name] = field.read(value.get(field.key))
        if field.required and found[field.name] is None:
            return Malformed(f"{what}: {field.key}")
    return found


def read_all(values: object, fields: Sequence[Field], what: str) -> list[dict[str, Any]] | Malformed:
    """Every record of a list. One bad record spoils the list: what is left out might be what matters."""
    if not isinstance(values, list):
        return Malformed(f"{what}: no list")
    found = []
    for value in values:
        record = read(value, fields, what)
        if isinstance(record, Malformed):
            return record
        found.append(record)
    return found


def member(value: object, *keys: str) -> object:
    """What lies under these keys, one in the other; None where there is nothing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
