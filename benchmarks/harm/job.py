"""A small Spark job that says how long it worked and how long it took to stop. Run by `spark-submit`.

    job.py FOLDER

It works a little, creates FOLDER/worked, waits for FOLDER/go-on, works for the measurement, stops, and leaves
FOLDER/result.json.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

JOBS = 6
"""A few seconds: shorter than it takes to end a frozen agent, so that the stop of the job meets it."""
ROWS = 20_000_000
GO_ON_LIMIT_S = 120.0


def work(spark: Any, jobs: int) -> int:
    """A number that depends on every row of every job."""
    total = 0
    for job in range(jobs):
        frame = spark.range(ROWS).selectExpr(f"hash(id, {job}) % 1009 AS h").groupBy("h").count()
        total += frame.selectExpr("sum(h * count) AS s").first()["s"] * (job + 1)
    return total


def main() -> None:
    from pyspark.sql import SparkSession

    folder = Path(sys.argv[1])
    spark = SparkSession.builder.appName("harm").getOrCreate()
    work(spark, 2)  # so that the JVM has compiled what is measured
    (folder / "worked").touch()
    end = time.monotonic() + GO_ON_LIMIT_S
    while not (folder / "go-on").exists() and time.monotonic() < end:
        time.sleep(0.02)
    began = time.monotonic()
    result = work(spark, JOBS)
    worked = time.monotonic()
    spark.stop()
    report = {"result": result, "work_s": worked - began, "stop_s": time.monotonic() - worked}
    (folder / "result.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
