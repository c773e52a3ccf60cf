"""What the lifecycle's conductor acts through. The function, the verbs and the simulation fill these alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agent.lifecycle.events import GoOn, StepChanged
from agent.lifecycle.rows import ClusterRow, JobRow
from agent.lifecycle.words import EndReason, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """EMR's answer about one cluster (DescribeCluster, and ListInstanceFleets or ListInstanceGroups where asked)."""

    cluster_id: str
    name: str
    state: State
    code: str | None
    message: str
    at: float
    """The time just before the question: what an event tells of a later time is newer."""
    created_at: float
    protected: bool
    subnet: str | None
    masters: int | None = None
    """Running ones; None: not asked."""
    cores: int | None = None
    """The same of core nodes; None also where the cluster has no core fleet."""
    ready_at: float | None = None
    """Since when it has been ready (ReadyDateTime of its timeline); None: it has never been."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A cluster in ListClusters."""

    cluster_id: str
    name: str
    state: State
    created_at: float


class Eyes(Protocol):
    """EMR, looked at within our share of its quotas. Raises Fault; None: the share is used up, ask later."""

    def describe(self, cluster_id: str, *, fleets: bool = False) -> Described | None: ...

    def listed(self, created_after: float, *, ended: bool = False) -> list[Listed] | None:
        """Those that were created after that time and have not begun to end; with `ended` all of them."""


class Ender(Protocol):
    def end(self, cluster_id: str, reason: EndReason, why: str) -> bool:
        """Whether EMR was asked, now or before, or had ended it already. False: it may not be ended for that reason
        (claimed meanwhile, protected). Raises Fault; a NotTakenFault when our share of the quota is used up."""


class Launcher(Protocol):
    def go_on(self, launch_id: str) -> str | None:
        """The id of the launch's cluster, which is asked of EMR unless it is there. None: not now, or not wanted any
        more. Raises Fault."""


class Runner(Protocol):
    def run(self, job: JobRow) -> str | None:
        """The id of the job's step on its cluster, which is added unless it is there. None: not now. Raises Fault; a
        PermanentFault when the cluster does not take steps any more."""

    def look(self, job: JobRow) -> StepChanged | None:
        """EMR's word on the job's step, as if it had been told of it. None: not now. Raises Fault."""

    def cancel(self, job: JobRow) -> None:
        """Ask EMR to cancel the job's step, if it has one. Raises Fault."""


class Tokens(Protocol):
    """The executions of Step Functions that wait for a job. An execution that waits no longer is no fault."""

    def ended(self, job: JobRow) -> None: ...

    def still_runs(self, job: JobRow) -> None: ...


class Deadlines(Protocol):
    """One-time schedules. One that cannot be made or removed is counted: the sweep sees to the deadline too."""

    def set(self, cluster_id: str, at: float) -> None: ...

    def drop(self, cluster_id: str) -> None: ...


class Later(Protocol):
    def again(self, event: GoOn) -> None:
        """Let it come to the queue in a while. One that cannot be sent is counted: the sweep goes on too."""


class Teller(Protocol):
    """Tells people. Never raises."""

    def ended(self, row: ClusterRow) -> None: ...

    def job_ended(self, job: JobRow) -> None: ...
