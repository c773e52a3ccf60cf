"""YARN and Spark together: containers for jobs in fair shares, tasks on executors, dynamic allocation.

A job over its share gives an executor back when a task ends while another job waits, which is what preemption with a
grace period comes to. A container goes to a node drawn at random among those with room, as heartbeats come in any
order.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

from agent.simulate.events import Events
from agent.simulate.parts import Executor, JobState, Node, Phase, Run
from agent.simulate.workload import Job
from agent.simulate.world import Shuffle, World


class Tally:
    """What a simulation adds up."""

    __slots__ = ("busy_s", "done", "killed_s", "killed_tasks", "lost_outputs")

    def __init__(self) -> None:
        self.done = 0
        """Tasks that ended well; each whose output was lost counts again."""
        self.busy_s = 0.0
        self.killed_tasks = 0
        self.killed_s = 0.0
        """Time of tasks that were cut off, and of those whose output was lost before it was read."""
        self.lost_outputs = 0


class Scheduler:
    def __init__(self, events: Events, world: World, emptied: Callable[[Node], None]) -> None:
        """`emptied` hears of a draining node whose last executor has gone."""
        self._events = events
        self._world = world
        self._emptied = emptied
        self._random = Random(world.seed * 7919 + 17)
        self._open: list[Node] = []
        self._starving: list[tuple[int, int, JobState]] = []
        self.queued: deque[JobState] = deque()
        """Jobs that the queue does not let run yet."""
        self.active: dict[JobState, None] = {}
        self.all: list[JobState] = []
        self.unfinished = 0
        self.pending = 0
        """Containers asked for and not given, all jobs."""
        self.running = 0
        """Containers given out."""
        self.tally = Tally()

    # what the cluster tells

    def submit(self, job: Job) -> None:
        state = JobState(job, len(self.all))
        self.all.append(state)
        self.unfinished += 1
        most = self._world.max_running_apps
        if most is not None and len(self.active) >= most:
            self.queued.append(state)
        else:
            self._start(state)

    def joined(self, node: Node) -> None:
        """The node takes containers from now on."""
        self._reopen(node)
        self._allocate()

    def drains(self, node: Node) -> None:
        """The node takes no more containers and no more tasks; idle executors on it go when their time is up."""
        self._close(node)
        if not node.executors:
            self._emptied(node)

    def lost(self, node: Node) -> None:
        """The node is gone, with all that ran on it and all that was left on it."""
        self._close(node)
        hurt: dict[JobState, None] = {}
        for executor in tuple(node.executors):
            hurt[executor.job] = None
            self._kill(executor)
        for job in self.active:
            if node in job.outputs:
                self._forget_outputs(job, node)
                hurt[job] = None
        for job in hurt:
            self._feed_all(job)
        self._allocate()

    # a job's life

    def _start(self, job: JobState) -> None:
        job.started = True
        self.active[job] = None
        self._next_stage(job)

    def _next_stage(self, job: JobState) -> None:
        job.stage_number += 1
        if job.stage_number == len(job.job.stages):
            self._finish(job)
            return
        tasks = job.stage.tasks
        job.todo = list(reversed(tasks))
        job.left = len(tasks)
        job.done, job.done_s, job.step = 0, 0.0, 1
        self._feed_all(job)

    def _finish(self, job: JobState) -> None:
        job.finished_at = self._events.now
        for node in job.outputs:
            del node.shuffles[job]
        job.outputs.clear()
        for executor in tuple(job.executors):
            self._release(executor)
        del self.active[job]
        self.unfinished -= 1
        if self.queued:
            self._start(self.queued.popleft())
        self._allocate()

    # tasks

    def _feed_all(self, job: JobState) -> None:
        """Give waiting tasks to what executors it has, then ask for more."""
        for executor in tuple(job.executors):
            if not (job.todo or job.again):
                break
            if executor.registered and len(executor.runs) < self._world.executor_cores:
                self._feed(executor)
        self._ask(job)
        self._allocate()

    def _registered(self, executor: Executor) -> None:
        if not executor.gone:
            executor.registered = True
            self._feed(executor)

    def _feed(self, executor: Executor) -> None:
        job, runs, now = executor.job, executor.runs, self._events.now
        if executor.node.phase is Phase.READY and self._may_go_on(executor):
            while len(runs) < self._world.executor_cores and (job.todo or job.again):
                writes = bool(job.again) or job.stage.writes_shuffle
                duration = job.again.pop() if job.again else job.todo.pop()
                run = Run(executor, duration, now, writes=writes)
                runs.append(run)
                job.running += 1
                self._events.after(duration, self._done, run)
        if runs:
            executor.idle_since = None
        elif not self._may_go_on(executor):
            self._release(executor)
            self._allocate()
        elif executor.idle_since is None:
            executor.idle_since = now
            self._events.after(self._world.idle_s, self._idle, (executor, now))

    def _done(self, run: Run) -> None:
        executor = run.executor
        if executor.gone:
            return
        job, tally, duration = executor.job, self.tally, run.duration_s
        job.left -= 1
        job.done += 1
        job.done_s += duration
        tally.done += 1
        tally.busy_s += duration
        if run.writes:
            executor.wrote = True
            self._leave_output(job, executor.node, duration)
        if job.todo and not job.again and executor.node.phase is Phase.READY and self._may_go_on(executor):
            # nearly always: the next task of the same stage, in the same place
            run.duration_s = job.todo.pop()
            run.began = self._events.now
            run.writes = job.stage.writes_shuffle
            self._events.after(run.duration_s, self._done, run)
            if job.asks:
                self._ask(job)
            return
        executor.runs.remove(run)
        job.running -= 1
        if job.left == 0:
            self._next_stage(job)
            if executor.gone or executor.runs:
                return
        self._feed(executor)
        if job.asks:
            self._ask(job)

    @staticmethod
    def _leave_output(job: JobState, node: Node, duration_s: float) -> None:
        known = job.outputs.get(node)
        if known is None:
            job.outputs[node] = [duration_s]
            node.shuffles[job] = None
        else:
            known.append(duration_s)

    def _idle(self, about: tuple[Executor, float]) -> None:
        executor, since = about
        if executor.gone or executor.idle_since != since or self._pinned(executor):
            return
        job = executor.job
        self._release(executor)
        job.target = min(job.target, max(job.held, job.needs(self._world.executor_cores, self._world.max_executors)))
        self._ask(job)
        self._allocate()

    def _pinned(self, executor: Executor) -> bool:
        return executor.wrote and self._world.shuffle is Shuffle.TRACKING

    def _may_go_on(self, executor: Executor) -> bool:
        """Whether it takes further tasks rather than make room for a job that has fewer."""
        return not self._over_share(executor.job) or self._pinned(executor)

    def _kill(self, executor: Executor) -> None:
        job, now = executor.job, self._events.now
        for run in executor.runs:
            self.tally.killed_tasks += 1
            self.tally.killed_s += now - run.began
            (job.again if run.writes and not job.stage.writes_shuffle else job.todo).append(run.duration_s)
            job.running -= 1
        executor.runs.clear()
        self._release(executor)

    def _forget_outputs(self, job: JobState, node: Node) -> None:
        lost = job.outputs.pop(node)
        del node.shuffles[job]
        job.again.extend(lost)
        job.left += len(lost)
        self.tally.lost_outputs += len(lost)
        self.tally.killed_s += sum(lost)

    # containers

    def _ask(self, job: JobState) -> None:
        """Bring what it asks for in line with what it needs; more is asked for step by step."""
        needs = job.needs(self._world.executor_cores, self._world.max_executors)
        asks = max(0, min(job.target, needs) - job.held)
        if asks != job.asks:
            self.pending += asks - job.asks
            job.asks = asks
        self._list(job)
        if needs > job.target and not job.ramping:
            job.ramping = True
            self._events.after(self._world.backlog_s, self._ramp, job)

    def _ramp(self, job: JobState) -> None:
        job.ramping = False
        if job.finished_at is not None:
            return
        needs = job.needs(self._world.executor_cores, self._world.max_executors)
        if needs > job.target:
            job.target = min(needs, max(job.target, job.held) + job.step)
            job.step *= 2
        else:
            job.step = 1
        self._ask(job)
        self._allocate()

    def _allocate(self) -> None:
        """Give out what is free, to the job that holds least first; a node's heartbeat fills it."""
        node: Node | None = None
        while self._open and (job := self._neediest()) is not None:
            if node is None or node.place < 0:
                node = self._open[self._random.randrange(len(self._open))]
            self._grant(job, node)

    def _neediest(self) -> JobState | None:
        starving = self._starving
        while starving:
            held, _, job = starving[0]
            if job.asks and job.held == held and job.finished_at is None:
                return job
            if job.listed == held:
                job.listed = -1
            heapq.heappop(starving)
        return None

    def _list(self, job: JobState) -> None:
        """Among those that wait for containers, at its place by what it holds."""
        if job.asks and job.listed != job.held:
            heapq.heappush(self._starving, (job.held, job.number, job))
            job.listed = job.held

    def _over_share(self, job: JobState) -> bool:
        if not self._starving:
            return False
        other = self._neediest()
        return other is not None and other.held + 1 < job.held

    def _grant(self, job: JobState, node: Node) -> None:
        size = self._world.executor_memory_mb
        executor = Executor(job, node)
        node.free_mb -= size
        if node.free_mb < size:
            self._close(node)
        node.executors[executor] = None
        node.worked = True
        job.executors[executor] = None
        job.held += 1
        job.asks -= 1
        self.pending -= 1
        self.running += 1
        self._list(job)
        self._events.after(self._world.start_s, self._registered, executor)

    def _release(self, executor: Executor) -> None:
        job, node = executor.job, executor.node
        executor.gone = True
        del node.executors[executor]
        del job.executors[executor]
        job.held -= 1
        self.running -= 1
        node.free_mb += self._world.executor_memory_mb
        if node.phase is Phase.READY:
            self._reopen(node)
        elif node.phase is Phase.DRAINING and not node.executors:
            self._emptied(node)
        if job.finished_at is None:
            self._ask(job)
        elif job.asks:
            self.pending -= job.asks
            job.asks = 0

    def _reopen(self, node: Node) -> None:
        if node.place < 0 and node.free_mb >= self._world.executor_memory_mb:
            node.place = len(self._open)
            self._open.append(node)

    def _close(self, node: Node) -> None:
        if node.place < 0:
            return
        last = self._open.pop()
        if last is not node:
            self._open[node.place] = last
            last.place = node.place
        node.place = -1
