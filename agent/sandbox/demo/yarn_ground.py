"""The demo on a real YARN and HDFS: an instance is a NodeManager, as on EMR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.sandbox import demo_app
from agent.sandbox.demo.ground import Ground, read_json
from agent.sandbox.demo.plan import Plan
from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.jars import HadoopMissing
from agent.sandbox.hadoop.nodes import HadoopNodes
from agent.sandbox.hadoop.primary import HadoopFailed
from agent.sandbox.hadoop.spark import SparkOnYarn
from agent.sandbox.nodes import NodeHost
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkHome
from agent.settings_sources import HadoopSettings, RestSettings, SourcesSettings

CANNOT_STAND: tuple[type[Exception], ...] = (HadoopMissing, HadoopFailed)
"""There is no Hadoop to run the demo on; the text says what to do."""

PLAN = Plan(unit_memory_mb=1152, patience_s=120.0)
"""The application master and one executor fill the core node: 256 and 768 MB of 1,152."""


@dataclass(frozen=True, slots=True)
class Yarn:
    cluster: HadoopCluster
    spark: SparkOnYarn
    host: NodeHost
    name: str = "yarn"

    @property
    def described(self) -> str:
        return (
            f"Spark {self.spark.spark.version}, Hadoop {self.cluster.jars.version}, Java {self.cluster.java.version}: "
            f"ResourceManager {self.cluster.resource_manager_url}, NameNode {self.cluster.name_node_url}, "
            f"shuffle {'service' if self.spark.shuffle_service else 'tracking'}"
        )

    @property
    def sources(self) -> SourcesSettings:
        return SourcesSettings(
            yarn=HadoopSettings(url=self.cluster.resource_manager_url, period_s=1.0),
            hdfs=HadoopSettings(url=self.cluster.name_node_url, period_s=1.0),
            spark=RestSettings(period_s=1.0),
            node_period_s=2.0,
        )

    @property
    def name_node_url(self) -> str | None:
        return self.cluster.name_node_url

    def submit_command(self, settings: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
        writing = [*arguments, "--write-to", f"{self.cluster.file_system}/demo"]
        return self.spark.submit_command(Path(demo_app.__file__), writing, settings)

    def submit_environment(self) -> dict[str, str]:
        return self.spark.submit_environment()

    def running_applications(self) -> list[str]:
        answer = read_json(f"{self.cluster.resource_manager_url}/ws/v1/cluster/apps?states=RUNNING")
        return [app["id"] for app in (answer["apps"] or {}).get("app", ())]


@contextmanager
def yarn(plan: Plan, folder: Path, sink: MetricsSink | None) -> Iterator[Ground]:
    """A YARN whose NodeManagers are the instances. Raises one of CANNOT_STAND, or of those of the standalone ground."""
    home = SparkHome.installed()
    served = home if plan.shuffle_service else None
    with HadoopCluster(folder / "hadoop", spark=served, memory_mb_per_unit=plan.unit_memory_mb) as cluster:
        spark = SparkOnYarn(cluster, spark=home, sink=sink, shuffle_service=plan.shuffle_service)
        yield Yarn(cluster, spark, HadoopNodes(cluster, drain_timeout_s=plan.drain_timeout_s))
