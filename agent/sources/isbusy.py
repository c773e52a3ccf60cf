"""EMR's own marker file: on-cluster software touches it to keep the cluster."""

from __future__ import annotations

from pathlib import Path

from agent.domain.observation import Evidence
from agent.domain.ports import Clock


class IsBusyFile:
    """Busy while the file's modification time is less than `after_s` ago; a file that is not there is not busy.

    One that cannot be looked at is busy. EMR 6.4 and later honour the same file,
    `/emr/metricscollector/isbusy` (EMR management guide, "Using an auto-termination policy").
    """

    def __init__(self, path: Path, after_s: float, clock: Clock) -> None:
        self._path = path
        self._after_s = after_s
        self._clock = clock

    def __call__(self) -> Evidence:
        now = self._clock()
        try:
            age = now - self._path.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return Evidence(probe="isbusy", busy=False, detail="no such file", at=now)
        except OSError as error:
            return Evidence(probe="isbusy", busy=True, detail=f"cannot be looked at: {error.strerror}", at=now)
        detail = f"touched {age:.0f} s ago" if age >= 0 else f"its time lies {-age:.0f} s ahead"
        return Evidence(probe="isbusy", busy=age < self._after_s, detail=detail, at=now)
