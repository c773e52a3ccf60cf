"""What tests of several packages need: which Spark and which Java the real ones run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.sandbox import java
from agent.sandbox.hadoop.jars import HadoopJars, HadoopMissing
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--spark-home",
        type=Path,
        default=None,
        help="run the tests marked `spark` on this Spark (SPARK_HOME, or a folder filled by `pip install --target`) "
        "instead of the installed pyspark",
    )
    parser.addoption(
        "--hadoop-required",
        action="store_true",
        help="let the tests marked `hadoop` fail, instead of skipping them, where `mvn` cannot bring Hadoop",
    )


@pytest.fixture(scope="session")
def spark_home(request: pytest.FixtureRequest) -> SparkHome:
    given: Path | None = request.config.getoption("--spark-home")
    return SparkHome.at(given) if given is not None else SparkHome.installed()


@pytest.fixture(scope="session")
def java_home() -> Java:
    return java.here()


@pytest.fixture(scope="session")
def hadoop_jars(request: pytest.FixtureRequest) -> HadoopJars:
    try:
        return HadoopJars.here()
    except HadoopMissing as missing:
        if request.config.getoption("--hadoop-required"):
            raise
        pytest.skip(str(missing).splitlines()[0])
