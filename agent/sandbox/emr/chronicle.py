"""What EMR publishes about a cluster on EventBridge, from what the cluster was when it was looked at last. Pure.

Fields and names: the event schema of `aws.emr` (EventBridge schema registry, in the CDK's `aws_emr.events`), where
every field is a string; states, severities and event codes: EMR Management Guide, "Monitoring Amazon EMR events".
How often a shortage is repeated is a guess (the guide: "periodically").
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.states import ClusterState, Market, PoolState, StepState
from agent.sandbox.emr.steps import Step
from agent.sandbox.events.event import Event, iso

if TYPE_CHECKING:
    from agent.sandbox.emr.clusters import Cluster

SOURCE = "aws.emr"
CLUSTER, STEP = "EMR Cluster State Change", "EMR Step Status Change"
FLEET, PROVISIONING, RESIZE = (
    "EMR Instance Fleet State Change",
    "EMR Instance Fleet Provisioning",
    "EMR Instance Fleet Resize",
)
INSUFFICIENT_CAPACITY = "EC2 provisioning - Insufficient Instance Capacity"
TIMEOUT_CODES = {Market.SPOT: "Spot Provisioning timeout", Market.ON_DEMAND: "On-Demand Provisioning timeout"}

TOLD_CLUSTER_STATES = frozenset(
    {ClusterState.RUNNING, ClusterState.WAITING, ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS}
)
"""Besides STARTING. BOOTSTRAPPING and TERMINATING come only from the API."""
TOLD_FLEET_STATES = frozenset({PoolState.RUNNING, PoolState.RESIZING, PoolState.SUSPENDED})
STEP_SEVERITIES = {
    StepState.PENDING: "INFO",
    StepState.CANCEL_PENDING: "WARN",
    StepState.RUNNING: "INFO",
    StepState.COMPLETED: "INFO",
    StepState.CANCELLED: "WARN",
    StepState.FAILED: "ERROR",
}
PLANNED_ENDS = frozenset({"USER_REQUEST", "ALL_STEPS_COMPLETED"})
SHORTAGE_MINUTES = 5.0


class Chronicle:
    """Of one cluster."""

    def __init__(self) -> None:
        self._state: ClusterState | None = None
        self._zone_told = False
        self._steps: dict[str, StepState] = {}
        self._pools: dict[str, str] = {}
        self._timeouts: dict[str, frozenset[Market]] = {}
        self._short_told: dict[str, float] = {}

    def news(self, cluster: Cluster, now: float) -> Iterator[Event]:
        """What has happened since the last look, in EMR's order: capacity, cluster, steps."""
        if self._state is None:
            yield _cluster_event(cluster, ClusterState.STARTING, "was requested and is being created", now)
            self._state = ClusterState.STARTING
        if not self._zone_told and cluster.zone is not None and len(cluster.subnets) > 1:
            self._zone_told = True
            yield _cluster_event(cluster, ClusterState.STARTING, f"is being created in zone {cluster.zone}", now)
        for pool in cluster.pools:
            if isinstance(pool, Fleet):
                yield from self._capacity(cluster, pool, now)
        if cluster.state is not self._state:
            self._state = cluster.state
            if cluster.state in TOLD_CLUSTER_STATES:
                yield _cluster_event(cluster, cluster.state, f"is {cluster.state}", now)
        for step in cluster.steps.steps:
            yield from self._step(cluster, step, now)

    def _step(self, cluster: Cluster, step: Step, now: float) -> Iterator[Event]:
        told = self._steps.get(step.id)
        if told is step.state:
            return
        if told is None and step.state is not StepState.PENDING:
            yield _step_event(cluster, step, StepState.PENDING, now)
        if step.started_at is not None and told in {None, StepState.PENDING} and step.state is not StepState.RUNNING:
            yield _step_event(cluster, step, StepState.RUNNING, now)
        yield _step_event(cluster, step, step.state, now)
        self._steps[step.id] = step.state

    def _capacity(self, cluster: Cluster, fleet: Fleet, now: float) -> Iterator[Event]:
        starting = fleet.ready_at is None
        if fleet.timed_out != self._timeouts.get(fleet.id, frozenset()):
            for market in sorted(fleet.timed_out - self._timeouts.get(fleet.id, frozenset())):
                yield _capacity_event(cluster, fleet, TIMEOUT_CODES[market], starting, now)
            self._timeouts[fleet.id] = fleet.timed_out
        if fleet.short and not cluster.state.ending:
            told = self._short_told.get(fleet.id)
            if told is None or now >= told + SHORTAGE_MINUTES * cluster.delays.minute_s:
                self._short_told[fleet.id] = now
                yield _capacity_event(cluster, fleet, INSUFFICIENT_CAPACITY, starting, now)
        else:
            self._short_told.pop(fleet.id, None)
        if fleet.state != self._pools.get(fleet.id):
            self._pools[fleet.id] = fleet.state
            if fleet.state in TOLD_FLEET_STATES:
                yield _fleet_event(cluster, fleet, now)


