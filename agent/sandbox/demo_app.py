"""A PySpark application whose cached data outgrows one executor. Run by `spark-submit`; it imports nothing of ours.

Pass after pass it reads a cached data set that does not fit in one executor and shuffles it. Blocks that found no
room are made again from their seeds, so more executors make the same passes faster, and an executor that goes takes
no result with it. Every pass must give the checksum that the driver works out alone. It ends after `--passes`; without
that number when `--executors` different executors have finished tasks and `--then-s` have passed, after `--at-most-s`,
or when it is told to by `--end-file`. The data is released before. The report is one JSON object; the exit code is 1
when a checksum was wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORD_BYTES = 128 * 1024


def record(partition: int, index: int) -> bytes:
    """Incompressible, and the same wherever and whenever it is made."""
    return random.Random(partition * 1_000_003 + index).randbytes(RECORD_BYTES)


def fingerprint(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=6).digest(), "big")


def expected_checksum(partitions: int, records: int) -> int:
    return sum(fingerprint(record(p, i)) * (p % 7 + 1) for p in range(partitions) for i in range(records))


def make(partition: int, records: int, task_s: float) -> Iterator[tuple[int, bytes]]:
    """The records of one partition, over at least `task_s` seconds."""
    for index in range(records):
        time.sleep(task_s / records)
        yield partition % 7, record(partition, index)


def waited(value: Any, seconds: float) -> Any:
    time.sleep(seconds)
    return value


def task_counts(ui_url: str, app_id: str) -> dict[str, int]:
    """Finished tasks by executor, dead ones included, as Spark's REST API says; empty when it does not answer."""
    try:
        with urllib.request.urlopen(f"{ui_url}/api/v1/applications/{app_id}/allexecutors", timeout=5) as answer:
            executors = json.load(answer)
    except (OSError, ValueError):
        return {}
    return {e["id"]: e["completedTasks"] for e in executors if e["id"] != "driver" and e["completedTasks"] > 0}


def write(blobs: Any, folder: str, before: str) -> None:
    """Save the data in the folder of a file system that Hadoop knows, and remove what the pass before saved."""
    blobs.saveAsPickleFile(folder)
    jvm = blobs.context._jvm
    path = jvm.org.apache.hadoop.fs.Path(before)
    path.getFileSystem(blobs.context._jsc.hadoopConfiguration()).delete(path, True)


def run(spark: Any, options: argparse.Namespace) -> dict[str, Any]:
    from pyspark import StorageLevel

    context = spark.sparkContext
    records, task_s = options.partition_mb * 1024 * 1024 // RECORD_BYTES, options.task_s
    seeds = context.parallelize(range(options.partitions), options.partitions)
    blobs = seeds.flatMap(lambda partition: make(partition, records, task_s)).persist(StorageLevel.MEMORY_ONLY)
    pause_s = options.work_s / records
    worked = blobs.map(lambda pair: waited(pair, pause_s)) if pause_s else blobs
    expected = expected_checksum(options.partitions, records)
    started = time.monotonic()
    enough_at: float | None = None
    passes = wrong = 0
    tasks: dict[str, int] = {}
    while True:
        sums = worked.mapValues(fingerprint).reduceByKey(lambda left, right: left + right, 4).collect()
        checksum = sum((key + 1) * value for key, value in sums)
        passes, wrong = passes + 1, wrong + (checksum != expected)
        if options.write_to is not None:
            write(blobs, f"{options.write_to}/pass-{passes}", f"{options.write_to}/pass-{passes - 1}")
        tasks = task_counts(context.uiWebUrl, context.applicationId) or tasks
        now = time.monotonic()
        print(f"pass {passes}: checksum {checksum:x}, tasks by executor {tasks}", flush=True)
        if enough_at is None and len(tasks) >= options.executors:
            enough_at = now
        if options.passes is not None:
            if passes >= options.passes:
                break
            continue
        if enough_at is not None and now - enough_at >= options.then_s:
            break
        if now - started >= options.at_most_s or (options.end_file is not None and options.end_file.exists()):
            break
    blobs.unpersist(blocking=True)
    if options.tail_s:
        tail_s = options.tail_s
        context.parallelize([0], 1).foreach(lambda value: waited(value, tail_s))
    return {
        "app": context.applicationId,
        "correct": wrong == 0,
        "checksum": f"{checksum:x}",
        "expected": f"{expected:x}",
        "passes": passes,
        "tasks_by_executor": tasks,
        "enough_executors": enough_at is not None,
        "seconds": round(time.monotonic() - started, 1),
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cache more than one executor holds; say whether it came out right.")
    parser.add_argument("--result", type=Path, required=True, help="file for the report")
    parser.add_argument("--partitions", type=int, default=24)
    parser.add_argument("--partition-mb", type=int, default=16)
    parser.add_argument("--task-s", type=float, default=0.5, help="least time that making one partition takes")
    parser.add_argument("--executors", type=int, default=2, help="executors that must have finished tasks")
    parser.add_argument("--work-s", type=float, default=0.0, help="time that each partition takes in every pass")
    parser.add_argument("--tail-s", type=float, default=0.0, help="at the end one task works alone for so long")
    parser.add_argument("--passes", type=int, default=None, help="a fixed piece of work: so many passes, and the end")
    parser.add_argument("--then-s", type=float, default=10.0)
    parser.add_argument("--at-most-s", type=float, default=120.0)
    parser.add_argument("--write-to", default=None, help="URL of a folder to save the data in at every pass")
    parser.add_argument(
        "--end-file", type=Path, default=None, help="once this file exists the present pass is the last"
    )
    return parser.parse_args(arguments)


def main() -> int:
    from pyspark.sql import SparkSession

    options = parse(sys.argv[1:])
    spark = SparkSession.builder.appName("tidemark-demo").getOrCreate()
    report = run(spark, options)
    stopping = time.monotonic()
    spark.stop()
    report["stop_seconds"] = round(time.monotonic() - stopping, 1)
    options.result.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"result: {'right' if report['correct'] else 'WRONG'} after {report['passes']} passes", flush=True)
    return 0 if report["correct"] else 1


if __name__ == "__main__":
    sys.exit(main())
