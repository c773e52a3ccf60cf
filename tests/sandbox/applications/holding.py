"""Fills the cache of `executors` executors, then keeps one task on each until a file appears. For `spark-submit`.

All of it is tasks, so that Spark attributes every memory figure to a stage that is active.
"""

import random
import sys
import time
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import SparkSession

executors, ready, go = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
context = SparkSession.builder.appName("holding").getOrCreate().sparkContext


def records(partition: int):  # type: ignore[no-untyped-def]
    for index in range(32):
        time.sleep(0.02)
        yield random.Random(partition * 1000 + index).randbytes(256 * 1024)


def hold(_: int) -> None:
    until = time.monotonic() + 240
    while not go.exists() and time.monotonic() < until:
        time.sleep(0.1)


cached = context.parallelize(range(6 * executors), 6 * executors).flatMap(records).persist(StorageLevel.MEMORY_ONLY)
count = cached.count()
ready.write_text(context.uiWebUrl or "")
context.parallelize(range(executors), executors).foreach(hold)
context.stop()
sys.exit(0 if count == 32 * 6 * executors else 1)
