"""A real Spark whose streams fall behind, through the shipped configuration into the agent's listener and table."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.aggregate.rollup import RollUp, roll_up
from agent.aggregate.snapshot import Snapshot
from agent.sandbox import java as java_module
from agent.sandbox.java import Java
from agent.sandbox.spark import conf
from agent.sandbox.spark.home import SparkHome
from tests.sandbox.spark_world import APPLICATIONS, LineIn, line_in, wait_for

pytestmark = [pytest.mark.spark, pytest.mark.story, pytest.mark.timeout(600)]


@dataclass
class Streams:
    line_in: LineIn
    log: Path
    before: Snapshot | None = None

    def rolled(self) -> RollUp:
        """Since a look some seconds ago, so that batches were made between the two."""
        now = self.line_in.table.snapshot(time.time())
        if self.before is None or now.at - self.before.at > 30:
            self.before = now
        return roll_up(now, self.before, fleet=None, idle=None)


@pytest.fixture(scope="module")
def streams(spark_home: SparkHome, java_home: Java, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    folder = tmp_path_factory.mktemp("streams")
    with line_in() as receiver:
        environment = {
            **os.environ,
            "JAVA_HOME": str(java_module.home_for(java_home, spark_home.major, folder / "java")),
            "SPARK_HOME": str(spark_home.path),
            "SPARK_CONF_DIR": str(conf.write_folder(folder / "conf", receiver.sink, {"spark.ui.enabled": "false"})),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
        }
        command = [
            spark_home.script("spark-submit"), "--master", "local[3]", str(APPLICATIONS / "behind.py"), str(folder),
        ]  # fmt: skip
        log = folder / "application.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            yield Streams(receiver, log)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_both_kinds_of_streams_are_seen_to_fall_behind(streams: Streams) -> None:
    """The query needs 1.5 s for each second of records, and a DStream's batch 3 s of the one that it has."""

    def behind() -> RollUp | None:
        found = streams.rolled()
        load = found.get("StreamingLoadPercent")
        both = load is not None and load.sample_count == 2 and load.minimum > 100 and load.maximum >= 300
        return found if both else None

    found = wait_for(behind, f"both loads above 100; the application's log is {streams.log}", 400)
    assert found["StreamingBatchLatency"].maximum > 3000
    assert found["StreamingSchedulingDelay"].maximum > 0
    assert found["StreamingStateRows"].sum > 0
    assert found["StreamingStateMemory"].sum > 0


def test_the_delay_of_batches_grows_and_so_does_the_line_of_those_that_wait(streams: Streams) -> None:
    first = wait_for(lambda: streams.rolled().get("StreamingSchedulingDelay"), "a delay", 200)
    wait_for(
        lambda: (
            (found := streams.rolled())["StreamingSchedulingDelay"].maximum > first.maximum + 2000
            and found["StreamingBatchesWaiting"].sum > 0
        ),
        "a longer delay",
        200,
    )


def test_the_watermark_of_a_query_that_is_behind_is_late(streams: Streams) -> None:
    """It asks for one second of lateness; a trigger lasts many."""
    wait_for(
        lambda: (lag := streams.rolled().get("StreamingWatermarkLag")) is not None and lag.maximum > 5000,
        f"a late watermark; the application's log is {streams.log}",
        300,
    )


def test_every_line_of_a_streaming_driver_is_known(streams: Streams) -> None:
    wait_for(lambda: streams.line_in.reports, "a report")
    snapshot = streams.line_in.table.snapshot(time.time())
    assert not [name for name in snapshot.counts if name.startswith(("LinesRejected", "ReportsRejected"))]
