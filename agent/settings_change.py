"""Single settings by their dotted path, over what a settings file says: `fleet.max_capacity_units=40`."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.settings import SettingsError, SettingsFault


@dataclass(frozen=True, slots=True)
class Change:
    """One setting. `where_absent`: it stands back behind what the file says."""

    path: tuple[str, ...]
    value: Any
    where_absent: bool = False


def read(text: str, where_absent: bool = False) -> Change:
    """KEY=VALUE as on a command line. The value is read as TOML, and as a text where it is none.

    Raises SettingsError when there is no path or no equals sign.
    """
    key, equals, value = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        fault = SettingsFault("", f"{text!r} is no KEY=VALUE, such as fleet.max_capacity_units=40")
        raise SettingsError("command line", (fault,))
    return Change(path, _value(value.strip()), where_absent)


def changed(table: Mapping[str, Any], changes: Iterable[Change]) -> dict[str, Any]:
    """The table with the changes, the later ones over the earlier ones; `table` itself stays as it is.

    Raises SettingsError for a path that leads through something that is no table.
    """
    result = copy.deepcopy(dict(table))
    for change in changes:
        *tables, name = change.path
        here = result
        for depth, part in enumerate(tables):
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                fault = SettingsFault(".".join(change.path), f"{'.'.join(tables[: depth + 1])} is no table")
                raise SettingsError("command line", (fault,))
        if not (change.where_absent and name in here):
            here[name] = change.value
    return result


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if set(table) == {"value"} else text
