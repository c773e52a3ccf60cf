"""The rows of the table, typed. Times are Unix seconds. Unknown attributes are left alone: of a newer version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.domain.faults import PermanentFault
from agent.lifecycle.table import KEY, Item
from agent.lifecycle.words import ENDED, JOB_ENDED, EndReason, JobState, LaunchState, Phase, Retry, State


class UnreadableRow(PermanentFault):
    """A row that is not what it should be: written by hand, by a newer version, or on a node by who knows whom."""


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str

    @classmethod
    def of(cls, item: Item) -> Self:
        """Raises UnreadableRow, with the row's key and every fault."""
        try:
            return cls.model_validate(item)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise UnreadableRow(f"row {item.get(KEY)!r} cannot be read: {faults[:500]}") from error

    @property
    def id(self) -> str:
        """The key without its kind."""
        return self.key.partition("#")[2]

    def item(self) -> dict[str, Any]:
        """As it is written: without what is None."""
        return {name: value for name, value in self.model_dump(mode="json").items() if value is not None}

    @property
    def attributes(self) -> dict[str, Any]:
        """The item without its key."""
        return {name: value for name, value in self.item().items() if name != KEY}


def cluster_key(cluster_id: str) -> str:
    return f"CLUSTER#{cluster_id}"


def launch_key(launch_id: str) -> str:
    return f"LAUNCH#{launch_id}"


def job_key(job_id: str) -> str:
    return f"JOB#{job_id}"


def profile_key(name: str) -> str:
    return f"PROFILE#{name}"


def owner_key(name: str) -> str:
    return f"OWNER#{name}"


def job_profile_key(name: str) -> str:
    return f"JOBPROFILE#{name}"


def slots_of(profile: str) -> str:
    """What the places of a pool are listed by."""
    return f"SLOT#{profile}"


def slot_key(profile: str, number: int) -> str:
    return f"{slots_of(profile)}#{number}"


class ClusterRow(Row):
    """What is known of one cluster, and what we want of it."""

    name: str = ""
    owner: str | None = None
    alias: str | None = None
    """A second name of the owner, such as the worker group of a pipeline."""
    profile: str | None = None
    pool: bool = False
    slot: int | None = None
    launch_id: str | None = None
    attempt: int = 0
    created_at: float = 0.0
    open: str | None = None
    """`CLUSTER` until it has ended."""
    state: State = State.STARTING
    state_at: float = 0.0
    """When EMR said so, the order of the states in its thousandths."""
    reason_code: str | None = None
    """EMR's code for its end (ClusterStateChangeReasonCode), the capacity's error behind a slash if there is one."""
    seen_at: float = 0.0
    """When we last heard from EMR about it, by event or answer."""
    asked_at: float = 0.0
    """When we last asked EMR about it."""
    phase: Phase = Phase.LAUNCHING
    ready_at: float | None = None
    ended_at: float | None = None
    subnet: str | None = None
    claim: str | None = None
    """The id of the job that has it."""
    claimed_at: float | None = None
    heartbeat_at: float | None = None
    idle_since: float | None = None
    """Since when its agent has seen nothing running or pending."""
    core_nodes: int | None = None
    task_nodes: int | None = None
    apps: int | None = None
    """Unfinished applications of YARN."""
    spot_unit_s: float = 0.0
    """Spot capacity-unit-seconds, as far as the agent has counted them."""
    on_demand_unit_s: float = 0.0
    terminate_at: float | None = None
    end_reason: EndReason | None = None
    end_why: str | None = None
    end_at: float | None = None
    """When we decided to end it."""
    drain: str | None = None
    """Why no job gets it any more, and why its agent ends it as soon as it is idle; None: neither."""
    end_sent_at: float | None = None
    """When EMR was last asked to end it, and did not refuse."""
    failed_step: str | None = None
    """A step that has FAILED or was CANCELLED."""

    @property
    def ended(self) -> bool:
        return self.phase is Phase.ENDED or self.state in ENDED


