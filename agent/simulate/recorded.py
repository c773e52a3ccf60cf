"""Demand read back from a journal: what ran and waited, turn by turn, as jobs that would have made it.

A journal tells how many containers there were, not whose tasks they ran. Each application becomes one job: from its
first turn on, with as many tasks as fill the containers that it held. What waited and never ran is not known to be
work, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from agent.domain.turns import Turn
from agent.journal import read
from agent.policy.load import executors
from agent.simulate.workload import Job, Stage, TaskShape, Workload, cut, workload


@dataclass(slots=True)
class _Application:
    since: float
    container_s: float = 0.0


def from_journal(name: str, lines: Iterable[str], shape: TaskShape | None = None, seed: int = 1) -> Workload:
    """Raises ValueError when the journal holds no application that ran."""
    seen: dict[str, _Application] = {}
    began = last = None
    for line in read(lines):
        if not isinstance(line, Turn):
            continue
        at = line.observation.at
        began = at if began is None else began
        gone = 0.0 if last is None else max(0.0, at - last)
        last = at
        reading = line.observation.reading
        for app in (reading.applications or ()) if reading is not None else ():
            seen.setdefault(app.id, _Application(at - began)).container_s += gone * executors(app)
    random = Random(seed)
    cuts = shape or TaskShape()
    jobs = [
        Job(id, found.since, (Stage(cut(found.container_s, cuts, random)),))
        for id, found in seen.items()
        if found.container_s > 0
    ]
    return workload(name, jobs, 0.0 if began is None or last is None else last - began)
