"""What the table remembers of one JVM: its last reports, as bytes until somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.aggregate.layouts import EMPTY, Layout, Shape
from agent.aggregate.snapshot import Instance
from agent.domain.roles import Role
from agent.wire.spark_names import Origin

Key = tuple[Role, str, str]
"""Role, prefix of its names, and the peer address where the names carry no identity."""


class Report(NamedTuple):
    layout: Layout
    packed: bytes
    """The wanted values as they were sent, in the layout's order."""
    at: float


NOTHING = Report(EMPTY, b"", 0.0)


@dataclass(slots=True)
class Entry:
    key: Key
    role: Role
    app: str
    id: str
    peer: str
    first_seen: float
    stamp: float
    """Of its last report, by the sender's clock where that can be trusted."""
    last: Report = NOTHING
    before: Report = NOTHING
    earlier: Report = NOTHING
    """The three last reports: what they showed is the evidence when it falls silent."""
    missing: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    """Values that its last report left out, as of when they were last sent: a report may end early."""
    shape: Shape | None = None
    fingerprint: int = 0
    """By which a report with the shape above is recognised."""
    judged_at: float = -1.0
    """The `last_seen` at which its silence was last judged."""
    suspect: bool = False
    """Whether its silence was found to be a death of memory."""

    @property
    def last_seen(self) -> float:
        return self.last.at

    def put(self, layout: Layout, packed: bytes, stamp: float, at: float) -> None:
        self.earlier, self.before = self.before, self.last
        self.last = Report(layout, packed, at)
        self.stamp = stamp

    def leave_out(self, named: frozenset[str], limit: int) -> None:
        """Keep what the last report had and the coming one, with the series `named`, has not: at most `limit`."""
        layout, packed, then = self.last
        known = dict(self.missing)
        known.update((series, (text, then)) for series, text in zip(layout.series, packed.split(), strict=True))
        left = [(series, sent) for series, sent in known.items() if series not in named]
        self.missing = dict(left[-limit:])

    def forget_missing(self, before: float) -> None:
        if self.missing:
            self.missing = {series: sent for series, sent in self.missing.items() if sent[1] >= before}

    def instance(self) -> Instance:
        """Everything as values. Reads only fields that are replaced as a whole, so it needs no lock."""
        last, missing = self.last, self.missing
        values: Mapping[str, float] = last.layout.values(last.packed)
        if missing:
            left_out = Layout(tuple(missing)).values(b" ".join(text for text, _ in missing.values()))
            values = {**left_out, **values}
        return Instance(self.role, self.app, self.id, self.peer, self.first_seen, last.at, values)


def key_of(origin: Origin, peer: str) -> Key:
    return origin.role, origin.prefix, "" if origin.id else peer


def id_of(origin: Origin, peer: str) -> str:
    """A daemon is told by where it reports from, and by its sink's prefix where it has one."""
    if origin.id:
        return origin.id
    return f"{origin.prefix.removesuffix('.')}@{peer}" if origin.prefix else peer
