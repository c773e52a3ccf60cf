"""What can be seen of an agent and its cluster from elsewhere: the figures that it published, and what EMR tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.actuators import ACTUATORS
from agent.aggregate.catalogue import BY_NAME, METRICS, Aggregation, Over
from agent.aws.clients import Clients
from agent.aws.emr_calls import EmrClients, ask, pages
from agent.domain import fleets
from agent.domain.faults import Fault
from agent.settings_fleet import ActuatorKind, FleetSettings
from agent.status.state import Age

PERIOD_S = 60
BACK_S = 900.0
"""A figure that is older is not shown at all."""
STALE_S = 240.0
"""A period, the time that CloudWatch takes to tell of it, and one that was late."""
SUM_S, SUM_PERIOD_S = 3600.0, 300
"""What was lost or withheld is summed up over so long; the first period may reach back a little further."""
MOST_REASONS = 100
"""Metrics by reason that are asked for; each that is asked for costs."""

SHOWN = (
    ("TaskFleetTarget", "Average"),
    ("TaskFleetProvisioned", "Average"),
    ("MemoryAvailablePercent", "Average"),
    ("MemoryAvailable", "Average"),
    ("MemoryTotal", "Average"),
    ("MemoryPending", "Average"),
    ("ContainersPending", "Average"),
    ("NodesActive", "Average"),
    ("AppsRunning", "Average"),
    ("AppsPending", "Average"),
    ("ExecutorsReporting", "Average"),
    ("ExecutorHeapUsedPercent", "p50"),
    ("ExecutorHeapUsedPercent", "p90"),
    ("ExecutorHeapUsedPercent", "Maximum"),
    ("HdfsTotalLoad", "Average"),
    ("ClusterIdle", "Average"),
    ("AgentCpuPercent", "Average"),
    ("AgentMemory", "Average"),
    ("Heartbeat", "SampleCount"),
)
"""The last values, each with its statistic."""
SUMMED = ("ResizeActions", "DecisionsWithheld", *(metric.name for metric in METRICS if metric.marks_loss))

UNSEEN = (
    "why it holds now, and the last decisions with their reasons",
    "each probe's evidence of idleness, and when the cluster ends",
    "applications by name, and the work that is left",
    "what the shadow policies say, and money so far",
    "rights that are missing, and whether each loop of the agent turns",
)
"""What only the page on the primary has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFigure:
    name: str
    statistic: str
    unit: str
    value: float
    seen: Age


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """What was counted over the last hour."""

    name: str
    reason: str
    """Empty: all of them together."""
    count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    at: float
    region: str
    cluster_id: str
    name: str
    """The stable name that figures were asked for by; empty where they were by the cluster's id."""
    cluster: fleets.Cluster | None
    fleet: fleets.Fleet | None
    figures: tuple[RemoteFigure, ...]
    summed: tuple[Summed, ...]
    faults: tuple[str, ...]
    """What could not be asked, and why."""
    unseen: tuple[str, ...] = UNSEEN

    @property
    def nothing(self) -> bool:
        return self.cluster is None and self.fleet is None and not self.figures


@dataclass(frozen=True, slots=True)
class Place:
    """Which cluster, or which name; one of the two may be empty."""

    cluster_id: str
    name: str
    namespace: str

    @property
    def dimensions(self) -> list[Mapping[str, str]]:
        if self.name:
            return [{"Name": "ClusterName", "Value": self.name}]
        return [{"Name": "ClusterId", "Value": self.cluster_id}]


def look(clients: Clients, place: Place, at: float) -> Remote:
    """Ask CloudWatch and EMR, a handful of calls. What cannot be asked is a fault in it; nothing is raised."""
    faults: list[str] = []
    figures: tuple[RemoteFigure, ...] = ()
    summed: tuple[Summed, ...] = ()
    try:
        figures = _figures(clients.cloudwatch, place, at)
        summed = _summed(clients.cloudwatch, place, at)
    except Fault as fault:
        faults.append(str(fault))
    cluster, fleet = _emr(clients, place.cluster_id, at, faults) if place.cluster_id else (None, None)
    return Remote(
        at=at,
        region=clients.region or "",
        cluster_id=place.cluster_id,
        name=place.name,
        cluster=cluster,
        fleet=fleet,
        figures=figures,
        summed=summed,
        faults=tuple(faults),
    )