def _event(cluster: Cluster, detail_type: str, severity: str, state: str, now: float, **fields: str) -> Event:
    detail = {"severity": severity, "clusterId": cluster.id, "state": state, **fields}
    return Event(at=now, source=SOURCE, detail_type=detail_type, detail=detail)


def _cluster_event(cluster: Cluster, state: ClusterState, what: str, now: float) -> Event:
    code, text = cluster.reason if cluster.reason is not None and state.ended else ("", "")
    reason = {"code": code, "message": text} if text else {"code": code}
    name = str(cluster.request["Name"])
    critical = state is ClusterState.TERMINATED_WITH_ERRORS or (state.ended and code not in PLANNED_ENDS)
    return _event(
        cluster,
        CLUSTER,
        "CRITICAL" if critical else "INFO",
        state,
        now,
        name=name,
        stateChangeReason=json.dumps(reason),
        message=f"Amazon EMR Cluster {cluster.id} ({name}) {what} at {iso(now)}.",
    )


def _step_event(cluster: Cluster, step: Step, state: StepState, now: float) -> Event:
    name = str(step.config["Name"])
    return _event(
        cluster,
        STEP,
        STEP_SEVERITIES[state],
        state,
        now,
        stepId=step.id,
        name=name,
        actionOnFailure=step.action_on_failure,
        message=f"Step {step.id} ({name}) of Amazon EMR cluster {cluster.id} is {state} at {iso(now)}.",
    )


def _fleet_event(cluster: Cluster, fleet: Fleet, now: float) -> Event:
    return _event(
        cluster,
        FLEET,
        "ERROR" if fleet.state == PoolState.SUSPENDED else "INFO",
        fleet.state,
        now,
        **_units(fleet),
        message=f"The instance fleet {fleet.id} of Amazon EMR cluster {cluster.id} is {fleet.state} at {iso(now)}.",
    )


def _capacity_event(cluster: Cluster, fleet: Fleet, code: str, starting: bool, now: float) -> Event:
    return _event(
        cluster,
        PROVISIONING if starting else RESIZE,
        "WARN",
        "CREATING" if starting else "RESIZING",
        now,
        eventCode=code,
        clusterName=str(cluster.request["Name"]),
        **_units(fleet),
        message=f"Capacity is missing in the instance fleet {fleet.id} of Amazon EMR cluster {cluster.id}: {code}.",
    )


def _units(fleet: Pool) -> dict[str, str]:
    return {
        "instanceFleetId": fleet.id,
        "instanceFleetType": fleet.role,
        "provisionedOnDemandCapacity": str(fleet.provisioned(Market.ON_DEMAND)),
        "provisionedSpotCapacity": str(fleet.provisioned(Market.SPOT)),
        "targetOnDemandCapacity": str(fleet.wanted(Market.ON_DEMAND)),
        "targetSpotCapacity": str(fleet.wanted(Market.SPOT)),
    }
