"""A session that somebody left open: it holds its containers and runs nothing, except a cell when a file asks for it.

`cell` starts one task, which runs until the file is gone again; `end` ends the session. For `spark-submit`.
"""

import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

folder = Path(sys.argv[1])
context = SparkSession.builder.getOrCreate().sparkContext
until = time.monotonic() + 600


def hold(_: int) -> None:
    while (folder / "cell").exists() and time.monotonic() < until:
        time.sleep(0.1)


while not (folder / "end").exists() and time.monotonic() < until:
    if (folder / "cell").exists():
        context.parallelize([0], 1).foreach(hold)
    time.sleep(0.1)
context.stop()
