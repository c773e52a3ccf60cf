"""Does the acts that are about launches and the places of pools."""

from __future__ import annotations

from functools import partial

from agent.lifecycle import acts, loading, pools
from agent.lifecycle.acts import Act
from agent.lifecycle.events import GoOn
from agent.lifecycle.hands import Hands, Moment
from agent.lifecycle.words import LaunchState


class OnLaunches:
    """Each method answers what is to be done next because of it, and raises Fault."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._store = hands.store

    def wish(self, act: acts.Wish, _: Moment) -> tuple[Act, ...]:
        """A second delivery finds the wish there, and goes on with it all the same. Where somebody else has its place
        in the pool, or made the same wish at the same instant, there may be another place."""
        launch_id = act.launch.id
        if self._store.ask_launch(act.launch):
            return (acts.Launch(launch_id=launch_id),)
        again = (acts.Plan(profile=act.launch.profile),) if act.launch.pool else ()
        there = self._store.launch(launch_id) is not None
        return (acts.Launch(launch_id=launch_id), *again) if there else again

    def launch(self, act: acts.Launch, moment: Moment) -> tuple[Act, ...]:
        if self._hands.launcher.go_on(act.launch_id) is None and moment.again:
            row = self._store.launch(act.launch_id)
            if row is not None and row.state is LaunchState.ASKED:
                self._hands.later.again(GoOn(what="launch", id=act.launch_id, tries=moment.tries))
        return ()

    def try_again(self, act: acts.TryAgain, _: Moment) -> tuple[Act, ...]:
        row = self._store.launch(act.launch_id)
        if row is not None and row.attempt == act.attempt:
            self._store.next_attempt(row, act.why, act.failed_subnet)
        return (acts.Launch(launch_id=act.launch_id),)

    def close(self, act: acts.Close, moment: Moment) -> tuple[Act, ...]:
        row = self._store.launch(act.launch_id)
        if row is None or row.attempt != act.attempt:
            return ()
        closed = self._store.close_launch(row, act.state, moment.now, act.why)
        return (acts.Plan(profile=row.profile),) if closed is not None and row.pool else ()

    def free(self, act: acts.Free, _: Moment) -> tuple[Act, ...]:
        slot = next((one for one in self._store.slots(act.profile) if one.number == act.number), None)
        if slot is not None and slot.launch_id == act.launch_id:
            self._store.free_slot(slot)
        return ()

    def plan(self, act: acts.Plan, moment: Moment) -> tuple[Act, ...]:
        profile = self._store.profile(act.profile)
        if profile is None:
            return ()
        clusters, jobs, slots = loading.pool(self._store, profile, act)
        of_pool = partial(
            pools.plan,
            profile,
            clusters=clusters,
            launches=list(self._store.open_launches(act.profile)),
            slots=slots,
            now=moment.now,
            settings=self._hands.settings,
        )
        found = of_pool(jobs=jobs)
        if jobs and any(isinstance(one, acts.Wish) for one in found):
            # the index may be behind: no cluster is launched for a job that has just got one
            return of_pool(jobs=loading.that_wait(self._store, jobs))
        return found
