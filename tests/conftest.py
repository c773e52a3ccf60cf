"""What tests of several packages need: which Spark and which Java the real ones run on, and which browser."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from agent.sandbox import java
from agent.sandbox.hadoop.jars import HadoopJars, HadoopMissing
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome

hypothesis.settings.register_profile(
    "tidemark", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
"""The same examples every time: a change is judged by what it changed. How fast the machine is at the moment fails
nothing."""
hypothesis.settings.register_profile(
    "explore", hypothesis.settings.get_profile("tidemark"), derandomize=False, max_examples=1000
)
"""New examples every time, and more of them: `make explore`."""
hypothesis.settings.load_profile("tidemark")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--spark-home",
        type=Path,
        default=None,
        help="run the tests marked `spark` on this Spark (SPARK_HOME, or a folder filled by `pip install --target`) "
        "instead of the installed pyspark",
    )
    parser.addoption(
        "--races",
        type=int,
        default=100,
        help="so often two writers race for a cluster, and for a place in a pool; `make test-races` has 10000",
    )
    parser.addoption(
        "--hadoop-required",
        action="store_true",
        help="a test marked `hadoop` that is skipped, for want of Maven or anything else, has failed",
    )
    parser.addoption(
        "--browser-required",
        action="store_true",
        help="a test marked `browser` that is skipped, for want of Chromium or anything else, has failed",
    )


@pytest.fixture(scope="session")
def spark_home(request: pytest.FixtureRequest) -> SparkHome:
    given: Path | None = request.config.getoption("--spark-home")
    return SparkHome.at(given) if given is not None else SparkHome.installed()


@pytest.fixture(scope="session")
def java_home() -> Java:
    return java.here()


REQUIRED = ("hadoop", "browser")
"""Marks of tests whose skip is a failure under the option of that name, such as --hadoop-required."""

_HADOOP = pytest.StashKey[HadoopJars | HadoopMissing]()
_SLOW = ("hadoop", "spark")
"""Marks of slow tests, the slowest first."""


def _hadoop(config: pytest.Config) -> HadoopJars | HadoopMissing:
    """Looked for at most once a session, also when it cannot be had."""
    if _HADOOP not in config.stash:
        try:
            config.stash[_HADOOP] = HadoopJars.here()
        except HadoopMissing as missing:
            config.stash[_HADOOP] = missing
    return config.stash[_HADOOP]


def _marked_hadoop(item: pytest.Item) -> bool:
    return item.get_closest_marker("hadoop") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: side by side, no worker is then left alone with a long one at the end."""
    rank: dict[Path, int] = {}
    for item in items:
        own = next((at for at, mark in enumerate(_SLOW) if item.get_closest_marker(mark)), len(_SLOW))
        rank[item.path] = min(own, rank.get(item.path, own))
    items.sort(key=lambda item: rank[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """The first download of Hadoop is in no test's time limit."""
    if any(map(_marked_hadoop, session.items)) and not session.config.option.collectonly:
        _hadoop(session.config)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips from here and not from the fixture, so that all of them are one line of the summary."""
    if _marked_hadoop(item):
        found = _hadoop(item.config)
        if isinstance(found, HadoopMissing):
            pytest.skip(f"no Hadoop: {found.reason}; `python -m agent.sandbox.hadoop.jars` says what to do")
    if item.get_closest_marker("browser") is not None and chromium_path() is None:
        pytest.skip("no Chromium: install one, for example 'apt-get install chromium'")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With --hadoop-required a test on Hadoop that was skipped, whatever for, has failed; the same for the browser."""
    report = yield
    for mark in REQUIRED:
        option = f"--{mark}-required"
        if report.skipped and item.get_closest_marker(mark) is not None and item.config.getoption(option):
            report.outcome, report.longrepr = "failed", f"skipped with {option}: {report.longreprtext}"
    return report


def chromium_path() -> str | None:
    """A Chromium of the system: what the drivers would download themselves is not asked for."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = chromium_path()
    assert found is not None, "a test in the browser is marked `browser`"
    return found


@pytest.fixture(scope="session")
def hadoop_jars(request: pytest.FixtureRequest) -> HadoopJars:
    found = _hadoop(request.config)
    if isinstance(found, HadoopMissing):
        raise found
    return found
