"""Floor, Tidemark and peers in turns, on the same load, in one run.

    python -m benchmarks peers

CPU is the server's own user and system time from the first report to its standstill. A figure counts only when the
server's own counters show every line; one that lost lines is tried again at half the speed, and otherwise named.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from benchmarks import report
from benchmarks.ingest import run as ingest
from benchmarks.ingest.load import Sender as IngestSender
from benchmarks.ingest.load import compiled
from benchmarks.peers.carbon import CarbonCache
from benchmarks.peers.load import Load, Sender, made
from benchmarks.peers.obtain import Unavailable
from benchmarks.peers.peer import Peer, Place, Wire, free_ports
from benchmarks.peers.server import Server, started
from benchmarks.peers.statsd import Statsd, StatsdExporter
from benchmarks.peers.stores import CarbonRelay, InfluxDb, VictoriaMetrics

PEERS: tuple[Callable[[], Peer], ...] = (
    CarbonCache,
    Statsd,
    CarbonRelay,
    VictoriaMetrics,
    StatsdExporter,
    InfluxDb,
)

EXECUTORS = 1000
LEAST_LINES = 2_400_000
COUNTED_S = 10.0
"""Counters may lag: some are published once a second."""


@dataclass(frozen=True, slots=True)
class Figure:
    seconds_per_million: float
    rss_mb: float
    lost: str
    """Empty when every line was handled."""


@dataclass(slots=True)
class Row:
    name: str
    version: str
    does: str
    figures: list[Figure] = field(default_factory=list)
    why_not: str = ""
    """Why there is no figure."""

    @property
    def good(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.lost]

    @property
    def cost(self) -> float | None:
        """Median, of the measurements that lost nothing."""
        return statistics.median(figure.seconds_per_million for figure in self.good) if self.good else None


def run(screen: report.Screen, repeats: int) -> bool:
    """Print the table. Whether Tidemark met its two targets."""
    own = (Row("bare C loop", "", "receives, discards"), Row("Tidemark", "", "parses, checks, keeps last values"))
    rows = list(own)
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as name, screen.progress() as progress:
        folder = Path(name)
        peers = _obtained(progress, rows)
        load = made(folder, EXECUTORS, LEAST_LINES)
        lap = progress.add("peers", repeats * (2 + len(peers)))
        turns = [*zip(own, _own(folder, load), strict=True)]
        turns += [(row, _measurer(peer, folder, load)) for row, peer in peers]
        for _ in range(repeats):
            for row, measure in turns:
                lap.step(row.name)
                _take(row, measure)
    return _print(screen, rows, load, repeats)


def _obtained(progress: report.Progress, rows: list[Row]) -> list[tuple[Row, Peer]]:
    """The peers that can be had; a row for each in any case."""
    lap = progress.add("fetching peers", len(PEERS))
    had = []
    for make in PEERS:
        peer = make()
        lap.step(peer.name)
        row = Row(peer.name, peer.version, peer.does)
        rows.append(row)
        try:
            peer.obtain()
        except Unavailable as why:
            row.why_not = str(why)
            continue
        row.version = peer.version
        had.append((row, peer))
    return had


def _own(folder: Path, load: Load) -> tuple[Callable[[], Figure], Callable[[], Figure]]:
    """How the floor and Tidemark are measured: by the ingest benchmark, on this load."""
    program = compiled("floor.c", folder)
    sender = IngestSender(folder, ingest.SENDER_CORE)
    reports, senders = load.files[Wire.GRAPHITE], list(load.senders)

    def floor() -> Figure:
        return _figure(ingest.floor(program, sender, reports, load.lines, load.rounds))

    def tidemark() -> Figure:
        return _figure(ingest.tidemark(sender, reports, senders, load.lines, load.rounds))

    return floor, tidemark


def _figure(cost: ingest.Cost) -> Figure:
    return Figure(cost.seconds_per_million, cost.rss_mb, cost.accounted)


def _take(row: Row, measure: Callable[[], Figure]) -> None:
    try:
        row.figures.append(measure())
    except (Unavailable, RuntimeError, OSError) as error:
        row.why_not = str(error)


def _measurer(peer: Peer, folder: Path, load: Load) -> Callable[[], Figure]:
    sender = Sender(folder, ingest.SENDER_CORE)

    def measure() -> Figure:
        paced_s = len(load.senders) / peer.reports_per_s if peer.reports_per_s else 0.0
        figure, seconds = _measured(peer, sender, load, paced_s)
        if figure.lost:
            figure, _ = _measured(peer, sender, load, 2 * seconds / load.rounds)
        return figure

    return measure


def _measured(peer: Peer, sender: Sender, load: Load, period_s: float) -> tuple[Figure, float]:
    """A fresh server, one round to make it know the series, then the rounds that count; and how long they took."""
    with tempfile.TemporaryDirectory(prefix="tidemark-peer-") as name:
        port, control = free_ports(2)
        place = Place(Path(name), port, control)
        with started(peer.command(place), place.folder, port, ingest.RECEIVER_CORE) as server:
            reports = load.files[peer.wire]
            sender.send(reports, port, 1, period_s, lambda: peer.watch(place))
            _settle(server, peer, place)
            known = _handled(peer, place, load.lines)
            before = server.cpu_s()
            seconds = sender.send(reports, port, load.rounds, period_s, lambda: peer.watch(place))
            _settle(server, peer, place)
            used, rss_mb = server.cpu_s() - before, server.rss_mb()
            handled = _handled(peer, place, known + load.all_lines) - known
    lost = "" if handled == load.all_lines else f"{load.all_lines - handled:,} of {load.all_lines:,} lines lost"
    return Figure(used / load.all_lines * 1e6, rss_mb, lost), seconds


def _settle(server: Server, peer: Peer, place: Place) -> None:
    peer.watch(place)
    server.settle(lambda: peer.watch(place))


def _handled(peer: Peer, place: Place, expected: int) -> int:
    """What its counters say once they say `expected`, or after COUNTED_S."""
    end = time.monotonic() + COUNTED_S
    while (handled := peer.handled(place)) < expected and time.monotonic() < end:
        time.sleep(0.2)
    return handled


def _print(screen: report.Screen, rows: Sequence[Row], load: Load, repeats: int) -> bool:
    floor, tidemark, *peers = rows
    sizes = f"{EXECUTORS:,} executors, reports of 40 to 190 lines, {load.all_lines:,} lines"
    table = Table(title=f"CPU-seconds per million lines; {sizes}; median of {repeats}")
    for heading, justify in (("server", "left"), ("does", "left"), ("CPU s", "right"), ("× floor", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("RSS MB", justify="right")
    table.add_column("lines handled")
    for row in sorted(rows, key=lambda row: row.cost if row.cost is not None else float("inf")):
        table.add_row(*_cells(row, floor.cost))
    screen.print(table)
    ours, bare = tidemark.cost, floor.cost
    if ours is None or bare is None:
        screen.verdict(False, "Tidemark or the floor has no figure")
        return False
    rivals = [row for row in peers if row.cost is not None]
    at_most = screen.verdict(ours <= ingest.TARGET * bare, f"{ours / bare:.2f} × the floor, at most {ingest.TARGET}")
    if not rivals:
        screen.print("not measured: no peer gave a figure")
        return at_most
    cheaper = [row.name for row in rivals if row.cost is not None and row.cost <= ours]
    text = f"less than each of {len(rivals)} peers" + (f", but for {', '.join(cheaper)}" if cheaper else "")
    return screen.verdict(not cheaper, text) and at_most


def _cells(row: Row, floor: float | None) -> tuple[str, ...]:
    name = f"{row.name} {row.version}".strip()
    if row.cost is None:
        lost = row.figures[-1].lost if row.figures else ""
        return (name, row.does, "–", "–", "–", lost or f"skipped: {row.why_not}")
    ratio = f"{row.cost / floor:.2f}" if floor else "–"
    rss = f"{max(figure.rss_mb for figure in row.good):.0f}"
    spoilt = len(row.figures) - len(row.good)
    said = "all" if not spoilt else f"all in {len(row.good)} of {len(row.figures)} runs, else {row.figures[-1].lost}"
    return (name, row.does, f"{row.cost:.2f}", ratio, rss, said)
