"""Hears an event, asks the pure core what is to be done, and does it, one act after another.

Nothing is held between two events: who dies in the middle is followed by the next delivery, or by the sweep. Faults go
through to the caller, whose queue delivers again; what can be done although another act failed is done first.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from agent.lifecycle import acts, decide, events, loading
from agent.lifecycle import sweep as rules
from agent.lifecycle.acts import Act
from agent.lifecycle.hands import Hands, Moment
from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.on_clusters import OnClusters
from agent.lifecycle.on_jobs import OnJobs
from agent.lifecycle.on_launches import OnLaunches

LISTED_S = 7 * 86400.0
"""Clusters that were created longer ago are known, or somebody has looked after them by hand."""
MOST_TRIES = 10
"""What has been put off so often is left to the sweep."""
SWEEP_TRIES = 6
"""What a sweep puts off comes late and a few times only: the next sweep finds it too."""
MOST_ACTS = 20_000
"""No event leads to more: a loop would be a bug, and the sweep goes on with what is left."""

MOST_TOUCHED = 50
"""Of a kind, that a plan reads by their keys: a sweep touches more, and comes again."""
MOST_PLANS = 3
"""Of one pool for one event: where others keep being faster, they plan as well."""

Doing = Callable[[Any, Moment], tuple[Act, ...]]
"""Of an act; what is to be done next because of it."""


class Conductor:
    """Belongs to one thread. `now` is Unix seconds throughout."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._doing = _doing(hands)

    def hear(self, event: events.Event, now: float) -> None:
        """Do all that the event asks for. Raises Fault: deliver it again."""
        match event:
            case events.GoOn():
                tries = event.tries + 1
                self._perform(_go_on(event), Moment(now, again=tries < MOST_TRIES, tries=tries))
            case events.SweepDue():
                self.sweep(now)
            case _:
                known = loading.known(self._hands.store, event)
                self._perform(decide.on_event(event, known, now, self._hands.settings), Moment(now, again=True))

    def sweep(self, now: float) -> None:
        """Look at everything that has not ended, and at what EMR has and the table has not. Raises the first Fault,
        after having done all that did not fail."""
        found = (*rules.sweep(loading.view(self._hands.store), now, self._hands.settings), *self._of_listed(now))
        # an alarm goes off without it
        self._hands.count("Sweeps")
        self._perform(found, Moment(now, again=True, tries=SWEEP_TRIES))

    def _of_listed(self, now: float) -> tuple[Act, ...]:
        after = now - LISTED_S
        listed = self._hands.eyes.listed(after)
        if listed is None:
            self._hands.count("SweepsWithoutList")
            return ()
        named = [bears[0] for one in listed if (bears := attempt_in(one.name)) is not None]
        # read after the list: what the list has the table has had time to know
        view = loading.view(self._hands.store, named)
        return rules.of_listed(listed, view, after, now, now, self._hands.settings)

    def _perform(self, first: Sequence[Act], moment: Moment) -> None:
        planned: Counter[str] = Counter()
        # a pool is looked at after all else that was to be done
        plans = {one.profile: None for one in first if _to_be_planned(one, planned)}
        waiting: deque[Act] = deque(one for one in first if not isinstance(one, acts.Plan))
        touched = _Touched()
        failed: Exception | None = None
        for _ in range(MOST_ACTS):
            if not waiting and plans:
                waiting.append(acts.Plan(profile=plans.popitem()[0]))
            if not waiting:
                break
            act = touched.told_to(waiting.popleft())
            try:
                found = self._doing[type(act)](act, moment)
            except Exception as error:  # the boundary of one act: its bug is not the others' loss
                self._hands.count(f"LifecycleErrors.{type(act).__name__}")
                failed = failed or error
                continue
            if isinstance(act, acts.Plan):
                planned[act.profile] += 1
            if isinstance(act, acts.Claim) and any(isinstance(one, acts.Plan) for one in found):
                # somebody was faster: a less urgent job must not pass the one that got nothing
                waiting = deque(one for one in waiting if not isinstance(one, acts.Claim))
            plans |= {one.profile: None for one in found if _to_be_planned(one, planned)}
            waiting.extend(one for one in found if not isinstance(one, acts.Plan))
        if failed is not None:
            raise failed


class _Touched:
    """What the last acts were about: the indexes that a plan reads may be behind them."""

    def __init__(self) -> None:
        self._jobs: dict[str, None] = {}
        self._clusters: dict[str, None] = {}
        self._places: dict[int, None] = {}

    def _add(self, act: Act) -> None:
        match act:
            case acts.Submit(job=job):
                self._jobs[job.id] = None
            case acts.Finish(job_id=job_id) | acts.Requeue(job_id=job_id):
                self._jobs[job_id] = None
            case acts.Claim(job_id=job_id, cluster_id=cluster_id) | acts.Release(job_id=job_id, cluster_id=cluster_id):
                self._jobs[job_id] = None
                self._clusters[cluster_id] = None
            case acts.Note(cluster_id=cluster_id) | acts.End(cluster_id=cluster_id):
                self._clusters[cluster_id] = None
            case acts.Wish(launch=launch) if launch.slot is not None:
                self._places[launch.slot] = None

    def told_to(self, act: Act) -> Act:
        """The act; a plan with all that was touched before it."""
        if not isinstance(act, acts.Plan):
            self._add(act)
            return act
        return acts.Plan(
            profile=act.profile,
            jobs=tuple(self._jobs)[-MOST_TOUCHED:],
            clusters=tuple(self._clusters)[-MOST_TOUCHED:],
            places=tuple(self._places)[-MOST_TOUCHED:],
        )


def _to_be_planned(act: Act, planned: Mapping[str, int]) -> TypeGuard[acts.Plan]:
    return isinstance(act, acts.Plan) and planned.get(act.profile, 0) < MOST_PLANS


def _go_on(event: events.GoOn) -> tuple[Act, ...]:
    match event.what:
        case "launch":
            return (acts.Launch(launch_id=event.id),)
        case "run":
            return (acts.Run(job_id=event.id),)
        case "ask" | "ask-nodes":
            return (acts.Ask(cluster_id=event.id, fleets=event.what == "ask-nodes"),)
        case "end" if event.reason is not None:
            return (acts.End(cluster_id=event.id, reason=event.reason, why=event.why),)
    return ()


def _doing(hands: Hands) -> Mapping[type[Any], Doing]:
    clusters, launches, jobs = OnClusters(hands), OnLaunches(hands), OnJobs(hands)
    return {
        acts.Note: clusters.note,
        acts.NoteStep: clusters.note_step,
        acts.NoteOwner: clusters.note_owner,
        acts.Remark: clusters.remark,
        acts.Adopt: clusters.adopt,
        acts.End: clusters.end,
        acts.Ask: clusters.ask,
        acts.Wish: launches.wish,
        acts.Launch: launches.launch,
        acts.TryAgain: launches.try_again,
        acts.Close: launches.close,
        acts.Free: launches.free,
        acts.Plan: launches.plan,
        acts.Submit: jobs.submit,
        acts.Claim: jobs.claim,
        acts.Run: jobs.run,
        acts.Began: jobs.began,
        acts.Finish: jobs.finish,
        acts.Requeue: jobs.requeue,
        acts.Release: jobs.release,
        acts.StillRuns: jobs.still_runs,
    }
