"""A real standalone Spark on the loopback: one master, and workers that come and go as separate processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.sandbox import java as java_module
from agent.sandbox.java import Java
from agent.sandbox.spark import conf, master_view
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkHome
from agent.sandbox.spark.master_view import MasterView
from agent.sandbox.spark.processes import Processes

MASTER_CLASS = "org.apache.spark.deploy.master.Master"
WORKER_CLASS = "org.apache.spark.deploy.worker.Worker"
MASTER_HOST = "127.0.0.1"

_WEB_UI = re.compile(r"Bound MasterWebUI to .*?, and started at (http://\S+)")

DAEMON_JAVA_OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""The daemons do little: on two cores a quick start counts for more than a fast steady state."""

VIEW_PERIOD_S = 0.5


class SparkFailed(Exception):
    """The master did not come up. The text ends with the last lines of its log."""


@dataclass(eq=False)
class Worker:
    """A Worker process: the handle. What it does at the moment is asked of the cluster."""

    name: str
    """Also the prefix of its metrics: its lines carry no other identity."""
    host: str
    cores: int
    memory_mb: int
    process: subprocess.Popen[bytes]
    log: Path
    draining: bool = False
    seen_alive: bool = False
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def gone(self) -> bool:
        """Nothing of it runs any more."""
        return self._ended.is_set()


