"""What the outside says of itself, one record an answer. `at` is when it was asked for, Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.stages import StagesReading


class ClusterManager(StrEnum):
    YARN = "yarn"
    STANDALONE = "standalone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A node that can run executors, as the cluster manager sees it."""

    host: str
    """Host name or address, without a port."""
    alive: bool
    """True while the cluster manager may still place work on it: not lost, dead, draining or excluded."""
    draining: bool
    memory_total_mb: float
    memory_used_mb: float
    containers: int | None
    """Containers (YARN) on it; None where the cluster manager does not say (standalone)."""
    memory_available_mb: float | None = None
    """What it can still give out; None where the cluster manager does not say."""
    cores_available: float | None = None
    """May be negative where the scheduler counts memory only."""
    label: str = ""
    """Its partition (YARN node label); empty for the default one."""

    @property
    def memory_free_mb(self) -> float:
        """What it can still give out, told or reckoned; nothing where no work is placed on it."""
        if not self.alive:
            return 0.0
        told = self.memory_available_mb
        return told if told is not None else max(0.0, self.memory_total_mb - self.memory_used_mb)

    @property
    def holds_work(self) -> bool:
        return bool(self.containers) or self.memory_used_mb > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounts:
    """How many nodes the cluster manager counts in each state; None where it does not say."""

    active: int | None = None
    unhealthy: int | None = None
    lost: int | None = None
    decommissioning: int | None = None
    decommissioned: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAsk:
    """Containers of one size that an application asks for and has not got."""

    memory_mb: float
    cores: float | None
    label: str
    """The partition that they are asked for in; empty for the default one."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application that is not finished."""

    id: str
    name: str
    state: str
    """The cluster manager's own word, upper case: ACCEPTED, RUNNING, WAITING, ..."""
    memory_used_mb: float
    ui_url: str | None = None
    kind: str | None = None
    """Upper case: SPARK, MAPREDUCE, TEZ, ...; None where the cluster manager does not say."""
    containers: int | None = None
    """Containers that it holds, its application master's among them (YARN)."""
    cores_used: float | None = None
    master_host: str | None = None
    """Where its application master runs: host name or address, without a port."""
    master_memory_mb: float | None = None
    """What its application master holds of its memory; None where the cluster manager does not say."""
    asks: tuple[ContainerAsk, ...] | None = None
    """What it waits for; None where the cluster manager does not say, or says it in a way that bounds the place."""
    limited_by: str | None = None
    """While it waits to run: the limit that keeps it waiting, by the scheduler's own word."""
    executor_memory_mb: float | None = None
    """What one executor of it takes; None where the cluster manager does not say (YARN)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReading:
    """Memory, nodes and unfinished applications, from YARN's ResourceManager or a standalone master.

    `None` means that this release does not report the figure; zero means that it reported zero.
    """

    at: float
    manager: ClusterManager
    memory_total_mb: float
    memory_available_mb: float
    memory_pending_mb: float | None = None
    containers_pending: int | None = None
    cores_pending: float | None = None
    containers_reserved: int | None = None
    """Containers for which a node is kept although they do not fit yet."""
    node_counts: NodeCounts | None = None
    leader: bool = True
    """False when the answer is not that of an active ResourceManager at the first configured address: another agent,
    beside the active one, is the one to act. A standby that could not name the active one tells no memory at all."""
    peers: int = 0
    """ResourceManagers beside the one on this node: each has an agent, and one of them acts."""
    unheard: tuple[str, ...] | None = None
    """Ids of running Spark applications of which nothing reports to this agent; None where that is not known."""
    nodes: tuple[ClusterNode, ...] | None = None
    """None where this answer did not tell: not the same as no nodes."""
    applications: tuple[Application, ...] | None = None
    """None where this answer did not tell: not the same as no applications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HdfsReading:
    """The NameNode's FSNamesystem: transfers going on (TotalLoad) and the DataNodes that share them."""

    at: float
    total_load: int
    live_data_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReading:
    """This node, and the agent's own share of it."""

    at: float
    cpu_percent: float
    """0 to 100, over all cores, since the reading before."""
    memory_used_percent: float
    load_1m: float
    agent_cpu_percent: float
    """Of one core, all processes of the agent, since the reading before."""
    agent_rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorRemoval:
    """An executor that Spark's REST API reports as removed."""

    at: float
    """When Spark removed it, by the driver's clock; at the latest when it was asked."""
    app: str
    executor: str
    reason: str
    """Spark's `removeReason`, for example `Command exited with code 52`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleReading:
    """What the executors of one application wrote for later stages to fetch, those that are gone included."""

    at: float
    app: str
    bytes_by_host: Mapping[str, float]
    """Over the application's life: Spark does not tell what it has cleaned up since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReading:
    """What only CloudWatch knows of something outside the cluster."""

    at: float
    """When the oldest of the samples was true: it comes minutes later."""
    signal: str
    """The name under which rules know it."""
    samples: tuple[float, ...]


Reading = ClusterReading | HdfsReading | NodeReading | ExecutorRemoval | ShuffleReading | StagesReading | RemoteReading
