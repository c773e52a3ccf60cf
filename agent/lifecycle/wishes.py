"""Somebody wants a cluster -> the launch that is written down. Pure. What cannot be launched is written down as well,
with the reason: who asked for it looks there."""

from __future__ import annotations

from agent.lifecycle.acts import Act, Launch, Wish
from agent.lifecycle.events import LaunchAsked, ObjectCreated
from agent.lifecycle.known import Known, over
from agent.lifecycle.messages import made_id, nearest
from agent.lifecycle.rows import ClusterProfile, LaunchRow, Trigger, launch_key
from agent.lifecycle.store import LAUNCH
from agent.lifecycle.words import LaunchState


def asked(event: LaunchAsked, known: Known, now: float) -> tuple[Act, ...]:
    """The second delivery of a wish goes on with it."""
    if known.launch is not None:
        goes_on = known.launch.state in (LaunchState.ASKED, LaunchState.CLAIMED)
        return (Launch(launch_id=event.id),) if goes_on else ()
    at = min(event.at or now, now)
    state, why = _judged(event, at, known, now)
    launch = LaunchRow(
        key=launch_key(event.id),
        owner=event.owner,
        alias=event.alias,
        profile=event.profile,
        steps=event.steps,
        state=state,
        open=LAUNCH if state is LaunchState.ASKED else None,
        created_at=at,
        terminate_at=event.terminate_at,
        retry=event.retry,
        why=why,
    )
    return (Wish(launch=launch),)


def _judged(event: LaunchAsked, at: float, known: Known, now: float) -> tuple[LaunchState, str | None]:
    if known.profile is None:
        near = nearest(event.profile, [one.name for one in known.profiles])
        return LaunchState.FAILED, f"there is no profile {event.profile!r}" + (f"; nearest: {near!r}" if near else "")
    if known.profile.pooled:
        return LaunchState.FAILED, f"profile {event.profile!r} is a pool's, which launches by itself: submit a job"
    ended = over(known.owners, at)
    if ended is not None:
        return LaunchState.CANCELLED, f"its owner has ended before: {ended.reason}"
    if event.terminate_at is not None and event.terminate_at <= now:
        return LaunchState.CANCELLED, "it was to end before now"
    return LaunchState.ASKED, None


def triggered(event: ObjectCreated, known: Known, now: float) -> tuple[Act, ...]:
    """One launch a profile whose trigger the object meets. The object's address is the owner."""
    return tuple(
        Wish(
            launch=LaunchRow(
                key=launch_key(made_id("s3", event.bucket, event.name, event.version, profile.name)),
                owner=f"s3://{event.bucket}/{event.name}",
                profile=profile.name,
                open=LAUNCH,
                created_at=event.at or now,
            )
        )
        for profile in known.profiles
        if not profile.pooled and launches(profile, event)
    )


def launches(profile: ClusterProfile, event: ObjectCreated) -> bool:
    return any(_meets(trigger, event) for trigger in profile.triggers)


def _meets(trigger: Trigger, event: ObjectCreated) -> bool:
    """A name that is shorter than prefix and suffix together meets them only if they do not overlap in it."""
    long_enough = len(event.name) >= len(trigger.prefix) + len(trigger.suffix)
    ends = event.name.startswith(trigger.prefix) and event.name.endswith(trigger.suffix)
    return trigger.bucket == event.bucket and long_enough and ends
