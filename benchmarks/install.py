"""How long the bootstrap action takes: on a node that is not the primary, and on the primary without the network."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks import report
from tests.bootstrap import aws_cli, info, releases
from tests.bootstrap.node import Node, permitted
from tests.bootstrap.releases import Published

WORKER_S = 0.2
PRIMARY_S = 20.0
MAXIMUM = "--set=fleet.max_capacity_units=4"


@dataclass(frozen=True, slots=True)
class Took:
    wall_s: float
    cpu_s: float


def run(screen: report.Screen, repeats: int) -> bool:
    """Print the table, and whether both targets are met."""
    taken: dict[str, list[Took]] = {"worker": [], "primary, first": [], "primary, again": []}
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as name, screen.progress() as progress:
        lap = progress.add("install", repeats + 1)
        lap.step("building the bundle")
        release = releases.build(Path(name) / "release")
        for number in range(repeats):
            lap.step(f"run {number + 1}")
            with _node(Path(name), f"worker{number}", "task") as node:
                taken["worker"].append(_timed(node, release.script))
            with _node(Path(name), f"primary{number}", "master") as node:
                script = _on_its_disk(node, release).script
                taken["primary, first"].append(_timed(node, script))
                taken["primary, again"].append(_timed(node, script))
                if not node.links():
                    return screen.verdict(False, "the primary has the agent afterwards")
    return _told(screen, taken)


@contextmanager
def _node(folder: Path, name: str, role: str) -> Iterator[Node]:
    node = Node(folder / name, permitted(), aws_cli.installed())
    node.know(info.of_group(role))
    node.has_network = False
    yield node


def _on_its_disk(node: Node, release: Published) -> Published:
    folder = node.root / "tmp" / "release"
    folder.mkdir()
    for each in release.archives:
        (folder / each.path.name).write_bytes(each.path.read_bytes())
    return release.at(node.inside(folder))


def _timed(node: Node, script: str) -> Took:
    """The script alone: the time to make and enter the node's root is no part of it."""
    path = node.root / "tmp" / "install.sh"
    path.write_text(script, encoding="utf-8")
    timed = f"TIMEFORMAT='took %R %U %S'; time bash {node.inside(path)} {MAXIMUM} 2>&1"
    done = node.run(["bash", "-c", timed])
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("took ")]
    wall, user, system = map(float, line.split()[1:])
    return Took(wall, user + system)


def _told(screen: report.Screen, taken: dict[str, list[Took]]) -> bool:
    table = Table(title=f"install.sh, in {permitted().value}; bundle on the node's disk, no network")
    for heading in ("node", "seconds", "slowest", "of CPU"):
        table.add_column(heading, justify="left" if heading == "node" else "right")
    walls = {what: statistics.median(each.wall_s for each in spans) for what, spans in taken.items()}
    for what, spans in taken.items():
        cpu = statistics.median(each.cpu_s for each in spans)
        table.add_row(what, f"{walls[what]:.3f}", f"{max(each.wall_s for each in spans):.3f}", f"{cpu:.3f}")
    screen.print(table)
    worker, primary = walls["worker"], walls["primary, first"]
    quick = screen.verdict(worker < WORKER_S, f"a node that is not the primary: {worker:.3f} s, under {WORKER_S:g}")
    return screen.verdict(primary < PRIMARY_S, f"the primary: {primary:.1f} s, under {PRIMARY_S:g}") and quick
