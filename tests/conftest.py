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


_HADOOP = pytest.StashKey[HadoopJars | HadoopMissing]()


def _hadoop(config: pytest.Config) -> HadoopJars | HadoopMissing:
    """Fetched at most once a session, also when it cannot be had."""
    if _HADOOP not in config.stash:
        try:
            config.stash[_HADOOP] = HadoopJars.here()
        except HadoopMissing as missing:
            config.stash[_HADOOP] = missing
    return config.stash[_HADOOP]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips from here and not from the fixture, so that all of them are one line of the summary."""
    if item.get_closest_marker("hadoop") is not None and not item.config.getoption("--hadoop-required"):
        found = _hadoop(item.config)
        if isinstance(found, HadoopMissing):
            pytest.skip(f"no Hadoop: {found.reason}; `python -m agent.sandbox.hadoop.jars` says what to do")


@pytest.fixture(scope="session")
def hadoop_jars(request: pytest.FixtureRequest) -> HadoopJars:
    found = _hadoop(request.config)
    if isinstance(found, HadoopMissing):
        raise found
    return found