class StandaloneCluster:
    """A master on 127.0.0.1 and any number of workers, each on a loopback address of its own.

    Nothing is left running after `stop`, nor after the death of this process. Methods may be called from any thread;
    those that begin something return at once. `view` is what the master said at most about a second ago.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        spark: SparkHome | None = None,
        java: Java | None = None,
        sink: MetricsSink | None = None,
        settings: Mapping[str, str] | None = None,
        daemon_memory_mb: int = 256,
    ) -> None:
        """`settings` are Spark's, for daemons and applications alike. Raises SparkMissing or JavaMissing."""
        self.spark = spark or SparkHome.installed()
        self.java = java or java_module.here()
        self.workdir = workdir.resolve()
        self.sink = sink
        self.settings = {**conf.DECOMMISSION, **(settings or {})}
        self.master_url = ""
        self.web_ui = ""
        self._daemon_memory_mb = daemon_memory_mb
        self._java_home = java_module.home_for(self.java, self.spark.major, self.workdir / "java")
        self._processes = Processes()
        self._workers: list[Worker] = []
        self._view: MasterView | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="standalone-view", daemon=True)

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

    def start(self, timeout_s: float = 120.0) -> None:
        """Start the master; afterwards it answers. Raises SparkFailed when it ends or does not answer in time."""
        log = self.workdir / "logs" / "master.log"
        command = [self.spark.script("spark-class"), MASTER_CLASS, "--host", MASTER_HOST, "--port", "0"]
        self.master = self._processes.start(
            [*command, "--webui-port", "0"],
            environment=self._environment("master", MASTER_HOST, None),
            log=log,
            cwd=self.workdir,
        )
        deadline = time.monotonic() + timeout_s
        while not self._found_master(log):
            if self.master.poll() is not None or time.monotonic() > deadline:
                raise SparkFailed(f"no Spark master: {_tail(log)}")
            time.sleep(0.1)
        self._watcher.start()

    def add_worker(self, host: str, cores: int, memory_mb: int) -> Worker:
        """Start a Worker process on a loopback address and return at once; `alive` says when it has registered."""
        with self._lock:
            name = f"worker-{len(self._workers) + 1}-{host.replace('.', '-')}"
            log = self.workdir / "logs" / f"{name}.log"
            command = [self.spark.script("spark-class"), WORKER_CLASS, "--host", host, "--port", "0"]
            size = ["--webui-port", "0", "-c", str(cores), "-m", f"{memory_mb}m", "-d", str(self.workdir / name)]
            process = self._processes.start(
                [*command, *size, self.master_url],
                environment=self._environment(name, host, name),
                log=log,
                cwd=self.workdir,
            )
            worker = Worker(name, host, cores, memory_mb, process, log)
            self._workers.append(worker)
            return worker

    @property
    def workers(self) -> tuple[Worker, ...]:
        """All that were ever added, in that order."""
        with self._lock:
            return tuple(self._workers)

    @property
    def view(self) -> MasterView | None:
        """The master's last answer; None when it did not answer the last time it was asked."""
        return self._view

    def read_view(self) -> MasterView | None:
        """Ask the master now."""
        return master_view.read(self.web_ui)

    def alive(self, worker: Worker) -> bool:
        """Whether the worker has registered since it was started and still runs."""
        seen = self.view.worker(worker.host) if self.view is not None else None
        if seen is not None and seen.state == "ALIVE":
            worker.seen_alive = True
        return worker.seen_alive and worker.process.poll() is None

    def idle(self, worker: Worker) -> bool:
        """Whether the master gives none of the worker's cores and memory to an executor. Unknown is not idle."""
        seen = self.view.worker(worker.host) if self.view is not None else None
        return seen is not None and not seen.holds_work

    def decommission(self, worker: Worker, timeout_s: float = 60.0) -> None:
        """Begin to drain: SIGPWR now; SIGTERM once its executors are gone, at the latest after `timeout_s`.

        A decommissioned Worker never exits by itself (measured), as an EMR node does not before it is terminated.
        """
        if worker.draining or worker.gone:
            return
        worker.draining = True
        with contextlib.suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGPWR)
        self._in_background(lambda: self._end_when_drained(worker, timeout_s))

    def terminate(self, worker: Worker) -> None:
        """Begin to end it now, executors included: SIGTERM, and SIGKILL to what is left of it 10 s later."""
        worker.draining = True
        self._in_background(lambda: self._end(worker))

    def end_master(self) -> None:
        """Begin to end the master: from then on nothing answers for the cluster."""
        self._in_background(lambda: self._processes.end(self.master))

    def kill(self, worker: Worker) -> None:
        """SIGKILL to the worker and its executors at once, as when a spot instance disappears."""
        worker.draining = True
        self._processes.kill(worker.process)
        worker._ended.set()

    def submit_command(
        self, application: Path, arguments: Sequence[str] = (), settings: Mapping[str, str] | None = None
    ) -> list[str]:
        """The `spark-submit` of an application (client mode); to be run with `submit_environment`."""
        pairs = [text for key, value in (settings or {}).items() for text in ("--conf", f"{key}={value}")]
        submit = [self.spark.script("spark-submit"), "--master", self.master_url]
        return [*submit, *pairs, str(application), *arguments]

    def submit_environment(self) -> dict[str, str]:
        return self._environment("client", MASTER_HOST, None)

    def submit(
        self,
        application: Path,
        arguments: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        log_name: str = "application",
    ) -> subprocess.Popen[bytes]:
        """Run an application as a process that ends with the cluster; its log is `logs/<log_name>.log`."""
        return self._processes.start(
            self.submit_command(application, arguments, settings),
            environment=self.submit_environment(),
            log=self.workdir / "logs" / f"{log_name}.log",
            cwd=self.workdir,
        )

    def stop(self) -> None:
        """End everything: SIGTERM to workers and master, a few seconds for it, then SIGKILL. Safe to call twice."""
        self._stopping.set()
        daemons = [worker.process for worker in self.workers]
        if hasattr(self, "master"):
            daemons.append(self.master)
        for process in daemons:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + 5.0
        for process in daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in daemons:
            self._processes.kill(process)
        self._processes.close()
        for worker in self.workers:
            worker._ended.set()

    def _environment(self, name: str, host: str, worker_prefix: str | None) -> dict[str, str]:
        folder = conf.write_folder(self.workdir / "conf" / name, self.sink, self.settings, worker_prefix)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_", "PYTHON"))}
        return {
            **kept,
            "JAVA_HOME": str(self._java_home),
            "SPARK_HOME": str(self.spark.path),
            "SPARK_CONF_DIR": str(folder),
            "SPARK_LOCAL_IP": host,
            "SPARK_PUBLIC_DNS": host,
            "SPARK_LOCAL_DIRS": str(self.workdir / "local" / name),
            "SPARK_DAEMON_MEMORY": f"{self._daemon_memory_mb}m",
            "SPARK_DAEMON_JAVA_OPTS": DAEMON_JAVA_OPTIONS,
            "SPARK_NO_DAEMONIZE": "1",
            # Otherwise Spark starts whatever `python3` is first on PATH for its Python workers.
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }

    def _found_master(self, log: Path) -> bool:
        found = _WEB_UI.search(log.read_text(encoding="utf-8", errors="replace"))
        view = master_view.read(found[1]) if found else None
        if found is None or view is None:
            return False
        self.web_ui, self.master_url, self._view = found[1], view.url, view
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(VIEW_PERIOD_S):
            self._view = master_view.read(self.web_ui)

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="standalone-end", daemon=True).start()

    def _end_when_drained(self, worker: Worker, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and worker.process.poll() is None:
            view = self.read_view()
            seen = view.worker(worker.host) if view is not None else None
            if seen is not None and seen.state != "ALIVE" and master_view.executors_of(seen) == 0:
                break
            if self._stopping.wait(VIEW_PERIOD_S):
                return
        self._end(worker)

    def _end(self, worker: Worker) -> None:
        self._processes.end(worker.process)
        worker._ended.set()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
