"""What the status page costs: the agent without it, with it, and with ten viewers who poll as its script does.

    python -m benchmarks status

The agent has the default settings, a turn every 10 s, on a cluster of 125 nodes and ten applications; viewers ask every
5 s, with the ETag that they were given. Agent and viewers have a core each.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import requests
from rich.table import Table

from agent.log import LOGGER
from agent.status.board import Board
from agent.status.making import Self
from agent.telemetry import Telemetry
from benchmarks import report
from benchmarks.footprint.measure import WARM_UP_S, agent_on_cluster, on_core, span_of
from benchmarks.peers.peer import free_ports
from tests.policy import build
from tests.status.states import NOW, held, seen_by, turn

OTHERS_CORE = 1
VIEWERS, POLL_S = 10, 5.0
APPLICATIONS = {f"application_1795225942000_{number:04}": 100 for number in range(1, 11)}
TARGET_PERCENT = 1.0
TURN_S = 10.0
EXECUTORS, MADE = 1000, 200


@dataclass
class Watched:
    """What viewers got."""

    answers: list[int] = field(default_factory=list)


def run(screen: report.Screen, repeats: int, seconds: float = 60.0) -> bool:
    """Print the table. Whether the target is met."""
    kinds = {"without the page": (False, 0), "with the page": (True, 0), f"with {VIEWERS} viewers": (True, VIEWERS)}
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    memory: dict[str, list[float]] = {kind: [] for kind in kinds}
    watched = Watched()
    with on_core(OTHERS_CORE), screen.progress() as progress:
        lap = progress.add("status", len(kinds) * repeats)
        for _ in range(repeats):
            for kind, (enabled, viewers) in kinds.items():
                lap.step(f"{kind}, {seconds:.0f} s")
                cpu, rss = _measured(enabled, viewers, seconds, watched)
                found[kind].append(cpu)
                memory[kind].append(rss)
    table = Table(title=f"The agent over {seconds:.0f} s; median of {repeats}")
    for heading in ("", "% of a core", "RSS MB"):
        table.add_column(heading, justify="right" if heading else "left")
    for kind in kinds:
        table.add_row(kind, f"{statistics.median(found[kind]):.2f}", f"{statistics.median(memory[kind]):.0f}")
    screen.print(table)
    made_s = pages_s()
    screen.print(
        f"making the pages of a turn with {EXECUTORS:,} executors: {1000 * made_s:.1f} ms, "
        f"{100 * made_s / TURN_S:.2f} % of a core at a turn every {TURN_S:.0f} s"
    )
    without, _, viewed = (statistics.median(each) for each in found.values())
    cost = viewed - without
    good = screen.verdict(
        cost < TARGET_PERCENT,
        f"status: the page costs {cost:.2f} % of a core with {VIEWERS} viewers, under {TARGET_PERCENT:g} %",
    )
    fresh = watched.answers.count(200)
    told = f"status: {len(watched.answers)} answers, {fresh} of them a page, the others 304"
    return screen.verdict(bool(fresh) and set(watched.answers) <= {200, 304}, told) and good


def _measured(enabled: bool, viewers: int, seconds: float, watched: Watched) -> tuple[float, float]:
    """CPU of the agent in percent of a core, and its memory in MB: supervisor and child."""
    (port,) = free_ports(1)
    more = f"[status]\nenabled = {str(enabled).lower()}\nport = {port}\n"
    with agent_on_cluster(APPLICATIONS, more) as (agent, _):
        time.sleep(WARM_UP_S)
        with _viewing(port, viewers, watched) if viewers else nullcontext():
            span = span_of(agent, seconds)
    return sum(span.cpu_percent.values()), sum(span.rss_mb.values())


@contextmanager
def _viewing(port: int, viewers: int, watched: Watched) -> Iterator[None]:
    """Ten people with the page open: each a session of its own, all of them at other moments."""
    stop = threading.Event()

    def view(number: int) -> None:
        stop.wait(number * POLL_S / viewers)
        etag = ""
        while not stop.is_set():
            answer = requests.get(f"http://127.0.0.1:{port}/", headers={"If-None-Match": etag}, timeout=10)
            watched.answers.append(answer.status_code)
            etag = answer.headers.get("ETag", etag)
            stop.wait(POLL_S)

    threads = [threading.Thread(target=view, args=(number,), daemon=True) for number in range(viewers)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in threads:
            each.join(15)


def pages_s() -> float:
    """CPU-seconds that the pages of one turn take, in this process: median of many."""
    LOGGER.disabled = True
    table = held([number % 100 for number in range(EXECUTORS)])
    settings = build.settings()
    me = Self(version="0", cluster_id="j-1", region="eu-west-1", started_at=NOW)
    board = Board(settings, me, lambda: NOW, Telemetry(), tuple)
    nodes = tuple(build.node(f"task-{number}") for number in range(125))
    apps = tuple(build.app() for _ in range(10))
    took = []
    for number in range(MADE):
        at = NOW + TURN_S * number
        made = turn(
            at=at, signals=seen_by(table, build.observation()), reading=build.reading(nodes=nodes, applications=apps)
        )
        began = time.thread_time()
        board.take(made, table, settings)
        took.append(time.thread_time() - began)
    return statistics.median(took)
