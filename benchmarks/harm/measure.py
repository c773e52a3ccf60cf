"""What it costs in time: the same small Spark job beside an agent that is well, dead, frozen or cut off, and without.

    python -m benchmarks harm

The agent's settings are the defaults, so a frozen child is ended after 10 s and started again 5 s later; only the job's
reports come every second, so that several meet what befell the agent. The job works for less than those 10 s: where
packets are dropped, its stop waits for the end of the frozen child and for the kernel's next attempt to connect.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from agent.sandbox import java as java_module
from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from agent.sandbox.spark import conf
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkHome
from benchmarks import report
from benchmarks.agent_process import RunningAgent, running, settings_text
from benchmarks.harm.fates import FATES, Fate, black_hole, close
from benchmarks.peers.peer import free_ports

JOB = Path(__file__).parent / "job.py"
REPORT_PERIOD_S = 1
READY_LIMIT_S = 120.0
JOB_LIMIT_S = 400.0
"""A stop that hangs waits 134 s a connection for the kernel."""
HANGS_S = 30.0
"""A stop that takes longer than the supervisor's limit and a retransmitted packet was held up by something else."""


@dataclass(frozen=True, slots=True)
class Times:
    result: int
    work_s: float
    stop_s: float


def run(screen: report.Screen, repeats: int) -> bool:
    """Print the table. Whether every job gave the result of the one without a sink, and no stop hung."""
    found: dict[str, list[Times]] = {fate.name: [] for fate in FATES}
    with SandboxServer(quotas=NO_QUOTAS) as sandbox, black_hole() as nowhere, screen.progress() as progress:
        lap = progress.add("harm", repeats * len(FATES))
        for _ in range(repeats):
            for fate in FATES:
                lap.step(fate.name)
                found[fate.name].append(measured(fate, nowhere if fate.cut_off else sandbox.endpoint))
    return _print(screen, found, repeats)


def measured(fate: Fate, endpoint: str) -> Times:
    """One run of the job. Raises RuntimeError when it fails."""
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as name:
        folder = Path(name)
        if not fate.sink:
            return _job(folder, None, fate)
        (port,) = free_ports(1)
        text = settings_text(port, folder, endpoint)
        if fate.backlog is not None:
            text = text.replace("[listener]", f"[listener]\nbacklog = {fate.backlog}")
        with running(folder, text, port) as agent:
            return _job(folder, agent, fate)


def _job(folder: Path, agent: RunningAgent | None, fate: Fate) -> Times:
    sink = MetricsSink("127.0.0.1", agent.port, REPORT_PERIOD_S) if agent is not None else None
    held = []
    with _submitted(folder, sink) as process:
        try:
            _wait(folder / "worked", process, folder)
            if agent is not None:
                held = fate.befall(agent)
            (folder / "go-on").touch()
            process.wait(JOB_LIMIT_S)
        finally:
            close(held)
    if process.returncode != 0:
        raise RuntimeError(f"the job failed: {_tail(folder)}")
    return Times(**json.loads((folder / "result.json").read_text()))


@contextmanager
def _submitted(folder: Path, sink: MetricsSink | None) -> Iterator[subprocess.Popen[bytes]]:
    spark, java = SparkHome.installed(), java_module.here()
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1"}
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))},
        "JAVA_HOME": str(java_module.home_for(java, spark.major, folder / "java")),
        "SPARK_HOME": str(spark.path),
        "SPARK_CONF_DIR": str(conf.write_folder(folder / "conf", sink, settings)),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [spark.script("spark-submit"), "--master", "local[1]", str(JOB), str(folder)]
    with (folder / "job.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(file: Path, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + READY_LIMIT_S
    while not file.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the job did not begin: {_tail(folder)}")
        time.sleep(0.02)


def _tail(folder: Path) -> str:
    return (folder / "job.log").read_text(errors="replace")[-800:]


def _print(screen: report.Screen, found: dict[str, list[Times]], repeats: int) -> bool:
    table = Table(title=f"A small Spark job in local[1], reports every {REPORT_PERIOD_S} s; median of {repeats}")
    table.add_column("")
    for heading in ("work s", "shortest work s", "stop s", "longest stop s", "result"):
        table.add_column(heading, justify="right")
    expected = found[FATES[0].name][0].result
    for name, times in found.items():
        same = all(one.result == expected for one in times)
        table.add_row(
            name,
            f"{statistics.median(one.work_s for one in times):.1f}",
            f"{min(one.work_s for one in times):.1f}",
            f"{statistics.median(one.stop_s for one in times):.2f}",
            f"{max(one.stop_s for one in times):.2f}",
            "equal" if same else "[red]differs[/red]",
        )
    screen.print(table)
    everything = [one for times in found.values() for one in times]
    equal = screen.verdict(all(one.result == expected for one in everything), "the same result each time")
    longest = max(one.stop_s for one in everything)
    return screen.verdict(longest < HANGS_S, f"no stop hung: the longest took {longest:.1f} s") and equal
