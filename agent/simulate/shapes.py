"""Generated workloads, small enough for every test run and each after one difficulty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

from agent.simulate.workload import Job, Stage, TaskShape, Workload, cut, workload
from agent.simulate.world import World

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A workload made from a seed, and what its world differs in."""

    meaning: str
    jobs: Callable[[Random], Iterator[Job]]
    horizon_s: float
    max_running_apps: int | None = None

    def workload(self, name: str, seed: int = 1) -> Workload:
        return workload(name, self.jobs(Random(seed)), self.horizon_s)

    def world(self, base: World) -> World:
        return replace(base, max_running_apps=self.max_running_apps)


def _square(random: Random) -> Iterator[Job]:
    """For the first half of each hour 60 slots' worth of work, then nothing."""
    for hour in range(4):
        for minute in range(30):
            yield _job(f"square-{hour}-{minute}", hour * HOUR_S + minute * 60, 60 * 60.0, random)


def _ramp(random: Random) -> Iterator[Job]:
    for minute in range(180):
        yield _job(f"ramp-{minute}", minute * 60.0, 60.0 * (1 + minute), random)


def _short(random: Random) -> Iterator[Job]:
    """Twenty jobs a minute of a few seconds each: no node would come in time for any."""
    at, number = 0.0, 0
    while at < 3 * HOUR_S:
        at += random.expovariate(20 / 60)
        number += 1
        yield _job(f"short-{number}", at, random.uniform(5, 60), random, mean_s=8.0)


def _long(random: Random) -> Iterator[Job]:
    yield _job("long", 60.0, 60_000.0, random, shuffled=0.3)


def _waiting(random: Random) -> Iterator[Job]:
    """More applications than the queue starts at once, each small: memory is free and yet they wait."""
    for number in range(60):
        yield _job(f"waiting-{number}", number * 20.0, 240.0, random, mean_s=60.0)


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "square": Shape("half an hour of load, half an hour of none", _square, 4 * HOUR_S),
        "ramp": Shape("load that grows for three hours", _ramp, 4 * HOUR_S),
        "short": Shape("many jobs of seconds", _short, 3 * HOUR_S),
        "long": Shape("one job of many hours of work", _long, 3 * HOUR_S),
        "waiting": Shape("applications wait while memory is free", _waiting, 2 * HOUR_S, max_running_apps=2),
    }
)


def spot_caps(seed: int, horizon_s: float, most: int) -> tuple[tuple[float, int], ...]:
    """How many nodes the spot market gives, in steps of some minutes: mostly all, at times few, at times none."""
    random = Random(seed)
    caps: list[tuple[float, int]] = []
    at = 0.0
    while at < horizon_s:
        state = random.choices(("plenty", "some", "none"), (6, 3, 1))[0]
        caps.append((at, {"plenty": most, "some": random.randint(1, max(1, most // 2)), "none": 0}[state]))
        at += random.expovariate(1 / 1800)
    return tuple(caps)


def _job(name: str, at: float, work_s: float, random: Random, *, mean_s: float = 40.0, shuffled: float = 0.0) -> Job:
    shape = TaskShape(mean_s=mean_s)
    stages = [Stage(cut(work_s * (1 - shuffled), shape, random), writes_shuffle=shuffled > 0)]
    if shuffled > 0:
        stages.append(Stage(cut(work_s * shuffled, shape, random)))
    return Job(name, at, tuple(stages))
