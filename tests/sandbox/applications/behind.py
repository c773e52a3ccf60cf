"""Two streams that take longer than their data to come, until a file says enough: a query with state, and a DStream."""

import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession, functions
from pyspark.streaming import StreamingContext

ROWS_A_SECOND = 10
SECONDS_A_ROW = 0.15
BATCH_S = 1
SECONDS_A_BATCH = 3

folder = Path(sys.argv[1])
spark = SparkSession.builder.appName("far.behind").config("spark.sql.shuffle.partitions", "1").getOrCreate()


@functions.udf("long")
def slowly(value: int) -> int:
    time.sleep(SECONDS_A_ROW)
    return value


def slow_batch(value: int) -> int:
    time.sleep(SECONDS_A_BATCH)
    return value


rate = spark.readStream.format("rate").option("rowsPerSecond", ROWS_A_SECOND).option("numPartitions", 1).load()
counted = (
    rate.withWatermark("timestamp", "1 second")
    .withColumn("value", slowly("value"))
    .groupBy(functions.window("timestamp", "5 seconds"))
    .agg(functions.sum("value"))
)
query = (
    counted.writeStream.format("noop")
    .queryName("late.query")
    .outputMode("update")
    .option("checkpointLocation", str(folder / "checkpoint"))
    .start()
)
streams = StreamingContext(spark.sparkContext, BATCH_S)
batches = [spark.sparkContext.parallelize([1], 1) for _ in range(1000)]
streams.queueStream(batches).map(slow_batch).count().pprint(1)
streams.start()
while not (folder / "enough").exists():
    time.sleep(0.1)
"""The caller ends this process: an orderly stop would wait for the batches."""
