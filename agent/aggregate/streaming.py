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


def input_rates(pair: Pair) -> Iterator[float]:
    """Records a second."""
    yield from query_gauges(pair.now, ".inputRate-total")
    yield from _rate(pair, "totalReceivedRecords")


def processing_rates(pair: Pair) -> Iterator[float]:
    """Records a second."""
    yield from query_gauges(pair.now, ".processingRate-total")
    yield from _rate(pair, "totalProcessedRecords")


def batch_latencies(pair: Pair) -> Iterator[float]:
    """Milliseconds. A query that has finished no trigger says 0, a DStream without a batch -1: neither is a latency."""
    yield from (latency for latency in query_gauges(pair.now, ".latency") if latency > 0)
    yield from stream_gauges(pair.now, "lastCompletedBatch_totalDelay")


def scheduling_delays(pair: Pair) -> Iterator[float]:
    """Milliseconds; DStreams only."""
    yield from stream_gauges(pair.now, "lastCompletedBatch_schedulingDelay")


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


def _stream_names(driver: Instance, gauge: str) -> list[str]:
    """Exactly the gauge: `lastCompletedBatch_totalDelay`, not a longer name that ends like it."""
    ending = DSTREAM + gauge
    return [name for name in driver.values if name == ending or name.endswith("." + ending)]
