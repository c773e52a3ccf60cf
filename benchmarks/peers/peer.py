"""A peer: how it is had, how it is started, and what its own counters say."""

from __future__ import annotations

import re
import socket
import urllib.request
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ANSWER_S = 30.0


class Wire(Enum):
    GRAPHITE = "graphite"
    STATSD = "statsd"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one started peer keeps its files and listens, always on 127.0.0.1."""

    folder: Path
    port: int
    """Lines come in here, over TCP."""
    control: int
    """Its counters are asked for here."""


class Peer(ABC):
    name: str
    does: str
    """With a line, in a few words."""
    wire: Wire = Wire.GRAPHITE
    version: str = ""
    reports_per_s: float = 0.0
    """So many are sent; 0: as many as it takes. Who connects while an accept queue is full waits a second or more."""

    @abstractmethod
    def obtain(self) -> None:
        """Install it. Raises Unavailable."""

    @abstractmethod
    def command(self, place: Place) -> list[str]:
        """Write what it needs into the folder; the command that starts it in the foreground, in that folder."""

    @abstractmethod
    def handled(self, place: Place) -> int:
        """Lines since its start that its own counters call received, understood and not dropped."""

    def watch(self, place: Place) -> None:  # noqa: B027 - most counters only ever grow
        """Called several times a second under load: for counters that are not kept."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody on 127.0.0.1 listens on now."""
    taken = [socket.socket() for _ in range(count)]
    try:
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]
    finally:
        for each in taken:
            each.close()


def http_get(place: Place, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{place.control}{path}", timeout=ANSWER_S) as answer:
        text: str = answer.read().decode()
    return text


def prometheus_sum(text: str, series: str) -> int:
    """The sum of all values whose name and labels begin with `series`."""
    found = re.findall(rf"^{re.escape(series)}[^ ]* (\S+)$", text, re.MULTILINE)
    return int(sum(float(value) for value in found))
