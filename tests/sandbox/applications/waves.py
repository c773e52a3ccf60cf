"""A wide wave of tasks, then one task alone, then the wide wave's shuffle files again; each held until it is told.

The first wave's tasks wait for the file `wide`, the single task waits for `narrow`; `wide-done` and `narrow-begun` say
how far it is. Executors that have nothing to do meanwhile are given up, with the shuffle files that they wrote.
"""

import json
import sys
import time
from pathlib import Path

PARTITIONS, ROWS, KEYS = 12, 500, 7


def expected() -> list[tuple[int, int]]:
    """What either look at the wide wave must give."""
    sums = [0] * KEYS
    for partition in range(PARTITIONS):
        for row in range(ROWS):
            sums[(partition + row) % KEYS] += partition * row
    return list(enumerate(sums))


def main(folder: Path) -> None:
    from pyspark.sql import SparkSession

    def hold_until(name: str) -> None:
        while not (folder / name).exists():
            time.sleep(0.05)

    def rows(partition: int) -> list[tuple[int, int]]:
        hold_until("wide")
        return [((partition + row) % KEYS, partition * row) for row in range(ROWS)]

    def alone(one: int) -> int:
        (folder / "narrow-begun").touch()
        hold_until("narrow")
        return one

    context = SparkSession.builder.appName("waves").getOrCreate().sparkContext
    sums = context.parallelize(range(PARTITIONS), PARTITIONS).flatMap(rows).reduceByKey(lambda a, b: a + b, 4)
    first = sorted(sums.collect())
    (folder / "wide-done").touch()
    context.parallelize([1], 1).map(alone).collect()
    again = sorted(sums.collect())
    context.stop()
    (folder / "waves.json").write_text(json.dumps({"first": first, "again": again}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
