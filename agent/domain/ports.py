"""The seams: what the packages in the middle know of each other. They meet in `agent.app` only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.domain.datums import Datum
from agent.domain.decisions import Resize, Result
from agent.domain.fleets import Cluster, Fleet
from agent.domain.observation import Evidence
from agent.domain.readings import Reading
from agent.domain.requests import Answer, Request
from agent.domain.turns import Started, Turn

Clock = Callable[[], float]
"""Unix seconds."""

Beat = Callable[[], None]
"""Called by a loop each time round, so that its supervisor knows that it still turns."""


class ReportReceiver(Protocol):
    def report(self, raw: bytes, peer: str, at: float) -> None:
        """Take what one connection sent, as received; `peer` is the sender's address without the port."""


class ReadingReceiver(Protocol):
    def take(self, reading: Reading) -> None: ...


class Sink(Protocol):
    def ship(self, datums: Sequence[Datum]) -> None:
        """Accept one period. Returns at once; what cannot be kept is counted, never raised."""

    def close(self, deadline_s: float) -> None:
        """Flush what is held, for at most `deadline_s` seconds."""


class FleetReader(Protocol):
    def read(self) -> Fleet:
        """The task capacity now. Raises Fault."""


class ClusterReader(Protocol):
    def read(self) -> Cluster:
        """Raises Fault."""


class Probe(Protocol):
    def __call__(self) -> Evidence:
        """Never raises: a probe that fails says busy."""


class FleetActuator(Protocol):
    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        """Never raises for the world's faults: they are the result."""


class ClusterActuator(Protocol):
    def terminate(self, reason: str, code: str, *, without_table: bool = False) -> Result:
        """For that reason, in words, and by the code of the decision's first one. `without_table`: also when the
        lifecycle's table, where there is one, cannot be asked. Never raises for the world's faults: they are the
        result."""


class RequestDesk(Protocol):
    """Where requests from outside lie until they are settled."""

    def pending(self, at: float) -> tuple[Request, ...]:
        """Those that are not settled and have not expired by then. Never raises."""

    def claim(self, id: str, at: float) -> bool:
        """Note, so that it outlasts this process, that the request is being acted on. False if that cannot be noted
        or has been before: then nothing may be done for it. Never raises."""

    def answer(self, answers: Sequence[Answer]) -> None:
        """Hear what a turn made of them. What is settled is not pending again. Never raises."""


class NoRequests:
    """Nobody outside may ask for anything."""

    def pending(self, at: float) -> tuple[Request, ...]:  # noqa: ARG002
        return ()

    def claim(self, id: str, at: float) -> bool:  # noqa: ARG002
        return False

    def answer(self, answers: Sequence[Answer]) -> None:
        pass


NO_REQUESTS = NoRequests()


class TurnJournal(Protocol):
    def started(self, started: Started) -> None:
        """Write down that the agent began. Raises OSError."""

    def changed(self, started: Started) -> None:
        """Write down that other settings are in force from here on. Raises OSError."""

    def turn(self, turn: Turn) -> None:
        """Write down one turn. Raises OSError."""
