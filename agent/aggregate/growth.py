"""What counters grew by between two snapshots, so that no history is counted twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.aggregate.snapshot import Instance, Role, Snapshot

Key = tuple[Role, str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """One JVM now and in the snapshot before, if it was there."""

    now: Instance
    before: Instance | None
    new: bool
    """Whether all that it counted, it counted while the agent listened."""

    @property
    def elapsed_s(self) -> float | None:
        """Between its two last reports; None when there is only one, or no news since."""
        if self.before is None or self.now.last_seen <= self.before.last_seen:
            return None
        return self.now.last_seen - self.before.last_seen

    def growth(self, name: str) -> float | None:
        """What a counter grew by. One that fell was reset, and has counted from zero since."""
        value = self.now.values.get(name)
        if value is None or value < 0:
            return None
        earlier = None if self.before is None else self.before.values.get(name)
        if earlier is None:
            return value if self.new else None
        return value - earlier if value >= earlier else value

    def growth_of(self, names: Iterable[str]) -> float | None:
        """All of these counters together; None when nothing can be said of any of them."""
        grown = [one for name in names if (one := self.growth(name)) is not None]
        return sum(grown) if grown else None

    def share_of_time(self, names: Iterable[str], seconds_per_tick: float) -> float | None:
        """What counters of time grew by against the time that passed, in whole percents."""
        grown = self.growth_of(names)
        if grown is None or self.elapsed_s is None:
            return None
        return float(round(100 * grown * seconds_per_tick / self.elapsed_s))


def pairs(now: Snapshot, before: Snapshot | None, role: Role) -> Iterator[Pair]:
    """Every JVM of a role. Without a snapshot before, none is new and none has grown."""
    earlier = {_key(jvm): jvm for jvm in before.instances if jvm.role is role} if before else {}
    for jvm in now.instances:
        if jvm.role is role:
            new = before is not None and jvm.first_seen > now.new_after
            yield Pair(jvm, earlier.get(_key(jvm)), new)


def counted(now: Snapshot, before: Snapshot | None, name: str) -> float | None:
    """What the agent's own counter grew by. A counter that was never touched has counted zero."""
    if before is None:
        return None
    return float(max(0, total(now, name) - total(before, name)))


def total(snapshot: Snapshot, name: str) -> int:
    """A counter of that name, or else all its reasons together: `LinesRejected.too_long` is one of `LinesRejected`."""
    if name in snapshot.counts:
        return snapshot.counts[name]
    reasons = name + "."
    return sum(count for key, count in snapshot.counts.items() if key.startswith(reasons))


def _key(jvm: Instance) -> Key:
    return jvm.role, jvm.app, jvm.id
