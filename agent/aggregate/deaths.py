"""Executors that died of memory: what counts as evidence, and for how long it is held.

Spark tells only in its REST API why an executor went (`removeReason`); where that cannot be reached, its last reports
and its silence must do. In doubt an executor counts as full: that holds back a scale in, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agent.aggregate.entries import Entry
from agent.aggregate.snapshot import MemoryDeath
from agent.wire.spark_series import OLD_GENERATIONS

FULL = 0.95
"""Share of its maximum at which a heap counts as full."""
OLD_GENERATION_FULL = 0.90
"""Of the heap's maximum, in the old generation: what a full collection leaves, so it is calmer than the whole heap.
An executor of Spark 3.5 that died with exit code 52 last reported 91 %, after the allocation that failed."""
REMEMBERED_S = 300.0
"""Spark goes on telling of a removed executor; it stays known for so long after it was last mentioned."""

_OUT_OF_MEMORY = re.compile(
    r"\b(?:code|status)(?: is)?:? ?52\b"  # SparkExitCode.OOM
    r"|OutOfMemory|out of memory|OOM.?kill"
    r"|exceeding (?:\w+ )?memory limits"  # YarnAllocator: physical or virtual
    r"|beyond the '?(?:physical|virtual)'? memory limit",  # ContainersMonitorImpl, beside exit code 143 or 137
    re.IGNORECASE,
)

Who = tuple[str, str]
"""Application and executor id."""


def says_memory(reason: str) -> bool:
    """Whether Spark's removal reason says that the executor died of memory."""
    return _OUT_OF_MEMORY.search(reason) is not None


def evidence(entry: Entry) -> str | None:
    """Why an executor that fell silent died of memory, by its last reports; None when they do not show it."""
    reports = [report.layout.values(report.packed) for report in (entry.last, entry.before, entry.earlier)]
    if all(values.get("executor.threadpool.activeTasks", 1) == 0 for values in reports if values):
        return None
    found = [how for values in reports if (how := _fullness(values)) is not None]
    return found[0] if found else None


def heap_max(entry: Entry) -> float:
    """Zero when it never told."""
    return entry.instance().values.get("jvm.heap.max", 0.0)


def _fullness(values: Mapping[str, float]) -> str | None:
    used, maximum = values.get("jvm.heap.used"), values.get("jvm.heap.max")
    if used is None or maximum is None:
        return None
    if used / maximum >= FULL:
        return f"fell silent with its heap {used / maximum:.0%} full"
    old = max((values.get(f"jvm.pools.{pool}.used", 0.0) for pool in OLD_GENERATIONS), default=0.0)
    if old / maximum >= OLD_GENERATION_FULL:
        return f"fell silent with its old generation at {old / maximum:.0%} of the heap"
    grown = values.get("jvm.heap.committed", 0.0) >= maximum
    if grown and values.get("jvm.pools.G1-Survivor-Space.committed") == 0:
        # its usage then arrives as NaN: 0/0
        return f"fell silent with no survivor space left, its heap {used / maximum:.0%} full"
    return None


@dataclass(slots=True)
class _Known:
    death: MemoryDeath | None
    """None: Spark said that it went for another reason."""
    told_by_spark: bool
    mentioned_at: float


class Deaths:
    """Each executor's death once. Bounded: past the limit the oldest is forgotten."""

    def __init__(self, hold_s: float, limit: int) -> None:
        self._hold_s = hold_s
        self._limit = limit
        self._known: dict[Who, _Known] = {}

    def infer(self, death: MemoryDeath) -> bool:
        """By silence; whether it now stands. What Spark has said stands instead."""
        known = self._known.setdefault((death.app, death.executor), _Known(death, False, death.at))
        self._bound()
        return not known.told_by_spark

    def told(self, death: MemoryDeath, died_of_memory: bool) -> None:
        """By Spark, which outranks what silence said, except for when it was."""
        who = (death.app, death.executor)
        known = self._known.get(who)
        if known is not None and known.death is not None:
            maximum = death.heap_max_bytes or known.death.heap_max_bytes
            death = replace(death, at=known.death.at, heap_max_bytes=maximum)
        self._known[who] = _Known(death if died_of_memory else None, True, death.at)
        self._bound()

    def told_again(self, who: Who, at: float) -> bool:
        """Whether Spark has said it before: then it is the same death."""
        known = self._known.get(who)
        if known is None or not known.told_by_spark:
            return False
        known.mentioned_at = at
        return True

    def retract(self, who: Who) -> None:
        """It has reported again: it was only slow. What Spark has said stands."""
        known = self._known.get(who)
        if known is not None and not known.told_by_spark:
            del self._known[who]

    def standing(self, at: float) -> tuple[MemoryDeath, ...]:
        """Those whose hold is not over; what nobody has mentioned for long is forgotten."""
        keep = max(self._hold_s, REMEMBERED_S)
        self._known = {who: known for who, known in self._known.items() if at - known.mentioned_at <= keep}
        return tuple(self._held(at, (known.death for known in self._known.values())))

    def _held(self, at: float, deaths: Iterable[MemoryDeath | None]) -> Iterable[MemoryDeath]:
        return (death for death in deaths if death is not None and at - death.at < self._hold_s)

    def _bound(self) -> None:
        while len(self._known) > self._limit:
            del self._known[next(iter(self._known))]