class StepSpec(BaseModel):
    """One step, as AddJobFlowSteps takes it (StepConfig)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    Name: str
    HadoopJarStep: Mapping[str, Any]
    ActionOnFailure: str = "CONTINUE"


class LaunchRow(Row):
    """One wish for a cluster, however many attempts it takes."""

    owner: str
    alias: str | None = None
    profile: str
    steps: tuple[StepSpec, ...] = ()
    state: LaunchState = LaunchState.ASKED
    open: str | None = None
    """`LAUNCH` until no further attempt can come."""
    created_at: float
    claimed_at: float | None = None
    attempt: int = 1
    cluster_id: str | None = None
    failed_subnets: tuple[str, ...] = ()
    terminate_at: float | None = None
    """A deadline of its own, instead of the profile's."""
    retry: Retry | None = None
    """Instead of the profile's."""
    pool: bool = False
    slot: int | None = None
    why: str | None = None
    """Of a launch that failed or was cancelled; of one that is tried again, why."""


class Trigger(BaseModel):
    """S3 objects that launch a cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: str
    prefix: str = ""
    suffix: str = ""


class ClusterProfile(Row):
    """How a kind of cluster is launched, kept and ended."""

    request: Mapping[str, Any]
    """RunJobFlow's request, whole. Tidemark sets Name, Tags, Steps, the subnets and the market by attempt."""
    minimum: Annotated[int, Field(ge=0)] = 0
    maximum: Annotated[int, Field(ge=0)] = 0
    """Clusters of the pool; 0: no pool, a cluster belongs to the owner it was launched for."""
    idle_s: Annotated[float, Field(gt=0)] = 600.0
    """So long a cluster of the pool beyond the minimum may be free."""
    terminate_after_s: Annotated[float, Field(gt=0)] | None = None
    launch_timeout_s: Annotated[float, Field(gt=0)] = 1200.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    retry: Retry = Retry.START
    lift_protection: bool = False
    """Whether an end may switch termination protection off first."""
    triggers: tuple[Trigger, ...] = ()

    @property
    def name(self) -> str:
        return self.id

    @property
    def pooled(self) -> bool:
        return self.maximum > 0


class JobProfile(Row):
    """A kind of job: what it runs, how large and urgent it is, and which clusters run it."""

    type: str
    size: str
    priority: Annotated[int, Field(ge=0, le=999)]
    """The larger the more urgent."""
    cluster_profile: str
    step: Mapping[str, Any]
    """HadoopJarStep; a job's own arguments are appended to Args."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    max_wait_s: Annotated[float, Field(gt=0)] = 86400.0
    """So long it may wait for a cluster."""

    @property
    def name(self) -> str:
        return self.id


class JobRow(Row):
    """One job. States: SUBMITTED is the message; from there REJECTED, or QUEUED, CLAIMED, RUNNING and an end."""

    owner: str
    profile: str
    cluster_profile: str = ""
    args: tuple[str, ...] = ()
    step: Mapping[str, Any] = Field(default_factory=dict)
    priority: int = 0
    state: JobState
    open: str | None = None
    """`JOB` until it has ended."""
    queue: str | None = None
    """The cluster profile, while it waits."""
    rank: str | None = None
    """Sorts before that of a less urgent or later job."""
    created_at: float
    queued_at: float = 0.0
    attempt: int = 0
    """How often it has been claimed."""
    attempts: int = 1
    max_wait_s: float = 86400.0
    cluster_id: str | None = None
    claimed_at: float | None = None
    adding_at: float | None = None
    """Since when somebody has the sole right to add its step; from its lease on, who died while adding it."""
    step_id: str | None = None
    started_at: float | None = None
    """When its step first ran."""
    ended_at: float | None = None
    why: tuple[str, ...] = ()
    """Of one that was rejected, failed, cancelled or queued again."""
    task_token: str | None = None
    """Of the execution of Step Functions that waits for it."""
    waited_s: float = 0.0
    """In the queue, all waits together."""

    @property
    def ended(self) -> bool:
        return self.state in JOB_ENDED

    @property
    def step_name(self) -> str:
        """Of its present attempt: by that it is found on the cluster."""
        return f"{self.id}.{self.attempt}"


def rank(priority: int, created_at: float, job_id: str) -> str:
    """The more urgent first, then the earlier."""
    return f"{999 - priority:03d}#{created_at:017.3f}#{job_id}"


class OwnerRow(Row):
    """An owner that has ended. What was asked for it before is not wanted any more, also what is heard of later."""

    ended_at: float
    reason: EndReason
    why: str = ""
    expires_at: float
    """For DynamoDB's time to live: no message of before is under way any longer."""


class SlotRow(Row):
    """One of the places of a pool, taken by a launch. There is never more than one row a place."""

    profile: str
    number: int
    launch_id: str
    taken_at: float
    open: str
