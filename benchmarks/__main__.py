"""`python -m benchmarks [NAME ...]`: each prints a table and whether its targets are met."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import report

Benchmark = Callable[[report.Screen, int], bool]


def ingest(screen: report.Screen, repeats: int) -> bool:
    """Tidemark's line-in beside a bare receive loop, and how its cost keeps from 10 to 10,000 executors."""
    program = str(Path(__file__).parent / "ingest" / "run.py")
    codes = [
        subprocess.run([sys.executable, program, "--repeats", str(repeats), *more], check=False).returncode
        for more in ((), ("--flat",))
    ]
    return screen.verdict(not any(codes), "ingest: the ratio, and every line and value accounted for")


def peers(screen: report.Screen, repeats: int) -> bool:
    """The same load into the bare loop, Tidemark and servers that others wrote."""
    from benchmarks.peers import compare

    return compare.run(screen, repeats)


def footprint(screen: report.Screen, repeats: int) -> bool:
    """CPU and memory of the whole agent, at rest and with 1,000 executors."""
    from benchmarks.footprint import measure

    return measure.run(screen, repeats)


def harm(screen: report.Screen, repeats: int) -> bool:
    """The same Spark job beside a healthy, dead, frozen or cut-off agent, and without any."""
    from benchmarks.harm import measure

    return measure.run(screen, repeats)


def install(screen: report.Screen, repeats: int) -> bool:
    """The bootstrap action on a worker node and on the primary, in a root file system of its own."""
    from benchmarks import install as installation

    return installation.run(screen, repeats)


def status(screen: report.Screen, repeats: int) -> bool:
    """What the status page costs the agent, with nobody and with ten viewers."""
    from benchmarks.status import measure

    return measure.run(screen, repeats)


BENCHMARKS: dict[str, Benchmark] = {
    "ingest": ingest,
    "peers": peers,
    "footprint": footprint,
    "harm": harm,
    "install": install,
    "status": status,
}


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\n" + "\n".join(f"{name:<10} {run.__doc__}" for name, run in BENCHMARKS.items()),
)
@click.argument("names", nargs=-1, type=click.Choice([*BENCHMARKS, "all"]))
@click.option(
    "--repeats", type=click.IntRange(1, 20), default=3, show_default=True, help="Figures are medians of these."
)
def main(names: tuple[str, ...], repeats: int) -> None:
    """Measure on this machine, beside others in the same run. Without a name: all of it, about half an hour.

    The exit code is 1 when a target is missed. A peer that cannot be had is skipped and fails nothing.
    """
    screen = report.Screen()
    screen.print(report.machine())
    wanted = [name for name in BENCHMARKS if not names or "all" in names or name in names]
    good = [BENCHMARKS[name](screen, repeats) for name in wanted]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
