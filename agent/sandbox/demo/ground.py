"""What the demo stands on: a cluster manager, nodes that come and go, and a way to submit the application to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import requests

from agent.sandbox import demo_app
from agent.sandbox.demo.plan import Plan
from agent.sandbox.java import JavaMissing
from agent.sandbox.nodes import NodeHost
from agent.sandbox.spark import conf
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkMissing
from agent.sandbox.spark.nodes import SparkNodes
from agent.sandbox.spark.standalone import SparkFailed, StandaloneCluster
from agent.settings_sources import RestSettings, SourcesSettings

CANNOT_STAND: tuple[type[Exception], ...] = (JavaMissing, SparkMissing, SparkFailed)
"""There is nothing to run the demo on; the text says what to do."""

REST_TIMEOUT_S = 3.0
FOREVER_PASSES = 1_000_000


class Ground(Protocol):
    @property
    def name(self) -> str:
        """One word: standalone or yarn."""

    @property
    def described(self) -> str:
        """In words, for the first lines of the demo."""

    @property
    def host(self) -> NodeHost:
        """Makes EMR's instances real."""

    @property
    def sources(self) -> SourcesSettings:
        """What the agent polls here."""

    @property
    def name_node_url(self) -> str | None:
        """Where HDFS's NameNode answers; None when there is no HDFS."""

    def submit_command(self, settings: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
        """The step's command: `spark-submit` of the demo's application."""

    def submit_environment(self) -> dict[str, str]: ...

    def running_applications(self) -> list[str]:
        """Their ids, as the cluster manager says now. Raises requests.RequestException."""


@dataclass(frozen=True, slots=True)
class Standalone:
    """A Spark master; an instance is a Worker process."""

    cluster: StandaloneCluster
    host: NodeHost
    name_node_url: str | None = None
    name: str = "standalone"

    @property
    def described(self) -> str:
        spark, java = self.cluster.spark.version, self.cluster.java.version
        return f"Spark {spark} on Java {java}, standalone master {self.cluster.web_ui}"

    @property
    def sources(self) -> SourcesSettings:
        return SourcesSettings(
            standalone=RestSettings(url=self.cluster.web_ui, period_s=1.0),
            spark=RestSettings(period_s=1.0),
            node_period_s=2.0,
        )

    def submit_command(self, settings: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
        return self.cluster.submit_command(Path(demo_app.__file__), arguments, settings)

    def submit_environment(self) -> dict[str, str]:
        return self.cluster.submit_environment()

    def running_applications(self) -> list[str]:
        return [app["id"] for app in read_json(f"{self.cluster.web_ui}/json/")["activeapps"]]


@contextmanager
def standalone(plan: Plan, folder: Path, sink: MetricsSink | None) -> Iterator[Ground]:
    """A standalone Spark whose workers are the instances. Raises one of CANNOT_STAND."""
    with StandaloneCluster(folder / "spark", sink=sink) as cluster:
        host = SparkNodes(
            cluster, memory_mb_per_unit=plan.unit_memory_mb, cores_per_unit=1, drain_timeout_s=plan.drain_timeout_s
        )
        yield Standalone(cluster, host)


def application_settings(plan: Plan, ui_port: int) -> dict[str, str]:
    return {
        **conf.SMALL_APPLICATION,
        "spark.executor.memory": f"{plan.executor_memory_mb}m",
        # what idles is given back while the last task still works
        "spark.dynamicAllocation.executorIdleTimeout": "4s",
        "spark.dynamicAllocation.shuffleTracking.timeout": "4s",
        "spark.ui.port": str(ui_port),
    }


def application_arguments(plan: Plan, folder: Path) -> list[str]:
    """A fixed piece of work, whoever does it: so the times of two runs can be compared."""
    passes = plan.job_passes if plan.job_ends else FOREVER_PASSES
    times = ["--work-s", str(plan.job_work_s), "--tail-s", str(plan.job_tail_s)]
    size = ["--partition-mb", str(plan.job_partition_mb)]
    return ["--result", str(folder / "result.json"), "--passes", str(passes), *size, *times]


def read_json(url: str) -> Any:
    """Raises requests.RequestException."""
    answer = requests.get(url, timeout=REST_TIMEOUT_S)
    answer.raise_for_status()
    return answer.json()
