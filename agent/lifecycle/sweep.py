"""What is to be done although nobody has told of it. Pure.

The acts come in the order of their urgency, for the quotas of EMR bound how many of them are done: ends first, for
they cost money; then what only the table is needed for; launches and steps; questions; plans. Within a kind whoever
has waited longest comes first: a question that was asked moves its cluster to the end of the line, and ends that are
tried again begin at another cluster every sweep, so that one that cannot be ended is in nobody's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from agent.lifecycle import aftermath, jobs
from agent.lifecycle.acts import (
    Act,
    Adopt,
    Ask,
    Close,
    End,
    Finish,
    Free,
    Launch,
    Note,
    Plan,
    Release,
    Requeue,
    Run,
    StillRuns,
)
from agent.lifecycle.aftermath import CLOSED, ON_A_CLUSTER, of_twin
from agent.lifecycle.answers import LAUNCH_TIMEOUT_S, ZERO, beats, of_answer
from agent.lifecycle.known import View, over
from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.ports import Listed
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, LaunchRow, OwnerRow
from agent.lifecycle.store import CLAIM_LEASE_S
from agent.lifecycle.words import END_SHOWS_S, LAUNCHING, EndReason, JobState, LaunchState, State
from agent.settings_lifecycle import LifecycleSettings

__all__ = ["View", "of_answer", "of_listed", "of_twin", "sweep"]

STEP_ADDED_S = 120.0
"""Whoever claimed the cluster has added the job's step by then, or died."""
SAME_LOOK_S = 120.0
"""The rows of one view are read one after the other: a claim that is younger may be in one and not yet in the other."""
MOST_QUESTIONS = 60
"""Of one sweep: of the 120 that half of DescribeCluster's quota allows in five minutes."""
ROTATES_S = 60.0


@dataclass(frozen=True, slots=True)
class _Sight:
    """The view by its keys."""

    now: float
    settings: LifecycleSettings
    view: View
    clusters: Mapping[str, ClusterRow]
    launches: Mapping[str, LaunchRow]
    jobs: Mapping[str, JobRow]
    profiles: Mapping[str, ClusterProfile]
    owners: Mapping[str, OwnerRow]

    def over(self, names: Iterable[str | None], asked_at: float) -> OwnerRow | None:
        return over(tuple(self.owners[name] for name in names if name and name in self.owners), asked_at)


def sweep(view: View, now: float, settings: LifecycleSettings) -> tuple[Act, ...]:
    """All that is to be done about what has not ended."""
    sight = _sight(view, now, settings)
    living = sorted((row for row in view.clusters if not row.ended), key=lambda row: row.created_at)
    ends = [end for row in living if row.end_reason is None and (end := _end(row, sight)) is not None]
    marked = [row for row in living if row.end_reason is not None]
    open_jobs = sorted((job for job in view.jobs if job.open or not job.ended), key=lambda job: job.created_at)
    open_launches = sorted((one for one in view.launches if one.state not in CLOSED), key=lambda one: one.created_at)
    of_launches = list(chain.from_iterable(_launch(one, sight) for one in open_launches))
    of_jobs = [tuple(_job(job, sight)) for job in open_jobs]
    return (
        *ends,
        *_rotated([act for row in marked for act in _end_again(row, now)], now),
        *(act for act in of_launches if not isinstance(act, Launch)),
        *(act for acts in of_jobs for act in acts if _moves(acts) or not isinstance(act, Run)),
        *(act for row in living for act in _released(row, sight)),
        *_freed(sight),
        *(act for row in living if row.end_reason is None for act in _adopted(row, sight)),
        *(act for act in of_launches if isinstance(act, Launch)),
        *_runs([act for acts in of_jobs if not _moves(acts) for act in acts], sight),
        *_questions(living, sight),
        *(Plan(profile=name) for name in _pools(view)),
    )


