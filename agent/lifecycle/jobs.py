"""A job from its submission to its place in the queue, and how long and how often it may try. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent.lifecycle.events import JobSubmitted
from agent.lifecycle.profile_rules import nearest
from agent.lifecycle.rows import ClusterProfile, JobProfile, JobRow, job_key, rank
from agent.lifecycle.words import JobState

MOST_URGENT = 999
LONGEST_ID = 200
"""With its attempt it is the name of a step, which EMR limits to 256 characters."""
LONGEST_ARG = 10_280
"""Of an argument of a step (XmlString)."""
MOST_ARGS_BYTES = 200_000
"""Of all together: the row's other attributes have room beside them in DynamoDB's 400 KB."""
CLOCK_S = 300.0
"""So far ahead of ours a submitter's clock may be."""
JOB = "JOB"
NOBODY = "nobody"
"""In the row of a job that names no owner: an index takes no empty one."""
_ID = re.compile(r"[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*(?<!\s)")
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def submitted(
    event: JobSubmitted,
    profile: JobProfile | None,
    cluster_profile: ClusterProfile | None,
    now: float,
    known: Iterable[str] = (),
) -> JobRow:
    """The row of a job that was submitted: QUEUED in the place that its priority and age give it, or REJECTED with all
    that is wrong. `known`: the job profiles that there are, for a hint.

    Its age counts from the submission, not from its delivery, which may be late; a time to come is none.
    """
    why = tuple(_reasons(event, profile, cluster_profile, now, known))
    priority = event.priority if event.priority is not None else profile.priority if profile is not None else 0
    row = JobRow(
        key=job_key(event.id),
        owner=event.owner or NOBODY,
        profile=event.profile,
        args=event.args,
        priority=priority,
        state=JobState.REJECTED,
        created_at=event.at if 0 < event.at <= now else now,
        queued_at=now,
        task_token=event.task_token,
        why=why,
    )
    if why or profile is None:
        # the execution that waits is told of it as of any other end, and so it is open until then
        open_ = JOB if event.task_token else None
        return row.model_copy(update={"ended_at": now, "args": (), "open": open_})
    return row.model_copy(
        update={
            "state": JobState.QUEUED,
            "open": JOB,
            "cluster_profile": profile.cluster_profile,
            "queue": profile.cluster_profile,
            "rank": rank(priority, row.created_at, event.id),
            "step": _step(profile, event.args),
            "attempts": profile.attempts,
            "max_wait_s": profile.max_wait_s,
        }
    )


def may_try_again(job: JobRow) -> bool:
    """Whether a job that has lost its cluster goes back into the queue."""
    return not job.ended and job.attempt < job.attempts


def waited_s(job: JobRow, now: float) -> float:
    """In the queue, all waits together, the present one included."""
    present = now - job.queued_at if job.state is JobState.QUEUED else 0.0
    return job.waited_s + max(0.0, present)


def has_waited_too_long(job: JobRow, now: float) -> bool:
    return job.state is JobState.QUEUED and waited_s(job, now) > job.max_wait_s


def _step(profile: JobProfile, args: tuple[str, ...]) -> dict[str, object]:
    """The profile's HadoopJarStep, the job's own arguments behind its Args."""
    return {**profile.step, "Args": [*profile.step.get("Args", ()), *args]}


def _reasons(
    event: JobSubmitted,
    profile: JobProfile | None,
    cluster_profile: ClusterProfile | None,
    now: float,
    known: Iterable[str],
) -> Iterator[str]:
    if _ID.fullmatch(event.id) is None or len(event.id) > LONGEST_ID:
        yield f"id: {event.id[:80]!r} is none: 1 to {LONGEST_ID} characters, no control characters, no space at an end"
    if not event.owner.strip():
        yield "owner: is empty"
    # 0: the submission does not tell
    if not 0 <= event.at <= now + CLOCK_S:
        yield f"at: {event.at:.0f} is not in the past, in seconds since 1970; it is {now:.0f}"
    if event.priority is not None and not 0 <= event.priority <= MOST_URGENT:
        yield f"priority: {event.priority} is not within 0 and {MOST_URGENT}"
    yield from _reasons_of_args(event.args)
    if profile is None:
        yield f"profile: there is no job profile {event.profile!r}{nearest(event.profile, known)}"
    elif cluster_profile is None:
        yield f"profile: its cluster profile {profile.cluster_profile!r} is not there: `tidemark profile put`"
    elif not cluster_profile.pooled:
        yield f"profile: its cluster profile {profile.cluster_profile!r} is no pool: its maximum is 0"


def _reasons_of_args(args: tuple[str, ...]) -> Iterator[str]:
    for number, arg in enumerate(args):
        if len(arg) > LONGEST_ARG:
            yield f"args.{number}: has {len(arg)} characters, EMR takes {LONGEST_ARG}"
        if _NO_XML.search(arg):
            yield f"args.{number}: has a control character"
    if (size := sum(len(arg.encode(errors="replace")) for arg in args)) > MOST_ARGS_BYTES:
        yield f"args: {size} bytes together, {MOST_ARGS_BYTES} at most: put them into a file on S3"
