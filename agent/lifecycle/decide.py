"""What one event asks for, as acts. Pure: what is known is given, time is an argument.

Events come twice, late, in any order, or not at all. So an act never undoes a later truth (the store's conditions see
to that), and whatever an event was to tell is found out by the sweep as well.
"""

from __future__ import annotations

from agent.lifecycle import aftermath, jobs, wishes
from agent.lifecycle.acts import (
    Act,
    Adopt,
    Ask,
    Began,
    Close,
    End,
    Finish,
    Note,
    NoteOwner,
    NoteStep,
    Remark,
    Submit,
)
from agent.lifecycle.events import (
    CapacityMissing,
    ClusterChanged,
    DeadlineCame,
    EndAsked,
    Event,
    FleetChanged,
    JobCancelled,
    JobSubmitted,
    LaunchAsked,
    ObjectCreated,
    OwnerEnded,
    StepChanged,
)
from agent.lifecycle.known import CLOCKS_S, Known, over
from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.rows import ClusterRow, JobRow, LaunchRow, job_key
from agent.lifecycle.words import ENDED, LAUNCHING, READY, EndReason, JobState, LaunchState
from agent.settings_lifecycle import LifecycleSettings

_WAITS = (LaunchState.ASKED, LaunchState.CLAIMED)
_UNDONE = frozenset({"CANCELLED", "INTERRUPTED"})
NOBODY = "-"
"""Owner of a job that was cancelled before it was heard of."""


def on_event(event: Event, known: Known, now: float, _: LifecycleSettings) -> tuple[Act, ...]:
    """The acts in their order. Events that say nothing to the core lead to none."""
    match event:
        case ClusterChanged():
            return _cluster(event, known, now)
        case StepChanged():
            return _step(event, known)
        case FleetChanged():
            return _fleet(event, known)
        case CapacityMissing():
            return _capacity(event, known)
        case DeadlineCame():
            return _deadline(known, now)
        case EndAsked():
            return _end(event, known)
        case _:
            return _asked(event, known, now)


def _asked(event: Event, known: Known, now: float) -> tuple[Act, ...]:
    match event:
        case OwnerEnded():
            return _owner(event, known, now)
        case LaunchAsked():
            return wishes.asked(event, known, now)
        case ObjectCreated():
            return wishes.triggered(event, known, now)
        case JobSubmitted():
            return _submitted(event, known, now)
        case JobCancelled():
            return _cancelled(event, known, now)
        case _:
            return ()


def _cluster(event: ClusterChanged, known: Known, now: float) -> tuple[Act, ...]:
    row = known.cluster
    if row is None:
        return _stranger(event, known)
    if row.ended:
        # somebody may have died between the note and what follows from it
        return aftermath.after(row, known, now)
    note = Note(cluster_id=row.id, state=event.state, at=event.at, code=event.code)
    if event.state in ENDED:
        if _to_be_asked(row, known.launch):
            return (Ask(cluster_id=row.id),)
        ended = row.model_copy(update={"state": event.state, "reason_code": event.code or row.reason_code})
        return (note, *aftermath.after(ended, known, now))
    twin = aftermath.of_twin(row, known.launch) if known.launch is not None else ()
    ready = aftermath.replan(row) if event.state in READY else ()
    return (note, *twin, *ready)


def _to_be_asked(row: ClusterRow, launch: LaunchRow | None) -> bool:
    """A cluster that has never been ready, as far as we know, may be launched again. Whether it was, in which subnet,
    and whether capacity was missing, the event does not tell: DescribeCluster does."""
    present = launch is not None and launch.state is LaunchState.LAUNCHED and launch.cluster_id == row.id
    return present and row.ready_at is None


def _stranger(event: ClusterChanged, known: Known) -> tuple[Act, ...]:
    """Not in the table. One that bears the name of a launch of ours was asked for by somebody who could not write that
    down yet, or died before. What has ended matters only where the launch waits for it."""
    bears = attempt_in(event.name)
    if bears is None or known.launch is None or known.launch.id != bears[0]:
        return ()
    adopt = Adopt(cluster_id=event.cluster_id, name=event.name, launch_id=bears[0], attempt=bears[1], at=event.at)
    if event.state not in ENDED:
        return (adopt, Note(cluster_id=event.cluster_id, state=event.state, at=event.at, code=event.code))
    awaited = known.launch.state in _WAITS and known.launch.attempt == bears[1]
    return (adopt, Ask(cluster_id=event.cluster_id)) if awaited else ()


def _step(event: StepChanged, known: Known) -> tuple[Act, ...]:
    job = known.job if known.job is not None and _is_of(known.job, event, known.cluster) else None
    undone = event.state in _UNDONE
    noted = (NoteStep(cluster_id=event.cluster_id, step_id=event.step_id),) if undone or event.state == "FAILED" else ()
    if job is None or job.ended:
        return noted
    if undone:
        # the end of a cluster takes its steps along, and is told of by its own event, sooner or later than this one
        return (*noted, Ask(cluster_id=event.cluster_id))
    if event.state == "RUNNING":
        return (Began(job_id=job.id, attempt=job.attempt, at=event.at),)
    if event.state == "COMPLETED":
        return (Finish(job_id=job.id, attempt=job.attempt, state=JobState.SUCCEEDED, why=""),)
    if event.state == "FAILED":
        why = f"step {event.step_id} failed on cluster {event.cluster_id}"
        return (*noted, Finish(job_id=job.id, attempt=job.attempt, state=JobState.FAILED, why=why))
    return ()