def _pools(view: View) -> Iterable[str]:
    """Also those that were switched off, as long as they have clusters."""
    with_clusters = {row.profile for row in view.clusters if row.pool and not row.ended}
    return [one.name for one in view.profiles if one.pooled or one.name in with_clusters]


def _sight(view: View, now: float, settings: LifecycleSettings) -> _Sight:
    return _Sight(
        now,
        settings,
        view,
        {row.id: row for row in view.clusters},
        {row.id: row for row in view.launches},
        {row.id: row for row in view.jobs},
        {row.name: row for row in view.profiles},
        {row.id: row for row in view.owners},
    )


# ends


def _end(row: ClusterRow, sight: _Sight) -> End | None:
    if row.terminate_at is not None and row.terminate_at <= sight.now:
        why = f"its deadline was {row.terminate_at:.0f}"
        return End(cluster_id=row.id, reason=EndReason.TERMINATE_AFTER, why=why)
    launch = sight.launches.get(row.launch_id or "")
    of_name = of_twin(row, launch) if launch is not None else ()
    end = next((act for act in of_name if isinstance(act, End)), None)
    if end is not None or row.pool:
        return end
    asked_at = launch.created_at if launch is not None else row.created_at
    ended = sight.over((row.owner, row.alias), asked_at)
    return None if ended is None else End(cluster_id=row.id, reason=ended.reason, why=_why(ended))


def _end_again(row: ClusterRow, now: float) -> Iterator[Act]:
    """We have decided to end it, and EMR does not: whoever decided may have died before he asked, or was refused."""
    assert row.end_reason is not None, "the caller has looked"
    if row.state is not State.TERMINATING and now - (row.end_at or 0.0) >= END_SHOWS_S:
        yield End(cluster_id=row.id, reason=row.end_reason, why=row.end_why or "")


def _why(ended: OwnerRow) -> str:
    return ended.why or f"owner {ended.id} has ended"


def _adopted(row: ClusterRow, sight: _Sight) -> Iterator[Act]:
    """Its row is there, and its launch does not know yet."""
    launch = sight.launches.get(row.launch_id or "")
    if launch is not None:
        yield from (act for act in of_twin(row, launch) if isinstance(act, Adopt))


# launches


def _launch(launch: LaunchRow, sight: _Sight) -> Iterator[Act]:
    if launch.state is LaunchState.LAUNCHED:
        row = sight.clusters.get(launch.cluster_id or "")
        if row is not None and row.ended:
            profile = sight.profiles.get(launch.profile)
            yield from aftermath.of_launchs_cluster(launch, row, profile, sight.now)
        return
    ended = None if launch.pool else sight.over((launch.owner, launch.alias), launch.created_at)
    if ended is not None:
        yield _cancel(launch, _why(ended))
    elif launch.terminate_at is not None and launch.terminate_at <= sight.now:
        yield _cancel(launch, f"its deadline was {launch.terminate_at:.0f}")
    elif launch.state is LaunchState.ASKED or sight.now - (launch.claimed_at or 0.0) > CLAIM_LEASE_S:
        yield Launch(launch_id=launch.id)


def _cancel(launch: LaunchRow, why: str) -> Close:
    return Close(launch_id=launch.id, attempt=launch.attempt, state=LaunchState.CANCELLED, why=why)


def _freed(sight: _Sight) -> Iterator[Act]:
    for slot in sight.view.slots:
        launch = sight.launches.get(slot.launch_id)
        if launch is not None and launch.state in CLOSED:
            yield Free(profile=slot.profile, number=slot.number, launch_id=slot.launch_id)


# jobs


