"""One trace and what has been run on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from agent.simulate import swim
from agent.simulate.outcome import Outcome, outcome
from agent.simulate.run import Ran, run, run_static
from agent.simulate.workload import Workload
from agent.simulate.world import World
from benchmarks.deciding.families import MAX_UNITS, Candidate
from benchmarks.deciding.results import Results, digest, key

WORLD = World()


@dataclass(slots=True)
class Bench:
    """Runs what is not known yet and keeps it."""

    workload: Workload
    jobs: str
    """Their digest."""
    results: Results
    ideal: Ran | None = None

    @property
    def name(self) -> str:
        return self.workload.name

    def of(self, candidate: Candidate, world: World = WORLD) -> Outcome:
        known = self.known(candidate, world)
        if known is None:
            known = self._run(candidate, world)
            self.results.put(self._key(candidate, world), f"{self.workload.name} {candidate}", known)
        return known

    def known(self, candidate: Candidate, world: World = WORLD) -> Outcome | None:
        return self.results.get(self._key(candidate, world))

    def differs(self, candidate: Candidate) -> bool:
        """Whether a run of today gives anything else than the one that is known, if there is one."""
        known = self.known(candidate)
        return known is not None and known != self._run(candidate, WORLD)

    def _run(self, candidate: Candidate, world: World) -> Outcome:
        settings = candidate.settings(world.turn_period_s)
        if self.ideal is None:
            # with all capacity at all times neither delays nor shortages nor faults mean anything
            self.ideal = run_static("ideal", self.workload, WORLD, settings, MAX_UNITS)
        return outcome(run(candidate.label, self.workload, world, settings), self.ideal)

    def _key(self, candidate: Candidate, world: World) -> str:
        return key(self.jobs, world, candidate.settings(world.turn_period_s))


@dataclass(frozen=True, slots=True)
class Together:
    """Several traces as one to tune on: what is known of a setting is the mean over them."""

    benches: Sequence[Bench]

    @property
    def name(self) -> str:
        return " and ".join(bench.name for bench in self.benches)

    def known(self, candidate: Candidate) -> Outcome | None:
        found = [known for bench in self.benches if (known := bench.known(candidate)) is not None]
        if len(found) < len(self.benches):
            return None
        hours, delay_s = fmean(one.node_hours for one in found), fmean(one.mean_delay_s for one in found)
        return replace(found[0], node_hours=hours, mean_delay_s=delay_s)


def load(path: Path, results: Results) -> Bench:
    """Raises OSError, or ValueError for what is no trace."""
    with path.open(encoding="utf-8") as lines:
        found = swim.scaled(path.stem, swim.read(lines), swim.SwimScale())
    return Bench(found, digest(found), results)


def outdated(bench: Bench, candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    """Those whose known result is not what today's code gives; of each family the first known one is run again."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        if bench.known(candidate) is not None:
            first.setdefault(candidate.family, candidate)
    return [candidate for candidate in first.values() if bench.differs(candidate)]
