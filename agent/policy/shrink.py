"""Which instances of the task groups leave first, of a cluster of instance groups: only there they can be named.

Those that are still on their way, then nodes that hold no container at all, then nodes that hold no application master,
then the others; in each the last group of the order before the ones above it, and the least shuffle bytes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from agent.domain.fleets import Fleet, FleetNode
from agent.domain.observation import Observation
from agent.domain.readings import ClusterNode
from agent.domain.waiting import masters_on_task_nodes


class Burden(IntEnum):
    """What goes with a node, the least first."""

    NOT_THERE = 0
    NOTHING = 1
    WORK = 2
    """Containers; or nobody knows, for the cluster manager does not name it."""
    MASTER = 3


def leaving_order(observation: Observation, fleet: Fleet) -> tuple[FleetNode, ...]:
    """Every node of the groups that take another size, the first to leave first."""
    rank = {group.id: number for number, group in enumerate(fleet.groups) if group.usable}
    known = _by_host(observation)
    masters = _master_hosts(observation, fleet)

    def weight(node: FleetNode) -> tuple[int, int, float, str]:
        hosts = [host.lower() for host in node.hosts]
        shuffle = max((observation.shuffle.get(host, 0.0) for host in hosts), default=0.0)
        return _burden(node, hosts, known, masters), -rank[node.group], shuffle, node.id

    return tuple(sorted((node for node in fleet.nodes or () if node.group in rank), key=weight))


def _burden(node: FleetNode, hosts: list[str], known: dict[str, list[ClusterNode]], masters: frozenset[str]) -> Burden:
    if not node.running:
        return Burden.NOT_THERE
    if any(host in masters for host in hosts):
        return Burden.MASTER
    seen = [found for host in hosts for found in known.get(host, ())]
    return Burden.NOTHING if seen and not any(found.holds_work for found in seen) else Burden.WORK


def _by_host(observation: Observation) -> dict[str, list[ClusterNode]]:
    found: dict[str, list[ClusterNode]] = {}
    for node in _told(observation):
        found.setdefault(node.host.lower(), []).append(node)
    return found


def _told(observation: Observation) -> Iterator[ClusterNode]:
    if observation.reading is not None:
        yield from observation.reading.nodes or ()


def _master_hosts(observation: Observation, fleet: Fleet) -> frozenset[str]:
    masters = masters_on_task_nodes(observation.reading, fleet) or ()
    return frozenset((application.master_host or "").lower() for application in masters)
