"""EMR's own marker file: on-cluster software touches it to keep the cluster."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from agent import log
from agent.domain.observation import Evidence
from agent.domain.ports import Clock

NANOSECONDS = 1_000_000_000


class KeptBusy:
    """Touches the file while a job of the lifecycle has the cluster, against EMR's own auto-termination, and leaves it
    afterwards as others had it. Safe to use from every thread.

    After a restart of the agent its earlier touches count as another's: they run out by themselves.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._ours_ns: int | None = None
        self._theirs_ns: int | None = None
        self._failing = False

    def __call__(self, claimed: bool) -> None:
        """Never raises: a file that cannot be touched is said once."""
        try:
            with self._lock:
                if claimed:
                    self._touch()
                elif self._ours_ns is not None:
                    self._leave()
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.event(logging.WARNING, "isbusy.cannot_be_touched", path=str(self._path), error=error.strerror)
            self._failing = True

    def without_ours(self, touched_ns: int) -> int | None:
        """When others touched the file, which has that time now; None: they did not."""
        with self._lock:
            return self._theirs_ns if touched_ns == self._ours_ns else touched_ns

    def _touch(self) -> None:
        now_ns = int(self._clock() * NANOSECONDS)
        found = self._found()
        if found != self._ours_ns or self._ours_ns is None:
            self._theirs_ns = found
        if found is None:
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o644))
        os.utime(self._path, ns=(now_ns, now_ns))
        self._ours_ns = self._found()

    def _leave(self) -> None:
        """If it is still as we left it."""
        if self._found() == self._ours_ns:
            if self._theirs_ns is None:
                self._path.unlink(missing_ok=True)
            else:
                os.utime(self._path, ns=(self._theirs_ns, self._theirs_ns))
        self._ours_ns = self._theirs_ns = None

    def _found(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None


class IsBusyFile:
    """Busy while the file's modification time is less than `after_s` ago; a file that is not there is not busy.

    One that cannot be looked at is busy. EMR 6.4 and later honour the same file,
    `/emr/metricscollector/isbusy` (EMR management guide, "Using an auto-termination policy").
    """

    def __init__(self, path: Path, after_s: float, clock: Clock, kept: KeptBusy | None = None) -> None:
        """`kept`: what touches the file for us. Our own touches say nothing about others' work."""
        self._path = path
        self._after_s = after_s
        self._clock = clock
        self._kept = kept

    def __call__(self) -> Evidence:
        now = self._clock()
        try:
            touched_ns: int | None = self._path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            touched_ns = None
        except OSError as error:
            return Evidence(probe="isbusy", busy=True, detail=f"cannot be looked at: {error.strerror}", at=now)
        if touched_ns is not None and self._kept is not None:
            touched_ns = self._kept.without_ours(touched_ns)
        if touched_ns is None:
            return Evidence(probe="isbusy", busy=False, detail="no such file", at=now)
        age = now - touched_ns / NANOSECONDS
        detail = f"touched {age:.0f} s ago" if age >= 0 else f"its time lies {-age:.0f} s ahead"
        return Evidence(probe="isbusy", busy=age < self._after_s, detail=detail, at=now)
