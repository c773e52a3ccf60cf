"""`python -m benchmarks.deciding TRACE TRACE`: resumable; one core; about three seconds a run, 240 runs and a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent.simulate import swim
from agent.simulate.outcome import Outcome, outcome
from agent.simulate.run import Ran, run, run_static
from agent.simulate.workload import Workload
from agent.simulate.world import World
from benchmarks.deciding import score
from benchmarks.deciding.families import CLASSIC, DEFAULT_DATAPROC, FAMILIES, MAX_UNITS, Candidate, in_turn
from benchmarks.deciding.results import Results, digest, key

TIMES = (0.5, 1.0, 2.0)
"""Delays at which families are compared, in those of the default Dataproc policy."""
WORLD = World()


@dataclass(slots=True)
class Bench:
    """One trace, its ideal run, and what has been run on it."""

    workload: Workload
    jobs: str
    """Their digest."""
    results: Results
    ideal: Ran | None = None

    def of(self, candidate: Candidate) -> Outcome:
        settings = candidate.settings(WORLD.turn_period_s)
        known_as = key(self.jobs, WORLD, settings)
        known = self.results.get(known_as)
        if known is None:
            if self.ideal is None:
                self.ideal = run_static("ideal", self.workload, WORLD, settings, MAX_UNITS)
            known = outcome(run(candidate.label, self.workload, WORLD, settings), self.ideal)
            self.results.put(known_as, f"{self.workload.name} {candidate.family} {candidate.label}", known)
        return known

    def known(self, candidate: Candidate) -> Outcome | None:
        return self.results.get(key(self.jobs, WORLD, candidate.settings(WORLD.turn_period_s)))


@click.command()
@click.argument("traces", nargs=2, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--results", "path", type=click.Path(path_type=Path), default=Path("deciding-results.jsonl"))
@click.option("--each", type=click.IntRange(2, 40), default=40, help="Settings of each family that are tuned over.")
@click.option("--score-only", is_flag=True, help="Run nothing: score with what each family has on both traces.")
def main(traces: Sequence[Path], path: Path, each: int, score_only: bool) -> None:
    """Tune every family on one trace, score it on the other, at three mean delays. Interrupt and resume at will."""
    console = Console(width=140)
    results = Results(path)
    workloads = [_load(trace) for trace in traces]
    benches = [Bench(workload, digest(workload), results) for workload in workloads]
    chosen = in_turn()[: each * len(FAMILIES)]
    if not score_only:
        _run_all(benches, [DEFAULT_DATAPROC, *CLASSIC, *chosen], console)
    for tuned, scored in (benches, benches[::-1]):
        console.print(_table(tuned, scored, chosen))


def _load(path: Path) -> Workload:
    with path.open(encoding="utf-8") as lines:
        return swim.scaled(path.stem, swim.read(lines), swim.SwimScale())


def _run_all(benches: Sequence[Bench], candidates: Sequence[Candidate], console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("runs", total=len(candidates) * len(benches))
        for candidate in candidates:
            for bench in benches:
                bench.of(candidate)
                progress.advance(bar)


def _table(tuned: Bench, scored: Bench, chosen: Sequence[Candidate]) -> Table:
    default = scored.known(DEFAULT_DATAPROC)
    if default is None:
        raise click.ClickException("the default Dataproc policy has not been run yet")
    table = Table(title=f"tuned on {tuned.workload.name}, scored on {scored.workload.name}")
    for column in ("family", "settings", "mean delay s", "p99 s", "node-hours", "demand against it"):
        table.add_column(column, justify="left" if column == "family" else "right")
    for times in TIMES:
        delay_s = times * default.mean_delay_s
        found = {}
        for family in FAMILIES:
            pairs = [(tuned.known(c), scored.known(c)) for c in chosen if c.family == family]
            both = [(one, other) for one, other in pairs if one is not None and other is not None]
            found[family] = (len(both), score.reached([one for one, _ in both], [other for _, other in both], delay_s))
        ours = found["demand"][1]
        for family, (count, at) in found.items():
            less = "" if family == "demand" else f"{100 * (ours.node_hours / at.node_hours - 1):+.1f} %"
            delay = f"{at.mean_delay_s:.1f}" if at.exact else f"not {delay_s:.1f}, nearest {at.mean_delay_s:.1f}"
            table.add_row(family, str(count), delay, f"{at.p99_delay_s:.0f}", f"{at.node_hours:.0f}", less)
        table.add_section()
    for candidate in (DEFAULT_DATAPROC, *CLASSIC):
        one = scored.known(candidate)
        if one is not None:
            table.add_row(
                f"{candidate.family} {candidate.label}", "", f"{one.mean_delay_s:.1f}", f"{one.p99_delay_s:.0f}",
                f"{one.node_hours:.0f}", "",
            )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
