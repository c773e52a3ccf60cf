"""The steps of one cluster: a queue whose head runs, as many at once as the cluster allows."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.sandbox.emr.instances import new_id
from agent.sandbox.emr.orders import Order, Reports, SignalStep, StartStep
from agent.sandbox.emr.refusals import validation
from agent.sandbox.emr.states import StepState

RUNNERS: Mapping[str, tuple[str, ...]] = {"command-runner.jar": (), "script-runner.jar": ("bash",)}
"""The jars that a step can name, by file name, and what stands before its arguments."""

ENDS_CLUSTER = frozenset({"TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"})


ONE_AT_A_TIME = frozenset({"TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW", "CANCEL_AND_WAIT"})
"""Actions on failure that EMR refuses in a step of a cluster that runs several at once (StepConfig)."""


class Step:
    def __init__(self, config: Mapping[str, Any], now: float) -> None:
        """`config` is a StepConfig as it came over the wire."""
        self.id = new_id("s")
        self.config = config
        self.jar: Mapping[str, Any] = config["HadoopJarStep"]
        self.action_on_failure: str = config.get("ActionOnFailure", "TERMINATE_CLUSTER")
        self.state = StepState.PENDING
        self.created_at = now
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.failure: str | None = None
        self.alive = False
        """Whether a process of it may still run."""

    def end(self, state: StepState, now: float) -> None:
        self.state = state
        self.ended_at = now

    @property
    def command(self) -> tuple[str, ...] | None:
        """None when the sandbox cannot run its jar."""
        before = RUNNERS.get(str(self.jar["Jar"]).rsplit("/", 1)[-1])
        arguments = tuple(self.jar.get("Args", ()))
        return None if before is None or not arguments else (*before, *arguments)


class StepQueue:
    def __init__(self, cluster_id: str, concurrency: int) -> None:
        self._cluster_id = cluster_id
        self.concurrency = concurrency
        self.steps: list[Step] = []
        self.cluster_must_end = False
        """A step has failed whose action on failure is to end the cluster."""

    @property
    def active(self) -> bool:
        return any(step.state.active for step in self.steps)

    @property
    def processes_alive(self) -> bool:
        return any(step.alive for step in self.steps)

    @property
    def at_rest(self) -> bool:
        """Whether nothing happens in it until a process ends or somebody asks for something."""
        running = sum(step.state in {StepState.RUNNING, StepState.CANCEL_PENDING} for step in self.steps)
        return running >= self.concurrency or not any(step.state is StepState.PENDING for step in self.steps)

    @property
    def alive(self) -> frozenset[str]:
        """The ids of the steps of which a process may still run."""
        return frozenset(step.id for step in self.steps if step.alive)

    def check(self, configs: Iterable[Mapping[str, Any]]) -> None:
        """Whether these steps can be added. Raises Refusal."""
        actions = {str(config.get("ActionOnFailure", "")) for config in configs} & ONE_AT_A_TIME
        if self.concurrency > 1 and actions:
            raise validation(
                f"ActionOnFailure {min(actions)} is not valid with a StepConcurrencyLevel greater than 1: use CONTINUE."
            )

    def advance(self, now: float, reports: Reports, runnable: bool) -> Iterator[Order]:
        self._reap(now, reports)
        running = sum(step.state in {StepState.RUNNING, StepState.CANCEL_PENDING} for step in self.steps)
        for step in self.steps:
            if not runnable or self.cluster_must_end or running >= self.concurrency:
                return
            if step.state is StepState.PENDING:
                order = self._start(step, now)
                if order is not None:
                    running += 1
                    yield order

    def cancel(self, step: Step, hard: bool, now: float) -> list[Order]:
        """Cancel a step that is pending or running; the running one ends when its process has."""
        if step.state is StepState.PENDING:
            step.end(StepState.CANCELLED, now)
            return []
        step.state = StepState.CANCEL_PENDING
        return [SignalStep(step.id, signal.SIGKILL if hard else signal.SIGINT)]

    def end(self, now: float, reports: Reports) -> Iterator[Order]:
        """The cluster ends: pending steps are cancelled, running ones killed."""
        self._reap(now, reports)
        for step in self.steps:
            if step.state is StepState.PENDING:
                step.end(StepState.CANCELLED, now)
            elif step.state is StepState.RUNNING:
                step.state = StepState.CANCEL_PENDING
            if step.alive:
                yield SignalStep(step.id, signal.SIGKILL)

    def _start(self, step: Step, now: float) -> Order | None:
        step.started_at = now
        if step.command is None:
            self._failed(step, f"the sandbox runs only {' and '.join(RUNNERS)}, not {step.jar['Jar']!r}", now)
            return None
        step.state = StepState.RUNNING
        step.alive = True
        return StartStep(self._cluster_id, step.id, step.command)

    def _reap(self, now: float, reports: Reports) -> None:
        for step in self.steps:
            if not step.alive or step.id not in reports.exits:
                continue
            step.alive = False
            status = reports.exits[step.id]
            if step.state is StepState.CANCEL_PENDING:
                step.end(StepState.CANCELLED, now)
            elif status == 0:
                step.end(StepState.COMPLETED, now)
            else:
                self._failed(step, f"exit status {status}", now)

    def _failed(self, step: Step, why: str, now: float) -> None:
        step.failure = why
        step.end(StepState.FAILED, now)
        if step.action_on_failure in ENDS_CLUSTER:
            self.cluster_must_end = True
        elif step.action_on_failure == "CANCEL_AND_WAIT":
            for other in self.steps:
                if other.state is StepState.PENDING:
                    other.end(StepState.CANCELLED, now)
