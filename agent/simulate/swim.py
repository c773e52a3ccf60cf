"""The SWIM trace format: one MapReduce job a line, in bytes, scaled to a cluster's size.

Columns, separated by tabs: job id, submit time (s), gap to the job before (s), map input bytes, shuffle bytes,
reduce output bytes (SWIMProjectUCB/SWIM, workloadSuite).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from agent.simulate.workload import Job, Stage, TaskShape, Workload, cut, workload

DAY_S = 86_400.0


class NotSwim(ValueError):
    """The text is no SWIM trace; says which line and why."""


@dataclass(frozen=True, slots=True)
class SwimJob:
    id: str
    submitted: float
    map_bytes: float
    shuffle_bytes: float
    reduce_bytes: float

    @property
    def bytes(self) -> float:
        return self.map_bytes + self.shuffle_bytes + self.reduce_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimScale:
    """How many busy slots the trace needs on average, which fixes how long a byte takes."""

    mean_slots: float = 96.0
    """12 nodes of 8 slots."""
    seed: int = 0
    shape: TaskShape = field(default_factory=TaskShape)


def read(lines: Iterable[str]) -> tuple[SwimJob, ...]:
    """Every job of the trace. Raises NotSwim."""
    return tuple(_jobs(lines))


def scaled(name: str, found: tuple[SwimJob, ...], scale: SwimScale) -> Workload:
    """Jobs of a map stage and, where something is shuffled, a reduce stage; their work is as their bytes.

    A byte counts once for each time it is read, shuffled or written. Raises ValueError for an empty trace.
    """
    if not found:
        raise ValueError(f"{name}: no job in it")
    horizon_s = max(DAY_S, max(job.submitted for job in found))
    seconds_a_byte = scale.mean_slots * horizon_s / max(1.0, sum(job.bytes for job in found))
    jobs = (_job(job, number, seconds_a_byte, scale) for number, job in enumerate(found))
    return workload(name, jobs, horizon_s)


def _job(job: SwimJob, number: int, seconds_a_byte: float, scale: SwimScale) -> Job:
    random = Random(scale.seed * 1_000_003 + number)
    maps, reduces = job.map_bytes, job.shuffle_bytes + job.reduce_bytes
    if job.shuffle_bytes <= 0:
        maps, reduces = maps + job.reduce_bytes, 0.0
    stages = [Stage(cut(maps * seconds_a_byte, scale.shape, random), writes_shuffle=reduces > 0)]
    if reduces > 0:
        stages.append(Stage(cut(reduces * seconds_a_byte, scale.shape, random)))
    return Job(job.id, job.submitted, tuple(stages))


def _jobs(lines: Iterable[str]) -> Iterator[SwimJob]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) < 6:
            raise NotSwim(f"line {number} has {len(fields)} columns, not 6: job, submit s, gap s, three byte counts")
        try:
            submitted, maps, shuffled, reduced = (float(fields[at]) for at in (1, 3, 4, 5))
        except ValueError as error:
            raise NotSwim(f"line {number}: {error}") from None
        if min(submitted, maps, shuffled, reduced) < 0:
            raise NotSwim(f"line {number}: a negative time or size")
        yield SwimJob(fields[0], submitted, maps, shuffled, reduced)
