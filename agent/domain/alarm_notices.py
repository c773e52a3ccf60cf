"""Notices: what CloudWatch says when an alarm changes its state, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Refusal(StrEnum):
    """Why a notice leads to nothing: the reasons under which it is counted."""

    MALFORMED = "malformed"
    """Not what CloudWatch sends."""
    TOO_LARGE = "too-large"
    RAW = "raw"
    """Without SNS's envelope, and that is not accepted."""
    OTHER_TOPIC = "other-topic"
    FORGED = "forged"
    """No signature of SNS, or none over this text."""
    OTHER_ACCOUNT = "other-account"
    """An alarm of another account or Region."""
    OTHER_CLUSTER = "other-cluster"
    UNMAPPED = "unmapped"
    """The settings say nothing of this alarm in this state."""
    LATE = "late"
    AHEAD = "ahead"
    """From a time that has not come yet."""
    OUT_OF_ORDER = "out-of-order"
    """A later change of the same alarm has been seen."""
    DUPLICATE = "duplicate"
    FULL = "full"
    """More wait than anybody can mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmNotice:
    name: str
    arn: str
    account: str
    region: str
    state: str
    """`ALARM`, `OK` or `INSUFFICIENT_DATA`."""
    changed_at: float
    """When it came into it, Unix seconds."""
    reason: str
    """In CloudWatch's words."""
    dimensions: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Of all metrics that it watches; empty for a composite alarm."""
