"""How a benchmark speaks: progress while it works, a table, a line a target, and on what machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich.progress
from rich.console import Console
from rich.table import Table


class Lap:
    def __init__(self, progress: rich.progress.Progress, name: str, steps: int) -> None:
        self._progress = progress
        self._name = name
        self._steps = steps
        self._task = progress.add_task(name, total=steps)
        self._began = 0

    def step(self, what: str) -> None:
        """What begins now; the step before it is done."""
        self._progress.update(self._task, completed=self._began, description=f"{self._name}: {what}")
        self._began += 1
        if not self._progress.console.is_terminal:
            self._progress.console.print(f"{self._name} {self._began}/{self._steps}: {what}", style="dim")


class Progress:
    def __init__(self, progress: rich.progress.Progress) -> None:
        self._progress = progress

    def add(self, name: str, steps: int) -> Lap:
        return Lap(self._progress, name, steps)


class Screen:
    def __init__(self) -> None:
        self._console = Console(width=None if os.isatty(1) else 140)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        with rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeElapsedColumn(),
            console=self._console,
            transient=True,
        ) as progress:
            yield Progress(progress)

    def print(self, what: Table | str) -> None:
        self._console.print(what)

    def verdict(self, met: bool, target: str) -> bool:
        """One line: a target, and whether it is met; returns that."""
        self._console.print(f"{'[green]met[/green]   ' if met else '[red]missed[/red]'} {target}")
        return met


def machine() -> str:
    """On what kind of machine."""
    model = platform.processor() or platform.machine()
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    kernel = f"{platform.system()} {platform.release()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {kernel}, {python}; load average {load}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
