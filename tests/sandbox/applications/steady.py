"""Works, waits until it is told to go on, works again and stops; says what came out and how long the stop took."""

import json
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

folder = Path(sys.argv[1])
spark = SparkSession.builder.appName("steady").getOrCreate()


def work() -> int:
    """Twenty small jobs, long enough for a few reports."""
    return sum(
        spark.sparkContext.parallelize(range(2000), 4).map(lambda n: n * n % 7).sum() * (turn + 1) for turn in range(20)
    )


first = work()
(folder / "worked").touch()
while not (folder / "go-on").exists():
    time.sleep(0.05)
second = work()
began = time.monotonic()
spark.stop()
(folder / "result.json").write_text(json.dumps({"results": [first, second], "stop_s": time.monotonic() - began}))
