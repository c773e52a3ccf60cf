"""Notices: what people and programs outside are told, and what is remembered of the telling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agent.domain.decisions import Because


class NoticeKind(StrEnum):
    """Constant names, to filter by."""

    AGENT_RESTARTED = "agent-restarted"
    RESIZED = "resized"
    RESIZE_FAILED = "resize-failed"
    REFUSAL_LASTING = "refusal-lasting"
    SHORTAGE_BEGAN = "shortage-began"
    SHORTAGE_ENDED = "shortage-ended"
    ENDING = "ending"
    ENDING_CALLED_OFF = "ending-called-off"
    ENDED = "ended"
    END_FAILED = "end-failed"
    PRIMARY_INTERRUPTED = "primary-interrupted"
    RIGHT_MISSING = "right-missing"
    RIGHT_BACK = "right-back"
    BLIND = "blind"
    SIGHT_BACK = "sight-back"
    METRICS_LOST = "metrics-lost"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


Fact = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that happened, or that lasts."""

    kind: NoticeKind
    severity: Severity
    at: float
    """Unix seconds."""
    headline: str
    """What happened to the cluster, as the end of a sentence that begins with its name."""
    because: Because = ()
    advice: str = ""
    """What to do about it; empty where there is nothing to do."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """The numbers and names in it, for programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A notice as it goes out."""

    at: float
    subject: str
    """At most 99 printable ASCII characters."""
    text: str
    """For people."""
    json: str
    """For programs: one JSON object."""
    attributes: Mapping[str, str]
    """For filter policies; none is empty."""
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is remembered of the telling; bounded, and kept over a restart."""

    started_at: float | None = None
    """When the agent last began; None before the first time."""
    sent: tuple[float, ...] = ()
    """When notices were sent within the last hour, the oldest first."""
    last: Mapping[NoticeKind, float] = field(default_factory=dict)
    """When one of a kind was last sent."""
    suppressed: Mapping[NoticeKind, int] = field(default_factory=dict)
    """How many of a kind were not sent since the last one that was."""
