"""Requests: what somebody outside the agent asks for, an alarm or a person, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.decisions import Because, Outcome


class Source(StrEnum):
    HAND = "by hand"
    """A person at the primary: `tidemark scale`."""
    ALARM = "alarm"
    """A change of a CloudWatch alarm's state."""


BY_HAND = str(Source.HAND)
"""Stands as the rule of a resize that a person asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A resize that somebody asks for. Exactly one of `units`, `percent` and `to_units` is given.

    It carries all that it is judged by, so that a journal tells the same story under other settings.
    """

    id: str
    """The same for every copy of the same wish, and never again for another."""
    source: Source
    name: str
    """The alarm's name; of a request by hand, who asked."""
    why: str
    """In words: the alarm's own reason, or what the person gave."""
    asked_at: float
    """When it was wished: an alarm's change of state. Unix seconds."""
    expires_at: float
    """From then on it is worth nothing."""
    cooldown_s: float
    """For so long after it no policy resizes the other way, and its alarm not again."""
    units: int | None = None
    """Capacity units to add; negative removes."""
    percent: float | None = None
    """Percent of the present target to add; negative removes."""
    to_units: int | None = None
    """The target itself."""
    force: bool = False
    """Whether it waits for no cooldown. Every other guard holds all the same."""

    @property
    def rule(self) -> str:
        """What stands as the rule of its resize."""
        return BY_HAND if self.source is Source.HAND else f"{self.source} {self.name}"


def is_of_request(rule: str) -> bool:
    """Whether resizes of requests may stand under that rule's name."""
    return rule == BY_HAND or rule.startswith(f"{Source.ALARM} ")


class Fate(StrEnum):
    """What became of a request."""

    WAITING = "waiting"
    """A guard or another decision withholds it; it is judged again in the next turn."""
    APPLIED = "applied"
    MET = "met"
    """The target is what was asked for already."""
    REFUSED = "refused"
    """EMR said no."""
    FAILED = "failed"
    """It is not known whether EMR took it; it is not tried again."""
    DRY_RUN = "dry run"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """A later change of the same alarm has come, or the person has taken it back."""

    @property
    def settled(self) -> bool:
        return self is not Fate.WAITING


OF_OUTCOME = {
    Outcome.NONE: Fate.WAITING,
    Outcome.APPLIED: Fate.APPLIED,
    Outcome.REFUSED: Fate.REFUSED,
    Outcome.FAILED: Fate.FAILED,
    Outcome.POSTPONED: Fate.WAITING,
    Outcome.DRY_RUN: Fate.DRY_RUN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one turn made of a request."""

    id: str
    at: float
    fate: Fate
    because: Because
    target: int | None = None
    """What the target was set to, or would have been in a dry run."""
    detail: str = ""
    """What EMR, or the turn, said besides."""
