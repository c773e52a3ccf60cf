"""I/O out, the cluster: reads it, and changes its task capacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.actuators.cluster import ClusterView
from agent.actuators.dry_run import DryRun
from agent.actuators.instance_fleet import InstanceFleets
from agent.actuators.instance_groups import InstanceGroups
from agent.aws.emr_calls import EmrClients
from agent.domain.decisions import Resize, Result
from agent.domain.fleets import Collection, Fleet
from agent.domain.ports import Clock, ClusterReader, FleetActuator, FleetReader
from agent.settings_fleet import ActuatorKind, FleetSettings


@dataclass(frozen=True, slots=True)
class Hands:
    """What the agent can see of its cluster through EMR, and do to its task capacity. Its end is elsewhere."""

    fleet_reader: FleetReader
    fleet: FleetActuator
    cluster_reader: ClusterReader


Build = Callable[[EmrClients, str, FleetSettings, Clock], Hands]
"""Of EMR's clients, the cluster id, the settings and the clock."""


def _instance_fleet(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    fleets, view = InstanceFleets(emr, cluster_id, settings, clock), ClusterView(emr.client, cluster_id, clock)
    return Hands(fleets, fleets, view)


def _instance_groups(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    groups, view = InstanceGroups(emr, cluster_id, settings, clock), ClusterView(emr.client, cluster_id, clock)
    return Hands(groups, groups, view)


def _auto(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    view = ClusterView(emr.client, cluster_id, clock)
    fleets, groups = InstanceFleets(emr, cluster_id, settings, clock), InstanceGroups(emr, cluster_id, settings, clock)
    has = WhatItHas(view, {Collection.FLEET: fleets, Collection.GROUP: groups})
    return Hands(has, Either({Collection.FLEET: fleets, Collection.GROUP: groups}), view)


def _dry_run(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    return replace(_auto(emr, cluster_id, settings, clock), fleet=DryRun())


class WhatItHas:
    """A FleetReader for a cluster of either kind; DescribeCluster tells which, once, at the first reading."""

    def __init__(self, view: ClusterView, readers: Mapping[Collection, FleetReader]) -> None:
        self._view = view
        self._readers = readers
        self._reader: FleetReader | None = None

    def read(self) -> Fleet:
        """Raises Fault."""
        if self._reader is None:
            self._reader = self._readers[self._view.collection()]
        return self._reader.read()


class Either:
    """A FleetActuator for a cluster of either kind: the fleet that was decided on tells which."""

    def __init__(self, actuators: Mapping[Collection, FleetActuator]) -> None:
        self._actuators = actuators

    def resize(self, fleet: Fleet, decision: Resize) -> Result:
        return self._actuators[fleet.collection].resize(fleet, decision)


ACTUATORS: Mapping[ActuatorKind, Build] = {
    ActuatorKind.AUTO: _auto,
    ActuatorKind.INSTANCE_FLEET: _instance_fleet,
    ActuatorKind.INSTANCE_GROUPS: _instance_groups,
    ActuatorKind.DRY_RUN: _dry_run,
}
