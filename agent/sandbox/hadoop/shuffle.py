"""Spark's external shuffle service for NodeManagers: its own jar, and what it needs from Spark's."""

from __future__ import annotations

from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.spark.home import SparkHome

_NEEDED = (
    "spark-network-common_*.jar",
    "spark-network-shuffle_*.jar",
    "spark-common-utils_*.jar",
    "netty-*.jar",
    "jackson-core-2*.jar",
    "jackson-databind-2*.jar",
    "jackson-annotations-2*.jar",
    "metrics-core-*.jar",
    "leveldbjni-all-*.jar",
    "rocksdbjni-*.jar",
    "commons-lang3-*.jar",
    "commons-crypto-*.jar",
    "scala-library-*.jar",
    "RoaringBitmap-*.jar",
    "shims-*.jar",
)


def class_path(jars: HadoopJars, spark: SparkHome) -> str | None:
    """For the NodeManagers' class loader; None when there is no service for this Spark."""
    service = jars.shuffle_service
    if service is None or spark.major != 3:
        return None
    needed = [str(jar) for pattern in _NEEDED for jar in sorted((spark.path / "jars").glob(pattern))]
    return ":".join([str(service), *needed])
