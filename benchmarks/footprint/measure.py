"""CPU and memory of the whole agent, supervisor and child, at rest and with a thousand executors.

    python -m benchmarks footprint

Settings are the defaults: a turn every 10 s, a period of 60 s, YARN and the applications' web UIs polled, the fleet
described in a sandbox of EMR, datums sent to a sandbox of CloudWatch. Agent, and sandbox with load, have a core each.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from rich.table import Table

from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from benchmarks import report
from benchmarks.agent_process import RunningAgent, Usage, running, settings_text
from benchmarks.footprint.cluster import cluster
from benchmarks.ingest.load import Executor, Sender, executors, prepare
from benchmarks.peers.peer import free_ports

AGENT_CORE, OTHERS_CORE = 0, 1
REGION = "eu-west-1"
EXECUTORS, LINES, PERIOD_S = 1000, 120, 10.0
ROUNDS_BEFORE = 2
WARM_UP_S = 20.0
READ_BACK_S = 90.0


Points = Callable[[str, str], list[float]]
"""Of a metric's name and a statistic."""


@dataclass(frozen=True, slots=True)
class Limits:
    cpu_percent: float
    """Of a core."""
    rss_mb: float


AT_REST = Limits(1.0, 110.0)
LOADED = Limits(5.0, 130.0)


@dataclass(frozen=True, slots=True)
class Span:
    """What each process used over a span of time."""

    cpu_percent: dict[str, float]
    rss_mb: dict[str, float]
    """The largest seen."""
    shared_out_mb: float
    """Of all together, the largest seen."""


def run(screen: report.Screen, repeats: int, seconds: float = 60.0) -> bool:
    """Print the table. Whether all targets are met."""
    rest, loaded, shipped = [], [], []
    with on_core(OTHERS_CORE), screen.progress() as progress:
        lap = progress.add("footprint", 2 * repeats)
        for _ in range(repeats):
            lap.step(f"at rest, {seconds:.0f} s")
            rest.append(at_rest(seconds))
            lap.step(f"{EXECUTORS:,} executors, {seconds:.0f} s")
            span, found = with_executors(seconds)
            loaded.append(span)
            shipped.append(found)
    table = Table(title=f"The whole agent over {seconds:.0f} s; median of {repeats}")
    for heading in ("", "process", "% of a core", "RSS MB"):
        table.add_column(heading, justify="left" if heading in ("", "process") else "right")
    _rows(table, "at rest", rest)
    _rows(table, f"{EXECUTORS:,} executors × {LINES} lines / {PERIOD_S:.0f} s", loaded)
    screen.print(table)
    screen.print(f"without the pages that both processes share: {_pss(rest):.0f} and {_pss(loaded):.0f} MB")
    good = _verdicts(screen, "at rest", rest, AT_REST)
    good = _verdicts(screen, f"with {EXECUTORS:,} executors", loaded, LOADED) and good
    return screen.verdict(all(not fault for fault in shipped), next(filter(None, shipped), _READ_BACK)) and good


_READ_BACK = f"CloudWatch has {EXECUTORS:,} values of JvmHeapUsed a period, and no line was refused"


def at_rest(seconds: float) -> Span:
    with agent_on_cluster({}) as (agent, _):
        time.sleep(WARM_UP_S)
        return span_of(agent, seconds)


