"""Kills its executor: one result larger than its heap. Then it waits for a file, so that Spark can be asked why."""

import sys
import time
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

ready, go = Path(sys.argv[1]), Path(sys.argv[2])
context = SparkSession.builder.appName("dying").getOrCreate().sparkContext
try:
    context.parallelize([520], 1).map(lambda mebibytes: bytes(mebibytes * 1024 * 1024)).collect()
    sys.exit("it was expected to fail")
except Py4JJavaError:
    pass
ready.write_text(context.uiWebUrl or "")
until = time.monotonic() + 240
while not go.exists() and time.monotonic() < until:
    time.sleep(0.1)
context.stop()
