"""The agent's own process, the supervisor's child: `python -m agent.process SETTINGS PIPE`."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from agent import log
from agent.app import App
from agent.loops import Loops
from agent.settings import SettingsError
from agent.settings_check import load_checked
from agent.supervisor import EX_SETTINGS

WATCH_PERIOD_S = 0.5
PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """The agent's process: `argv` is the settings file and the number of the supervisor's pipe."""
    log.set_up()
    _die_with_parent()
    path, beats = Path(argv[0]), int(argv[1])
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    try:
        settings = load_checked(path)
        if settings.log.path is not None:
            log.keep_in(settings.log.path, settings.log.max_bytes, settings.log.files)
        app = App(settings, path)
    except SettingsError as error:
        for fault in error.faults:
            log.event(logging.ERROR, "settings.refused", file=str(path), path=fault.path, fault=fault.text)
        return EX_SETTINGS
    limits, kept = settings.supervisor, settings.log.path or ""
    greeting = f"{limits.unresponsive_s} {limits.restart_delay_s} {limits.stop_timeout_s} {kept}\n"
    os.write(beats, greeting.encode())
    loops = Loops()
    try:
        app.start(loops)
    except OSError as error:
        log.event(logging.ERROR, "listener.cannot_bind", port=settings.listener.port, error=str(error))
        return 1
    if (why := _watch(loops, stopping, beats)) is not None:
        log.event(logging.ERROR, "agent.stuck", why=why)
        # threads that do not come round cannot be joined, and the listening port must close now
        os._exit(1)
    log.event(logging.INFO, "agent.stopping")
    app.stop(loops, limits.stop_timeout_s * 0.8)
    log.event(logging.INFO, "agent.stopped")
    return 0


def _watch(loops: Loops, stopping: threading.Event, beats: int) -> str | None:
    """Until asked to stop, tell the supervisor that all loops turn. Returns why one does not, or None."""
    os.set_blocking(beats, False)
    while not stopping.wait(WATCH_PERIOD_S):
        if (why := loops.stuck()) is not None:
            return why
        try:
            os.write(beats, b".")
        except BlockingIOError:
            continue
        except BrokenPipeError:
            return "the supervisor is gone"
    return None


def _die_with_parent() -> None:
    """Ask the kernel to kill this process with its supervisor (Linux, prctl(2)): even frozen it must not stay."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
