"""The small parent: starts the agent as its child, ends a child that stops answering, starts it again.

A port that answers no longer is far worse for Spark than a closed one: with the accept queue full, every
`spark.stop()` waits minutes for kernel connect time-outs, while a refused connection costs nothing. A thread
cannot watch over this, because it stops together with its process. Hence a process of its own, which imports
only a few modules of the standard library and stays at about 10 MB.

The child writes to a pipe: first one line, `unresponsive_s restart_delay_s stop_timeout_s` and the path of its log
file if it has one, once its settings are read, then a byte each time it has made sure that all its loops still turn.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections import deque

EX_SETTINGS = 2
"""The child's exit code for settings that cannot be used: starting it again is useless."""

START_LIMIT_S = 60.0
"""A child that has not read its settings by then is taken for stuck."""

MAX_DEATHS = 5
DEATHS_WITHIN_S = 300.0
"""So many deaths in so short a time: give up, so that the service manager and somebody who watches it see it."""


class Supervisor:
    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._stopping = False
        self._pid = 0
        self._unresponsive_s = START_LIMIT_S
        self._restart_delay_s = 5.0
        self._stop_timeout_s = 20.0
        self._log = b""

    def run(self) -> int:
        """Keep the child running until asked to stop. Returns the exit code for this process."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stop())
        # Ctrl-Z would freeze both processes, with the port open; the child inherits that it is ignored
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        while True:
            code = self._one_life()
            if self._stopping:
                # by its own SIGTERM when that came before the child could handle it
                return 0 if code == -signal.SIGTERM else code if code >= 0 else 1
            if code in (0, EX_SETTINGS):
                return code
            deaths.append(time.monotonic())
            if len(deaths) == MAX_DEATHS and deaths[-1] - deaths[0] < DEATHS_WITHIN_S:
                self._say(f"agent.gave_up deaths={MAX_DEATHS} within_s={deaths[-1] - deaths[0]:.0f}")
                return 1
            self._say(f"agent.died code={code} restart_in_s={self._restart_delay_s:g}")
            if self._stopped_in_pause(self._restart_delay_s):
                return 0

    def _stop(self) -> None:
        self._stopping = True
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)

    def _one_life(self) -> int:
        """Start the child, follow it until it has ended, and return its exit code."""
        beats, child_end = os.pipe()
        os.set_inheritable(child_end, True)
        self._pid = os.posix_spawn(self._command[0], [*self._command, str(child_end)], os.environ)
        os.close(child_end)
        if self._stopping:
            os.kill(self._pid, signal.SIGTERM)
        try:
            self._follow(beats)
        finally:
            os.close(beats)
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def _follow(self, beats: int) -> None:
        """Return once the child's end of the pipe is closed: it has exited, or it was killed here."""
        self._unresponsive_s = START_LIMIT_S
        heard_at = time.monotonic()
        stop_by: float | None = None
        greeting = b""
        greeted = False
        while True:
            now = time.monotonic()
            if self._stopping and stop_by is None:
                stop_by = now + self._stop_timeout_s
            # a child that stops has its own time for it, and no loops left to answer for
            deadline = heard_at + self._unresponsive_s if stop_by is None else stop_by
            if now >= deadline:
                os.kill(self._pid, signal.SIGKILL)
                self._say(f"agent.unresponsive silent_s={now - heard_at:.1f} action=killed")
                return
            # a short wait, so that a stop which arrives between the check and the wait is seen soon
            ready, _, _ = select.select([beats], [], [], min(0.5, deadline - now))
            if not ready:
                continue
            data = os.read(beats, 4096)
            if not data:
                return
            heard_at = time.monotonic()
            if not greeted:
                greeting += data
                greeted = b"\n" in greeting
                if greeted:
                    self._learn(greeting.split(b"\n")[0])

    def _learn(self, greeting: bytes) -> None:
        *limits, self._log = (*greeting.split(b" ", 3), b"")[:4]
        self._unresponsive_s, self._restart_delay_s, self._stop_timeout_s = map(float, limits)

    def _say(self, text: str) -> None:
        """On standard error and in the agent's log, which the agent rotates. Never raises, and never waits for anybody
        who reads: a pipe that nobody reads must not keep a frozen child alive."""
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}.000Z WARNING supervisor.{text}\n".encode()
        with contextlib.suppress(OSError):
            if select.select([], [2], [], 0)[1]:
                os.write(2, line)
        if self._log:
            with contextlib.suppress(OSError):
                kept = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o644)
                try:
                    os.write(kept, line)
                finally:
                    os.close(kept)

    def _stopped_in_pause(self, seconds: float) -> bool:
        """Wait so long, or until asked to stop; returns whether that was it."""
        end = time.monotonic() + seconds
        while not self._stopping and (left := end - time.monotonic()) > 0:
            time.sleep(min(0.2, left))
        return self._stopping


def main(argv: list[str]) -> int:
    """`argv` is the settings file and options for `agent.process`."""
    return Supervisor([sys.executable, "-m", "agent.process", *argv]).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