def _is_of(job: JobRow, event: StepChanged, cluster: ClusterRow | None) -> bool:
    """Whether it is the step of the job's present attempt. It still is when the job has lost its cluster meanwhile: a
    step that is completed need not run again. It has to be a cluster of ours: the step of another table's job may bear
    the same name."""
    here = job.cluster_id == event.cluster_id or (job.cluster_id is None and cluster is not None and cluster.pool)
    return here and job.attempt > 0 and event.name == job.step_name


def _fleet(event: FleetChanged, known: Known) -> tuple[Act, ...]:
    """Nothing there of what a cluster cannot do without: EMR is asked, for events may be late."""
    row = known.cluster
    if row is None or row.ended or row.end_reason is not None or row.state in LAUNCHING:
        return ()
    empty = event.role in ("MASTER", "CORE") and event.provisioned == 0
    return (Ask(cluster_id=row.id, fleets=True),) if empty else ()


def _capacity(event: CapacityMissing, known: Known) -> tuple[Act, ...]:
    """EMR keeps trying, and a launch that takes too long is ended by the sweep."""
    if known.cluster is None or known.cluster.ended:
        return ()
    return (Remark(what="capacity-missing", of=event.cluster_id, why=f"{event.role}: {event.code}"),)


def _owner(event: OwnerEnded, known: Known, now: float) -> tuple[Act, ...]:
    """All that was asked for the owner up to then ends. The mark stays: a launch of before may be heard of later, or be
    under way where nobody sees it yet; launches look at the mark, and so does the sweep. A time to come is none: it
    would end what is asked for tomorrow."""
    at = min(event.at or now, now)
    mark = NoteOwner(owner=event.owner, reason=event.reason, at=at, why=event.why)
    why = event.why or f"owner {event.owner} has ended"
    mine = [one for one in known.launches if one.created_at <= at + CLOCKS_S]
    asked_at = {one.id: one.created_at for one in known.launches}
    there = [
        row.id
        for row in known.clusters
        if not row.ended and not row.pool and asked_at.get(row.launch_id or "", row.created_at) <= at + CLOCKS_S
    ]
    gone = {row.id for row in known.clusters if row.ended}
    # the index of clusters may be behind that of launches
    named = [one.cluster_id for one in mine if one.open and one.cluster_id and not one.pool]
    ends = [
        End(cluster_id=one, reason=event.reason, why=why) for one in dict.fromkeys([*there, *named]) if one not in gone
    ]
    closes = [
        Close(launch_id=one.id, attempt=one.attempt, state=LaunchState.CANCELLED, why=why)
        for one in mine
        if one.state in _WAITS and not one.pool
    ]
    return (mark, *ends, *closes, *_owners_jobs(event, known, at, why))


def _owners_jobs(event: OwnerEnded, known: Known, at: float, why: str) -> list[Finish]:
    """Nobody waits for the jobs of an owner that failed or is gone. One that is done may have left some behind on
    purpose."""
    if event.reason is EndReason.OWNER_DONE:
        return []
    return [
        Finish(job_id=job.id, attempt=job.attempt, state=JobState.CANCELLED, why=why)
        for job in known.jobs
        if not job.ended and job.created_at <= at + CLOCKS_S
    ]


def _deadline(known: Known, now: float) -> tuple[Act, ...]:
    """The row's present deadline counts: it may have been moved since the schedule was made."""
    row = known.cluster
    if row is None or row.ended or row.terminate_at is None or row.terminate_at > now:
        return ()
    return (End(cluster_id=row.id, reason=EndReason.TERMINATE_AFTER, why=f"its deadline was {row.terminate_at:.0f}"),)


def _submitted(event: JobSubmitted, known: Known, now: float) -> tuple[Act, ...]:
    if known.job is not None:
        # what followed from the first delivery may have been cut off
        return (Submit(job=known.job),)
    job = jobs.submitted(event, known.job_profile, known.profile, now)
    ended = over(known.owners, event.at or now)
    if ended is not None and ended.reason is not EndReason.OWNER_DONE and not job.ended:
        why = f"its owner has ended before: {ended.reason}"
        # open until the execution that waits has been told
        kept = job.open if job.task_token else None
        given_up = {
            "state": JobState.CANCELLED,
            "queue": None,
            "rank": None,
            "why": (why,),
            "ended_at": now,
            "open": kept,
        }
        return (Submit(job=job.model_copy(update=given_up)),)
    return (Submit(job=job),)


def _cancelled(event: JobCancelled, known: Known, now: float) -> tuple[Act, ...]:
    """One that is not known may be on its way: it is written down as cancelled, and then it is there already."""
    why = event.why or "somebody has cancelled it"
    job = known.job
    if job is None:
        ended = JobRow(
            key=job_key(event.id),
            owner=NOBODY,
            profile="",
            state=JobState.CANCELLED,
            created_at=now,
            ended_at=now,
            why=(why,),
        )
        return (Submit(job=ended),)
    return (Finish(job_id=job.id, attempt=job.attempt, state=JobState.CANCELLED, why=why),)


def _end(event: EndAsked, known: Known) -> tuple[Act, ...]:
    if known.cluster is not None and known.cluster.ended:
        return ()
    return (End(cluster_id=event.cluster_id, reason=EndReason.BY_HAND, why=event.why),)
