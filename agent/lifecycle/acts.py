"""What is to be done, as data. Each act is idempotent: done twice, or after a crash in its middle, it does no more."""

from __future__ import annotations

from dataclasses import dataclass

from agent.lifecycle.rows import JobRow, LaunchRow
from agent.lifecycle.words import EndReason, JobState, LaunchState, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Write into the cluster's row what EMR says."""

    cluster_id: str
    state: State
    at: float
    code: str | None = None
    subnet: str | None = None
    ready_at: float | None = None
    """Since when it has been ready, where EMR told: of an end that is heard of before the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteStep:
    """A step of the cluster has failed or was cancelled."""

    cluster_id: str
    step_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteOwner:
    """Write down that the owner has ended: what it has asked for may be heard of later."""

    owner: str
    reason: EndReason
    at: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Count it, and log it: something that people should know of, and that nothing is done about."""

    what: str
    """A constant word."""
    of: str
    """The id of the cluster, launch or job."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """A cluster that bears this attempt's name is not in the table: it is the launch's, or a twin."""

    cluster_id: str
    name: str
    launch_id: str
    attempt: int
    at: float
    """When it was first seen or made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    cluster_id: str
    reason: EndReason
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask EMR about the cluster, and act on the answer."""

    cluster_id: str
    fleets: bool = False
    """Also which of its nodes are there: ListInstanceFleets, whose quota is the smallest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Write a launch down, and launch it."""

    launch: LaunchRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Go on with a launch that is written down."""

    launch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAgain:
    """The launch's cluster is lost: the next rung."""

    launch_id: str
    attempt: int
    """The attempt that is lost."""
    why: str
    failed_subnet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The launch needs no cluster any more."""

    launch_id: str
    attempt: int
    state: LaunchState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Write a job down, queued or rejected."""

    job: JobRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Give a free cluster to a job, and run it there."""

    job_id: str
    cluster_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Add the step of a job that has its cluster, unless it is there."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """The job's step runs."""

    job_id: str
    attempt: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The job's end; the cluster that it had is free again."""

    job_id: str
    attempt: int
    state: JobState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """The job has lost its cluster: back into the queue, or FAILED when its attempts are spent."""

    job_id: str
    attempt: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The cluster is claimed by a job that has ended or is elsewhere."""

    cluster_id: str
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A place of the pool whose launch has ended."""

    profile: str
    number: int
    launch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Look at the pool again: jobs and clusters."""

    profile: str
    jobs: tuple[str, ...] = ()
    """Ids of jobs, clusters and numbers of places that were just at hand: an index may not show them yet, or as they
    were, so they are read by their keys. Of other pools, too."""
    clusters: tuple[str, ...] = ()
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRuns:
    """Tell the execution that waits for the job that its cluster has been heard of."""

    job_id: str


Act = (
    Note
    | NoteStep
    | NoteOwner
    | Remark
    | Adopt
    | End
    | Ask
    | Wish
    | Launch
    | TryAgain
    | Close
    | Submit
    | Claim
    | Run
    | Began
    | Finish
    | Requeue
    | Release
    | Free
    | Plan
    | StillRuns
)