def _emr(
    clients: Clients, cluster_id: str, at: float, faults: list[str]
) -> tuple[fleets.Cluster | None, fleets.Fleet | None]:
    emr = EmrClients(clients.emr, clients.emr_once)
    hands = ACTUATORS[ActuatorKind.AUTO](emr, cluster_id, FleetSettings(max_capacity_units=1), lambda: at)
    try:
        cluster = hands.cluster_reader.read()
    except Fault as fault:
        faults.append(str(fault))
        return None, None
    try:
        return cluster, hands.fleet_reader.read()
    except Fault as fault:
        faults.append(str(fault))
        return cluster, None


def _figures(cloudwatch: Any, place: Place, at: float) -> tuple[RemoteFigure, ...]:
    queries = [
        _query(f"f{number}", place, name, statistic, PERIOD_S, place.dimensions)
        for number, (name, statistic) in enumerate(SHOWN)
    ]
    found = _values(cloudwatch, queries, at - BACK_S, at)
    return tuple(
        _figure(name, statistic, *last, at)
        for number, (name, statistic) in enumerate(SHOWN)
        if (last := found.get(f"f{number}")) is not None
    )


def _figure(name: str, statistic: str, began: float, value: float, at: float) -> RemoteFigure:
    # CloudWatch tells when the period began; what is in it was true at its end, or lately
    then = min(at, began + PERIOD_S)
    seen = Age(at=then, age_s=at - then, stale=at - then > STALE_S)
    return RemoteFigure(name=name, statistic=statistic, unit=str(BY_NAME[name].unit), value=value, seen=seen)


def _summed(cloudwatch: Any, place: Place, at: float) -> tuple[Summed, ...]:
    """Over the last hour, those that are not zero; by reason where the cluster is known by its id."""
    asked = [(name, "", place.dimensions) for name in SUMMED]
    if not place.name:
        asked += _by_reason(cloudwatch, place)
    queries = [
        _query(f"s{number}", place, name, "Sum", SUM_PERIOD_S, dimensions)
        for number, (name, _, dimensions) in enumerate(asked)
    ]
    found = _values(cloudwatch, queries, at - SUM_S, at, every=True)
    return tuple(
        Summed(name=name, reason=reason, count=found[f"s{number}"][1])
        for number, (name, reason, _) in enumerate(asked)
        if found.get(f"s{number}", (0.0, 0.0))[1]
    )


def _by_reason(cloudwatch: Any, place: Place) -> list[tuple[str, str, list[Mapping[str, str]]]]:
    listed = pages(
        cloudwatch,
        "list_metrics",
        "Metrics",
        Namespace=place.namespace,
        Dimensions=[*place.dimensions, {"Name": "Reason"}],
        RecentlyActive="PT3H",
    )
    return list(_reasons(listed))[:MOST_REASONS]


def _reasons(listed: Iterator[Any]) -> Iterator[tuple[str, str, list[Mapping[str, str]]]]:
    for metric in listed:
        reason = next((each["Value"] for each in metric["Dimensions"] if each["Name"] == "Reason"), "")
        known = BY_NAME.get(metric["MetricName"])
        counted = known is not None and known.over is Over.AGENT and known.aggregation is Aggregation.DELTA
        if counted and reason and len(metric["Dimensions"]) == 2:
            yield metric["MetricName"], reason, metric["Dimensions"]


def _query(
    id: str, place: Place, name: str, statistic: str, period_s: int, dimensions: Sequence[Mapping[str, str]]
) -> Mapping[str, Any]:
    metric = {"Namespace": place.namespace, "MetricName": name, "Dimensions": list(dimensions)}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": statistic}}


def _values(
    cloudwatch: Any, queries: Sequence[Mapping[str, Any]], since: float, until: float, *, every: bool = False
) -> Mapping[str, tuple[float, float]]:
    """By query: the last period's beginning and value; with `every` the sum of all periods. Raises Fault."""
    answer = ask(
        "reading metrics",
        cloudwatch.get_metric_data,
        MetricDataQueries=list(queries),
        StartTime=datetime.fromtimestamp(since, UTC),
        EndTime=datetime.fromtimestamp(until, UTC),
        ScanBy="TimestampDescending",
    )
    return {
        each["Id"]: (each["Timestamps"][0].timestamp(), sum(each["Values"]) if every else each["Values"][0])
        for each in answer["MetricDataResults"]
        if each["Values"]
    }
