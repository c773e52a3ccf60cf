"""The agent's heartbeat: what it sees goes into the cluster's row, and the row that comes back is its orders.

Of several primaries only the agent beside the active ResourceManager beats, as only that one acts. A lease in the row
would make every act wait for the table, and close nothing that is open: two agents that both take themselves for the
one to act, for the seconds of a failover, may both beat, which does no harm; resizes carry whole targets and are
decided again just before; and an end is a condition in the table.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent import log
from agent.domain.core_nodes import by_yarn, core_nodes
from agent.domain.faults import Fault
from agent.domain.observation import Observation
from agent.domain.orders import Orders
from agent.domain.ports import Clock
from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.rows import ClusterRow
from agent.lifecycle.store import Store, stamp
from agent.lifecycle.words import READY, Phase, State
from agent.telemetry import Telemetry

ERRORS = "LifecycleErrors"
FRESH_S = 120.0
"""What was seen longer ago is not told as what is."""
LONGEST_STEP_S = 300.0
"""Capacity that nobody looked at for longer is not counted: what was there meanwhile is not known."""
STATES_READY = frozenset(str(state) for state in READY)


class UnitSeconds:
    """What the task capacity amounted to, by market, in capacity-unit-seconds since this began. What is there counts
    until the next look."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._spot = self._on_demand = 0
        self.spot_s = self.on_demand_s = 0.0

    def look(self, at: float, spot: int, on_demand: int) -> None:
        """So much is there at that time."""
        gone = 0.0 if self._at is None else at - self._at
        if 0 < gone <= LONGEST_STEP_S:
            self.spot_s += self._spot * gone
            self.on_demand_s += self._on_demand * gone
        self._at, self._spot, self._on_demand = at, spot, on_demand

    def lose_sight(self) -> None:
        """Nothing is known from here to the next look."""
        self._at = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last turn saw, and the units counted until then."""

    observation: Observation
    spot_s: float
    on_demand_s: float


class Heartbeat:
    """`saw` belongs to the thread that turns, `step` to the one that beats; `orders` may be asked by any.

    `hold_busy` is told after every answer whether a job has the cluster. Idleness is told from `grace_s` after the
    cluster manager's first answer on: before, nobody has judged it. Counts `LifecycleErrors`.
    """

    def __init__(
        self,
        store: Store,
        cluster_id: str,
        clock: Clock,
        telemetry: Telemetry,
        *,
        hold_busy: Callable[[bool], None],
        grace_s: float,
    ) -> None:
        self._store = store
        self._cluster_id = cluster_id
        self._clock = clock
        self._telemetry = telemetry
        self._hold_busy = hold_busy
        self._grace_s = grace_s
        self._claimed_at = -math.inf
        # from now on it is published, as long as all is well as zero
        telemetry.count(ERRORS, 0)
        self._lock = threading.Lock()
        self._units = UnitSeconds()
        self._seen: _Seen | None = None
        self._orders = Orders()
        self._base: tuple[float, float] | None = None
        self._waited = False
        self._failing = False

    def orders(self) -> Orders:
        """As last heard."""
        with self._lock:
            return self._orders

    def saw(self, observation: Observation) -> None:
        """One turn. Capacity is counted at the time at which EMR told of it."""
        fleet = observation.fleet
        with self._lock:
            if fleet is None or not _leads(observation):
                self._units.lose_sight()
            else:
                self._units.look(observation.at, fleet.provisioned_spot, fleet.provisioned_on_demand)
            self._seen = _Seen(observation, self._units.spot_s, self._units.on_demand_s)

    def step(self) -> None:
        """One beat. The first one waits a period for the first things to be seen, so that nothing is told as unknown
        that is known elsewhere. A fault of the world is counted; nothing is raised for it."""
        with self._lock:
            seen = self._seen
        if not self._waited and (seen is None or seen.observation.cluster is None or seen.observation.reading is None):
            self._waited = True
            return
        self._waited = True
        if seen is not None and not _leads(seen.observation):
            # another agent beats and counts; what it has counted is read again when this one is the one to act
            self._base = None
            return
        now = self._clock()
        try:
            row = self._beat(seen, now)
        except Fault as fault:
            self._failed(str(fault))
            return
        if row is None:
            self._failed("the table has the cluster as ended")
            return
        self._answered(row, now, seen)

    def _beat(self, seen: _Seen | None, now: float) -> ClusterRow | None:
        """Totals are sent, and not what has come since the last time: a beat that is sent twice, or whose answer was
        lost, counts once. What was counted before this agent began is in the row, so the first beat only reads it."""
        beat: dict[str, Any] = {}
        if seen is not None:
            beat = {**figures(seen.observation, now), **self._idleness(seen.observation, now)}
        if seen is not None and self._base is not None:
            beat["spot_unit_s"] = round(self._base[0] + seen.spot_s, 3)
            beat["on_demand_unit_s"] = round(self._base[1] + seen.on_demand_s, 3)
        begins = {} if seen is None else beginnings(seen.observation)
        return self._store.heartbeat(self._cluster_id, beat, now, **begins)

    def _idleness(self, seen: Observation, now: float) -> dict[str, float | None]:
        """Nothing where nobody has judged it: then what others have written stands. A job that no probe has seen, so
        short was it, counts as work."""
        answered = seen.history.manager_answered_at
        if not seen.evidence or answered is None or now - answered < self._grace_s:
            return {}
        since = seen.history.idle_since
        if since is None or now - seen.at > FRESH_S:
            return {"idle_since": None}
        return {"idle_since": max(since, self._claimed_at)}

    def _answered(self, row: ClusterRow, now: float, seen: _Seen | None) -> None:
        if self._base is None and seen is not None:
            self._base = (row.spot_unit_s - seen.spot_s, row.on_demand_unit_s - seen.on_demand_s)
        if self._failing:
            log.event(logging.INFO, "lifecycle.table_back")
            self._failing = False
        orders = Orders(
            heard_at=now,
            terminate_at=row.terminate_at,
            end_reason=None if row.end_reason is None else str(row.end_reason),
            end_why=row.end_why or "",
            claim=_kept_by(row),
            drain=row.drain,
        )
        with self._lock:
            before, self._orders = self._orders, orders
        if _told(before) != _told(orders):
            log.event(
                logging.INFO,
                "lifecycle.orders",
                claim=orders.claim,
                terminate_at=orders.terminate_at,
                end=orders.end_reason,
                drain=orders.drain,
            )
        if row.claim is not None:
            self._claimed_at = now
        self._hold_busy(row.claim is not None)

    def _failed(self, why: str) -> None:
        """Once in the log, each time in the count."""
        self._telemetry.count(ERRORS)
        if not self._failing:
            log.event(logging.WARNING, "lifecycle.table_silent", error=why)
        self._failing = True


def figures(seen: Observation, now: float) -> dict[str, Any]:
    """What of the row's attributes a turn tells; None for what it does not know, or no longer."""
    reading, fleet, hdfs = seen.reading, seen.fleet, seen.hdfs
    known = reading if reading is not None and now - reading.at <= FRESH_S else None
    witness = hdfs if hdfs is not None and now - hdfs.at <= FRESH_S else None
    apps = None if known is None or known.applications is None else len(known.applications)
    return {
        "core_nodes": core_nodes(known, fleet, witness),
        "task_nodes": by_yarn(known, fleet).task,
        "apps": apps,
    }


def beginnings(seen: Observation) -> dict[str, Any]:
    """What the row of a cluster that nobody has written down begins with. One that bears a launch's name is about to be
    written down, and whether it is ready for an owner or for a pool is told then."""
    cluster = seen.cluster
    if cluster is None:
        return {}
    begins: dict[str, Any] = {"name": cluster.name, "created_at": cluster.created_at}
    if cluster.state in STATES_READY and attempt_in(cluster.name) is None:
        state = State(cluster.state)
        begins |= {"state": str(state), "state_at": stamp(state, cluster.at), "phase": str(Phase.WORKING)}
    return begins


def _kept_by(row: ClusterRow) -> str | None:
    """The job that has the cluster. Free in its place of a pool it is the pool's: the minimum is kept for jobs to come,
    and what is too much is ended by the pool's plan, or by EMR's own idle end where nobody plans any more."""
    if row.claim is not None or row.slot is None or row.drain is not None:
        return row.claim
    return f"pool {row.profile}"


def _leads(seen: Observation) -> bool:
    return seen.reading is None or seen.reading.leader


def _told(orders: Orders) -> tuple[object, ...]:
    return orders.terminate_at, orders.end_reason, orders.claim, orders.drain
