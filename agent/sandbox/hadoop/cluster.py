"""A real YARN and HDFS on the loopback: the primary's daemons, and NodeManagers that come and go."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.sandbox import java as java_module
from agent.sandbox.hadoop import conf, daemons, shuffle, signals, views
from agent.sandbox.hadoop.conf import Shape
from agent.sandbox.hadoop.daemons import Launcher
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.hadoop.primary import HadoopFailed, Primary
from agent.sandbox.hadoop.views import YarnView
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome
from agent.sandbox.spark.processes import Processes

VIEW_PERIOD_S = 0.5
AFTER_TIMEOUT_S = 15.0
"""How long past a node's own timeout the ResourceManager may take to say that it is decommissioned."""

FIRST_HOST = 2
"""NodeManagers live on 127.0.0.2, 127.0.0.3, ...; an address is never used twice, for an excluded host stays so."""


@dataclass(eq=False)
class Node:
    """A NodeManager process: the handle. What it does at the moment is asked of the cluster."""

    host: str
    """Its address, by which YARN knows it too."""
    units: int
    memory_mb: int
    label: str | None
    process: subprocess.Popen[bytes]
    log: Path
    draining: bool = False
    seen_running: bool = False
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def gone(self) -> bool:
        """Nothing of it runs any more."""
        return self._ended.is_set()


