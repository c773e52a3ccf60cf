"""What waits in Airflow's triggerer, and in a worker when a task does not defer. A trigger is made anew of `serialize`
wherever it goes on, so it holds nothing that its arguments do not."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger, TriggerEvent

from agent.domain.faults import PermanentFault, TransientFault
from agent.integrations.airflow_ends import Event, told
from agent.integrations.desk import Where, desk_of
from agent.lifecycle.following import Following
from agent.lifecycle.words import State

UNHEARD_S = 1800.0
"""So long the lifecycle may take to hear of a launch: its queue may be behind, and no longer than this."""
OVERDUE_S = 1800.0
"""So long after its deadline a cluster may take to end: EMR takes up to twenty minutes."""
NOT_KILLED = frozenset({"deferred", "scheduled", "queued", "running"})
"""States of a task whose trigger has stopped for another reason than a kill: it runs elsewhere, or is tried again, and
then begins by ending what was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one task: what its cluster is launched for."""

    launch_id: str
    owner: str
    alias: str
    """The task in its DAG run, whichever try it is."""

    @classmethod
    def of(cls, ti: Any) -> Attempt:
        mapped = f"[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
        alias = f"airflow/{ti.dag_id}/{ti.run_id}/{ti.task_id}{mapped}"
        return cls(launch_id=f"airflow-{ti.id}-{ti.try_number}", owner=owner_of(alias, ti.try_number), alias=alias)


def owner_of(alias: str, try_number: int) -> str:
    return f"{alias}#{try_number}"


class _Polls(BaseTrigger):
    """Looks again and again, each time in a thread, until there is something to tell."""

    def __init__(self, *, where: Mapping[str, str], poll_s: float) -> None:
        super().__init__()
        self._where = dict(where)
        self._poll_s = poll_s
        self._said = ""

    def look(self) -> Event | None:
        """What there is to tell; None: nothing yet. Raises Fault, which says nothing of the cluster."""
        raise NotImplementedError

    def pause_s(self) -> float:
        """Side by side, triggers would otherwise ask in the same instant."""
        return self._poll_s * random.uniform(0.9, 1.1)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while (event := await asyncio.to_thread(self.looked)) is None:
            await asyncio.sleep(self.pause_s())
        yield TriggerEvent(event)

    def looked(self) -> Event | None:
        """`look`, and a fault that may pass is no answer."""
        try:
            return self.look()
        except TransientFault as fault:
            self.say(f"could not look: {fault}")
            return None

    def say(self, text: str) -> None:
        """Into the task's log, and only what is new."""
        if text != self._said:
            self._said = text
            self.log.info("%s", text)


class LaunchTrigger(_Polls):
    """Fires when the launch of a `TidemarkClusterOperator` is over, with `told` of it."""

    def __init__(
        self,
        *,
        where: Mapping[str, str],
        attempt: Mapping[str, str],
        asked_at: float,
        terminate_at: float | None,
        poll_s: float,
    ) -> None:
        super().__init__(where=where, poll_s=poll_s)
        self._attempt = Attempt(**attempt)
        self._asked_at = asked_at
        self._terminate_at = terminate_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.LaunchTrigger", {
            "where": self._where,
            "attempt": asdict(self._attempt),
            "asked_at": self._asked_at,
            "terminate_at": self._terminate_at,
            "poll_s": self._poll_s,
        }

    def look(self) -> Event | None:
        try:
            following = desk_of(Where(**self._where)).follow(self._attempt.launch_id)
        except PermanentFault as fault:
            # not ours to end a healthy cluster because a right was taken away: it is waited for until its deadline
            self.say(f"may not look: {fault}")
            return self._given_up(None)
        self.say(f"launch {self._attempt.launch_id}: {following}")
        return self._with_ids(told(following)) if following.over else self._given_up(following)

    def _given_up(self, following: Following | None) -> Event | None:
        why = given_up(following, time.time(), self._asked_at, self._terminate_at)
        return None if why is None else self._with_ids({"kind": None, "why": why})

    def _with_ids(self, event: Event) -> Event:
        return {"launch_id": self._attempt.launch_id, "owner": self._attempt.owner, **event}

    async def on_kill(self) -> None:
        """A person has failed, cleared or skipped the task: its cluster ends. Airflow calls this too when another
        triggerer has taken over; then the task is still deferred, and nothing happens."""
        state = await asyncio.to_thread(self._task_state)
        if state in NOT_KILLED:
            self.log.info("the task is %s: nothing is ended", state)
            return
        why = f"its task in Airflow is {state or 'cleared'}"
        await asyncio.to_thread(desk_of(Where(**self._where)).owner_gone, self._attempt.owner, why)

    def _task_state(self) -> str | None:
        ti: Any = self.task_instance
        wanted = {"dag_id": ti.dag_id, "task_ids": [ti.task_id], "run_ids": [ti.run_id], "map_index": ti.map_index}
        states = RuntimeTaskInstance.get_task_states(**wanted)
        return next(iter(states.get(ti.run_id, {}).values()), None)


class ClusterTrigger(_Polls):
    """Fires when the cluster of an `EmrClusterStateSensor` has got where it is waited for, or cannot any more."""

    def __init__(self, *, where: Mapping[str, str], cluster_id: str, states: Sequence[str], poll_s: float) -> None:
        super().__init__(where=where, poll_s=poll_s)
        self._cluster_id = cluster_id
        self._states = list(states)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.ClusterTrigger", {
            "where": self._where,
            "cluster_id": self._cluster_id,
            "states": self._states,
            "poll_s": self._poll_s,
        }

    def look(self) -> Event | None:
        desk = desk_of(Where(**self._where))
        sight = desk.sight(self._cluster_id)
        found = desk.arrived(sight, [State(one) for one in self._states])
        self.say(f"cluster {sight.cluster_id} is {sight.state}")
        if found.kind is None:
            return None
        return {"cluster_id": sight.cluster_id, "kind": found.kind.value, "why": found.why, "state": sight.state.value}


def given_up(following: Following | None, now: float, asked_at: float, terminate_at: float | None) -> str | None:
    """Why there is no use in waiting longer. None: there is."""
    if following is not None and following.launch is None and now - asked_at > UNHEARD_S:
        return f"the lifecycle has not heard of the launch for {UNHEARD_S:.0f} s: does its function run?"
    if terminate_at is not None and now > terminate_at + OVERDUE_S:
        return f"its deadline is {now - terminate_at:.0f} s over, and it has not been seen to end"
    return None
