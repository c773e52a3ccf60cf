"""What a cluster that has ended leaves to be done: its job, its launch, its pool. Pure, and the same however often."""

from __future__ import annotations

from agent.lifecycle.acts import Act, Adopt, Close, End, Finish, Plan, Requeue, Run, TryAgain
from agent.lifecycle.known import Known
from agent.lifecycle.outcome import Kind, Outcome, outcome
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, LaunchRow
from agent.lifecycle.words import EndReason, JobState, LaunchState, Retry

ON_A_CLUSTER = frozenset({JobState.CLAIMED, JobState.RUNNING})
CLOSED = frozenset({LaunchState.ENDED, LaunchState.FAILED, LaunchState.CANCELLED})
_WISHED = frozenset({EndReason.OWNER_DONE, EndReason.OWNER_FAILED, EndReason.OWNER_GONE, EndReason.BY_HAND})
_STEPS_RAN = ("ALL_STEPS_COMPLETED", "STEP_FAILURE")


def after(row: ClusterRow, known: Known, now: float) -> tuple[Act, ...]:
    """Of a row that has ended."""
    of_job = of_jobs_cluster(known.job, row) if known.job is not None else ()
    of_launch = of_launchs_cluster(known.launch, row, known.profile, now) if known.launch is not None else ()
    return (*of_job, *of_launch, *replan(row))


def replan(row: ClusterRow) -> tuple[Act, ...]:
    return (Plan(profile=row.profile),) if row.pool and row.profile else ()


def of_jobs_cluster(job: JobRow, row: ClusterRow) -> tuple[Act, ...]:
    """The job that ran there: its own end where the cluster's code tells of it, else back into the queue. Its step is
    looked up first, for the event of its completion may be lost or late: EMR still knows it, and then the job ends
    although it waits again. Where EMR cannot be asked now, it runs once more."""
    if job.state not in ON_A_CLUSTER or job.cluster_id != row.id:
        return ()
    state = _end_of_step(job, row)
    why = f"cluster {row.id}: {outcome(row).why}"
    if state is None:
        look = (Run(job_id=job.id),) if job.step_id is not None else ()
        return (*look, Requeue(job_id=job.id, attempt=job.attempt, why=why))
    return (Finish(job_id=job.id, attempt=job.attempt, state=state, why=why),)


def _end_of_step(job: JobRow, row: ClusterRow) -> JobState | None:
    """None: it cannot be known; a step that was under way went with the cluster."""
    code = (row.reason_code or "").partition("/")[0]
    if code not in _STEPS_RAN or job.step_id is None:
        return None
    if row.failed_step == job.step_id or (row.failed_step is None and code == "STEP_FAILURE"):
        return JobState.FAILED
    return JobState.SUCCEEDED if code == "ALL_STEPS_COMPLETED" else None


def of_launchs_cluster(
    launch: LaunchRow, row: ClusterRow, profile: ClusterProfile | None, now: float
) -> tuple[Act, ...]:
    """The launch whose present attempt it was: the next rung, or no further one."""
    if launch.state is not LaunchState.LAUNCHED or launch.cluster_id != row.id:
        return ()
    found = outcome(row)
    if _tries_again(launch, row, profile, found, now):
        again = TryAgain(launch_id=launch.id, attempt=launch.attempt, why=found.why, failed_subnet=row.subnet)
        return (again,)
    return (Close(launch_id=launch.id, attempt=launch.attempt, state=_closed_as(row, found), why=found.why),)


def _tries_again(
    launch: LaunchRow, row: ClusterRow, profile: ClusterProfile | None, found: Outcome, now: float
) -> bool:
    if not found.retry or profile is None or launch.attempt >= profile.attempts:
        return False
    if launch.terminate_at is not None and launch.terminate_at <= now:
        return False
    retry = launch.retry or profile.retry
    return retry is Retry.LOST or (retry is Retry.START and row.ready_at is None)


def _closed_as(row: ClusterRow, found: Outcome) -> LaunchState:
    ran = row.ready_at is not None or (row.reason_code or "").startswith(_STEPS_RAN)
    if ran or found.kind is Kind.SUCCEEDED:
        return LaunchState.ENDED
    wished = row.end_reason in _WISHED or found.kind is Kind.ABORTED
    return LaunchState.CANCELLED if wished else LaunchState.FAILED


def of_twin(row: ClusterRow, launch: LaunchRow) -> tuple[Act, ...]:
    """A living cluster that bears the launch's name: the one that the launch has written down stays, whichever is
    older, for its steps may have begun; where none is written down, this one is now."""
    if row.ended or row.end_reason is not None:
        return ()
    if launch.state in CLOSED:
        why = f"launch {launch.id} is {launch.state}" + (f": {launch.why}" if launch.why else "")
        return (End(cluster_id=row.id, reason=EndReason.ORPHAN, why=why),)
    if launch.cluster_id == row.id:
        return ()
    if row.attempt < launch.attempt or launch.cluster_id is not None:
        has = f"it has {launch.cluster_id}" if launch.cluster_id else f"it is in attempt {launch.attempt}"
        return (End(cluster_id=row.id, reason=EndReason.TWIN, why=f"a second cluster of launch {launch.id}: {has}"),)
    if row.attempt > launch.attempt:
        return ()
    adopt = Adopt(cluster_id=row.id, name=row.name, launch_id=launch.id, attempt=row.attempt, at=row.created_at)
    return (adopt,)
