"""A real Spark on the file that `tidemark spark-conf apply` has written, and on those that it refuses to write."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.aggregate.snapshot import Role
from agent.node.sink_block import Refused, Sink, with_sink
from agent.node.template import metrics_properties
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome
from tests.node.nodes import Node, node
from tests.sandbox.spark_world import line_in, wait_for

pytestmark = [pytest.mark.spark, pytest.mark.timeout(500)]

USERS = "# of the classification spark-metrics\n*.sink.csv.class=org.apache.spark.metrics.sink.CsvSink\n"
JOB = """\
import pathlib, sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
assert spark.range(1000).selectExpr("sum(id)").first()[0] == 499500
until = time.monotonic() + 200
while not pathlib.Path(sys.argv[1]).exists() and time.monotonic() < until:
    time.sleep(0.2)
spark.stop()
print("finished in order")
"""


def command(spark: SparkHome, folder: Path, master: str) -> list[str]:
    job = folder / "job.py"
    job.write_text(JOB)
    settings = {
        "spark.ui.enabled": "false",
        "spark.executor.memory": "512m",
        "spark.driver.memory": "512m",
        "spark.driver.host": "127.0.0.1",
    }
    pairs = [text for key, value in settings.items() for text in ("--conf", f"{key}={value}")]
    return [spark.script("spark-submit"), "--master", master, *pairs, str(job), str(folder / "go")]


def environment(spark: SparkHome, java: Java, conf: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(spark.path),
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


def of_this_machine(folder: Path, port: int) -> Node:
    settings = f"""
[listener]
host = "127.0.0.1"
port = {port}
report_period_s = 1
[fleet]
max_capacity_units = 1
"""
    return node(folder, settings).spark()


def test_driver_and_executor_report_to_the_listener_and_the_users_sink_still_works(
    tmp_path: Path, spark_home: SparkHome, java_home: Java
) -> None:
    with line_in() as receiver:
        it = of_this_machine(tmp_path, receiver.sink.port)
        (tmp_path / "csv").mkdir()
        it.file.write_text(USERS + f"*.sink.csv.directory={tmp_path / 'csv'}\n*.sink.csv.period=1")
        assert it.run("apply").exit_code == 0

        def roles() -> set[Role]:
            return {each.role for each in receiver.table.snapshot(time.time()).instances}

        with (tmp_path / "log").open("wb") as log:
            job = subprocess.Popen(
                command(spark_home, tmp_path, "local-cluster[1,1,640]"),
                env=environment(spark_home, java_home, it.conf),
                stdout=log,
                stderr=log,
                cwd=tmp_path,
            )
        try:
            wait_for(lambda: {Role.DRIVER, Role.EXECUTOR} <= roles() or job.poll() is not None, "both report", 150)
            said = (tmp_path / "log").read_text(errors="replace")[-3000:]
            assert {Role.DRIVER, Role.EXECUTOR} <= roles(), said
            wait_for(lambda: any((tmp_path / "csv").iterdir()), "the user's own sink writes", 60)
            (tmp_path / "go").touch()
            assert job.wait(120) == 0
        finally:
            job.kill()
            job.wait()


def refusals() -> Mapping[str, tuple[str, str, str, str]]:
    """By name: what stands in a good file, what in its place, what Spark says of it, what we say."""
    host = "*.sink.tidemark.host=127.0.0.1\n"
    return {
        "period": ("tidemark.period=1\n", "tidemark.period=0\n", "IllegalArgumentException", "period"),
        "class": ("GraphiteSink", "GraphitSink", "ClassNotFoundException", "class"),
        "a second sink of the name": (host, f"{host}driver.sink.tidemark.protocol=tls\n", "protocol", "another name"),
    }


@pytest.mark.parametrize("name", refusals())
def test_with_a_file_that_is_refused_a_real_spark_does_not_start(
    name: str, tmp_path: Path, spark_home: SparkHome, java_home: Java
) -> None:
    old, new, spark_says, we_say = refusals()[name]
    it = of_this_machine(tmp_path, 42003)
    assert it.run("apply").exit_code == 0
    good = it.file.read_text()
    (tmp_path / "go").touch()
    it.file.write_text(good.replace(old, new))
    assert it.file.read_text() != good
    done = subprocess.run(
        command(spark_home, tmp_path, "local[1]"),
        env=environment(spark_home, java_home, it.conf),
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )
    assert done.returncode != 0 and spark_says in done.stderr and "finished in order" not in done.stdout, done.stderr
    with pytest.raises(Refused, match=we_say):
        if name == "period":
            with_sink("", Sink("127.0.0.1", 42003, 0), metrics_properties())
        elif name == "class":
            with_sink("", Sink("127.0.0.1", 42003, 1), metrics_properties().replace(old, new))
        else:
            with_sink(new.removeprefix(old), Sink("127.0.0.1", 42003, 1), metrics_properties())
    # the next run of the timer
    assert (it.run("apply").exit_code == 0) and it.file.read_text() == good