def _job(job: JobRow, sight: _Sight) -> Iterator[Act]:
    if job.ended:
        # open still: an execution waits, and has perhaps not been told
        yield Finish(job_id=job.id, attempt=job.attempt, state=job.state, why=job.why[-1] if job.why else "")
        return
    ended = sight.over((job.owner,), job.created_at)
    if ended is not None and ended.reason is not EndReason.OWNER_DONE:
        yield Finish(job_id=job.id, attempt=job.attempt, state=JobState.CANCELLED, why=_why(ended))
    elif job.state in ON_A_CLUSTER:
        yield from _on_a_cluster(job, sight)
    elif jobs.has_waited_too_long(job, sight.now):
        waited = jobs.waited_s(job, sight.now)
        why = f"it has waited {waited:.0f} s for a cluster, of {job.max_wait_s:.0f} s at most"
        yield Finish(job_id=job.id, attempt=job.attempt, state=JobState.FAILED, why=why)
    elif job.task_token is not None:
        # it waits in the queue, and we are here to say so
        yield StillRuns(job_id=job.id)


def _moves(acts: Sequence[Act]) -> bool:
    """Whether the job leaves where it is: what else is done for it then belongs together."""
    return any(isinstance(act, Requeue | Finish) for act in acts)


def _on_a_cluster(job: JobRow, sight: _Sight) -> Iterator[Act]:
    row = sight.clusters.get(job.cluster_id or "")
    if row is None:
        return
    if row.ended:
        yield from aftermath.of_jobs_cluster(job, row)
        return
    if row.claim != job.id:
        if sight.now - (job.claimed_at or 0.0) < SAME_LOOK_S:
            return
        given = f"to job {row.claim}" if row.claim else "to nobody"
        yield Requeue(job_id=job.id, attempt=job.attempt, why=f"cluster {row.id} is given {given}")
        return
    if job.task_token is not None and _heard_of(row, sight):
        yield StillRuns(job_id=job.id)
    if _step_to_be_looked_up(job, row, sight):
        yield Run(job_id=job.id)


def _heard_of(row: ClusterRow, sight: _Sight) -> bool:
    """Of its agent, or, where it has none, of EMR."""
    if row.heartbeat_at is not None:
        return beats(row, sight.now, sight.settings)
    return sight.now - row.seen_at <= sight.settings.stale_s and row.state not in ZERO


def _step_to_be_looked_up(job: JobRow, row: ClusterRow, sight: _Sight) -> bool:
    """Its step may not be there, or may have ended without a word. While the agent sees applications, the step runs."""
    since = sight.now - max(job.claimed_at or 0.0, job.started_at or 0.0)
    if job.state is JobState.CLAIMED or job.step_id is None:
        return since >= STEP_ADDED_S
    if row.state is State.WAITING and row.state_at > (job.claimed_at or 0.0) + STEP_ADDED_S:
        return since >= STEP_ADDED_S
    busy = beats(row, sight.now, sight.settings) and bool(row.apps)
    return since >= sight.settings.stale_s and not busy


def _released(row: ClusterRow, sight: _Sight) -> Iterator[Act]:
    """Claimed by a job that has ended or is elsewhere. One that is not in sight may have claimed it just now."""
    job = sight.jobs.get(row.claim or "")
    if sight.now - (row.claimed_at or 0.0) < SAME_LOOK_S:
        return
    if job is not None and (job.ended or job.cluster_id != row.id):
        yield Release(cluster_id=row.id, job_id=job.id)


def _runs(of_jobs: Sequence[Act], sight: _Sight) -> tuple[Act, ...]:
    """Steps that are to be added, then those that are to be looked up, which begin at another job every sweep."""
    runs = [act for act in of_jobs if isinstance(act, Run)]
    to_add = [act for act in runs if sight.jobs[act.job_id].step_id is None]
    return (*to_add, *_rotated([act for act in runs if sight.jobs[act.job_id].step_id is not None], sight.now))


# questions


def _questions(living: Sequence[ClusterRow], sight: _Sight) -> list[Ask]:
    wanted = [(urgency, row, fleets) for row in living for urgency, fleets in [_question(row, sight)] if urgency]
    wanted.sort(key=lambda one: (one[0], one[1].asked_at, one[1].id))
    return [Ask(cluster_id=row.id, fleets=fleets) for _, row, fleets in wanted[:MOST_QUESTIONS]]


