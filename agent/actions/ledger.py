"""What has been done for whom: the one part of the requests that must outlive the agent.

A message of SQS or SNS comes at least once, and may come again after the agent was started anew. So what is being
acted on is written down before it is done: a crash in between loses a resize, and never makes two of one.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import log
from agent.actions.files import read_bounded, write_whole

MAX_ENTRIES = 1024
MAX_BYTES = 4 * 1024 * 1024
VERSION = 1


@dataclass(frozen=True, slots=True)
class _Kept:
    done: dict[str, float] = field(default_factory=dict)
    """By id of the requests that are over: when."""
    changes: dict[str, float] = field(default_factory=dict)
    """By alarm (ARN): the time of the last change that was seen."""


class Ledger:
    """For one owner at a time. `begins_at` is set when a file was there that nobody can read: what was asked for before
    cannot be told from what has been done."""

    def __init__(self, path: Path, at: float) -> None:
        self._path = path
        self.begins_at: float | None = None
        try:
            self._kept = _kept(read_bounded(path, MAX_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            self._kept = _Kept()
        except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self._kept, self.begins_at = _Kept(), at
            log.event(logging.ERROR, "requests.ledger_unreadable", file=str(path), error=str(error))

    def is_done(self, id: str) -> bool:
        return id in self._kept.done

    def changed_at(self, alarm: str) -> float | None:
        """The time of the last change of this alarm that was seen."""
        return self._kept.changes.get(alarm)

    def done(self, id: str, at: float) -> bool:
        """Whether it is written down now; nothing is known of it otherwise."""
        _last(self._kept.done, id, at)
        if self._write():
            return True
        del self._kept.done[id]
        return False

    def undone(self, id: str) -> bool:
        """Take back that it is done; whether that is written down. Otherwise it counts as done."""
        at = self._kept.done.pop(id)
        if self._write():
            return True
        _last(self._kept.done, id, at)
        return False

    def saw(self, alarm: str, changed_at: float) -> None:
        """Remember the change, at least as long as this agent lives."""
        _last(self._kept.changes, alarm, changed_at)
        self._write()

    def _write(self) -> bool:
        for kept in (self._kept.done, self._kept.changes):
            for key in list(kept)[: max(0, len(kept) - MAX_ENTRIES)]:
                del kept[key]
        text = json.dumps({"v": VERSION, "done": self._kept.done, "changes": self._kept.changes})
        try:
            write_whole(self._path, text)
        except OSError as error:
            log.event(logging.ERROR, "requests.ledger_not_written", file=str(self._path), error=str(error))
            return False
        return True


def _last(kept: dict[str, float], key: str, at: float) -> None:
    """In the order in which they came: after the clock was set back the least time is not the oldest."""
    kept.pop(key, None)
    kept[key] = at


def _kept(text: str) -> _Kept:
    found = json.loads(text)
    if found["v"] != VERSION:
        raise ValueError(f"it has version {found['v']!r}")
    return _Kept(_times(found["done"]), _times(found["changes"]))


def _times(found: Any) -> dict[str, float]:
    times = {str(key): float(at) for key, at in found.items()}
    if not all(math.isfinite(at) for at in times.values()):
        raise ValueError("a time is no number")
    return times
