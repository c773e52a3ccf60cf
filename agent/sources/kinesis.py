"""How far behind the readers of Kinesis streams are, as CloudWatch has it: a remote signal with its age.

Source of the names: Kinesis developer guide, monitoring with CloudWatch. Stream-level points come each minute, at no
charge; asking for them costs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent import log
from agent.aws.errors import AWS_ERRORS, reason
from agent.domain.ports import Clock, ReadingReceiver
from agent.domain.readings import RemoteReading
from agent.domain.signals import ITERATOR_AGE
from agent.settings_sources import KinesisSettings
from agent.telemetry import Telemetry

CHECK_S = 5.0
"""How often the loop looks whether it is time to ask."""
JITTER = 0.2
"""By how much of it a wait is shortened or not, so that many clusters do not ask in step."""
PERIOD_S = 60
LOOK_BACK_S = 900
"""Older points would be stale anyway."""


class KinesisAges:
    """`step` asks, if it is time, and hands on what all streams together say.

    A stream of which CloudWatch has no point, because nobody reads it or its points are late, makes all of it unknown:
    nothing is handed on, what was heard before grows old, and rules on it hold. Never raises the world's faults; counts
    `PollErrors.kinesis.<why>`. `jitter` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        streams: Sequence[KinesisSettings],
        period_s: float,
        cloudwatch: Callable[[], Any],
        receiver: ReadingReceiver,
        *,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Callable[[], float],
    ) -> None:
        self._streams = tuple(streams)
        self._period_s = period_s
        self._cloudwatch = cloudwatch
        self._receiver = receiver
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._due: float | None = None
        self._silent: tuple[str, ...] = ()

    def step(self) -> None:
        at = self._clock()
        # a clock that was set back asks at once instead of waiting for a time long gone
        if self._due is not None and self._due - self._period_s <= at < self._due:
            return
        self._due = at + self._period_s * (1 - JITTER * self._jitter())
        # whole minutes, as CloudWatch keeps them: its points bear the beginning of theirs
        begin = (at - LOOK_BACK_S) // PERIOD_S * PERIOD_S
        try:
            answer = self._cloudwatch().get_metric_data(
                MetricDataQueries=[_query(number, stream) for number, stream in enumerate(self._streams)],
                StartTime=datetime.fromtimestamp(begin, UTC),
                EndTime=datetime.fromtimestamp(begin + LOOK_BACK_S + 2 * PERIOD_S, UTC),
                ScanBy="TimestampDescending",
            )
        except AWS_ERRORS as error:
            self._telemetry.count(f"PollErrors.kinesis.{reason(error)}")
            log.event(logging.WARNING, "kinesis.failed", error=str(error))
            return
        self._take(answer, at)

    def _take(self, answer: Mapping[str, Any], at: float) -> None:
        newest = {found["Id"]: point for found in answer["MetricDataResults"] if (point := _newest(found)) is not None}
        points = [newest.get(_id(number)) for number in range(len(self._streams))]
        silent = tuple(stream.stream for stream, point in zip(self._streams, points, strict=True) if point is None)
        if silent and silent != self._silent:
            log.event(logging.WARNING, "kinesis.silent", streams=", ".join(silent), within_s=LOOK_BACK_S)
        self._silent = silent
        known = [point for point in points if point is not None]
        if silent or not known:
            return
        # a point bears the beginning of its minute, and is true at its end
        then = min(min(stamp + PERIOD_S, at) for stamp, _ in known)
        self._receiver.take(RemoteReading(at=then, signal=ITERATOR_AGE, samples=tuple(value for _, value in known)))


def _id(number: int) -> str:
    return f"s{number}"


def _query(number: int, stream: KinesisSettings) -> dict[str, Any]:
    name, dimensions = "GetRecords.IteratorAgeMilliseconds", [{"Name": "StreamName", "Value": stream.stream}]
    if stream.consumer is not None:
        name = "SubscribeToShardEvent.MillisBehindLatest"
        dimensions.append({"Name": "ConsumerName", "Value": stream.consumer})
    metric = {"Namespace": "AWS/Kinesis", "MetricName": name, "Dimensions": dimensions}
    return {"Id": _id(number), "MetricStat": {"Metric": metric, "Period": PERIOD_S, "Stat": "Maximum"}}


def _newest(found: Mapping[str, Any]) -> tuple[float, float] | None:
    """Time and value of the newest point; None when there is none."""
    pairs = [
        (stamp.timestamp(), float(value)) for stamp, value in zip(found["Timestamps"], found["Values"], strict=True)
    ]
    return max(pairs, default=None)
