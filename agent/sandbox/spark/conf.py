"""Configuration folders for the processes of a standalone Spark, from the files of `spark_conf/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import agent
from agent.wire import metrics_properties

DECOMMISSION = {
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.storage.decommission.rddBlocks.enabled": "true",
    "spark.storage.decommission.shuffleBlocks.enabled": "true",
    # An executor leaves after a second round of migrations; with the default of 30 s it does not within 24 s.
    "spark.storage.decommission.replicationReattemptInterval": "1s",
}

DYNAMIC_ALLOCATION = {
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.minExecutors": "1",
    "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
    "spark.dynamicAllocation.sustainedSchedulerBacklogTimeout": "1s",
    "spark.dynamicAllocation.executorIdleTimeout": "20s",
    "spark.dynamicAllocation.cachedExecutorIdleTimeout": "60s",
    "spark.dynamicAllocation.shuffleTracking.timeout": "20s",
}

SMALL_APPLICATION = {
    **DYNAMIC_ALLOCATION,
    # One core and little heap each: a few executors, their workers and the driver fit in a laptop.
    "spark.executor.cores": "1",
    "spark.executor.memory": "640m",
    "spark.driver.memory": "512m",
    # Cached blocks are chunks of 1 MiB. In the regions of 1 MiB that G1 chooses for a heap this small each takes two,
    # so that half of the heap is waste and G1 collects without a pause (measured: 689 collections in 34 s).
    # The second compiler costs the two cores of a laptop more than it gives in a minute.
    "spark.executor.extraJavaOptions": "-XX:G1HeapRegionSize=4m -XX:TieredStopAtLevel=1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.dynamicAllocation.maxExecutors": "3",
    # A new executor has no cached blocks: it takes work only once tasks stop waiting for the executors that have.
    "spark.locality.wait": "500ms",
    "spark.ui.showConsoleProgress": "false",
}
"""What `demo_app` is meant to run with: its defaults cache 384 MB, and such an executor has room for about 200."""

_LOG4J2 = """\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n%ex
"""


@dataclass(frozen=True, slots=True)
class MetricsSink:
    """Where Spark's reports go."""

    host: str
    port: int
    period_s: int = 1


def shipped(name: str) -> Path:
    """A file of `spark_conf/`: beside the package in a checkout, within it in an installed wheel."""
    package = Path(agent.__file__).parent
    beside, within = package.parent / "spark_conf" / name, package / "spark_conf" / name
    return beside if beside.is_file() else within


def write_folder(
    folder: Path, sink: MetricsSink | None, settings: Mapping[str, str], worker_prefix: str | None = None
) -> Path:
    """Fill a SPARK_CONF_DIR: the shipped defaults under these settings, and the sink's file unless there is no sink.

    Raises UnusableSink when Spark could not construct the sink.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = "".join(f"{key} {value}\n" for key, value in settings.items())
    defaults = shipped("spark-defaults.conf").read_text(encoding="utf-8")
    (folder / "spark-defaults.conf").write_text(f"{defaults}\n{own}", encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOG4J2, encoding="utf-8")
    if sink is not None:
        text = metrics_properties.render(
            shipped("metrics.properties").read_text(encoding="utf-8"),
            host=sink.host,
            port=sink.port,
            period_s=sink.period_s,
            worker_prefix=worker_prefix,
        )
        (folder / "metrics.properties").write_text(text, encoding="utf-8")
    return folder
