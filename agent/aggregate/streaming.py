"""Streaming figures of a driver, of both kinds: Structured Streaming queries, and DStreams (one a driver).

Structured Streaming sends `spark.streaming.<query>.<gauge>`, DStreams `[<application>.]StreamingMetrics.streaming.
<gauge>`; query and application names may hold dots, hence the matching from both ends.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.aggregate.growth import Pair
from agent.aggregate.snapshot import Instance

QUERY = "spark.streaming."
DSTREAM = "StreamingMetrics.streaming."
INPUT_RATE = ".inputRate-total"
PROCESSING_RATE = ".processingRate-total"
WATERMARK = ".eventTime-watermark"


def input_rates(pair: Pair) -> Iterator[float]:
    """Records a second."""
    yield from query_gauges(pair.now, INPUT_RATE)
    yield from _rate(pair, "totalReceivedRecords")


def processing_rates(pair: Pair) -> Iterator[float]:
    """Records a second."""
    yield from query_gauges(pair.now, PROCESSING_RATE)
    yield from _rate(pair, "totalProcessedRecords")


def batch_latencies(pair: Pair) -> Iterator[float]:
    """Milliseconds. A query that has finished no trigger says 0, a DStream without a batch -1: neither is a latency."""
    yield from (latency for latency in query_gauges(pair.now, ".latency") if latency > 0)
    yield from stream_gauges(pair.now, "lastCompletedBatch_totalDelay")


def scheduling_delays(pair: Pair) -> Iterator[float]:
    """Milliseconds; DStreams only."""
    yield from stream_gauges(pair.now, "lastCompletedBatch_schedulingDelay")


def load_percents(pair: Pair) -> Iterator[float]:
    """How much of the time that it has a stream needs, whole percents: above 100 it falls behind.

    Of a query: input rate by processing rate. Both are of one trigger, the first over the time since the trigger
    before began and the second over its own duration (Spark's progress reports), so what is left is the one time by
    the other. A trigger without data says nothing. Of DStreams: the time that the last batch took by the interval at
    which batches are made.
    """
    for name, processed in pair.now.values.items():
        if processed > 0 and name.startswith(QUERY) and name.endswith(PROCESSING_RATE):
            arrived = pair.now.values.get(name.removesuffix(PROCESSING_RATE) + INPUT_RATE, 0.0)
            if arrived > 0:
                yield float(round(100 * arrived / processed))
    took = next(stream_gauges(pair.now, "lastCompletedBatch_processingDelay"), None)
    interval = _batch_interval(pair)
    if took is not None and interval is not None:
        yield float(round(100 * took / interval))


def watermark_lags(driver: Instance) -> Iterator[float]:
    """Milliseconds from a query's event-time watermark to its last report; none while nothing arrives, when the
    watermark stands still although nobody is late."""
    for name, watermark in driver.values.items():
        named = watermark > 0 and name.startswith(QUERY) and name.endswith(WATERMARK)
        if named and driver.values.get(name.removesuffix(WATERMARK) + INPUT_RATE, 0.0) > 0:
            yield max(0.0, driver.last_seen * 1000 - watermark)


def query_gauges(driver: Instance, suffix: str) -> Iterator[float]:
    for name, value in driver.values.items():
        if value >= 0 and name.endswith(suffix) and name.startswith(QUERY):
            yield value


def stream_gauges(driver: Instance, gauge: str) -> Iterator[float]:
    for name in _stream_names(driver, gauge):
        if driver.values[name] >= 0:
            yield driver.values[name]


def _rate(pair: Pair, counter: str) -> Iterator[float]:
    if pair.elapsed_s is None:
        return
    for name in _stream_names(pair.now, counter):
        grown = pair.growth(name)
        if grown is not None:
            yield grown / pair.elapsed_s


def _batch_interval(pair: Pair) -> float | None:
    """Milliseconds: the time between the submissions of two batches, by the number of batches made meanwhile."""
    if pair.before is None:
        return None
    now, before = _submitted(pair.now), _submitted(pair.before)
    if now is None or before is None or now[0] <= before[0] or now[1] <= before[1]:
        return None
    return (now[1] - before[1]) / (now[0] - before[0])


def _submitted(driver: Instance) -> tuple[float, float] | None:
    """How many batches were made so far, and when the last one was."""
    gauges = ("totalCompletedBatches", "unprocessedBatches", "lastReceivedBatch_submissionTime")
    found = [next(stream_gauges(driver, gauge), None) for gauge in gauges]
    completed, waiting, last = found
    return None if completed is None or waiting is None or last is None else (completed + waiting, last)


def _stream_names(driver: Instance, gauge: str) -> list[str]:
    """Exactly the gauge: `lastCompletedBatch_totalDelay`, not a longer name that ends like it."""
    ending = DSTREAM + gauge
    dotted = "." + ending
    # hardly any name passes the first of these, and every turn looks at all names of all drivers
    return [name for name in driver.values if name.endswith(ending) and (name == ending or name.endswith(dotted))]
