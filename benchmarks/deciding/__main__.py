"""`python -m benchmarks.deciding TRACE TRACE`: resumable; one core; about three seconds a run, 240 runs and a few."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent.simulate import session
from agent.simulate.world import World
from benchmarks.deciding import hindsight, robust, score
from benchmarks.deciding.bench import WORLD, Bench, Together, load, outdated
from benchmarks.deciding.families import CLASSIC, DEFAULT_DATAPROC, DEFAULT_DEMAND, FAMILIES, Candidate, in_turn
from benchmarks.deciding.results import Results

TIMES = (0.5, 1.0, 2.0)
"""Delays at which families are compared, in those of the default Dataproc policy."""
FIXED = (DEFAULT_DATAPROC, DEFAULT_DEMAND, *CLASSIC)
"""What comes out of the box, beside the families."""
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
Job = tuple[Bench, Candidate, World]


@click.command()
@click.argument("traces", nargs=2, type=FILE)
@click.option("--results", "path", type=click.Path(path_type=Path), default=Path("deciding-results.jsonl"))
@click.option("--each", type=click.IntRange(2, 40), default=40, help="Settings of each family that are tuned over.")
@click.option("--score-only", is_flag=True, help="Run nothing: score with what each family has on both traces.")
@click.option("--fresh", type=FILE, help="A third trace, on which what was tuned on both is scored too.")
@click.option("--robust", "only_robust", is_flag=True, help="Instead: default settings where something is wrong.")
@click.option("--hindsight", "only_hindsight", is_flag=True, help="Instead: what plans cost that know all beforehand.")
@click.option("--spot-series", type=FILE, help="With --robust: a recorded spot market, time_s,available_units.")
def main(
    traces: Sequence[Path],
    path: Path,
    each: int,
    score_only: bool,
    fresh: Path | None,
    only_robust: bool,
    only_hindsight: bool,
    spot_series: Path | None,
) -> None:
    """Tune every family on one trace, score it on the other, at three mean delays. Interrupt and resume at will."""
    console = Console(width=140)
    results = Results(path)
    try:
        benches = [load(trace, results) for trace in traces]
        third = None if fresh is None else load(fresh, results)
        recorded = () if spot_series is None else session.spot_series(spot_series)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if only_hindsight:
        for bench in benches:
            console.print(hindsight.table(bench))
        return
    if only_robust:
        sys.exit(0 if _robust(benches, recorded, console) else 1)
    chosen = in_turn()[: each * len(FAMILIES)]
    if not score_only:
        _tune(benches, chosen, console)
    for tuned, scored in (benches, benches[::-1]):
        console.print(_table(tuned, scored, chosen))
    if third is not None:
        _score_on(third, Together(benches), chosen, console)


def _tune(benches: Sequence[Bench], chosen: Sequence[Candidate], console: Console) -> None:
    old = outdated(benches[0], chosen)
    if old:
        text = "the results were made by another version of the rules; give another file for --results"
        raise click.ClickException(f"{text} (it differs for {', '.join(one.label for one in old)})")
    _run_all([(bench, one, WORLD) for one in (*FIXED, *chosen) for bench in benches], console)


def _score_on(third: Bench, tuned: Together, chosen: Sequence[Candidate], console: Console) -> None:
    """Only what stands next to one of the delays has to be run on the third."""
    near = [one for family in FAMILIES for one in _near(tuned, [one for one in chosen if one.family == family])]
    _run_all([(third, one, WORLD) for one in (*FIXED, *near)], console)
    console.print(_table(tuned, third, near))


def _near(tuned: Together, family: Sequence[Candidate]) -> list[Candidate]:
    """Of the family's front the settings on either side of each delay, and the next ones."""
    default = tuned.known(DEFAULT_DATAPROC)
    known = [(one, told) for one in family if (told := tuned.known(one)) is not None]
    if default is None or not known:
        return []
    front = [known[at] for at in score.front([told for _, told in known])]
    kept = set()
    for times in TIMES:
        after = sum(told.mean_delay_s < times * default.mean_delay_s for _, told in front)
        kept |= set(range(max(0, after - 2), min(len(front), after + 2)))
    return [front[at][0] for at in sorted(kept)]


def _robust(benches: Sequence[Bench], recorded: Sequence[tuple[float, int]], console: Console) -> bool:
    by_bench = [(bench, robust.cases(bench.workload, recorded)) for bench in benches]
    jobs = [(bench, one, case.world) for bench, found in by_bench for case in found.values() for one in case.pair]
    _run_all(jobs, console)
    shown = [robust.table(bench, found) for bench, found in by_bench]
    for table, _ in shown:
        console.print(table)
    return all(met for _, met in shown)


def _run_all(jobs: Sequence[Job], console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("runs", total=len(jobs))
        for bench, candidate, world in jobs:
            bench.of(candidate, world)
            progress.advance(bar)


def _table(tuned: Bench | Together, scored: Bench, chosen: Sequence[Candidate]) -> Table:
    default = scored.known(DEFAULT_DATAPROC)
    if default is None:
        raise click.ClickException("the default Dataproc policy has not been run yet")
    table = Table(title=f"tuned on {tuned.name}, scored on {scored.name}")
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
    for candidate in FIXED:
        one = scored.known(candidate)
        if one is not None:
            table.add_row(
                str(candidate), "", f"{one.mean_delay_s:.1f}", f"{one.p99_delay_s:.0f}", f"{one.node_hours:.0f}", "",
            )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
