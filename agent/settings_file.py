"""Settings as the text of a settings file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from agent.settings import Settings


def render(settings: Settings, given: bool = False) -> str:
    """TOML that `agent.settings.parse` reads back to an equal value. Settings that are unset are comments.

    `given`: without the settings that have their values by default only.
    """
    return "\n".join(_table(settings, "", given)).strip() + "\n"


def _table(model: BaseModel, path: str, given: bool) -> Iterator[str]:
    fields = {name: value for name, value in model if not given or name in model.model_fields_set}
    nested = {name: value for name, value in fields.items() if isinstance(value, BaseModel)}
    own = {name: value for name, value in fields.items() if name not in nested}
    if own and path:
        yield f"\n[{path}]"
    for name, value in own.items():
        yield f"# {name} is unset" if value is None else f"{name} = {_value(value)}"
    for name, value in nested.items():
        yield from _table(value, f"{path}.{name}" if path else name, given)


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{ " + ", ".join(f"{name} = {_value(v)}" for name, v in value if v is not None) + " }"
    if isinstance(value, tuple):
        return "[" + "".join(f"\n  {_value(item)}," for item in value) + ("\n]" if value else "]")
    if isinstance(value, Enum):
        return json.dumps(value.value)
    if isinstance(value, PurePath):
        return json.dumps(str(value))
    return json.dumps(value, ensure_ascii=False)