def _question(row: ClusterRow, sight: _Sight) -> tuple[int, bool]:
    """How urgent a question is (1 before 2, 0: none), and whether it is about the nodes as well."""
    settings, now = sight.settings, sight.now
    asked_s = now - row.asked_at
    heard_s = min(asked_s, now - row.seen_at)
    if row.end_reason is not None or row.state is State.TERMINATING:
        return (2 if heard_s >= settings.heartbeat_lost_s else 0), False
    if row.state in LAUNCHING:
        late = row.launch_id is not None and now - row.created_at > _launch_timeout_s(row, sight)
        return (1, False) if late and asked_s >= ROTATES_S else (3 if heard_s >= settings.stale_s else 0, False)
    if row.state in ZERO:
        return (1 if asked_s >= settings.lost_core_s else 0), True
    if row.heartbeat_at is not None and not beats(row, now, settings):
        return (1 if asked_s >= settings.heartbeat_lost_s else 0), True
    if row.heartbeat_at is None:
        # it has no agent: nobody but EMR's scarcest call can tell what it lacks
        return (4 if asked_s >= settings.stale_s else 0), True
    return (5 if heard_s >= settings.stale_s else 0), False


def _launch_timeout_s(row: ClusterRow, sight: _Sight) -> float:
    profile = sight.profiles.get(row.profile or "")
    return profile.launch_timeout_s if profile is not None else LAUNCH_TIMEOUT_S


def _rotated(acts: Sequence[Act], now: float) -> tuple[Act, ...]:
    start = int(now / ROTATES_S) % len(acts) if acts else 0
    return (*acts[start:], *acts[:start])


# what ListClusters shows


def of_listed(
    listed: Sequence[Listed], view: View, created_after: float, at: float, now: float, settings: LifecycleSettings
) -> tuple[Act, ...]:
    """`listed`: all clusters that were created after that time and have not begun to end, as of `at`, the time just
    before the question. `view.launches` has the launches whose names they bear, ended or not.

    A cluster that bears the name of a launch of ours and has no row is adopted, the oldest of an attempt first: so the
    older of two that nobody has written down stays, and the younger is a twin. One whose launch is closed is left to
    whoever asked for it for `orphan_s`: he ends it for a better reason. A name without a launch in the table is no
    business of ours: the wish is written down before EMR is asked, so it is another table's.
    """
    sight = _sight(view, now, settings)
    seen = {one.cluster_id for one in listed}
    acts = [act for one in sorted(listed, key=lambda one: one.created_at) for act in _listed(one, at, sight)]
    missing = [
        Ask(cluster_id=row.id)
        for row in sorted(view.clusters, key=lambda row: row.asked_at)
        if not row.ended
        and row.state is not State.TERMINATING
        and row.created_at > created_after
        and row.seen_at < at
        and row.id not in seen
    ]
    return (*acts, *missing)


def _listed(one: Listed, at: float, sight: _Sight) -> Iterator[Act]:
    row = sight.clusters.get(one.cluster_id)
    if row is not None:
        # ListClusters tells the state of 50 clusters a call; of the nodes it knows nothing
        if not row.ended and row.state not in ZERO and (row.state is not one.state or _is_stale(row, sight)):
            yield Note(cluster_id=row.id, state=one.state, at=at)
        return
    bears = attempt_in(one.name)
    launch = sight.launches.get(bears[0]) if bears is not None else None
    if bears is None or launch is None:
        return
    if launch.state in CLOSED and sight.now - one.created_at < sight.settings.orphan_s:
        return
    yield Adopt(cluster_id=one.cluster_id, name=one.name, launch_id=launch.id, attempt=bears[1], at=one.created_at)


def _is_stale(row: ClusterRow, sight: _Sight) -> bool:
    return sight.now - row.seen_at >= sight.settings.stale_s / 2
