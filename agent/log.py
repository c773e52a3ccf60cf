"""Logging, set up once: a constant event name and fields, one line each (logfmt)."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+%")

LOGGER = logging.getLogger("tidemark")


def event(level: int, name: str, /, exc_info: bool = False, **fields: Any) -> None:
    """Log one event. `name` is constant text; every value goes into a field."""
    LOGGER.log(level, name, extra={"fields": fields}, exc_info=exc_info)


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        fields: dict[str, Any] = getattr(record, "fields", {})
        line = " ".join(
            [f"{at}Z", record.levelname, record.getMessage(), *(f"{k}={_value(v)}" for k, v in fields.items())]
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _value(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if text and _BARE.issuperset(text) else json.dumps(text, ensure_ascii=False)


def keep_in(path: Path, max_bytes: int, files: int) -> None:
    """Write everything to this file as well, rotated past `max_bytes`; `files` rotated ones stay.

    A file that cannot be opened or written is a warning on standard error, no fault: a full disk stops nothing.
    """
    try:
        handler = _File(path, maxBytes=max_bytes, backupCount=files, encoding="utf-8")
    except OSError as error:
        event(logging.WARNING, "log.cannot_open", file=str(path), error=str(error))
        return
    handler.setFormatter(_Logfmt())
    logging.getLogger().addHandler(handler)


class _File(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, the name is logging's
        """Standard error has the line already."""


def set_up() -> None:
    """Send the agent's events to standard error. Libraries are heard from WARNING upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Logfmt())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    LOGGER.setLevel(logging.INFO)
