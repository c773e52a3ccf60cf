"""Decisions: what a policy says, always with its reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. `code` is constant and can be counted and filtered; `text` has the numbers, for people."""

    code: str
    text: str


Because = tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    because: Because

    def with_reason(self, reason: Reason) -> Self:
        return replace(self, because=(*self.because, reason))


@dataclass(frozen=True, slots=True)
class GroupTarget:
    """What a resize means for one instance group."""

    id: str
    target: int
    """Instances."""
    leaving: tuple[str, ...] = ()
    """EC2 instance ids of those that are to go, the first to go first; only of a scale in."""


@dataclass(frozen=True, slots=True)
class Resize:
    """Bring the task fleet's target from `current` to `target` capacity units (on-demand and spot together)."""

    current: int
    target: int
    because: Because
    rule: str | None = None
    """The rule or policy that asked, for its cooldown."""
    on_demand: int | None = None
    """Of the target, units on demand; None where the market that is not bought on keeps what it has."""
    groups: tuple[GroupTarget, ...] = ()
    """On a cluster of instance groups: those that get another size. They are of one direction."""
    request: str | None = None
    """The id of the request that it answers; None where a policy asks of itself."""

    def __post_init__(self) -> None:
        if self.target == self.current or self.target < 0:
            raise ValueError(f"a resize from {self.current} to {self.target} units is none")

    @property
    def scales_out(self) -> bool:
        return self.target > self.current

    def limited_to(self, target: int, reason: Reason) -> Self | Hold:
        """The same wish with a gentler target and one more reason; a hold when nothing is left of it."""
        because = (*self.because, reason)
        if self.scales_out != (target > self.current) or target == self.current:
            return Hold(because)
        return replace(self, target=target, because=because)

    def withheld(self, reason: Reason) -> Hold:
        return Hold((*self.because, reason))


@dataclass(frozen=True, slots=True)
class Terminate:
    because: Because

    def withheld(self, reason: Reason) -> Hold:
        return Hold((*self.because, reason))


Decision = Hold | Resize | Terminate


def differ(one: Decision, other: Decision) -> bool:
    """Whether something else would be done: another target, market or group. Who asked and in which words is no
    difference."""
    return _deed(one) != _deed(other)


def _deed(decision: Decision) -> Decision:
    bare = replace(decision, because=())
    return replace(bare, rule=None, request=None) if isinstance(bare, Resize) else bare


class Outcome(StrEnum):
    """What became of a decision."""

    NONE = "none"
    """A hold: there was nothing to do."""
    APPLIED = "applied"
    REFUSED = "refused"
    """EMR said no: the request was understood and not accepted."""
    FAILED = "failed"
    """It is not known whether EMR took it, or EMR could not be reached."""
    POSTPONED = "postponed"
    """EMR surely did nothing, for it was asked too often or not reached; somebody's request waits for the next try."""
    DRY_RUN = "dry run"


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    detail: str = ""
