"""YARN's ResourceManager REST API: memory, nodes and unfinished applications.

Facts are from Hadoop's `ClusterInfo`, `ClusterMetricsInfo`, `NodeInfo`, `AppInfo` and `ResourceRequestInfo` (packages
`...resourcemanager.webapp.dao`) and `MetricsOverviewTable`. Memory is in MB of 2**20 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.domain.readings import (
    Application,
    ClusterManager,
    ClusterNode,
    ClusterReading,
    ContainerAsk,
    NodeCounts,
)
from agent.wire.json_fields import Field, Malformed, amount, count, flag, member, number, read, read_all, text, web_url

UNFINISHED = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
FINISHED = frozenset({"FINISHED", "FAILED", "KILLED"})
NOT_YET_RUNNING = frozenset({"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED"})

INFO_PATH = "/ws/v1/cluster/info"
"""The one path that a standby answers by itself (RMWebAppFilter); all others it sends on to the active one."""
METRICS_PATH = "/ws/v1/cluster/metrics"
NODES_PATH = "/ws/v1/cluster/nodes"
APPS_PATH = f"/ws/v1/cluster/apps?states={','.join(UNFINISHED)}"


def headroom(value: object) -> float | None:
    """What can still be given out. Below zero there is none: the containers of a node that has shrunk or left count
    against what there is for a while (`FairScheduler.updateRootQueueMetrics`, `SchedulerNode.updateTotalResource`)."""
    found = number(value)
    return None if found is None else max(0.0, found)


_METRICS = (
    Field("totalMB", "memory_total_mb", amount),
    Field("availableMB", "memory_available_mb", headroom),
    Field("pendingMB", "memory_pending_mb", amount, required=False),
    Field("containersPending", "containers_pending", count, required=False),
    Field("containersReserved", "containers_reserved", count, required=False),
    Field("pendingVirtualCores", "cores_pending", amount, required=False),
)

_NODE_COUNTS = (
    Field("activeNodes", "active", count, required=False),
    Field("unhealthyNodes", "unhealthy", count, required=False),
    Field("lostNodes", "lost", count, required=False),
    Field("decommissioningNodes", "decommissioning", count, required=False),
    Field("decommissionedNodes", "decommissioned", count, required=False),
)

_NODE = (
    Field("nodeHostName", "host", text),
    Field("state", "state", text),
    Field("usedMemoryMB", "used", amount),
    Field("availMemoryMB", "available", number, required=False),
    Field("numContainers", "containers", count, required=False),
    Field("availableVirtualCores", "cores", number, required=False),
)

_APPLICATION = (
    Field("id", "id", text),
    Field("state", "state", text),
    Field("name", "name", text, required=False),
    Field("applicationType", "type", text, required=False),
    Field("allocatedMB", "memory", amount, required=False),
    Field("allocatedVCores", "cores", amount, required=False),
    Field("runningContainers", "containers", count, required=False),
    Field("amHostHttpAddress", "master", text, required=False),
    Field("diagnostics", "diagnostics", text, required=False),
    Field("trackingUrl", "ui", web_url, required=False),
)

_LIMITS = (
    ("user's am resource limit exceeded", "the user's share for application masters"),
    ("am resource limit exceeded", "the queue's share for application masters"),
    ("exceeds maximum am resource allowed", "the queue's share for application masters"),
    ("exceeds current queue or its parents maximum resource allowed", "the queue's maximum"),
)
"""What the schedulers write into an application's diagnostics while a limit keeps it from starting: the capacity
scheduler (CSAMContainerLaunchDiagnosticsConstants) and the fair one (FSAppAttempt)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether this ResourceManager leads. `state` is its own word: ACTIVE, STANDBY, ...; None before Hadoop 2.4."""

    at: float
    state: str | None

    @property
    def active(self) -> bool:
        return self.state in {None, "ACTIVE"}


def standing(value: object, at: float) -> Standing | Malformed:
    """`/ws/v1/cluster/info`. One without high availability says ACTIVE."""
    record = member(value, "clusterInfo")
    if not isinstance(record, dict):
        return Malformed("info: no object")
    state = text(record.get("haState"))
    return Standing(at, None if state is None else state.upper())


def metrics(value: object, at: float) -> ClusterReading | Malformed:
    """`/ws/v1/cluster/metrics`, without nodes and applications.

    Total and available memory are those of all partitions where node labels exist: the plain figures
    are the default partition's. What is pending is always the default partition's, and older Hadoop does
    not report pending memory at all.
    """
    record = member(value, "clusterMetrics")
    found = read(record, _METRICS, "metrics")
    if isinstance(found, Malformed):
        return found
    total, used = _across_partitions(record, found["memory_total_mb"])
    if total is not None and used is not None:
        found |= {"memory_total_mb": total, "memory_available_mb": max(0.0, total - used)}
    counts = read(record, _NODE_COUNTS, "metrics")
    known = {} if isinstance(counts, Malformed) else counts
    return ClusterReading(at=at, manager=ClusterManager.YARN, node_counts=NodeCounts(**known), **found)


def _across_partitions(record: object, default_total: float) -> tuple[float | None, float | None]:
    """Total and used memory of all partitions, where they are the better figures.

    The capacity scheduler's used memory includes what is reserved; the fair scheduler's does not, and it
    says so by `crossPartitionMetricsAvailable: false`. Releases without that flag: only where labels show.
    """
    total = amount(member(record, "totalClusterResourcesAcrossPartition", "memory"))
    used = amount(member(record, "totalUsedResourcesAcrossPartition", "memory"))
    told = flag(member(record, "crossPartitionMetricsAvailable"))
    if told is False or (told is None and (total is None or total <= default_total)):
        return None, None
    return total, used


def nodes(value: object, at: float) -> tuple[ClusterNode, ...] | Malformed:  # noqa: ARG001
    """`/ws/v1/cluster/nodes`. Only RUNNING is alive: work is placed on no node of another state."""
    listed = _listed(value, "nodes", "node")
    found = read_all(listed, _NODE, "nodes")
    if isinstance(found, Malformed):
        return found
    return tuple(
        ClusterNode(
            host=node["host"],
            alive=node["state"] == "RUNNING",
            draining=node["state"] == "DECOMMISSIONING",
            # less than what is used, when the node has shrunk under its containers
            memory_total_mb=max(0.0, node["used"] + (node["available"] or 0.0)),
            memory_used_mb=node["used"],
            containers=node["containers"],
            memory_available_mb=headroom(node["available"]),
            cores_available=node["cores"],
            label=_label(record),
        )
        for node, record in zip(found, _list(listed), strict=True)
    )


def _label(node: object) -> str:
    """A node has one partition at most; it is written as a list, by some releases as its only member."""
    labels = member(node, "nodeLabels")
    return str(next(iter(_list(labels)), "")) if isinstance(labels, list) else text(labels) or ""


def applications(value: object, at: float) -> tuple[Application, ...] | Malformed:  # noqa: ARG001
    """`/ws/v1/cluster/apps`, those not finished; a state that is not known is not finished.

    Only Spark's have a `ui_url`. An application that was just accepted reports −1 MB: none yet.
    """
    listed = _listed(value, "apps", "app")
    found = read_all(listed, _APPLICATION, "apps")
    if isinstance(found, Malformed):
        return found
    return tuple(
        _application(app, record)
        for app, record in zip(found, _list(listed), strict=True)
        if app["state"].upper() not in FINISHED
    )


def _application(app: dict[str, Any], record: object) -> Application:
    state, kind = app["state"].upper(), (app["type"] or "").upper()
    waits = state in NOT_YET_RUNNING
    return Application(
        id=app["id"],
        name=app["name"] or "",
        state=state,
        memory_used_mb=app["memory"] or 0.0,
        ui_url=app["ui"] if kind in {"SPARK", ""} else None,
        kind=kind or None,
        containers=None if waits else app["containers"],
        cores_used=app["cores"],
        master_host=(app["master"] or "").partition(":")[0] or None,
        asks=_asks(record),
        master_memory_mb=None if waits else _master_memory(record),
        limited_by=_limit(app["diagnostics"] or "") if waits else None,
    )


def _master_memory(app: object) -> float | None:
    """What its application master holds (`ResourcesInfo`, 2.8 and later), over all partitions: it is in one of them.

    Zero is not told: a scheduler that does not keep it writes that too.
    """
    told = member(app, "resourceInfo", "resourceUsagesByPartition")
    usages = [told] if isinstance(told, dict) else _list(told)
    held = (amount(member(usage, "amUsed", "memory")) for usage in usages)
    return sum(memory for memory in held if memory) or None


def _limit(diagnostics: str) -> str | None:
    said = diagnostics.lower().replace("\u2019", "'").replace("&#39;", "'")
    return next((limit for words, limit in _LIMITS if words in said), None)


def _asks(app: object) -> tuple[ContainerAsk, ...] | None:
    """Those for any host: they count each container once. One that is bound to its place, or that cannot be read,
    makes all of them unknown.

    An application that asks for nothing has no `resourceRequests` at all; releases that tell them (2.8 and later) tell
    `unmanagedApplication` beside.
    """
    requests = member(app, "resourceRequests")
    if requests is None:
        return None if member(app, "unmanagedApplication") is None else ()
    if isinstance(requests, dict):
        requests = [requests]
    if not isinstance(requests, list):
        return None
    asks = []
    for request in requests:
        missing = count(member(request, "numContainers"))
        if missing is None:
            return None
        if missing == 0:
            continue
        if flag(member(request, "relaxLocality")) is False:
            return None
        if member(request, "resourceName") == "*":
            memory = _first(request, amount, "memory", "memorySize")
            if not memory:
                return None
            cores = _first(request, amount, "vCores", "virtualCores")
            label = text(member(request, "nodeLabelExpression")) or ""
            asks.append(ContainerAsk(memory_mb=memory, cores=cores, label=label, count=missing))
    return tuple(asks)


def _first(request: object, kind: Any, *keys: str) -> float | None:
    """Hadoop 2 and 3 name the parts of a capability differently."""
    found: list[float | None] = [kind(member(request, "capability", key)) for key in keys]
    return next((value for value in found if value is not None), None)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _listed(value: object, outer: str, inner: str) -> object:
    """The list in `{outer: {inner: [...]}}`. Hadoop writes an empty one as `{outer: null}` or `{outer: {}}`, and
    some releases a list of one as its only member."""
    if not isinstance(value, dict) or outer not in value:
        return None
    holder = value[outer]
    if holder is None or holder == {}:
        return []
    listed = member(holder, inner)
    return [listed] if isinstance(listed, dict) else listed
