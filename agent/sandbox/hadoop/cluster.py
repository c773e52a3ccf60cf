"""A real YARN and HDFS on the loopback: the primary's daemons, and NodeManagers that come and go."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from agent.sandbox import java as java_module
from agent.sandbox.hadoop import conf, daemons, shuffle, views
from agent.sandbox.hadoop.conf import MASTER_HOST, Ports, Shape
from agent.sandbox.hadoop.daemons import Launcher
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.hadoop.views import YarnView
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome
from agent.sandbox.spark.processes import Processes

VIEW_PERIOD_S = 0.5
ADMIN_TIMEOUT_S = 60.0
AFTER_TIMEOUT_S = 15.0
"""How long past a node's own timeout the ResourceManager may take to say that it is decommissioned."""

FIRST_HOST = 2
"""NodeManagers live on 127.0.0.2, 127.0.0.3, ...; an address is never used twice, for an excluded host stays so."""


class HadoopFailed(Exception):
    """A daemon of the primary did not come up. The text ends with the last lines of its log."""


@dataclass(eq=False)
class Node:
    """A NodeManager process: the handle. What it does at the moment is asked of the cluster."""

    name: str
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
        shuffle_service: bool = True,
    ) -> None:
        """With `spark` and `shuffle_service`, NodeManagers run Spark's external shuffle service if its jar could be
        had: `has_shuffle_service`. Raises HadoopMissing or JavaMissing."""
        self.jars = jars or HadoopJars.here()
        self.java = java or java_module.here()
        self.workdir = workdir.resolve()
        self.shape = shape or Shape()
        self.memory_mb_per_unit = memory_mb_per_unit
        self.cores_per_unit = cores_per_unit
        self._shuffle_class_path = shuffle.class_path(self.jars, spark) if spark and shuffle_service else None
        self._launcher = Launcher(self.jars, self.java, self.workdir)
        self._processes = Processes()
        self._nodes: list[Node] = []
        self._leaving: dict[str, int] = {}
        self._primary: dict[str, subprocess.Popen[bytes]] = {}
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
        self.ports = Ports(*daemons.free_ports(MASTER_HOST, 7))
        conf.write_excluded(self.workdir_made() / conf.EXCLUDE_FILE, ())
        self.conf_folder = conf.write_folder(self.workdir / "conf" / "primary", self._sites({}))
        deadline = time.monotonic() + timeout_s
        self._start_primary("resourcemanager", daemons.RESOURCE_MANAGER)
        self._format(deadline)
        self._start_primary("namenode", daemons.NAME_NODE)
        self._start_primary("datanode", daemons.DATA_NODE)
        self._await("resourcemanager", lambda: views.resource_manager_started(self.resource_manager_url), deadline)
        self._await("namenode", lambda: views.live_data_nodes(self.name_node_url) is not None, deadline)
        self._await("datanode", lambda: bool(views.live_data_nodes(self.name_node_url)), deadline)
        if self.shape.core_label:
            self.administer(["-addToClusterNodeLabels", f"{conf.CORE_LABEL}(exclusive=false)"])
        self._watcher.start()

    def workdir_made(self) -> Path:
        self.workdir.mkdir(parents=True, exist_ok=True)
        return self.workdir

    @property
    def resource_manager_url(self) -> str:
        return f"http://{MASTER_HOST}:{self.ports.resource_manager_web}"

    @property
    def name_node_url(self) -> str:
        return f"http://{MASTER_HOST}:{self.ports.name_node_web}"

    @property
    def file_system(self) -> str:
        """`hdfs://host:port`."""
        return f"hdfs://{MASTER_HOST}:{self.ports.name_node}"

    @property
    def has_shuffle_service(self) -> bool:
        return self._shuffle_class_path is not None

    @property
    def resource_manager(self) -> subprocess.Popen[bytes]:
        return self._primary["resourcemanager"]

    @property
    def primary(self) -> Mapping[str, subprocess.Popen[bytes]]:
        """`resourcemanager`, `namenode`, `datanode`: those that were started last."""
        return dict(self._primary)

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

    def environment(self) -> dict[str, str]:
        """For clients of the cluster."""
        return self._launcher.environment(self.conf_folder)

    def add_node(self, units: int = 1, *, core: bool = False) -> Node:
        """Start a NodeManager on the next address and return at once; `alive` says when it has registered.

        A core node carries the label of core nodes if the cluster has it.
        """
        with self._lock:
            number = FIRST_HOST + len(self._nodes)
            host = f"127.0.{number // 254}.{number % 254 or 254}"
            name = f"nodemanager-{host.replace('.', '-')}"
            memory_mb = units * self.memory_mb_per_unit
            label = conf.CORE_LABEL if core and self.shape.core_label else None
            log = self.workdir / "logs" / f"{name}.log"
            process = self._start_node_manager(self.workdir / name, host, memory_mb, units, label, log)
            node = Node(name, host, units, memory_mb, label, process, log)
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
        for process in self.primary.values():
            self._in_background(partial(self._processes.kill, process))

    def stop_resource_manager(self) -> None:
        """SIGKILL; afterwards nothing answers at its address. Nodes and applications wait for it."""
        self._processes.kill(self.resource_manager)

    def start_resource_manager(self, timeout_s: float = 120.0) -> None:
        """Start it again at its address; afterwards it answers, and remembers. Raises HadoopFailed."""
        self._start_primary("resourcemanager", daemons.RESOURCE_MANAGER)
        self._await(
            "resourcemanager",
            lambda: views.resource_manager_started(self.resource_manager_url),
            time.monotonic() + timeout_s,
        )

    def restart_resource_manager(self) -> None:
        """Raises HadoopFailed when it does not come back."""
        self.stop_resource_manager()
        self.start_resource_manager()

    def administer(self, arguments: Sequence[str]) -> str:
        """`yarn rmadmin` with these arguments; its output. Raises HadoopFailed when it does not succeed."""
        return self._run(daemons.ADMIN, arguments, "rmadmin")

    def file_shell(self, arguments: Sequence[str]) -> str:
        """`hdfs dfs` with these arguments; its output. Raises HadoopFailed when it does not succeed."""
        return self._run(daemons.FILE_SYSTEM_SHELL, arguments, "dfs")

    def hold_file_open(self, path: str, seconds: int) -> subprocess.Popen[bytes]:
        """A client that begins to write a file of HDFS and holds it open so long: a transfer in TotalLoad."""
        put = shlex.join([*self._launcher.command(daemons.FILE_SYSTEM_SHELL, self.conf_folder, 100), "-put", "-", path])
        script = f"(head -c 2000000 /dev/zero; sleep {seconds}) | {put}"
        return self.start_process(["/bin/sh", "-c", script], self.environment(), "held-file")

    def start_process(
        self, command: Sequence[str], environment: Mapping[str, str], log_name: str
    ) -> subprocess.Popen[bytes]:
        """Run any program as a process that ends with the cluster; its log is `logs/<log_name>.log`."""
        log = self.workdir / "logs" / f"{log_name}.log"
        return self._processes.start(command, environment=environment, log=log, cwd=self.workdir)

    def stop(self) -> None:
        """End everything at once. Safe to call twice."""
        self._stopping.set()
        for process in [*(node.process for node in self.nodes), *self.primary.values()]:
            self._processes.kill(process)
        self._processes.close()
        for node in self.nodes:
            node._ended.set()

    def _sites(self, own: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
        return {
            "core-site": conf.core_site(self.workdir, self.ports),
            "hdfs-site": conf.hdfs_site(self.workdir, self.ports),
            "yarn-site": {**conf.yarn_site(self.workdir, self.ports, self.shape), **own},
            "capacity-scheduler": conf.capacity_scheduler(self.shape),
        }

    def _start_primary(self, name: str, main_class: str) -> None:
        environment = self._launcher.environment(self.conf_folder)
        command = self._launcher.command(main_class, self.conf_folder)
        self._primary[name] = self.start_process(command, environment, name)

    def _start_node_manager(
        self, folder: Path, host: str, memory_mb: int, units: int, label: str | None, log: Path
    ) -> subprocess.Popen[bytes]:
        own = conf.node_site(folder, host, memory_mb, units * self.cores_per_unit, self._shuffle_class_path, label)
        conf_folder = conf.write_folder(folder / "conf", self._sites(own))
        more = {
            "PATH": self._launcher.node_path(),
            "SPARK_LOCAL_IP": host,
            "SPARK_LOCAL_HOSTNAME": host,
            conf.SHUFFLE_PORT_VARIABLE: str(daemons.free_ports(host, 1)[0]),
        }
        return self._processes.start(
            self._launcher.command(daemons.NODE_MANAGER, conf_folder),
            environment=self._launcher.environment(conf_folder, more),
            log=log,
            cwd=folder,
        )

    def _format(self, deadline: float) -> None:
        command = [*self._launcher.command(daemons.NAME_NODE, self.conf_folder), "-format", "-nonInteractive"]
        process = self.start_process(command, self.environment(), "format")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        code = process.poll()
        self._processes.kill(process)
        if code != 0:
            raise HadoopFailed(f"the NameNode was not formatted: {_tail(self.workdir / 'logs' / 'format.log')}")

    def _await(self, name: str, answers: Callable[[], bool], deadline: float) -> None:
        while not answers():
            if self._primary[name].poll() is not None or time.monotonic() > deadline:
                raise HadoopFailed(f"no {name}: {_tail(self.workdir / 'logs' / f'{name}.log')}")
            time.sleep(0.1)

    def _run(self, main_class: str, arguments: Sequence[str], name: str) -> str:
        command = [*self._launcher.command(main_class, self.conf_folder, heap_mb=100), *arguments]
        try:
            done = subprocess.run(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=ADMIN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HadoopFailed(f"{name} {' '.join(arguments)}: no end within {ADMIN_TIMEOUT_S:.0f} s") from error
        if done.returncode != 0:
            raise HadoopFailed(f"{name} {' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

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
                self.administer(["-refreshNodes", "-g", "-server"])
            except HadoopFailed:
                return False
            return True

    def _end_when_drained(self, node: Node, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s + AFTER_TIMEOUT_S
        told = let_go = False
        while time.monotonic() < deadline and node.process.poll() is None:
            if not told and (told := self._exclude(node, int(timeout_s))) and self.has_shuffle_service:
                self._decommission_executors(node)
            view = self.read_view()
            seen = view.node(node.host) if view is not None else None
            if seen is not None and seen.state not in ("RUNNING", "DECOMMISSIONING"):
                break
            if told and not let_go and seen is not None and seen.state == "DECOMMISSIONING" and seen.containers == 0:
                let_go = self._exclude(node, 0)
            if self._stopping.wait(VIEW_PERIOD_S):
                return
        self._end(node)

    def _decommission_executors(self, node: Node) -> None:
        """SIGPWR, Spark's own decommissioning, to the executors that would take it.

        Spark on EMR follows YARN's decommissioning of a node also where there is a shuffle service; Spark as
        published does not (SPARK-39018).
        """
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, OSError):
                if os.getpgid(process.pid) == node.process.pid and catches(process.pid, signal.SIGPWR):
                    process.send_signal(signal.SIGPWR)

    def _end(self, node: Node) -> None:
        self._processes.end(node.process)
        node._ended.set()


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal (`SigCgt` in proc(5)); otherwise SIGPWR would end it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
