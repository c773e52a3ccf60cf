"""What is wrong with a file that people write, in words: the dotted path, the fault, the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True, slots=True)
class SettingsFault:
    path: str
    """Dotted path, list items by number: `policy.rules.0.bound`."""
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class SettingsError(Exception):
    """The file cannot be used. `faults` holds every fault found, in the file's order."""

    def __init__(self, source: str, faults: tuple[SettingsFault, ...]) -> None:
        super().__init__(f"{source}: {len(faults)} fault{'s' if len(faults) != 1 else ''}")
        self.source = source
        self.faults = faults


def faults_of(error: ValidationError, model: type[BaseModel]) -> Iterator[SettingsFault]:
    """Every fault of a validation by this model."""
    for found in error.errors():
        loc = [str(part) for part in found["loc"]]
        yield SettingsFault(".".join(loc), _text(found, loc, model))


def _text(found: Mapping[str, Any], loc: list[str], model: type[BaseModel]) -> str:
    match found["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(loc[-1], list(_fields_at(loc[:-1], model)), n=1, cutoff=0.5)
            return "is no setting" + (f"; did you mean {near[0]!r}?" if near else "")
        case "missing":
            field = _fields_at(loc[:-1], model).get(loc[-1])
            return "is required" + (f": {field.description}" if field is not None and field.description else "")
        case "value_error":
            return str(found["ctx"]["error"])
        case "enum":
            given = found["input"]
            allowed = [part.strip(" '") for part in str(found["ctx"]["expected"]).replace(" or ", ",").split(",")]
            near = difflib.get_close_matches(str(given), allowed, n=1, cutoff=0.4)
            return f"{given!r} is not one of {', '.join(allowed)}" + (f"; did you mean {near[0]!r}?" if near else "")
        case _:
            return f"{found['msg']} (given: {found['input']!r})"


def _fields_at(path: list[str], model: type[BaseModel]) -> Mapping[str, Any]:
    """The fields of the model that a dotted path leads to; empty when it leads to none."""
    here: Any = model
    for part in path:
        here = _below(here, part)
    found = _model(here)
    return {} if found is None else dict(found.model_fields)


def _below(annotation: Any, part: str) -> Any:
    """What stands under this name or number of a value; None where nothing can."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(part)
        return None if field is None else field.annotation
    kind, inner = get_origin(annotation), get_args(annotation)
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return inner[1]
    if isinstance(kind, type) and issubclass(kind, list | tuple):
        return inner[0]
    return next((found for one in inner if (found := _below(one, part)) is not None), None)


def _model(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)
