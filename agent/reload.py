"""The settings file, taken up again while the agent runs: what is decided with may change, what is wired may not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent import log
from agent.settings import Settings, SettingsError
from agent.settings_check import load_checked

WIRED = {
    "actions": {
        *("queue_url", "topic_arn", "verify_signatures", "accept_raw", "sns_origin", "request_path", "ledger_path"),
        "endpoint",
    },
    "policy": {"turn_period_s", "memory_death_hold_s", "pause_path"},
    "idle": {"notice_topic_arn"},
    "notices": {"topic_arn", "json_topic_arn"},
    "alarms": {"remove_at_end"},
    "costs": set[str](),
}
"""Of the tables that decisions are made with, or that the agent does nothing by: what was handed on at the start."""
LIVE_FLEET = {"min_capacity_units", "max_capacity_units", "max_usd_per_hour"}
"""Of the fleet's table: what only decisions look at."""


class SettingsFile:
    """The file that the settings in force came from, looked at again for changes."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        # the first look reads it once more: it may have changed since those settings were read from it
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> Settings | None:
        """The settings to decide with from now on; None when they are as before or cannot be used.

        What cannot be used is logged with every fault, once a change of the file, and the settings in force stay.
        What needs a restart is named in a warning and stays as it is.
        """
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return None
        self._seen = stamp
        try:
            found = load_checked(self._path)
        except SettingsError as error:
            for fault in error.faults:
                log.event(
                    logging.ERROR,
                    "settings.refused",
                    file=str(self._path),
                    path=fault.path,
                    fault=fault.text,
                    kept=True,
                )
            return None
        merged = merge(self._settings, found)
        if waiting := sorted(differences(merged.model_dump(), found.model_dump())):
            log.event(logging.WARNING, "settings.need_restart", file=str(self._path), paths=", ".join(waiting))
        if merged == self._settings:
            return None
        taken = sorted(differences(self._settings.model_dump(), merged.model_dump()))
        log.event(logging.INFO, "settings.taken_up", file=str(self._path), paths=", ".join(taken))
        self._settings = merged
        return merged

    def _stamp(self) -> tuple[int, int, int] | None:
        """None while the file cannot be looked at, as in the moment in which an editor replaces it."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def merge(current: Settings, found: Settings) -> Settings:
    """`found` where decisions are made with it, `current` everywhere else."""
    tables: dict[str, Any] = {"fleet": _with(current.fleet, found.fleet, LIVE_FLEET)}
    for name, wired in WIRED.items():
        tables[name] = _with(getattr(found, name), getattr(current, name), wired)
    return current.model_copy(update=tables)


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of what differs between two plain tables."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif one != other:
        yield path


def _with(table: Any, other: Any, names: set[str]) -> Any:
    return table.model_copy(update={name: getattr(other, name) for name in names})
