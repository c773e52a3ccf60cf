"""I/O out, the cluster: reads and changes its task capacity, ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.actuators.cluster import ClusterControl
from agent.actuators.dry_run import DryRun
from agent.actuators.emr_calls import EmrClients
from agent.actuators.instance_fleet import InstanceFleets
from agent.actuators.instance_groups import InstanceGroups
from agent.domain.fleets import Collection, Fleet
from agent.domain.ports import Clock, ClusterActuator, ClusterReader, FleetActuator, FleetReader
from agent.settings import ActuatorKind, FleetSettings


@dataclass(frozen=True, slots=True)
class Hands:
    """All that the agent can see of its cluster through EMR, and do to it."""

    fleet_reader: FleetReader
    fleet: FleetActuator
    cluster_reader: ClusterReader
    cluster: ClusterActuator


Build = Callable[[EmrClients, str, FleetSettings, Clock], Hands]
"""Of EMR's clients, the cluster id, the settings and the clock."""


def _instance_fleet(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    fleets, control = InstanceFleets(emr, cluster_id, settings, clock), ClusterControl(emr.client, cluster_id, clock)
    return Hands(fleets, fleets, control, control)


def _instance_groups(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    groups, control = InstanceGroups(emr, cluster_id, settings, clock), ClusterControl(emr.client, cluster_id, clock)
    return Hands(groups, groups, control, control)


def _dry_run(emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> Hands:
    control, nothing = ClusterControl(emr.client, cluster_id, clock), DryRun()
    return Hands(WhatItHas(emr, cluster_id, settings, clock), nothing, control, nothing)


class WhatItHas:
    """A FleetReader for a cluster of either kind; DescribeCluster tells which, once, at the first reading."""

    def __init__(self, emr: EmrClients, cluster_id: str, settings: FleetSettings, clock: Clock) -> None:
        self._control = ClusterControl(emr.client, cluster_id, clock)
        self._readers: Mapping[Collection, FleetReader] = {
            Collection.FLEET: InstanceFleets(emr, cluster_id, settings, clock),
            Collection.GROUP: InstanceGroups(emr, cluster_id, settings, clock),
        }
        self._reader: FleetReader | None = None

    def read(self) -> Fleet:
        """Raises Fault."""
        if self._reader is None:
            self._reader = self._readers[self._control.read().collection]
        return self._reader.read()


ACTUATORS: Mapping[ActuatorKind, Build] = {
    ActuatorKind.INSTANCE_FLEET: _instance_fleet,
    ActuatorKind.INSTANCE_GROUPS: _instance_groups,
    ActuatorKind.DRY_RUN: _dry_run,
}
