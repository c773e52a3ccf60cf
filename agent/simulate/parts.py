"""Nodes, executors and running jobs: what changes while a simulation runs."""

from __future__ import annotations

import math
from enum import Enum, auto

from agent.simulate.workload import Job, Stage


class Phase(Enum):
    ORDERED = auto()
    LAUNCHED = auto()
    READY = auto()
    DRAINING = auto()
    GONE = auto()


class Node:
    __slots__ = (
        "executors", "free_mb", "gone_at", "host", "launched_at", "number", "phase", "place", "shuffles", "task",
        "views", "worked",
    )  # fmt: skip

    def __init__(self, number: int, memory_mb: float, *, task: bool) -> None:
        self.number = number
        self.host = f"{'task' if task else 'core'}-{number}"
        self.task = task
        self.free_mb = memory_mb
        self.executors: dict[Executor, None] = {}
        self.phase = Phase.ORDERED
        self.launched_at: float | None = None
        self.gone_at: float | None = None
        self.worked = False
        self.place = -1
        """Where it stands among the nodes that have room; −1 when it does not."""
        self.shuffles: dict[JobState, None] = {}
        """Unfinished jobs whose shuffle output lies on it."""
        self.views: dict[object, object] = {}

    @property
    def open(self) -> bool:
        return self.phase is Phase.READY


class Run:
    """One attempt of one task."""

    __slots__ = ("began", "duration_s", "executor", "writes")

    def __init__(self, executor: Executor, duration_s: float, began: float, *, writes: bool) -> None:
        self.executor = executor
        self.duration_s = duration_s
        self.began = began
        self.writes = writes


class Executor:
    __slots__ = ("gone", "idle_since", "job", "node", "registered", "runs", "wrote")

    def __init__(self, job: JobState, node: Node) -> None:
        self.job = job
        self.node = node
        self.runs: list[Run] = []
        self.registered = False
        self.gone = False
        self.idle_since: float | None = None
        self.wrote = False


class JobState:
    """A job that has been submitted."""

    __slots__ = (
        "again", "asks", "done", "done_s", "executors", "finished_at", "held", "job", "left", "listed", "number",
        "outputs", "ramping", "running", "stage_number", "started", "step", "target", "todo", "views",
    )  # fmt: skip

    def __init__(self, job: Job, number: int) -> None:
        self.job = job
        self.number = number
        self.started = False
        self.stage_number = -1
        self.todo: list[float] = []
        """Tasks of the present stage that do not run, by their time."""
        self.again: list[float] = []
        """Tasks of earlier stages whose output was lost."""
        self.left = 0
        """Tasks that have to end before the next stage."""
        self.running = 0
        self.done = 0
        self.done_s = 0.0
        """Of the present stage: tasks that ended, and their time together."""
        self.executors: dict[Executor, None] = {}
        self.held = 0
        self.target = 0
        """Executors that dynamic allocation has asked for so far."""
        self.step = 1
        self.ramping = False
        self.asks = 0
        self.listed = -1
        """What it held when it was last put among those that wait; −1 when it is not among them."""
        self.outputs: dict[Node, list[float]] = {}
        """Shuffle output by the node that has it: the times of the tasks that wrote it."""
        self.finished_at: float | None = None
        self.views: dict[object, object] = {}

    @property
    def stage(self) -> Stage:
        return self.job.stages[self.stage_number]

    def needs(self, cores: int, most: int) -> int:
        """Executors that its tasks could use at once."""
        return min(most, math.ceil((len(self.todo) + len(self.again) + self.running) / cores))
