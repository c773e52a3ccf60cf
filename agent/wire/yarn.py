"""YARN's ResourceManager REST API: memory, nodes and unfinished applications.

Facts are from Hadoop's `ClusterMetricsInfo`, `NodeInfo` and `AppInfo` (packages
`...resourcemanager.webapp.dao`) and `MetricsOverviewTable`. Memory is in MB of 2**20 bytes.
"""

from __future__ import annotations

from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading
from agent.wire.json_fields import Field, Malformed, amount, count, flag, member, read, read_all, text, web_url

UNFINISHED = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
FINISHED = frozenset({"FINISHED", "FAILED", "KILLED"})

METRICS_PATH = "/ws/v1/cluster/metrics"
NODES_PATH = "/ws/v1/cluster/nodes"
APPS_PATH = f"/ws/v1/cluster/apps?states={','.join(UNFINISHED)}"

_METRICS = (
    Field("totalMB", "memory_total_mb", amount),
    Field("availableMB", "memory_available_mb", amount),
    Field("pendingMB", "memory_pending_mb", amount, required=False),
    Field("containersPending", "containers_pending", count, required=False),
)

_NODE = (
    Field("nodeHostName", "host", text),
    Field("state", "state", text),
    Field("usedMemoryMB", "used", amount),
    Field("availMemoryMB", "available", amount, required=False),
    Field("numContainers", "containers", count, required=False),
)

_APPLICATION = (
    Field("id", "id", text),
    Field("state", "state", text),
    Field("name", "name", text, required=False),
    Field("applicationType", "type", text, required=False),
    Field("allocatedMB", "memory", amount, required=False),
    Field("trackingUrl", "ui", web_url, required=False),
)


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
    return ClusterReading(at=at, manager=ClusterManager.YARN, **found)


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
    found = read_all(_listed(value, "nodes", "node"), _NODE, "nodes")
    if isinstance(found, Malformed):
        return found
    return tuple(
        ClusterNode(
            host=node["host"],
            alive=node["state"] == "RUNNING",
            draining=node["state"] == "DECOMMISSIONING",
            memory_total_mb=node["used"] + (node["available"] or 0.0),
            memory_used_mb=node["used"],
            containers=node["containers"],
        )
        for node in found
    )


def applications(value: object, at: float) -> tuple[Application, ...] | Malformed:  # noqa: ARG001
    """`/ws/v1/cluster/apps`, those not finished; a state that is not known is not finished.

    Only Spark's have a `ui_url`. An application that was just accepted reports −1 MB: none yet.
    """
    found = read_all(_listed(value, "apps", "app"), _APPLICATION, "apps")
    if isinstance(found, Malformed):
        return found
    return tuple(
        Application(
            id=app["id"],
            name=app["name"] or "",
            state=app["state"].upper(),
            memory_used_mb=app["memory"] or 0.0,
            ui_url=app["ui"] if (app["type"] or "SPARK").upper() == "SPARK" else None,
        )
        for app in found
        if app["state"].upper() not in FINISHED
    )


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
