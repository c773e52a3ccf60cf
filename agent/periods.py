"""Periods and turns over one table: what closes a period, and what a turn may sense."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from agent.aggregate.applications import Places, roll_up_applications
from agent.aggregate.outgoing import application_datums, datums, of_this_agent, reason_datums, shadow_datums
from agent.aggregate.rollup import RollUp, roll_up
from agent.aggregate.signals import signals
from agent.aggregate.silent import unheard
from agent.aggregate.snapshot import Snapshot
from agent.aggregate.table import Table
from agent.aggregate.wants import with_wants
from agent.domain.datums import Datum
from agent.domain.fleets import Fleet
from agent.domain.readings import ClusterReading
from agent.domain.signals import Signal
from agent.settings import ClusterSettings

NO_SHADOWS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sensed:
    """What the table says at one instant, for a turn."""

    signals: Mapping[str, Signal]
    reading: ClusterReading | None
    snapshot: Snapshot
    rollup: RollUp
    """What the signals are the statistics of."""


class Periods:
    """Keeps the snapshots of the last two closes. Deltas of a period are against the last close; those of a signal
    against the one before that, so that its span is never shorter than a period, however soon after a close the
    turn is; there are none until two periods have closed.

    `began` is the start of the first period, Unix seconds. `close` belongs to the thread that ships, `sense` to the
    thread that turns.
    """

    def __init__(self, table: Table, settings: ClusterSettings, cluster_id: str, began: float) -> None:
        self._table = table
        self._settings = settings
        self._cluster_id = cluster_id
        self._began = began
        self._closed: deque[Snapshot] = deque(maxlen=2)
        self._places = Places()

    def close(
        self,
        at: float,
        fleet: Fleet | None,
        idle: bool | None,
        shadows: Mapping[str, int] = NO_SHADOWS,
        *,
        usd_per_hour: float | None = None,
    ) -> tuple[Datum, ...]:
        """The datums of the period that ends now; `shadows` are the targets of the shadow policies, `usd_per_hour` what
        the fleet costs.

        Beside a ResourceManager that does not lead, only this agent's own. Its deltas go on meanwhile, so that the
        first period after a failover has only what grew in it.
        """
        now = self._table.snapshot(at)
        before = self._closed[-1] if self._closed else None
        start = before.at if before is not None else self._began
        acts = now.cluster is None or now.cluster.leader
        rolled = roll_up(now, before, fleet=fleet, idle=idle if acts else None, usd_per_hour=usd_per_hour)
        by_app, self._places = roll_up_applications(now, before, self._places, self._settings.app_dimensions)
        self._closed.append(now)
        if not acts:
            rolled, by_app, shadows = of_this_agent(rolled), {}, NO_SHADOWS
        return (
            *datums(rolled, at=start, cluster_id=self._cluster_id, cluster_name=self._settings.name),
            *application_datums(by_app, at=start, cluster_id=self._cluster_id),
            *reason_datums(now, before, at=start, cluster_id=self._cluster_id),
            *shadow_datums(shadows, at=start, cluster_id=self._cluster_id),
        )

    def sense(self, at: float, fleet: Fleet | None, idle: bool | None, *, usd_per_hour: float | None = None) -> Sensed:
        """The signals at this instant, each with the time of its source."""
        now = self._table.snapshot(at)
        before = self._closed[0] if len(self._closed) == 2 else None
        rolled = roll_up(now, before, fleet=fleet, idle=idle, usd_per_hour=usd_per_hour)
        cluster = with_wants(now.cluster, now.instances)
        reading = None if cluster is None else replace(cluster, unheard=unheard(now))
        return Sensed(signals(rolled, now, fleet=fleet), reading, now, rolled)
