"""Spark on the sandbox's YARN: how an application is submitted, in client mode or in cluster mode."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.conf import MASTER_HOST
from agent.sandbox.spark import conf
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkHome

DeployMode = Literal["client", "cluster"]

_SMALL_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

ON_YARN = {
    "spark.master": "yarn",
    "spark.driver.host": MASTER_HOST,
    "spark.yarn.am.memory": "192m",
    "spark.yarn.am.memoryOverhead": "64m",
    "spark.yarn.am.extraJavaOptions": _SMALL_JVM,
    # Nothing checks what a container really uses; a tenth of the heap would be raised to 384 MB.
    "spark.executor.memoryOverhead": "128m",
    "spark.yarn.report.interval": "1s",
    "spark.yarn.scheduler.heartbeat.interval-ms": "500",
    "spark.yarn.containerLauncherMaxThreads": "4",
    # A drained executor waits for room for its cached blocks, for ever if there is none anywhere.
    "spark.executor.decommission.forceKillTimeout": "40s",
    # What a removed node had is not held against the stage that misses it (EMR: ignoreOnDecommissionFetchFailure).
    "spark.stage.ignoreDecommissionFetchFailure": "true",
}
"""What every application gets on the small nodes of one machine."""


class SparkOnYarn:
    """Applications of one Spark on one cluster.

    With `shuffle_service` executors leave their shuffle files to their NodeManager's service; otherwise Spark tracks
    who still needs them. Only without it does Spark itself follow YARN's decommissioning of a node (SPARK-39018):
    it then drains the executors there and moves their blocks.
    """

    def __init__(
        self,
        cluster: HadoopCluster,
        *,
        spark: SparkHome | None = None,
        sink: MetricsSink | None = None,
        settings: Mapping[str, str] | None = None,
        shuffle_service: bool = False,
    ) -> None:
        """`settings` are for all applications. Raises SparkMissing, or UnusableSink."""
        self.cluster = cluster
        self.spark = spark or SparkHome.installed()
        self.shuffle_service = shuffle_service and cluster.has_shuffle_service
        # A file of SPARK_CONF_DIR: Spark's YARN client sends it to application master and executors, as on EMR.
        self.conf_folder = conf.write_folder(
            cluster.workdir / "conf" / "spark", sink, {**self._defaults(), **(settings or {})}
        )

    def submit_command(
        self,
        application: Path,
        arguments: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        *,
        deploy_mode: DeployMode = "client",
    ) -> list[str]:
        """The `spark-submit` of an application; to be run with `submit_environment`."""
        pairs = [text for key, value in (settings or {}).items() for text in ("--conf", f"{key}={value}")]
        submit = [self.spark.script("spark-submit"), "--master", "yarn", "--deploy-mode", deploy_mode]
        return [*submit, *pairs, str(application), *arguments]

    def submit_environment(self) -> dict[str, str]:
        return {
            **self.cluster.environment(),
            "SPARK_HOME": str(self.spark.path),
            "SPARK_CONF_DIR": str(self.conf_folder),
            "SPARK_LOCAL_IP": MASTER_HOST,
            "SPARK_LOCAL_HOSTNAME": MASTER_HOST,
            "SPARK_LOCAL_DIRS": str(self.cluster.workdir / "local" / "client"),
            # Every node has Spark: nothing is uploaded but the configuration and the application.
            "PYSPARK_ARCHIVES_PATH": ",".join(
                f"local:{archive}" for archive in sorted((self.spark.path / "python" / "lib").glob("*.zip"))
            ),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }

    def submit(
        self,
        application: Path,
        arguments: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        *,
        deploy_mode: DeployMode = "client",
        log_name: str = "application",
    ) -> subprocess.Popen[bytes]:
        """Run an application as a process that ends with the cluster; its log is `logs/<log_name>.log`."""
        command = self.submit_command(application, arguments, settings, deploy_mode=deploy_mode)
        return self.cluster.start_process(command, self.submit_environment(), log_name)

    def _defaults(self) -> dict[str, str]:
        return {
            **ON_YARN,
            **conf.DECOMMISSION,
            "spark.yarn.jars": f"local:{self.spark.path}/jars/*",
            "spark.shuffle.service.enabled": str(self.shuffle_service).lower(),
            # The sandbox's service refuses an application without a secret; on YARN Spark makes one for each.
            "spark.authenticate": str(self.shuffle_service).lower(),
        }
