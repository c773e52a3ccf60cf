"""All that is ever written about clusters, launches and jobs: named transitions, each a condition on what was there.

A transition answers the row afterwards, or None when somebody was faster, which is an answer and no fault. Whoever
dies between two transitions leaves a state that the next delivery or the sweep goes on from. Raises Fault throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from agent.lifecycle.rows import (
    ClusterProfile,
    ClusterRow,
    JobProfile,
    JobRow,
    LaunchRow,
    OwnerRow,
    Row,
    SlotRow,
    UnreadableRow,
    cluster_key,
    job_key,
    job_profile_key,
    launch_key,
    owner_key,
    profile_key,
    rank,
    slot_key,
    slots_of,
)
from agent.lifecycle.table import (
    KEY,
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Index,
    Item,
    NoneOf,
    OneOf,
    Present,
    Table,
)
from agent.lifecycle.words import ENDED, JOB_ENDED, READY, EndReason, JobState, LaunchState, Phase, State

CLUSTER, LAUNCH, JOB = "CLUSTER", "LAUNCH", "JOB"
PROFILE, JOB_PROFILE = "PROFILE", "JOBPROFILE"
"""What rows are listed by, as long as they count (Index.OPEN)."""
CLAIM_LEASE_S = 180.0
"""Whoever claims a launch has either asked EMR or died after so long: longer than the function may run."""

OWNER_KEPT_S = 15 * 86400.0
"""A message waits in a queue for 14 days at most (SQS, MessageRetentionPeriod)."""

KEPT_S = 90 * 86400.0
"""So long a row stays after its end, for reports (DynamoDB's time to live)."""

R = TypeVar("R", bound=Row)
_STATES_ENDED = sorted(ENDED)
_JOBS_ENDED = sorted(JOB_ENDED)
_LAST_FIRST = list(State)


class Store:
    def __init__(self, table: Table, unreadable: Callable[[str], None] = lambda _: None) -> None:
        """`unreadable` is told of each row of a listing that cannot be read."""
        self._table = table
        self._unreadable = unreadable

    # reading

    def cluster(self, cluster_id: str) -> ClusterRow | None:
        return self._get(ClusterRow, cluster_key(cluster_id))

    def launch(self, launch_id: str) -> LaunchRow | None:
        return self._get(LaunchRow, launch_key(launch_id))

    def job(self, job_id: str) -> JobRow | None:
        return self._get(JobRow, job_key(job_id))

    def profile(self, name: str) -> ClusterProfile | None:
        return self._get(ClusterProfile, profile_key(name))

    def job_profile(self, name: str) -> JobProfile | None:
        return self._get(JobProfile, job_profile_key(name))

    def profiles(self) -> Iterator[ClusterProfile]:
        return self._readable(ClusterProfile, self._table.rows(Index.OPEN, PROFILE))

    def job_profiles(self) -> Iterator[JobProfile]:
        return self._readable(JobProfile, self._table.rows(Index.OPEN, JOB_PROFILE))

    def slot(self, profile: str, number: int) -> SlotRow | None:
        return self._get(SlotRow, slot_key(profile, number))

    def slots(self, profile: str) -> Iterator[SlotRow]:
        return self._readable(SlotRow, self._table.rows(Index.OPEN, slots_of(profile)))

    def open_clusters(self, pool: str | None = None) -> Iterator[ClusterRow]:
        """As the index has them: what has just begun or ended may be missing or still there. Of one pool or all."""
        return self._readable(ClusterRow, _of_pool(self._table.rows(Index.OPEN, CLUSTER), pool))

    def open_launches(self, pool: str | None = None) -> Iterator[LaunchRow]:
        return self._readable(LaunchRow, _of_pool(self._table.rows(Index.OPEN, LAUNCH), pool))

    def open_jobs(self) -> Iterator[JobRow]:
        return self._readable(JobRow, self._table.rows(Index.OPEN, JOB))

    def queued(self, profile: str, limit: int | None = None) -> Iterator[JobRow]:
        """The jobs that wait for a cluster of this profile, the most urgent first."""
        return self._readable(JobRow, self._table.rows(Index.QUEUE, profile, limit))

    def of_owner(self, name: str) -> tuple[tuple[ClusterRow, ...], tuple[LaunchRow, ...]]:
        """The clusters and launches of an owner, who may be called by an alias."""
        found = {i["key"]: i for index in (Index.OWNER, Index.ALIAS) for i in self._table.rows(index, name)}
        clusters = tuple(self._readable(ClusterRow, (i for key, i in found.items() if key.startswith("CLUSTER#"))))
        return clusters, tuple(self._readable(LaunchRow, (i for key, i in found.items() if key.startswith("LAUNCH#"))))

    def jobs_of(self, owner: str) -> tuple[JobRow, ...]:
        found = self._table.rows(Index.OWNER, owner)
        return tuple(self._readable(JobRow, (item for item in found if item["key"].startswith("JOB#"))))

    def owner(self, name: str) -> OwnerRow | None:
        """How it ended last. None: nothing is known of an end."""
        return self._get(OwnerRow, owner_key(name))

    def owner_ended(self, name: str, reason: EndReason, at: float, why: str, now: float) -> bool:
        """Remember that it has ended. False: a later end is known."""
        known = {"ended_at": at, "reason": reason.value, "why": why, "expires_at": now + OWNER_KEPT_S}
        return self._table.change(Change(key=owner_key(name), set=known, when=[Below("ended_at", at)])) is not None

    # profiles

    def put_profile(self, profile: ClusterProfile | JobProfile) -> None:
        """In the place of the one before."""
        kind = PROFILE if isinstance(profile, ClusterProfile) else JOB_PROFILE
        attributes = {**profile.attributes, "open": kind}
        there = self._table.get(profile.key) or {}
        gone = [name for name in there if name != KEY and name not in attributes]
        self._table.change(Change(key=profile.key, set=attributes, remove=gone))

    # launches

    def ask_launch(self, launch: LaunchRow) -> bool:
        """Write a wish down, with its place in the pool if it is for one. False: it was there, or the place is."""
        wish = Change(key=launch.key, set=launch.attributes, when=[Absent("state")])
        if launch.slot is None:
            return self._table.change(wish) is not None
        slot = SlotRow(
            key=slot_key(launch.profile, launch.slot),
            profile=launch.profile,
            number=launch.slot,
            launch_id=launch.id,
            taken_at=launch.created_at,
            open=slots_of(launch.profile),
        )
        return self._table.change_all([wish, Change(key=slot.key, set=slot.attributes, when=[Absent("launch_id")])])

    def claim_launch(self, launch_id: str, attempt: int, now: float) -> LaunchRow | None:
        """The right to ask EMR for this attempt. A claim that somebody left behind is taken over after its lease."""
        changed = {"state": LaunchState.CLAIMED.value, "claimed_at": now}
        fresh = self._launch(launch_id, changed, [Equals("state", LaunchState.ASKED), Equals("attempt", attempt)])
        if fresh is not None:
            return fresh
        left: list[Condition] = [
            Equals("state", LaunchState.CLAIMED),
            Equals("attempt", attempt),
            Below("claimed_at", now - CLAIM_LEASE_S),
        ]
        return self._launch(launch_id, changed, left)

    def launched(self, launch: LaunchRow, cluster: ClusterRow) -> bool:
        """This cluster came of the claimed attempt, though it may have ended since. False: another one has, or the
        launch is not wanted any more."""
        came = Change(
            key=launch.key,
            set={"state": LaunchState.LAUNCHED.value, "cluster_id": cluster.id},
            when=[
                OneOf("state", [LaunchState.CLAIMED, LaunchState.ASKED]),
                Equals("attempt", launch.attempt),
                Absent("cluster_id"),
            ],
        )
        if self._table.change_all([came, _known(cluster)]):
            return True
        row = self.cluster(cluster.id)
        return row is not None and row.phase is Phase.ENDED and self._table.change(came) is not None

    def know(self, cluster: ClusterRow) -> ClusterRow | None:
        """Make the row of a cluster; what is known of it already stays. None: it has ended."""
        row = self._table.change(_known(cluster))
        return None if row is None else ClusterRow.of(row)

    def give_back(self, launch_id: str, attempt: int, why: str) -> LaunchRow | None:
        """EMR surely took nothing: the attempt may be claimed again."""
        when: list[Condition] = [Equals("state", LaunchState.CLAIMED), Equals("attempt", attempt), Absent("cluster_id")]
        return self._launch(launch_id, {"state": LaunchState.ASKED.value, "why": why}, when, remove=["claimed_at"])

    def next_attempt(self, launch: LaunchRow, why: str, failed_subnet: str | None) -> LaunchRow | None:
        """Ask again for a cluster in the place of the one that was lost."""
        subnets = [*launch.failed_subnets, *([failed_subnet] if failed_subnet else [])]
        changed = {
            "state": LaunchState.ASKED.value,
            "attempt": launch.attempt + 1,
            "failed_subnets": list(dict.fromkeys(subnets)),
            "why": why,
            "open": LAUNCH,
        }
        when: list[Condition] = [Equals("attempt", launch.attempt), Equals("state", LaunchState.LAUNCHED)]
        return self._launch(launch.id, changed, when, remove=["cluster_id", "claimed_at"])

    def close_launch(
        self, launch: LaunchRow, state: LaunchState, now: float, why: str | None = None
    ) -> LaunchRow | None:
        """No further attempt: ENDED, FAILED or CANCELLED; its place in the pool is free. The place of one that failed
        rests until the sweep frees it: what EMR refuses today is not asked for again at once, and again. None: it has
        moved on."""
        changed = Change(
            key=launch.key,
            set={"state": state.value, "expires_at": now + KEPT_S, **({"why": why} if why else {})},
            remove=["open"],
            when=[Equals("state", launch.state), Equals("attempt", launch.attempt)],
        )
        if launch.slot is None or state is LaunchState.FAILED:
            row = self._table.change(changed)
            return None if row is None else LaunchRow.of(row)
        done = self._table.change_all([changed, _freed(launch)]) or self._table.change(changed) is not None
        return self.launch(launch.id) if done else None

    def free_slot(self, slot: SlotRow) -> bool:
        """If it is still the same launch's."""
        gone = Change(key=slot.key, delete=True, when=[Equals("launch_id", slot.launch_id)])
        return self._table.change(gone) is not None

    # the truth about clusters

    def saw_state(
        self, cluster_id: str, state: State, at: float, now: float, code: str | None = None, **more: Any
    ) -> ClusterRow | None:
        """EMR said so, of that time. None: something newer is known, or the cluster has ended, or nobody knows it. An
        end is believed whatever is newer: no cluster comes back, the times of events have whole seconds, and an answer
        may have been behind."""
        changed: dict[str, Any] = {"state": state.value, "state_at": stamp(state, at), "seen_at": now, **more}
        if code:
            changed["reason_code"] = code
        gone: list[str] = []
        if state in ENDED:
            changed |= {"phase": Phase.ENDED.value, "ended_at": at, "expires_at": now + KEPT_S}
            gone = ["open"]
        when: list[Condition] = [Present("open"), NoneOf("state", _STATES_ENDED)]
        if state not in ENDED:
            when.append(Below("state_at", stamp(state, at)))
        row = self._cluster(cluster_id, changed, when, remove=gone)
        return self._ready(row, at) if row is not None and state in READY else row

    def confirmed(self, cluster_id: str, now: float) -> ClusterRow | None:
        """EMR was asked, and had nothing new."""
        return self._cluster(cluster_id, {"seen_at": now, "asked_at": now}, [Present("open")])

    def asking(self, cluster_id: str, asked_at: float, now: float) -> ClusterRow | None:
        """The right to ask EMR about it: one asker at a time."""
        return self._cluster(cluster_id, {"asked_at": now}, [Present("open"), Below("asked_at", asked_at + 1e-3)])

    def _ready(self, row: ClusterRow, at: float) -> ClusterRow:
        if row.ready_at is not None or row.phase is not Phase.LAUNCHING:
            return row
        phase = Phase.IDLE if row.pool else Phase.WORKING
        changed = {"ready_at": at, "phase": phase.value, **({"idle_since": at} if row.pool else {})}
        return self._cluster(row.id, changed, [Equals("phase", Phase.LAUNCHING)]) or row

    def heartbeat(self, cluster_id: str, beat: Mapping[str, Any], now: float, **first: Any) -> ClusterRow | None:
        """What its agent sees; `first` is what a row begins with that nobody has made. None: it has ended."""
        known = {name: value for name, value in beat.items() if value is not None}
        begins = {"open": CLUSTER, "state": State.STARTING.value, "phase": Phase.LAUNCHING.value, "created_at": now}
        row = self._table.change(
            Change(
                key=cluster_key(cluster_id),
                set={**known, "heartbeat_at": now},
                default={**begins, **first},
                remove=[name for name, value in beat.items() if value is None],
                when=[NoneOf("phase", [Phase.ENDED])],
            )
        )
        return None if row is None else ClusterRow.of(row)

    def step_failed(self, cluster_id: str, step_id: str) -> ClusterRow | None:
        return self._cluster(cluster_id, {"failed_step": step_id}, [Present("state")])

    def set_deadline(self, cluster_id: str, terminate_at: float) -> ClusterRow | None:
        return self._cluster(cluster_id, {"terminate_at": terminate_at}, [Present("open")])

    def drain(self, cluster_id: str, why: str) -> ClusterRow | None:
        """No job gets it any more; its agent ends it as soon as it is idle."""
        return self._cluster(cluster_id, {"drain": why}, [Present("open")])

    # ends

    def mark_end(self, cluster_id: str, reason: EndReason, why: str, now: float) -> ClusterRow | None:
        """That it is to end, and why; the first reason stays. An end for want of work needs a cluster that nobody has
        claimed; so does one for a lost heartbeat, which only what is free is ended for. None: it may not be ended for
        that, or is marked, or has ended."""
        when: list[Condition] = [Present("open"), Absent("end_reason")]
        if reason in {EndReason.IDLE, EndReason.SURPLUS}:
            when += [Absent("claim"), OneOf("phase", [Phase.IDLE, Phase.WORKING])]
        elif reason is EndReason.HEARTBEAT_LOST:
            when.append(Absent("claim"))
        changed = {"end_reason": reason.value, "end_why": why, "end_at": now, "phase": Phase.ENDING.value}
        return self._cluster(cluster_id, changed, when)

    def end_sent(self, cluster_id: str, now: float) -> ClusterRow | None:
        """EMR was asked to end it."""
        return self._cluster(cluster_id, {"end_sent_at": now}, [Present("open")])

    # claims

    def claim(self, cluster_id: str, job: JobRow, now: float, heard_after: float | None) -> JobRow | None:
        """Give the cluster to the job: it is of a pool and free, nobody ends it, and its agent has been heard of after
        that time (None: whether it has does not count). Only one of all who try gets it, and no idle end beside it."""
        free: list[Condition] = [
            Equals("phase", Phase.IDLE),
            Absent("claim"),
            Absent("end_reason"),
            Absent("drain"),
            NoneOf("state", _STATES_ENDED),
        ]
        if heard_after is not None:
            free.append(Above("heartbeat_at", heard_after))
        taken = Change(
            key=cluster_key(cluster_id),
            set={"claim": job.id, "claimed_at": now, "phase": Phase.CLAIMED.value},
            remove=["idle_since"],
            when=free,
        )
        given = Change(
            key=job.key,
            set={
                "state": JobState.CLAIMED.value,
                "cluster_id": cluster_id,
                "claimed_at": now,
                "attempt": job.attempt + 1,
                "waited_s": job.waited_s + max(0.0, now - job.queued_at),
            },
            remove=["queue", "rank", "step_id", "adding_at"],
            when=[Equals("state", JobState.QUEUED), Equals("attempt", job.attempt)],
        )
        return self.job(job.id) if self._table.change_all([taken, given]) else None

    def release(self, cluster_id: str, job_id: str, now: float) -> ClusterRow | None:
        """The job is through with it. None: it is not that job's any more."""
        free = {"phase": Phase.IDLE.value, "idle_since": now}
        claim = ["claim", "claimed_at"]
        mine: list[Condition] = [Equals("claim", job_id)]
        # in one change: who died between two would leave a cluster that is neither free nor anybody's
        return self._cluster(cluster_id, free, [*mine, Equals("phase", Phase.CLAIMED)], remove=claim) or self._cluster(
            cluster_id, {}, mine, remove=claim
        )

    # jobs

    def submit(self, job: JobRow) -> bool:
        """False: it was there."""
        return self._table.change(Change(key=job.key, set=job.attributes, when=[Absent("state")])) is not None

    def adding(self, job: JobRow, now: float) -> JobRow | None:
        """The sole right to add the step of the job's present attempt, as `job` has seen who had it before. None:
        somebody else has it, or the step is there, or the job is not on its cluster any more."""
        before = Absent("adding_at") if job.adding_at is None else Equals("adding_at", job.adding_at)
        when: list[Condition] = [Equals("state", JobState.CLAIMED), Equals("attempt", job.attempt), Absent("step_id")]
        return self._job(job.id, {"adding_at": now}, [*when, before])

    def not_added(self, job: JobRow, before: float | None = None) -> JobRow | None:
        """Give that right back: surely no step was added, or, with `before`, nobody knows whether one was then."""
        when: list[Condition] = [Equals("attempt", job.attempt), Equals("adding_at", job.adding_at or 0.0)]
        if before is None:
            return self._job(job.id, {}, when, remove=["adding_at"])
        return self._job(job.id, {"adding_at": before}, when)

    def step_added(self, job: JobRow, step_id: str) -> JobRow | None:
        when: list[Condition] = [OneOf("state", [JobState.CLAIMED, JobState.RUNNING]), Equals("attempt", job.attempt)]
        return self._job(job.id, {"state": JobState.RUNNING.value, "step_id": step_id}, when)

    def step_began(self, job: JobRow, at: float) -> JobRow | None:
        when: list[Condition] = [NoneOf("state", _JOBS_ENDED), Equals("attempt", job.attempt), Absent("started_at")]
        return self._job(job.id, {"started_at": at}, when)

    def finish(self, job: JobRow, state: JobState, why: Sequence[str], now: float) -> JobRow | None:
        """The job's end, of the attempt that `job` is in. None: it has ended before, or is in another attempt. One that
        an execution waits for stays open until that has been told."""
        when: list[Condition] = [NoneOf("state", _JOBS_ENDED), Equals("attempt", job.attempt)]
        changed = {"state": state.value, "why": list(why), "ended_at": now, "expires_at": now + KEPT_S}
        closed = [] if job.task_token else ["open"]
        return self._job(job.id, changed, when, remove=["queue", "rank", *closed])

    def told(self, job_id: str) -> JobRow | None:
        """The execution that waited has been told of the end."""
        return self._job(job_id, {}, [OneOf("state", _JOBS_ENDED)], remove=["open", "task_token"])

    def requeue(self, job: JobRow, why: str, now: float) -> JobRow | None:
        """Back into the queue, in the place that its age and priority give it. None: it is not where it was."""
        changed = {
            "state": JobState.QUEUED.value,
            "queue": job.cluster_profile,
            "rank": rank(job.priority, job.created_at, job.id),
            "queued_at": now,
            "why": [*job.why, why],
        }
        when: list[Condition] = [OneOf("state", [JobState.CLAIMED, JobState.RUNNING]), Equals("attempt", job.attempt)]
        return self._job(job.id, changed, when, remove=["cluster_id", "claimed_at", "step_id", "adding_at"])

    # how

    def _readable(self, kind: type[R], items: Iterable[Item]) -> Iterator[R]:
        return readable(kind, items, self._unreadable)

    def _get(self, kind: type[R], key: str) -> R | None:
        item = self._table.get(key)
        return None if item is None else kind.of(item)

    def _cluster(
        self, cluster_id: str, changed: Mapping[str, Any], when: Sequence[Condition], remove: Sequence[str] = ()
    ) -> ClusterRow | None:
        row = self._table.change(Change(key=cluster_key(cluster_id), set=changed, when=when, remove=remove))
        return None if row is None else ClusterRow.of(row)

    def _launch(
        self, launch_id: str, changed: Mapping[str, Any], when: Sequence[Condition], remove: Sequence[str] = ()
    ) -> LaunchRow | None:
        row = self._table.change(Change(key=launch_key(launch_id), set=changed, when=when, remove=remove))
        return None if row is None else LaunchRow.of(row)

    def _job(
        self, job_id: str, changed: Mapping[str, Any], when: Sequence[Condition], remove: Sequence[str] = ()
    ) -> JobRow | None:
        row = self._table.change(Change(key=job_key(job_id), set=changed, when=when, remove=remove))
        return None if row is None else JobRow.of(row)


def readable(kind: type[R], items: Iterable[Item], unreadable: Callable[[str], None] = lambda _: None) -> Iterator[R]:
    """The rows of a listing. One that cannot be read is told of and left out: it is not the others' loss. What it
    holds, such as a place of a pool, it holds by the conditions of whoever would write it."""
    for item in items:
        try:
            yield kind.of(item)
        except UnreadableRow as fault:
            unreadable(str(fault))


def stamp(state: State, at: float) -> float:
    """The time by which states are put in order: EMR's events have whole seconds, and several come in one."""
    return at + _LAST_FIRST.index(state) / 1000


def _of_pool(items: Iterator[Item], pool: str | None) -> Iterator[Item]:
    """Before they become rows, which costs more than all the rest."""
    return (one for one in items if pool is None or (one.get("profile") == pool and one.get("pool")))


def _known(cluster: ClusterRow) -> Change:
    first = {**cluster.attributes, "open": CLUSTER}
    return Change(key=cluster.key, default=first, when=[NoneOf("phase", [Phase.ENDED])])


def _freed(launch: LaunchRow) -> Change:
    assert launch.slot is not None, "the caller has looked"
    key = slot_key(launch.profile, launch.slot)
    return Change(key=key, delete=True, when=[Equals("launch_id", launch.id)])
