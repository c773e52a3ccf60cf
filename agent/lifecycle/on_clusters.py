"""Does the acts that are about one cluster."""

from __future__ import annotations

import logging

from agent import log
from agent.domain.faults import NotTakenFault
from agent.lifecycle import acts, loading, rows_of
from agent.lifecycle import sweep as rules
from agent.lifecycle.acts import Act
from agent.lifecycle.answers import is_strangers
from agent.lifecycle.events import GoOn
from agent.lifecycle.hands import Hands, Moment


class OnClusters:
    """Each method answers what is to be done next because of it, and raises Fault."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._store = hands.store

    def note(self, act: acts.Note, moment: Moment) -> tuple[Act, ...]:
        told = {"subnet": act.subnet, "ready_at": act.ready_at}
        more = {name: value for name, value in told.items() if value is not None}
        row = self._store.saw_state(act.cluster_id, act.state, act.at, moment.now, act.code, **more)
        if row is not None and row.ended:
            self._hands.deadlines.drop(act.cluster_id)
            self._hands.teller.ended(row)
        return ()

    def note_step(self, act: acts.NoteStep, _: Moment) -> tuple[Act, ...]:
        self._store.step_failed(act.cluster_id, act.step_id)
        return ()

    def note_owner(self, act: acts.NoteOwner, moment: Moment) -> tuple[Act, ...]:
        self._store.owner_ended(act.owner, act.reason, act.at, act.why, moment.now)
        return ()

    def remark(self, act: acts.Remark, _: Moment) -> tuple[Act, ...]:
        self._hands.count(f"LifecycleRemarks.{act.what}")
        log.event(logging.WARNING, "lifecycle.remark", what=act.what, of=act.of, why=act.why)
        return ()

    def adopt(self, act: acts.Adopt, _: Moment) -> tuple[Act, ...]:
        """The cluster becomes the launch's, if that has none in this attempt; else its row says whose it is, and it is
        looked at as a twin. A launch that is not in our table is somebody else's; so is a cluster that bears another
        table's tag, for two tables of an account may take the same id for a launch at the same time."""
        launch = self._store.launch(act.launch_id)
        if launch is None:
            self._hands.count("LifecycleIgnored.foreign-launch")
            return ()
        answer = self._hands.eyes.describe(act.cluster_id)
        if answer is None or is_strangers(answer, self._hands.settings):
            self._hands.count("LifecycleIgnored.foreign-cluster" if answer else "AdoptionsPostponed")
            return ()
        profile = self._store.profile(launch.profile)
        row = rows_of.cluster(launch, profile, act.cluster_id, act.name, act.attempt, act.at)
        if launch.attempt == act.attempt and self._store.launched(launch, row):
            self._hands.count("LaunchesAdopted")
            if row.terminate_at is not None:
                self._hands.deadlines.set(act.cluster_id, row.terminate_at)
            return ()
        known = self._store.know(row)
        current = self._store.launch(act.launch_id)
        return () if known is None or current is None else _but_adopt(rules.of_twin(known, current))

    def ask(self, act: acts.Ask, moment: Moment) -> tuple[Act, ...]:
        row = self._store.cluster(act.cluster_id)
        if row is None or row.ended:
            return ()
        answer = self._hands.eyes.describe(act.cluster_id, fleets=act.fleets)
        if answer is None:
            if moment.again:
                what = "ask-nodes" if act.fleets else "ask"
                self._hands.later.again(GoOn(what=what, id=act.cluster_id, tries=moment.tries))
            return ()
        self._store.confirmed(act.cluster_id, moment.now)
        known = loading.around(self._store, row)
        return rules.of_answer(row, answer, known, moment.now, self._hands.settings)

    def end(self, act: acts.End, moment: Moment) -> tuple[Act, ...]:
        try:
            self._hands.ender.end(act.cluster_id, act.reason, act.why)
        except NotTakenFault:
            if moment.again:
                again = GoOn(what="end", id=act.cluster_id, reason=act.reason, why=act.why, tries=moment.tries)
                self._hands.later.again(again)
        return ()


def _but_adopt(found: tuple[Act, ...]) -> tuple[Act, ...]:
    """Somebody has just been faster: the sweep looks at it again."""
    return tuple(act for act in found if not isinstance(act, acts.Adopt))
