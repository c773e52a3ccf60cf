"""A request or an answer held against botocore's own service model, as JSON on the wire. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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


def faults(shape: Shape | None, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a JSON value: unknown and missing members, types, enums, bounds, patterns. All of it."""
    if shape is None:
        if value:
            yield f"{path or 'answer'}: should be empty"
        return
    kind = shape.type_name
    allowed = JSON_TYPES[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        yield f"{path or 'answer'}: {type(value).__name__} is not {kind}"
        return
    if kind in CHECKS:
        yield from CHECKS[kind](shape, value, path)


def _list_faults(shape: Shape, value: list[Any], path: str) -> Iterator[str]:
    yield from _size_faults(shape, len(value), path)
    for number, item in enumerate(value):
        yield from faults(shape.member, item, f"{path}[{number}]")


def _map_faults(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    for key, item in value.items():
        yield from faults(shape.key, key, f"{path}.{key}")
        yield from faults(shape.value, item, f"{path}.{key}")


def _structure_faults(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name}: is required"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{path}.{name}: is not in the model"
        else:
            yield from faults(shape.members[name], item, f"{path}.{name}")


def _string_faults(shape: Shape, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is not one of {', '.join(shape.enum)}"
    yield from _size_faults(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path}: {value!r} does not match {pattern}"


def _size_faults(shape: Shape, size: float, path: str) -> Iterator[str]:
    if "min" in shape.metadata and size < shape.metadata["min"]:
        yield f"{path}: {size} is under the minimum {shape.metadata['min']}"
    if "max" in shape.metadata and size > shape.metadata["max"]:
        yield f"{path}: {size} is over the maximum {shape.metadata['max']}"


CHECKS: Mapping[str, Callable[[Shape, Any, str], Iterator[str]]] = {
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
