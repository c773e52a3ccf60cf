"""What the sink tests share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from agent.domain.datums import Datum, Dimensions, Distribution, Unit
from agent.settings_sinks import CloudWatchSettings
from agent.sinks.backoff import Backoff
from agent.sinks.cloudwatch import CloudWatchSink
from agent.telemetry import Telemetry

QUICK = Backoff(base_s=0.005, cap_s=0.02)
CLUSTER: Dimensions = (("ClusterId", "j-TEST"),)


def datum(
    name: str = "JvmHeapUsed",
    values: Sequence[float] = (1.0,),
    *,
    at: float | None = None,
    dimensions: Dimensions = CLUSTER,
    unit: Unit = Unit.BYTES,
) -> Datum:
    spread = Distribution(tuple(values), (1,) * len(values))
    at = time.time() if at is None else at
    return Datum(name=name, unit=unit, dimensions=dimensions, at=at, distribution=spread)


def sink(
    client: Any, telemetry: Telemetry, *, backoff: Backoff = QUICK, clock: Callable[[], float] = time.time, **over: Any
) -> CloudWatchSink:
    return sink_of(lambda: client, telemetry, backoff=backoff, clock=clock, **over)


def sink_of(
    make_client: Callable[[], Any],
    telemetry: Telemetry,
    *,
    backoff: Backoff = QUICK,
    clock: Callable[[], float] = time.time,
    **over: Any,
) -> CloudWatchSink:
    return CloudWatchSink(CloudWatchSettings(**over), make_client, clock, telemetry, Random(1), backoff)


@contextmanager
def running(one: CloudWatchSink) -> Iterator[threading.Event]:
    """The sink's loop in a thread of its own; on the way out it must stop within seconds."""
    stop = threading.Event()
    thread = threading.Thread(target=one.run, args=(lambda: None, stop), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "not within the limit"
        time.sleep(0.01)


def lost(telemetry: Telemetry) -> dict[str, int]:
    """By reason."""
    prefix = "DatumsLost."
    return {name.removeprefix(prefix): n for name, n in telemetry.counts().items() if name.startswith(prefix)}


def settled(telemetry: Telemetry) -> int:
    return telemetry.counts().get("DatumsDelivered", 0) + sum(lost(telemetry).values())
