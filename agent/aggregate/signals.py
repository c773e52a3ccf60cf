"""A roll-up as signals: each with the time at which its source was true, so that it goes stale with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.aggregate.catalogue import BY_NAME, Over
from agent.aggregate.rollup import RollUp, alive
from agent.aggregate.snapshot import Instance, Role, Snapshot
from agent.domain.datums import Distribution
from agent.domain.fleets import Fleet
from agent.domain.signals import Signal

ROLES = {Over.DRIVERS: Role.DRIVER, Over.WORKERS: Role.WORKER, Over.MASTERS: Role.MASTER}


def signals(rollup: RollUp, snapshot: Snapshot, *, fleet: Fleet | None = None) -> Mapping[str, Signal]:
    """By metric name. A metric without a source that is known is left out: nobody may act on it.

    A distribution is as old as its oldest sample: one JVM that has fallen silent makes it older, until the table
    forgets that JVM. The newest would keep a signal fresh while all but one of its sources are dead.
    """
    times = {
        Over.EXECUTORS: _executors_at(snapshot),
        **{over: _oldest(_of(snapshot, role)) for over, role in ROLES.items()},
        Over.STAGES: snapshot.remaining.at if snapshot.remaining else None,
        Over.CLUSTER: snapshot.cluster.at if snapshot.cluster else None,
        Over.HDFS: snapshot.hdfs.at if snapshot.hdfs else None,
        Over.NODE: snapshot.node.at if snapshot.node else None,
        Over.FLEET: fleet.at if fleet else None,
        Over.AGENT: snapshot.at,
    }
    own = {
        name: Signal.of(at, distribution)
        for name, distribution in rollup.items()
        if (at := times[BY_NAME[name].over]) is not None
    }
    remote = {
        name: Signal.of(reading.at, Distribution.of(reading.samples)) for name, reading in snapshot.remote.items()
    }
    return {**own, **remote}


def _executors_at(snapshot: Snapshot) -> float | None:
    """While others report, a death of memory ages nothing: that it counts as full is true for its whole hold.

    Alone it is as old as the last death.
    """
    oldest = _oldest(alive(snapshot))
    if oldest is None and snapshot.memory_deaths:
        return max(death.at for death in snapshot.memory_deaths)
    return oldest


def _of(snapshot: Snapshot, role: Role) -> Iterable[Instance]:
    return (one for one in snapshot.instances if one.role is role)


def _oldest(instances: Iterable[Instance]) -> float | None:
    return min((one.last_seen for one in instances), default=None)
