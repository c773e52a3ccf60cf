"""What becomes of the agent while a job runs, and connections that nobody accepts."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.agent_process import RunningAgent

QUEUE_LIMIT = 5000
DROPPED_S = 0.5
LIMIT_S = 30.0

Held = list[socket.socket]


@dataclass(frozen=True, slots=True)
class Fate:
    name: str
    sink: bool = True
    """Whether the job reports at all."""
    cut_off: bool = False
    """Whether CloudWatch is an address that drops every packet."""
    backlog: int | None = None
    """The listener's accept queue; None for the default."""
    befall: Callable[[RunningAgent], Held] = lambda _: []
    """Done to the agent when the job has reported; what it returns is closed after the job."""


def kill(agent: RunningAgent) -> Held:
    agent.supervisor.kill()
    end = time.monotonic() + LIMIT_S
    while listens(agent.port) and time.monotonic() < end:
        time.sleep(0.05)
    return []


def freeze(agent: RunningAgent) -> Held:
    agent.child.send_signal(signal.SIGSTOP)
    return []


def freeze_with_full_queue(agent: RunningAgent) -> Held:
    freeze(agent)
    return fill(agent.port)


FATES = (
    Fate("no sink", sink=False),
    Fate("healthy agent"),
    Fate("agent killed", befall=kill),
    Fate("agent frozen", befall=freeze),
    # a short queue, so that filling it takes a moment: how it comes to be full makes no difference to the job
    Fate("agent frozen, packets dropped", backlog=8, befall=freeze_with_full_queue),
    Fate("CloudWatch unreachable", cut_off=True),
)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def fill(port: int) -> Held:
    """Connect until the kernel drops the packets of who connects. Raises RuntimeError when it never does."""
    held: Held = []
    for _ in range(QUEUE_LIMIT):
        each = socket.socket()
        held.append(each)
        each.settimeout(DROPPED_S)
        try:
            each.connect(("127.0.0.1", port))
        except TimeoutError:
            return held
        except OSError as error:
            close(held)
            raise RuntimeError(f"the accept queue of port {port} was never full: {error}") from error
    close(held)
    raise RuntimeError(f"the accept queue of port {port} was not full after {QUEUE_LIMIT} connections")


def close(held: Held) -> None:
    for each in held:
        each.close()


@contextmanager
def black_hole() -> Iterator[str]:
    """The URL of an endpoint whose packets are dropped, as from a private subnet that has no way to AWS."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        held = fill(port)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            close(held)
