"""What EMR answered about one cluster -> acts. Pure. Blind means do not end: without an answer nothing is lost."""

from __future__ import annotations

from agent.lifecycle import aftermath
from agent.lifecycle.acts import Act, End, Finish, Note, Remark
from agent.lifecycle.known import Known
from agent.lifecycle.ladder import TABLE_TAG, tag_value
from agent.lifecycle.ports import Described
from agent.lifecycle.rows import ClusterProfile, ClusterRow, LaunchRow
from agent.lifecycle.words import ENDED, ENDING, LAUNCHING, READY, EndReason, JobState, Phase, State
from agent.settings_lifecycle import LifecycleSettings

ZERO = frozenset({State.ZERO_MASTER, State.ZERO_CORE})
LAUNCH_TIMEOUT_S = ClusterProfile.model_fields["launch_timeout_s"].default
"""Of a launch whose profile is not there any more."""


def of_answer(
    row: ClusterRow, answer: Described, known: Known, now: float, settings: LifecycleSettings
) -> tuple[Act, ...]:
    """`row` as it was when EMR was asked. What has just ended has all that follows; a cluster that is alive is looked
    at for what it lacks."""
    if row.ended:
        return aftermath.after(row, known, now)
    if is_strangers(answer, settings):
        return (Remark(what="foreign-cluster", of=row.id, why="it bears another table's tag"),)
    if answer.state in ENDED:
        return _has_ended(row, answer, known, now)
    if answer.state in ENDING or row.end_reason is not None:
        return (_note(row, answer),)
    twin = aftermath.of_twin(row, known.launch) if known.launch is not None else ()
    if answer.state in LAUNCHING:
        return (_note(row, answer), *twin, *_launching(row, answer, known.launch, known.profile, now))
    lacks = _lacks(row, answer, now, settings)
    ready = aftermath.replan(row) if row.state not in READY else ()
    return (*lacks, *twin, *_undone_step(row, known), *ready)


def is_strangers(answer: Described, settings: LifecycleSettings) -> bool:
    """Whether it was launched by the lifecycle of another table of the account, which may have taken the same id."""
    table = answer.tags.get(TABLE_TAG)
    return bool(table and settings.table) and table != tag_value(settings.table)


def _note(row: ClusterRow, answer: Described, state: State | None = None) -> Note:
    return Note(
        cluster_id=row.id,
        state=state or answer.state,
        at=answer.at,
        code=answer.code if answer.state in ENDED else None,
        subnet=answer.subnet,
        ready_at=answer.ready_at if answer.state in ENDED else None,
    )


def _has_ended(row: ClusterRow, answer: Described, known: Known, now: float) -> tuple[Act, ...]:
    after = {
        "state": answer.state,
        "reason_code": answer.code or row.reason_code,
        "subnet": answer.subnet or row.subnet,
        "ready_at": row.ready_at if row.ready_at is not None else answer.ready_at,
    }
    return (_note(row, answer), *aftermath.after(row.model_copy(update=after), known, now))


def _launching(
    row: ClusterRow, answer: Described, launch: LaunchRow | None, profile: ClusterProfile | None, now: float
) -> tuple[Act, ...]:
    """Only what we have launched: of others nobody has said how long they may take."""
    if launch is None or launch.cluster_id != row.id:
        return ()
    limit = profile.launch_timeout_s if profile is not None else LAUNCH_TIMEOUT_S
    takes = now - (answer.created_at or row.created_at)
    if takes <= limit:
        return ()
    why = f"it is {answer.state} after {takes:.0f} s, and has {limit:.0f} s to be ready"
    return (End(cluster_id=row.id, reason=EndReason.LAUNCH_TIMEOUT, why=why),)


def _lacks(row: ClusterRow, answer: Described, now: float, settings: LifecycleSettings) -> tuple[Act, ...]:
    """A cluster that EMR calls ready: whether its nodes are there.

    With a fresh heartbeat its agent looks at YARN and HDFS, which know more and sooner, and ends it itself. Without
    one EMR's word counts. No primary node and a heartbeat that has stopped are two witnesses: it ends at once. One
    witness alone has to say the same twice, `lost_core_s` apart: EMR may be replacing what spot has taken.
    """
    missing = _missing(answer)
    if missing is None:
        seen = row.state in ZERO and answer.masters is None
        return (*(() if seen else (_note(row, answer),)), *_silent(row, answer, now, settings))
    if beats(row, now, settings) and (missing is State.ZERO_MASTER or row.core_nodes != 0):
        why = f"EMR has {missing}, and its agent is alive and does not say so"
        return (_note(row, answer), Remark(what="contradiction", of=row.id, why=why))
    since = row.state_at if row.state is missing else None
    note = () if since is not None else (_note(row, answer, missing),)
    if beats(row, now, settings):
        return note
    heard = row.heartbeat_at is not None
    twice = since is not None and now - since >= settings.lost_core_s
    if not twice and not (heard and missing is State.ZERO_MASTER):
        return note
    reason = EndReason.ZERO_MASTER if missing is State.ZERO_MASTER else EndReason.ZERO_CORE
    since_s = f" since {now - since:.0f} s" if since is not None else ""
    why = f"EMR calls it {answer.state}, and has no {_ROLE[missing]} node for it{since_s}"
    return (*note, End(cluster_id=row.id, reason=reason, why=why))


_ROLE = {State.ZERO_MASTER: "primary", State.ZERO_CORE: "core"}


def _missing(answer: Described) -> State | None:
    if answer.masters == 0:
        return State.ZERO_MASTER
    return State.ZERO_CORE if answer.cores == 0 else None


def beats(row: ClusterRow, now: float, settings: LifecycleSettings) -> bool:
    return row.heartbeat_at is not None and now - row.heartbeat_at <= settings.heartbeat_lost_s


def _silent(row: ClusterRow, answer: Described, now: float, settings: LifecycleSettings) -> tuple[Act, ...]:
    """All nodes are there, and its agent is not heard of. Its work may well go on, so it does not end: a dead agent
    must not cost anybody a job, and the deadline holds without it. Only a cluster of a pool that is free does: it can
    be given to nobody without a heartbeat, costs money, and takes a place."""
    if row.heartbeat_at is None or beats(row, now, settings) or answer.masters is None:
        return ()
    silent_s = now - row.heartbeat_at
    if row.pool and row.phase is Phase.IDLE and row.claim is None and silent_s >= settings.stale_s:
        why = f"it is free, and its agent has been silent for {silent_s:.0f} s: no job can be given to it"
        return (End(cluster_id=row.id, reason=EndReason.HEARTBEAT_LOST, why=why),)
    return (Remark(what="agent-silent", of=row.id, why=f"for {silent_s:.0f} s, and its nodes are there"),)


def _undone_step(row: ClusterRow, known: Known) -> tuple[Act, ...]:
    """The cluster lives on, and the step of its job was cancelled: by somebody, for we have not ended the job. Steps
    that failed have ended their job by themselves."""
    job = known.job
    if job is None or job.ended or job.cluster_id != row.id or job.step_id is None or job.step_id != row.failed_step:
        return ()
    why = f"step {job.step_id} was cancelled on cluster {row.id}, which lives on"
    return (Finish(job_id=job.id, attempt=job.attempt, state=JobState.CANCELLED, why=why),)
