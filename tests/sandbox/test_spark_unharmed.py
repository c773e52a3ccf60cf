"""Whatever becomes of the agent, a Spark job gives the same result, and its stop does not hang."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.sandbox import java as java_module
from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from agent.sandbox.java import Java
from agent.sandbox.spark import conf
from agent.sandbox.spark.conf import MetricsSink
from agent.sandbox.spark.home import SparkHome
from tests.running import PATIENCE_S, RunningAgent, agent, free_port, wait_for
from tests.test_app import aws, fill_accept_queue, refuses

pytestmark = [pytest.mark.spark, pytest.mark.story, pytest.mark.timeout(300)]

APPLICATION = Path(__file__).parent / "applications" / "steady.py"

HANGS_S = 100.0
"""A stop whose connections are dropped waits for the kernel, 134 s a connection (metrics of three Spark versions)."""


@dataclass(slots=True)
class World:
    """An agent that listens, and what a test did to it and must undo."""

    agent: RunningAgent
    held: list[socket.socket] = field(default_factory=list)


def leave_it(world: World) -> None:
    assert world.agent.listening()


def kill_it(world: World) -> None:
    world.agent.supervisor.kill()
    wait_for(lambda: refuses(world.agent.port), "the port refuses")


def freeze_it(world: World) -> None:
    world.agent.child.send_signal(signal.SIGSTOP)


def freeze_it_with_a_full_queue(world: World) -> None:
    freeze_it(world)
    world.held = fill_accept_queue(world.agent.port)
    assert world.held, "the queue was never full"


def no_restart_and_a_short_queue(text: str) -> str:
    """Once ended, the agent stays away, so that the job's stop surely meets what the test is about."""
    return text.replace("restart_delay_s = 0.5", "restart_delay_s = 3600.0").replace(
        "[listener]", "[listener]\nbacklog = 1"
    )


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SandboxServer(quotas=NO_QUOTAS) as server:
        yield server.endpoint


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, spark_home: SparkHome, java_home: Java) -> list[int]:
    """What the job gives without any sink."""
    folder = tmp_path_factory.mktemp("no-sink")
    with application(folder, spark_home, java_home, None) as process:
        (folder / "go-on").touch()
        assert process.wait(PATIENCE_S * 2) == 0
    results: list[int] = json.loads((folder / "result.json").read_text())["results"]
    return results


@contextlib.contextmanager
def application(
    folder: Path, spark: SparkHome, java: Java, sink: MetricsSink | None
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "JAVA_HOME": str(java_module.home_for(java, spark.major, folder / "java")),
        "SPARK_HOME": str(spark.path),
        "SPARK_CONF_DIR": str(conf.write_folder(folder / "conf", sink, {"spark.ui.enabled": "false"})),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [spark.script("spark-submit"), "--master", "local[1]", str(APPLICATION), str(folder)]
    with (folder / "application.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("fate", [leave_it, kill_it, freeze_it, freeze_it_with_a_full_queue])
def test_the_job_is_not_harmed(
    fate: Callable[[World], None],
    tmp_path: Path,
    endpoint: str,
    expected: list[int],
    spark_home: SparkHome,
    java_home: Java,
) -> None:
    with agent(tmp_path, aws(endpoint), no_restart_and_a_short_queue) as running:
        meets(fate, World(running), tmp_path, expected, spark_home, java_home)


def test_the_job_is_not_harmed_by_an_agent_that_cannot_reach_cloudwatch(
    tmp_path: Path, expected: list[int], spark_home: SparkHome, java_home: Java
) -> None:
    with agent(tmp_path, aws(f"http://127.0.0.1:{free_port()}")) as running:
        meets(leave_it, World(running), tmp_path, expected, spark_home, java_home)


def meets(
    fate: Callable[[World], None], world: World, folder: Path, expected: list[int], spark: SparkHome, java: Java
) -> None:
    """The job has reported at least once when its agent meets its fate, and goes on working and stops after that."""
    sink = MetricsSink("127.0.0.1", world.agent.port, period_s=1)
    with application(folder, spark, java, sink) as process:
        wait_for((folder / "worked").exists, lambda: (folder / "application.log").read_text()[-2000:], PATIENCE_S * 2)
        wait_for(lambda: '"DriverJvmHeapUsed"' in (folder / "journal.jsonl").read_text(), "a report that was heard")
        fate(world)
        (folder / "go-on").touch()
        assert process.wait(HANGS_S) == 0
    for each in world.held:
        each.close()
    result = json.loads((folder / "result.json").read_text())
    assert result["results"] == expected
    assert result["stop_s"] < HANGS_S / 2
