"""What is remembered of the telling, in a file, so that restarts in a row do not flood a mailbox."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent import log, regular_file
from agent.domain.notices import Told

_TOLD = TypeAdapter(Told)
MAX_BYTES = 100_000


class NoticeMemory:
    """Never raises for the disk's faults: without the file the agent only forgets what it told before it began."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failing = False

    def read(self) -> Told:
        """As it was left; as new when there is nothing that can be read."""
        try:
            with regular_file.opened(self._path) as file:
                return _TOLD.validate_json(file.read(MAX_BYTES))
        except FileNotFoundError:
            return Told()
        except (OSError, ValidationError) as error:
            log.event(logging.WARNING, "notices.forgotten", path=self._path, error=str(error).splitlines()[0])
            return Told()

    def write(self, told: Told) -> None:
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(_TOLD.dump_json(told))
            beside.replace(self._path)
        except OSError as error:
            if not self._failing:
                log.event(logging.WARNING, "notices.not_remembered", path=self._path, error=str(error))
            self._failing = True
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        else:
            self._failing = False