def with_executors(seconds: float) -> tuple[Span, str]:
    """And what is wrong with what CloudWatch has afterwards; empty when nothing is."""
    senders = list(executors(EXECUTORS, LINES))
    rounds = ROUNDS_BEFORE + int(seconds // PERIOD_S) + 2
    with (
        tempfile.TemporaryDirectory(prefix="tidemark-bench-") as name,
        agent_on_cluster(_sizes(senders)) as (agent, points),
    ):
        reports = Path(name) / "reports"
        prepare(reports, senders)
        sender = Sender(Path(name), OTHERS_CORE)
        arguments = (reports, "127.0.0.1", agent.port, rounds, PERIOD_S)
        failed: list[BaseException] = []
        thread = threading.Thread(target=_keep(failed, sender.send), args=arguments)
        thread.start()
        time.sleep(ROUNDS_BEFORE * PERIOD_S)
        span = span_of(agent, seconds)
        fault = _read_back(points)
        thread.join()
        return span, fault or "".join(repr(error) for error in failed)


def _sizes(senders: list[Executor]) -> dict[str, int]:
    return dict(Counter(executor.app for executor in senders))


def _keep(failed: list[BaseException], function: Any) -> Any:
    def call(*arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:
            failed.append(error)

    return call


@contextmanager
def agent_on_cluster(applications: dict[str, int], more: str = "") -> Iterator[tuple[RunningAgent, Points]]:
    """The agent on a cluster of the sandbox, with `more` settings; and what CloudWatch has of that cluster, by metric
    and statistic."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidemark-bench-")))
        sandbox = stack.enter_context(SandboxServer(delays=Delays(provision_s=0.1, bootstrap_s=0.1), quotas=NO_QUOTAS))
        url = stack.enter_context(cluster(applications))
        where = {"endpoint_url": sandbox.endpoint, "region_name": REGION}
        session = boto3.session.Session("sandbox", "sandbox")
        cluster_id = _launched(session.client("emr", **where))
        (port,) = free_ports(1)
        text = settings_text(port, folder, sandbox.endpoint, cluster_id, f'[sources.yarn]\nurl = "{url}"\n{more}')
        agent = stack.enter_context(running(folder, text, port, AGENT_CORE))
        yield agent, partial(_points, session.client("cloudwatch", **where), cluster_id)


def _launched(emr: Any) -> str:
    one = [{"InstanceType": "m5.xlarge"}]
    roles = {"MASTER": 1, "CORE": 1, "TASK": 0}
    fleets = [
        {"InstanceFleetType": role, "InstanceTypeConfigs": one, "TargetOnDemandCapacity": count}
        if count
        else {"InstanceFleetType": role, "InstanceTypeConfigs": one, "TargetSpotCapacity": 1}
        for role, count in roles.items()
    ]
    answer = emr.run_job_flow(
        Name="benchmark",
        ReleaseLabel="emr-7.10.0",
        JobFlowRole="ec2",
        ServiceRole="emr",
        Instances={"InstanceFleets": fleets, "KeepJobFlowAliveWhenNoSteps": True},
    )
    return str(answer["JobFlowId"])


def span_of(agent: RunningAgent, seconds: float) -> Span:
    """Read once a second, over at least `seconds`."""
    began = time.monotonic()
    first = last = agent.usage()
    rss = {name: usage.rss_mb for name, usage in first.items()}
    together = 0.0
    while time.monotonic() - began < seconds:
        time.sleep(1.0)
        last = agent.usage()
        rss = {name: max(rss[name], usage.rss_mb) for name, usage in last.items()}
        together = max(together, sum(usage.shared_out_mb for usage in last.values()))
    took = time.monotonic() - began
    cpu = {name: _grown(first[name], last[name]) / took * 100 for name in first}
    return Span(cpu, rss, together)


def _grown(before: Usage, after: Usage) -> float:
    return after.cpu_s - before.cpu_s


def _read_back(points: Points) -> str:
    """What is wrong with what CloudWatch has of the load. It waits for a period, which is a minute."""
    end = time.monotonic() + READ_BACK_S
    while not (samples := points("JvmHeapUsed", "SampleCount")) and time.monotonic() < end:
        time.sleep(1.0)
    if EXECUTORS not in samples:
        return f"CloudWatch has {samples} values of JvmHeapUsed a period, of {EXECUTORS:,} executors"
    refused = sum(points("LinesRejected", "Sum"))
    return f"{refused:.0f} lines were refused" if refused else ""


def _points(cloudwatch: Any, cluster_id: str, metric: str, statistic: str) -> list[float]:
    now = time.time()
    answer = cloudwatch.get_metric_statistics(
        Namespace="Tidemark",
        MetricName=metric,
        Dimensions=[{"Name": "ClusterId", "Value": cluster_id}],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=60,
        Statistics=[statistic],
    )
    return [float(point[statistic]) for point in answer["Datapoints"]]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This process, sandbox and all, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _rows(table: Table, what: str, spans: list[Span]) -> None:
    for name in spans[0].cpu_percent:
        cpu = statistics.median(span.cpu_percent[name] for span in spans)
        rss = statistics.median(span.rss_mb[name] for span in spans)
        table.add_row(what, name, f"{cpu:.2f}", f"{rss:.0f}")
    table.add_row(what, "together", f"{_cpu(spans):.2f}", f"{_rss(spans):.0f}", end_section=True)


def _cpu(spans: list[Span]) -> float:
    return statistics.median(sum(span.cpu_percent.values()) for span in spans)


def _rss(spans: list[Span]) -> float:
    return statistics.median(sum(span.rss_mb.values()) for span in spans)


def _pss(spans: list[Span]) -> float:
    return statistics.median(span.shared_out_mb for span in spans)


def _verdicts(screen: report.Screen, what: str, spans: list[Span], limits: Limits) -> bool:
    cpu = screen.verdict(
        _cpu(spans) < limits.cpu_percent, f"{what}: {_cpu(spans):.2f} % of a core, under {limits.cpu_percent:g} %"
    )
    return screen.verdict(_rss(spans) < limits.rss_mb, f"{what}: {_rss(spans):.0f} MB, under {limits.rss_mb:g}") and cpu
