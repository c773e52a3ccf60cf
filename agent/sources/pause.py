"""The pause: a small file by which people tell the agent to change nothing for a while."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path

from agent import regular_file
from agent.domain.observation import Pause
from agent.domain.ports import Clock

UNREADABLE_S = 3600.0
"""A file that cannot be understood pauses for so long from when it was written: somebody wanted something."""


class PauseFile:
    """JSON, `{"until": <Unix seconds>, "why": "<words>"}`. A file that is not there is no pause."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def __call__(self) -> Pause | None:
        """Never raises. One that cannot even be looked at pauses for as long as that lasts."""
        try:
            written_at = self._path.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return Pause(until=self._clock() + UNREADABLE_S, why=f"{self._path} cannot be looked at: {error.strerror}")
        try:
            found = json.loads(regular_file.read(self._path))
            pause = Pause(until=float(found["until"]), why=str(found["why"]))
            if not math.isfinite(pause.until):
                raise ValueError(f"until is {pause.until}")
            return pause
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ArithmeticError, LookupError, TypeError, RecursionError) as error:
            return Pause(until=written_at + UNREADABLE_S, why=f"{self._path} cannot be read: {error}")

    def write(self, pause: Pause) -> None:
        """Replace the pause, whole or not at all. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # whoever pauses is often root and the folder the agent's: nothing is written through a link of its user
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        fresh = Path(name)
        try:
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 (the handle is open already)
                file.write(json.dumps({"until": pause.until, "why": pause.why}) + "\n")
                os.fchmod(file.fileno(), 0o644)
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)

    def clear(self) -> bool:
        """Remove it; returns whether there was one. Raises OSError."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
