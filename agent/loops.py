"""Threads that turn until told to stop, and the watch over them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent import log
from agent.domain.ports import Beat
from agent.telemetry import Telemetry

Body = Callable[[Beat, threading.Event], None]

MAX_FAILURES_IN_A_ROW = 5
"""After so many the loop gives up and the process ends, so that its supervisor starts a fresh one."""


@dataclass(frozen=True, slots=True)
class LoopState:
    """One loop as it stands."""

    name: str
    silent_s: float
    """Since it last came round."""
    limit_s: float
    """Silent for longer, it ends the process."""
    failed: bool


@dataclass(slots=True)
class _Loop:
    name: str
    body: Body
    limit_s: float
    waited_for: bool = True
    beaten_at: float = 0.0
    failed: bool = False
    thread: threading.Thread | None = field(default=None)

    def beat(self) -> None:
        self.beaten_at = time.monotonic()


class Loops:
    """Starts loops, tells which one is stuck or dead, and stops them in order."""

    def __init__(self) -> None:
        self._loops: list[_Loop] = []
        self._stop = threading.Event()

    def add(self, name: str, body: Body, limit_s: float, *, waited_for: bool = True) -> None:
        """`body(beat, stop)` runs in a thread of its own; it calls `beat` at least every `limit_s` seconds.

        A stop does not wait for a body that may be in a long wait of its own and loses nothing when it is cut short.
        """
        self._loops.append(_Loop(name, body, limit_s, waited_for))

    def start(self) -> None:
        for loop in self._loops:
            loop.beat()
            loop.thread = threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True)
            loop.thread.start()

    def stuck(self) -> str | None:
        """Why the process should end now: a loop that failed, or that has not come round in time; else None."""
        now = time.monotonic()
        for loop in self._loops:
            if loop.failed:
                return f"{loop.name} failed"
            if now - loop.beaten_at > loop.limit_s:
                return f"{loop.name} has not come round for {now - loop.beaten_at:.0f} s"
        return None

    def standing(self) -> tuple[LoopState, ...]:
        """How each loop stands now, in the order in which they were added."""
        now = time.monotonic()
        return tuple(LoopState(each.name, now - each.beaten_at, each.limit_s, each.failed) for each in self._loops)

    def stop(self, deadline_s: float, first: str | None = None) -> None:
        """Ask all loops to stop and wait, together at most `deadline_s`: for the loop named `first` alone, or all."""
        self._stop.set()
        end = time.monotonic() + deadline_s
        for loop in self._loops:
            if loop.thread is not None and loop.waited_for and first in (None, loop.name):
                loop.thread.join(max(0.0, end - time.monotonic()))

    def _run(self, loop: _Loop) -> None:
        try:
            loop.body(loop.beat, self._stop)
        except Exception:
            log.event(logging.ERROR, "loop.failed", exc_info=True, loop=loop.name)
            loop.failed = True


JITTER = 0.1
"""By how much of a period the pauses of a loop with jitter differ."""


def periodic(
    name: str,
    period_s: float,
    step: Callable[[], None],
    telemetry: Telemetry,
    jitter: Callable[[], float] | None = None,
) -> Body:
    """A loop that calls `step` every `period_s`. One bad step is logged and counted, a few in a row end the loop.

    `jitter` gives numbers from 0 to 1: with it the loops of many clusters do not stay in step.
    """

    def body(beat: Beat, stop: threading.Event) -> None:
        failures = 0
        due = time.monotonic()
        while not stop.is_set():
            beat()
            try:
                step()
                failures = 0
            except Exception:
                failures += 1
                telemetry.count("LoopErrors")
                log.event(logging.ERROR, "loop.step_failed", exc_info=True, loop=name, in_a_row=failures)
                if failures == MAX_FAILURES_IN_A_ROW:
                    raise
            pause_s = period_s if jitter is None else period_s * (1 - JITTER + 2 * JITTER * jitter())
            due = max(due + pause_s, time.monotonic())
            _wait(due, beat, stop)

    return body


def _wait(due: float, beat: Beat, stop: threading.Event) -> None:
    while (left := due - time.monotonic()) > 0 and not stop.wait(min(left, 1.0)):
        beat()
