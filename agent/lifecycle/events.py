"""What the queue brings, typed: `agent.lifecycle.ingress` makes these of a message's body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.lifecycle.rows import StepSpec
from agent.lifecycle.words import EndReason, Retry, State


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerEnded:
    """The owner is done, has failed, or is gone. `owner` may be an alias."""

    owner: str
    reason: EndReason
    """OWNER_DONE, OWNER_FAILED or OWNER_GONE."""
    at: float
    """What was asked for it later is of its next life; 0: not told, by now."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterChanged:
    cluster_id: str
    name: str
    state: State
    at: float
    code: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged:
    cluster_id: str
    step_id: str
    name: str
    state: str
    """StepState: PENDING, RUNNING, COMPLETED, CANCELLED, FAILED, INTERRUPTED."""
    at: float
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetChanged:
    """An instance fleet or group; units or instances that are there, where the event tells."""

    cluster_id: str
    role: str
    """MASTER, CORE or TASK."""
    state: str
    at: float
    provisioned: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityMissing:
    """EC2 could not provision: the first time, or at a resize."""

    cluster_id: str
    role: str
    code: str
    """EMR's eventCode."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchAsked:
    """Somebody wants a cluster. The id makes the second delivery of one wish the same wish."""

    id: str
    profile: str
    owner: str
    at: float
    alias: str | None = None
    steps: tuple[StepSpec, ...] = ()
    terminate_at: float | None = None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCreated:
    """An S3 object. Which profiles it launches is in the profiles' triggers."""

    bucket: str
    name: str
    """The object's key."""
    version: str
    """Its version id, else its sequencer or etag: another write of the same key is another object."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineCame:
    cluster_id: str
    terminate_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDue:
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted:
    id: str
    profile: str
    owner: str
    at: float
    args: tuple[str, ...] = ()
    priority: int | None = None
    """Instead of the profile's."""
    task_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled:
    id: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAsked:
    """Somebody wants this cluster ended."""

    cluster_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """What could not be done at once, for want of our share of a quota: `{"go_on": {...}}`."""

    what: str
    """`launch`, `end`, `run` or `ask`."""
    id: str
    """Of the launch, the cluster or the job."""
    reason: EndReason | None = None
    """Of an end."""
    why: str = ""
    tries: int = 0
    """How often it has come before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A message that is well-formed and none of our business, such as an execution that has succeeded."""

    why: str
    """A constant word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A message that nobody can act on: it belongs into the dead letters, and says why."""

    why: str
    details: Mapping[str, Any] = field(default_factory=dict)


Event = (
    OwnerEnded
    | ClusterChanged
    | StepChanged
    | FleetChanged
    | CapacityMissing
    | LaunchAsked
    | ObjectCreated
    | DeadlineCame
    | SweepDue
    | JobSubmitted
    | JobCancelled
    | EndAsked
    | GoOn
    | Ignored
    | Malformed
)
