"""A request or an answer held against botocore's own service model, as JSON on the wire. Pure.

botocore's own validator looks at types and required members only: a wrong word of an enumeration, a pattern or an
upper bound it leaves to the service.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.model import Shape

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": (bool,),
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ModelFault:
    path: Path
    """Names of members and numbers of items."""
    text: str


def faults(shape: Shape | None, value: Any, path: Path = ()) -> Iterator[ModelFault]:
    """What is wrong with a JSON value: unknown and missing members, types, enums, bounds, patterns. All of it, with the
    nearest right name."""
    if shape is None:
        if value:
            yield ModelFault(path, "should be empty")
        return
    kind = shape.type_name
    allowed = JSON_TYPES[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        yield ModelFault(path, f"{type(value).__name__} is not {kind}")
        return
    if kind in CHECKS:
        yield from CHECKS[kind](shape, value, path)


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was meant, in whichever case; empty where none is near."""
    by_lower = {one.lower(): one for one in names}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def _list_faults(shape: Shape, value: list[Any], path: Path) -> Iterator[ModelFault]:
    yield from _size_faults(shape, len(value), path)
    for number, item in enumerate(value):
        yield from faults(shape.member, item, (*path, number))


def _map_faults(shape: Shape, value: dict[str, Any], path: Path) -> Iterator[ModelFault]:
    for key, item in value.items():
        yield from faults(shape.key, key, (*path, key))
        yield from faults(shape.value, item, (*path, key))


def _structure_faults(shape: Shape, value: dict[str, Any], path: Path) -> Iterator[ModelFault]:
    for name in shape.required_members:
        if name not in value:
            yield ModelFault((*path, name), "is required")
    for name, item in value.items():
        if name not in shape.members:
            yield ModelFault((*path, name), f"is not in the model{nearest(name, shape.members)}")
        else:
            yield from faults(shape.members[name], item, (*path, name))


def _string_faults(shape: Shape, value: str, path: Path) -> Iterator[ModelFault]:
    if shape.enum and value not in shape.enum:
        yield ModelFault(path, f"{value!r} is not one of {', '.join(shape.enum)}{nearest(value, shape.enum)}")
    yield from _size_faults(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield ModelFault(path, f"{value!r} does not match {pattern}")


def _size_faults(shape: Shape, size: float, path: Path) -> Iterator[ModelFault]:
    if "min" in shape.metadata and size < shape.metadata["min"]:
        yield ModelFault(path, f"{size} is under the minimum {shape.metadata['min']}")
    if "max" in shape.metadata and size > shape.metadata["max"]:
        yield ModelFault(path, f"{size} is over the maximum {shape.metadata['max']}")


CHECKS: Mapping[str, Callable[[Shape, Any, Path], Iterator[ModelFault]]] = {
    "structure": _structure_faults,
    "list": _list_faults,
    "map": _map_faults,
    "string": _string_faults,
    **dict.fromkeys(("integer", "long", "float", "double"), _size_faults),
}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The model writes characters past U+FFFF as UTF-16 pairs, which Python's `re` cannot read."""
    return re.compile(pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))
