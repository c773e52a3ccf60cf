"""The daemons of the primary: ResourceManager, NameNode and one DataNode, and the tools that talk to them."""

from __future__ import annotations

import contextlib
import itertools
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.sandbox.hadoop import conf, daemons, views
from agent.sandbox.hadoop.conf import MASTER_HOST, Ports, Shape
from agent.sandbox.hadoop.daemons import Launcher
from agent.sandbox.spark.processes import Processes

TOOL_TIMEOUT_S = 60.0


class HadoopFailed(Exception):
    """A daemon of the primary did not come up, or a tool did not do what it was asked. The text says why."""


class Primary:
    """All on 127.0.0.1. Its ports are chosen when it is made and are its own until `kill`."""

    def __init__(self, workdir: Path, launcher: Launcher, processes: Processes, shape: Shape) -> None:
        self.workdir = workdir
        self.shape = shape
        self._held = daemons.hold_ports(MASTER_HOST, 7)
        self.ports = Ports(*map(daemons.port_of, self._held))
        self.conf_folder = workdir / "conf" / "primary"
        self._launcher = launcher
        self._processes = processes
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._tools = itertools.count(1)

    @property
    def resource_manager_url(self) -> str:
        return f"http://{MASTER_HOST}:{self.ports.resource_manager_web}"

    @property
    def name_node_url(self) -> str:
        return f"http://{MASTER_HOST}:{self.ports.name_node_web}"

    @property
    def daemons(self) -> Mapping[str, subprocess.Popen[bytes]]:
        """`resourcemanager`, `namenode`, `datanode`: those that were started last."""
        return dict(self._daemons)

    def start(self, timeout_s: float) -> None:
        """Afterwards ResourceManager and NameNode answer and the DataNode is live. Raises HadoopFailed."""
        deadline = time.monotonic() + timeout_s
        conf.write_folder(self.conf_folder, self.sites())
        self._start("resourcemanager", daemons.RESOURCE_MANAGER)
        self._format(deadline)
        self._start("namenode", daemons.NAME_NODE)
        self._start("datanode", daemons.DATA_NODE)
        self._await_resource_manager(deadline)
        self._await("namenode", lambda: views.live_data_nodes(self.name_node_url) is not None, deadline)
        self._await("datanode", lambda: bool(views.live_data_nodes(self.name_node_url)), deadline)
        if self.shape.core_label:
            self.administer(["-addToClusterNodeLabels", f"{conf.CORE_LABEL}(exclusive=false)"])

    def stop_resource_manager(self) -> None:
        """SIGKILL; afterwards nothing answers at its address."""
        self._processes.kill(self._daemons["resourcemanager"])

    def start_resource_manager(self, timeout_s: float) -> None:
        """Start it again at its address; afterwards it answers, and remembers. Raises HadoopFailed."""
        self._start("resourcemanager", daemons.RESOURCE_MANAGER)
        self._await_resource_manager(time.monotonic() + timeout_s)

    def kill(self) -> None:
        """Afterwards none of them runs, and their ports are anybody's."""
        for process in self.daemons.values():
            self._processes.kill(process)
        daemons.release(self._held)

    def sites(self, own: Mapping[str, str] | None = None) -> dict[str, Mapping[str, str]]:
        """The files of a HADOOP_CONF_DIR; `own` goes into yarn-site."""
        return {
            "core-site": conf.core_site(self.workdir, self.ports),
            "hdfs-site": conf.hdfs_site(self.workdir, self.ports),
            "yarn-site": {**conf.yarn_site(self.workdir, self.ports, self.shape), **(own or {})},
            "capacity-scheduler": conf.capacity_scheduler(self.shape),
        }

    def environment(self) -> dict[str, str]:
        """For clients of the cluster."""
        return self._launcher.environment(self.conf_folder)

    def administer(self, arguments: Sequence[str]) -> str:
        """`yarn rmadmin` with these arguments; its output. Raises HadoopFailed when it does not succeed."""
        return self._run(daemons.ADMIN, arguments)

    def file_shell(self, arguments: Sequence[str]) -> str:
        """`hdfs dfs` with these arguments; its output. Raises HadoopFailed when it does not succeed."""
        return self._run(daemons.FILE_SYSTEM_SHELL, arguments)

    def hold_file_open(self, path: str, seconds: int) -> subprocess.Popen[bytes]:
        """A client that begins to write a file of HDFS and holds it open so long: a transfer in TotalLoad."""
        put = shlex.join([*self._tool(daemons.FILE_SYSTEM_SHELL), "-put", "-", path])
        script = f"(head -c 2000000 /dev/zero; sleep {seconds}) | {put}"
        return self._process(["/bin/sh", "-c", script], "held-file")

    def _start(self, name: str, main_class: str) -> None:
        self._daemons[name] = self._process(self._launcher.command(main_class, self.conf_folder), name)

    def _process(self, command: Sequence[str], log_name: str) -> subprocess.Popen[bytes]:
        log = self.workdir / "logs" / f"{log_name}.log"
        return self._processes.start(command, environment=self.environment(), log=log, cwd=self.workdir)

    def _format(self, deadline: float) -> None:
        process = self._process([*self._tool(daemons.NAME_NODE), "-format", "-nonInteractive"], "format")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        code = process.poll()
        self._processes.kill(process)
        if code != 0:
            raise HadoopFailed(f"the NameNode was not formatted: {_tail(self.workdir / 'logs' / 'format.log')}")

    def _await_resource_manager(self, deadline: float) -> None:
        self._await("resourcemanager", lambda: views.resource_manager_started(self.resource_manager_url), deadline)

    def _await(self, name: str, answers: Callable[[], bool], deadline: float) -> None:
        while not answers():
            if self._daemons[name].poll() is not None or time.monotonic() > deadline:
                raise HadoopFailed(f"no {name}: {_tail(self.workdir / 'logs' / f'{name}.log')}")
            time.sleep(0.1)

    def _tool(self, main_class: str) -> list[str]:
        return self._launcher.command(main_class, self.conf_folder, heap_mb=100)

    def _run(self, main_class: str, arguments: Sequence[str]) -> str:
        name = f"{main_class.rpartition('.')[2]} {' '.join(arguments)}"
        log_name = f"tool-{next(self._tools)}"
        # with the daemons' own care: a cluster that is stopped meanwhile must not leave it behind
        try:
            process = self._process([*self._tool(main_class), *arguments], log_name)
        except RuntimeError as error:
            raise HadoopFailed(f"{name}: {error}") from error
        try:
            process.wait(TOOL_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise HadoopFailed(f"{name}: no end within {TOOL_TIMEOUT_S:.0f} s") from error
        finally:
            self._processes.kill(process)
        said = (self.workdir / "logs" / f"{log_name}.log").read_text(encoding="utf-8", errors="replace")
        if process.returncode != 0:
            raise HadoopFailed(f"{name}: {said[-2000:]}")
        return said


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
