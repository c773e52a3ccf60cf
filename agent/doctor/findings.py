"""What a check found, and how checks are run: each alone, all at once, within a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    """The agent works, though not as it might."""
    FAIL = "fail"
    """Something does not work."""
    SKIP = "skip"
    """Not looked at, because it is not asked for or because what it rests on is not there."""


@dataclass(frozen=True, slots=True)
class Finding:
    status: Status
    seen: str
    advice: str = ""


def ok(seen: str) -> Finding:
    return Finding(Status.OK, seen)


def warn(seen: str, advice: str) -> Finding:
    return Finding(Status.WARN, seen, advice)


def fail(seen: str, advice: str) -> Finding:
    return Finding(Status.FAIL, seen, advice)


def skip(seen: str, advice: str = "") -> Finding:
    return Finding(Status.SKIP, seen, advice)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    look: Callable[[], Finding]
    """May take its time and may fail: it runs in a thread of its own."""


@dataclass(frozen=True, slots=True)
class Named:
    name: str
    finding: Finding


def run(checks: Sequence[Check], limit_s: float) -> tuple[Named, ...]:
    """The findings in the order of the checks, after at most `limit_s`. A check that is not over by then has failed,
    and its thread is left to itself; so has one that raises."""
    found: dict[str, Finding] = {}
    threads = [threading.Thread(target=_look, args=(check, found), name=check.name, daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = fail(f"not over after {limit_s:g} s", "something that it waits for hangs: run it again, look at the network")
    return tuple(Named(check.name, found.get(check.name, late)) for check in checks)


def failed(findings: Iterable[Named]) -> bool:
    return any(named.finding.status is Status.FAIL for named in findings)


def _look(check: Check, found: dict[str, Finding]) -> None:
    try:
        found[check.name] = check.look()
    except Exception as error:  # the boundary of this thread: one check that cannot be done spoils no other
        found[check.name] = fail(f"{type(error).__name__}: {error}", "the check itself failed: please report it")
