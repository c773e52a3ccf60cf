"""What a run of the demo took and cost: how long its job ran, and how long capacity was there for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.table import Table

FILE = "figures.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run, all from EMR's own times. Seconds."""

    policy: str
    cluster: str
    """What ran the executors: standalone or yarn."""
    job_s: float | None
    """From the step's start to its end; None when it did not end."""
    worker_s: float
    """Of each instance of the task fleet its capacity units times the time from its launch to its end."""
    workers: int
    """Instances that were launched."""
    still_there: int = 0
    """Of them, those without an end: counted until EMR was last asked."""


def job_seconds(step: Mapping[str, Any]) -> float | None:
    """Of a step as ListSteps tells it."""
    timeline = step["Status"].get("Timeline", {})
    began, ended = timeline.get("StartDateTime"), timeline.get("EndDateTime")
    return None if began is None or ended is None else (ended - began).total_seconds()


def worker_seconds(instances: Iterable[Mapping[str, Any]], units: Mapping[str, int], now: datetime) -> float:
    """Of instances as ListInstances tells them; `units` are the weights of their types, one where none is told."""
    return sum(units.get(one.get("InstanceType", ""), 1) * _lasted(one, now) for one in instances)


def still_there(instances: Iterable[Mapping[str, Any]]) -> int:
    return sum("EndDateTime" not in one["Status"]["Timeline"] for one in instances)


def save(figures: Figures, folder: Path) -> None:
    (folder / FILE).write_bytes(_ADAPTER.dump_json(figures, indent=1) + b"\n")


def read(folder: Path) -> Figures:
    """The figures of an earlier report. Raises ValueError, in words, when the folder has none."""
    try:
        return _ADAPTER.validate_json((folder / FILE).read_bytes())
    except OSError as error:
        raise ValueError(f"{folder} holds no {FILE}: is it a report of the demo?") from error
    except ValidationError as error:
        raise ValueError(f"{folder / FILE} is not as it should be: {error.errors()[0]['msg']}") from error


def rows(runs: Sequence[Figures]) -> list[tuple[str, str, str, str]]:
    """Policy, job seconds, worker-seconds, instances: as text, a row a run."""
    return [
        (
            run.policy,
            "not ended" if run.job_s is None else f"{run.job_s:.1f}",
            f"{run.worker_s:.1f}" + (f" so far ({run.still_there} still there)" if run.still_there else ""),
            str(run.workers),
        )
        for run in runs
    ]


HEADER = ("policy", "job (s)", "worker-seconds", "task nodes launched")
MEANING = (
    "Job: from the step's start to its end. Worker-seconds: capacity units of the task fleet times the seconds from an "
    "instance's launch to its end. Both from EMR's own times. One run each on a machine that may do other things too."
)


def verdict(run: Figures, beside: Figures) -> str:
    """Both differences, in words."""
    if run.job_s is None or beside.job_s is None:
        return f"One of the two jobs did not end: {run.policy} and {beside.policy} cannot be compared."
    sooner, fewer = beside.job_s - run.job_s, beside.worker_s - run.worker_s
    return (
        f"With {run.policy} the job ended {_percent(sooner, beside.job_s)} {'sooner' if sooner >= 0 else 'later'} than "
        f"with {beside.policy} ({abs(sooner):.1f} s), and took {_percent(fewer, beside.worker_s)} "
        f"{'fewer' if fewer >= 0 else 'more'} worker-seconds ({abs(fewer):.1f})."
    )


def table(runs: Sequence[Figures]) -> Table:
    found = Table(title="Figures", title_justify="left")
    for number, name in enumerate(HEADER):
        found.add_column(name, justify="right" if number else "left")
    for row in rows(runs):
        found.add_row(*row)
    return found


_ADAPTER = TypeAdapter(Figures)


def _lasted(instance: Mapping[str, Any], now: datetime) -> float:
    timeline = instance["Status"]["Timeline"]
    ended: datetime = timeline.get("EndDateTime", now)
    launched: datetime = timeline["CreationDateTime"]
    return max(0.0, (ended - launched).total_seconds())


def _percent(part: float, whole: float) -> str:
    return f"{100 * abs(part) / whole:.0f} %" if whole else "nothing to compare"
