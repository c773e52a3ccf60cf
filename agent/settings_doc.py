"""The settings as Markdown tables: `docs/configuration.md` is held to them by a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.settings import Settings


def markdown() -> str:
    """One section a table of the settings file, in the order of the models."""
    return "\n".join(_sections(Settings, "", None))


def _sections(model: type[BaseModel], path: str, preset: Any) -> Iterator[str]:
    """`preset` is the default instance of the model where its parent has one: it may differ from the model's own."""
    own = [(name, field) for name, field in model.model_fields.items() if _model(field) is None]
    if own and path:
        yield f"### `[{path}]`\n"
        if model.__doc__ and not model.__doc__.startswith("Usage docs"):
            yield f"{model.__doc__.strip().splitlines()[0]}\n"
        yield "| setting | type | default | meaning |\n|---|---|---|---|"
        for name, field in own:
            yield f"| `{name}` | {_type(field.annotation)} | {_default(field, preset, name)} | {_text(field)} |"
        yield ""
    for name, field in model.model_fields.items():
        nested = _model(field)
        if nested is not None:
            dotted = f"{path}.{name}" if path else name
            inner = field.default if isinstance(field.default, BaseModel) else None
            yield from _sections(nested, f"[{dotted}]" if _is_list(field) else dotted, inner)


def _text(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def _model(field: FieldInfo) -> type[BaseModel] | None:
    candidates: list[Any] = [field.annotation, *get_args(field.annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in get_args(annotation) if part is not type(None))
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if origin is tuple:
        return f"list of {_type(get_args(annotation)[0])}"
    names = {int: "integer", float: "number", str: "text", bool: "true or false", Path: "path"}
    return names.get(annotation, str(annotation))


def _default(field: FieldInfo, preset: Any, name: str) -> str:
    if field.is_required():
        return "**required**"
    value = getattr(preset, name, field.default)
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if value == ():
        return "`[]`"
    return '`""`' if value == "" else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
