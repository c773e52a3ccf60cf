"""Logging, set up once: a constant event name and fields, one line each (logfmt)."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
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

    A line is in the kernel's hands when its event returns. Nothing is raised for a file that cannot be opened or
    written, a full disk say: that is said once on standard error, the file is tried again with every line, and when it
    takes one `log.gap` in it says how many it lacks.
    """
    handler = _File(path, maxBytes=max_bytes, backupCount=files, encoding="utf-8", delay=True)
    handler.setFormatter(_Logfmt())
    logging.getLogger().addHandler(handler)


class _File(logging.handlers.RotatingFileHandler):
    _missed = 0
    """Lines that could not be written since the last one that could."""
    _error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        gap = [_record("log.gap", lines=self._missed)] if self._missed else []
        if all(self._is_written(each) for each in (*gap, record)):
            self._missed = 0
            return
        self._missed += 1
        if self._missed == 1:
            told = _record("log.cannot_write", file=self.baseFilename, error=str(self._error))
            for handler in logging.getLogger().handlers:
                if handler is not self:
                    handler.handle(told)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802, the name is logging's
        """Give the stream up: after a failed flush it keeps what was not written, and a closed one never recovers."""
        self._error = sys.exc_info()[1]
        stream, self.stream = self.stream, None
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                stream.close()

    def _is_written(self, record: logging.LogRecord) -> bool:
        self._error = None
        super().emit(record)
        return self._error is None

    def _open(self) -> TextIOWrapper:
        """Behind half a line that a full disk left, on a line of its own."""
        stream = super()._open()
        if _is_torn(Path(self.baseFilename)):
            stream.write("\n")
        return stream


def _is_torn(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _record(name: str, **fields: Any) -> logging.LogRecord:
    return LOGGER.makeRecord(LOGGER.name, logging.WARNING, "", 0, name, (), None, extra={"fields": fields})


def set_up() -> None:
    """Send the agent's events to standard error. Libraries are heard from WARNING upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Logfmt())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    LOGGER.setLevel(logging.INFO)
    sys.excepthook = _crashed


def set_up_in_host() -> None:
    """The same where somebody else runs us and has handlers already, as Lambda does: they get our fields."""
    hosts = logging.getLogger().handlers
    if not hosts:
        set_up()
        return
    for handler in hosts:
        handler.setFormatter(_Logfmt())
    LOGGER.setLevel(logging.INFO)


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A bug that ends the process belongs where somebody looks afterwards."""
    LOGGER.critical("agent.crashed", exc_info=(kind, error, trace))