class HadoopCluster:
    """ResourceManager, NameNode and one DataNode on 127.0.0.1, and NodeManagers each on an address of its own.

    Nothing is left running after `stop`, nor after the death of this process; containers end with their NodeManager.
    Methods may be called from any thread; those that begin something return at once. `view` is what the
    ResourceManager said at most about a second ago.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        jars: HadoopJars | None = None,
        java: Java | None = None,
        spark: SparkHome | None = None,
        shape: Shape | None = None,
        memory_mb_per_unit: int = 1024,
        cores_per_unit: int = 2,
    ) -> None:
        """With `spark`, NodeManagers run its external shuffle service if its jar could be had: `has_shuffle_service`.

        The service listens on all interfaces, as nothing else here does, and serves only an application that knows its
        own secret (docs/design/002-a-real-yarn.md). Raises HadoopMissing or JavaMissing.
        """
        self.jars = jars or HadoopJars.here()
        self.java = java or java_module.here()
        self.workdir = workdir.resolve()
        self.workdir.mkdir(parents=True, exist_ok=True)
        self._memory_mb_per_unit = memory_mb_per_unit
        self._cores_per_unit = cores_per_unit
        self._shuffle_class_path = shuffle.class_path(self.jars, spark) if spark is not None else None
        self._launcher = Launcher(self.jars, self.java, self.workdir)
        self._processes = Processes()
        self.primary = Primary(self.workdir, self._launcher, self._processes, shape or Shape())
        self._held: list[socket.socket] = []
        self._nodes: list[Node] = []
        self._leaving: dict[str, int] = {}
        self._view: YarnView | None = None
        self._lock = threading.Lock()
        self._admin_lock = threading.Lock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="hadoop-view", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = 180.0) -> None:
        """Start the primary's daemons; afterwards ResourceManager and NameNode answer and the DataNode is live.

        Raises HadoopFailed when one ends or does not answer in time.
        """
        conf.write_excluded(self.workdir / conf.EXCLUDE_FILE, ())
        self.primary.start(timeout_s)
        self._watcher.start()

    @property
    def resource_manager_url(self) -> str:
        """`http://host:port`, as for `yarn.url` of the settings."""
        return self.primary.resource_manager_url

    @property
    def name_node_url(self) -> str:
        return self.primary.name_node_url

    @property
    def file_system(self) -> str:
        """`hdfs://host:port`."""
        return f"hdfs://{conf.MASTER_HOST}:{self.primary.ports.name_node}"

    @property
    def has_shuffle_service(self) -> bool:
        return self._shuffle_class_path is not None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that were ever added, in that order."""
        with self._lock:
            return tuple(self._nodes)

    @property
    def view(self) -> YarnView | None:
        """The ResourceManager's last answer; None when it did not answer the last time it was asked."""
        return self._view

    def read_view(self) -> YarnView | None:
        """Ask the ResourceManager now."""
        return views.read_yarn(self.resource_manager_url)

    def add_node(self, units: int = 1, *, core: bool = False) -> Node:
        """Start a NodeManager on the next address and return at once; `alive` says when it has registered.

        A core node carries the label of core nodes if the cluster has it.
        """
        with self._lock:
            number = FIRST_HOST + len(self._nodes)
            host = f"127.0.{number // 254}.{number % 254 or 254}"
            label = conf.CORE_LABEL if core and self.primary.shape.core_label else None
            node = self._start_node(host, units, label)
            self._nodes.append(node)
            return node

    def alive(self, node: Node) -> bool:
        """Whether it has registered since it was started and still runs."""
        seen = self.view.node(node.host) if self.view is not None else None
        if seen is not None and seen.state == "RUNNING":
            node.seen_running = True
        return node.seen_running and node.process.poll() is None

    def idle(self, node: Node) -> bool:
        """Whether no container runs on it. Unknown is not idle."""
        seen = self.view.node(node.host) if self.view is not None else None
        return seen is not None and seen.state == "RUNNING" and seen.containers == 0

    def decommission(self, node: Node, timeout_s: float = 60.0) -> None:
        """Begin to drain it: no new containers from now on; those that run have `timeout_s`. Then it ends.

        Hadoop would keep it until every application that ever ran on it has ended (YARN-9608). EMR switches that off
        (yarn.resourcemanager.decommissioning-nodes-watcher.wait-for-applications), and so does this: a node without
        containers leaves.
        """
        with self._lock:
            if node.draining or node.gone:
                return
            node.draining = True
        self._in_background(lambda: self._end_when_drained(node, timeout_s))

    def terminate(self, node: Node) -> None:
        """Begin to end it now, containers included: SIGTERM, and SIGKILL to what is left of it 10 s later."""
        node.draining = True
        self._in_background(lambda: self._end(node))

    def kill(self, node: Node) -> None:
        """SIGKILL to NodeManager and containers at once, as when a spot instance disappears."""
        node.draining = True
        self._processes.kill(node.process)
        node._ended.set()

    def end_primary(self) -> None:
        """Begin to end the primary's daemons: from then on nothing answers for the cluster."""
        self._in_background(self.primary.kill)

    def stop_resource_manager(self) -> None:
        """SIGKILL; afterwards nothing answers at its address. Nodes and applications wait for it."""
        self.primary.stop_resource_manager()

    def start_resource_manager(self, timeout_s: float = 120.0) -> None:
        """Start it again at its address; afterwards it answers, and remembers. Raises HadoopFailed."""
        self.primary.start_resource_manager(timeout_s)

    def restart_resource_manager(self) -> None:
        """Raises HadoopFailed when it does not come back."""
        self.stop_resource_manager()
        self.start_resource_manager()

    def environment(self) -> dict[str, str]:
        """For clients of the cluster."""
        return self.primary.environment()

    def start_process(
        self, command: Sequence[str], environment: Mapping[str, str], log_name: str
    ) -> subprocess.Popen[bytes]:
        """Run any program as a process that ends with the cluster; its log is `logs/<log_name>.log`."""
        log = self.workdir / "logs" / f"{log_name}.log"
        return self._processes.start(command, environment=environment, log=log, cwd=self.workdir)

    def stop(self) -> None:
        """End everything at once. Safe to call twice."""
        self._stopping.set()
        for node in self.nodes:
            self._processes.kill(node.process)
        self.primary.kill()
        self._processes.close()
        daemons.release(self._held)
        for node in self.nodes:
            node._ended.set()

    def _start_node(self, host: str, units: int, label: str | None) -> Node:
        name = f"nodemanager-{host.replace('.', '-')}"
        folder, log = self.workdir / name, self.workdir / "logs" / f"{name}.log"
        memory_mb, cores = units * self._memory_mb_per_unit, units * self._cores_per_unit
        own = conf.node_site(folder, host, memory_mb, cores, self._shuffle_class_path, label)
        conf_folder = conf.write_folder(folder / "conf", self.primary.sites(own))
        more = {"PATH": self._launcher.node_path(), "SPARK_LOCAL_IP": host, "SPARK_LOCAL_HOSTNAME": host}
        if self.has_shuffle_service:
            self._held += (held := daemons.hold_ports(conf.ALL_INTERFACES, 1))
            more[conf.SHUFFLE_PORT_VARIABLE] = str(daemons.port_of(held[0]))
        process = self._processes.start(
            self._launcher.command(daemons.NODE_MANAGER, conf_folder),
            environment=self._launcher.environment(conf_folder, more),
            log=log,
            cwd=folder,
        )
        return Node(host, units, memory_mb, label, process, log)

    def _watch(self) -> None:
        while not self._stopping.wait(VIEW_PERIOD_S):
            self._view = self.read_view()

    def _in_background(self, work: Callable[[], object]) -> None:
        threading.Thread(target=work, name="hadoop-end", daemon=True).start()

    def _exclude(self, node: Node, timeout_s: int) -> bool:
        """Whether the ResourceManager has been told."""
        with self._admin_lock:
            self._leaving[node.host] = timeout_s
            conf.write_excluded(self.workdir / conf.EXCLUDE_FILE, sorted(self._leaving.items()))
            try:
                self.primary.administer(["-refreshNodes", "-g", "-server"])
            except HadoopFailed:
                return False
            return True

    def _end_when_drained(self, node: Node, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s + AFTER_TIMEOUT_S
        told = let_go = False
        while time.monotonic() < deadline and node.process.poll() is None:
            if not told and (told := self._exclude(node, int(timeout_s))) and self.has_shuffle_service:
                signals.decommission_executors(node.process.pid)
            view = self.read_view()
            seen = view.node(node.host) if view is not None else None
            if seen is not None and seen.state not in ("RUNNING", "DECOMMISSIONING"):
                break
            if told and not let_go and seen is not None and seen.state == "DECOMMISSIONING" and seen.containers == 0:
                let_go = self._exclude(node, 0)
            if self._stopping.wait(VIEW_PERIOD_S):
                return
        self._end(node)

    def _end(self, node: Node) -> None:
        self._processes.end(node.process)
        node._ended.set()
