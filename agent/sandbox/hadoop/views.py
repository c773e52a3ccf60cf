"""What the ResourceManager and the NameNode say of themselves, over HTTP and from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

NODE_STATES = "NEW,RUNNING,UNHEALTHY,DECOMMISSIONING,DECOMMISSIONED,LOST,REBOOTED,SHUTDOWN"
FS_NAME_SYSTEM = "Hadoop:service=NameNode,name=FSNamesystem"


@dataclass(frozen=True, slots=True)
class NodeView:
    host: str
    state: str
    """The ResourceManager's word: one of `NODE_STATES`."""
    containers: int
    memory_used_mb: int
    memory_available_mb: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class YarnView:
    nodes: tuple[NodeView, ...]
    """Every node that the ResourceManager remembers, those that left included."""

    def node(self, host: str) -> NodeView | None:
        """The node on that host; of several the running one."""
        on_host = [node for node in self.nodes if node.host == host]
        return next((node for node in on_host if node.state == "RUNNING"), on_host[-1] if on_host else None)


def read_yarn(url: str, timeout_s: float = 5.0) -> YarnView | None:
    """The ResourceManager's nodes; None when it does not answer."""
    body = _json(f"{url}/ws/v1/cluster/nodes?states={NODE_STATES}", timeout_s)
    try:
        return None if body is None else YarnView(tuple(_node(node) for node in (body["nodes"] or {}).get("node", [])))
    except (KeyError, TypeError):
        return None


def resource_manager_started(url: str) -> bool:
    body = _json(f"{url}/ws/v1/cluster/info", 5.0)
    return isinstance(body, dict) and body.get("clusterInfo", {}).get("state") == "STARTED"


def live_data_nodes(url: str) -> int | None:
    """Of a NameNode that answers and is out of safe mode; None otherwise."""
    body = _json(f"{url}/jmx?qry={FS_NAME_SYSTEM}State", 5.0)
    try:
        bean = body["beans"][0]
        return int(bean["NumLiveDataNodes"]) if bean["FSState"] == "Operational" else None
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def total_load(url: str) -> int | None:
    """The NameNode's sum of its DataNodes' transfers; None when it does not answer."""
    body = _json(f"{url}/jmx?qry={FS_NAME_SYSTEM}", 5.0)
    try:
        return int(body["beans"][0]["TotalLoad"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _node(body: Any) -> NodeView:
    return NodeView(
        host=body["nodeHostName"],
        state=body["state"],
        containers=body["numContainers"],
        memory_used_mb=body["usedMemoryMB"],
        memory_available_mb=body["availMemoryMB"],
        labels=tuple(body.get("nodeLabels", ())),
    )


def _json(url: str, timeout_s: float) -> Any:
    try:
        answer = requests.get(url, timeout=timeout_s)
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError):
        return None
