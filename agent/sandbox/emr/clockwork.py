"""One tick: ask the world outside, let the model advance, carry out what it orders. No lock is held outside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.domain.ports import Clock
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.orders import Decommission, End, Launch, Order, Reports, SignalStep, StartStep
from agent.sandbox.emr.processes import StepProcesses
from agent.sandbox.events.event import Event
from agent.sandbox.nodes import NodeHost


class Clockwork:
    """Belongs to one thread."""

    def __init__(
        self,
        emr: Emr,
        host: NodeHost,
        processes: StepProcesses,
        clock: Clock,
        publish: Callable[[Iterable[Event]], None] | None = None,
    ) -> None:
        """`publish` hears what EMR has to tell; None: it stays with the model, for `take_events`."""
        self._emr = emr
        self._host = host
        self._processes = processes
        self._clock = clock
        self._publish = publish

    def tick(self) -> None:
        with self._emr.lock:
            question = self._emr.question()
        reports = Reports(
            phases={machine.id: self._host.phase(machine) for machine in question.machines},
            asked=frozenset(machine.id for machine in question.choices),
            idle=self._host.idle(question.choices) if question.choices else frozenset(),
            exits=self._processes.exits(),
        )
        with self._emr.lock:
            orders = self._emr.advance(self._clock(), reports)
            events = [] if self._publish is None else self._emr.take_events()
        for order in orders:
            self._carry_out(order)
        if self._publish is not None:
            self._publish(events)

    def _carry_out(self, order: Order) -> None:
        match order:
            case Launch(machine):
                address = self._host.launch(machine)
                with self._emr.lock:
                    self._emr.launched(machine, address)
            case Decommission(machine):
                self._host.decommission(machine)
            case End(machine):
                self._host.terminate(machine)
            case StartStep(cluster_id, step_id, command):
                self._processes.start(cluster_id, step_id, command)
            case SignalStep(step_id, number):
                self._processes.signal(step_id, number)
