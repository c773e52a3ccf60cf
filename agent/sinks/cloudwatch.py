"""The CloudWatch sink: datums are kept until PutMetricData has taken them, within bounds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from agent import log
from agent.aws.errors import AWS_ERRORS, fault, reason, refuses_datum
from agent.domain.datums import Datum
from agent.domain.faults import Fault, PermanentFault, TransientFault
from agent.domain.ports import Beat, Clock
from agent.settings_sinks import CloudWatchSettings
from agent.sinks.backoff import Backoff
from agent.sinks.encoding import batches, encode
from agent.sinks.limits import MAX_BODY_BYTES, MAX_DATUMS, fault_of
from agent.sinks.retention import Held, Retention
from agent.telemetry import Telemetry

IDLE_PAUSE_S = 0.5
"""How long a datum may wait before it is looked at."""
FLUSH_PAUSE_S = 1.0
"""The longest pause while the agent is stopping."""
ERRORS = "PublishErrors"


class CloudWatchSink:
    """`ship` hands over, `run` delivers in a thread of its own, `close` delivers the rest.

    Every datum ends as one of the counters `DatumsDelivered` and `DatumsLost.<reason>`.
    """

    def __init__(
        self,
        settings: CloudWatchSettings,
        client: Callable[[], Any],
        clock: Clock,
        telemetry: Telemetry,
        random: Random,
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._telemetry = telemetry
        self._random = random
        self._backoff = backoff
        self._retention = Retention(settings.max_retained_datums, settings.max_retained_s, telemetry)
        self._delivering = threading.Lock()
        self._failures = 0
        self._failing: str | None = None

    def ship(self, datums: Sequence[Datum]) -> None:
        self._retention.add(datums, self._clock())

    def run(self, beat: Beat, stop: threading.Event) -> None:
        """Deliver until told to stop; then return at once but for a request that is on its way."""
        while not stop.is_set():
            beat()
            _pause(self._pause_after(self._round(beat, stop)), beat, stop)

    def close(self, deadline_s: float) -> None:
        """Deliver what is held, for at most `deadline_s`; what is then left is lost."""
        given_up = threading.Event()
        flush = threading.Thread(target=self._flush, args=(given_up,), name="cloudwatch-flush", daemon=True)
        flush.start()
        flush.join(deadline_s)
        given_up.set()
        self._retention.abandon()

    def _flush(self, given_up: threading.Event) -> None:
        while len(self._retention) and not given_up.is_set():
            trouble = self._round(_nobody, given_up)
            if isinstance(trouble, PermanentFault):
                return
            if trouble is not None:
                given_up.wait(min(self._pause_after(trouble), FLUSH_PAUSE_S))

    def _round(self, beat: Beat, stop: threading.Event) -> Fault | None:
        """Try the oldest datums once. Returns what came in the way."""
        with self._delivering:
            taken = self._retention.take(MAX_DATUMS, self._clock())
            trouble = self._deliver(self._valid(taken), beat, stop)
            self._failures = 0 if trouble is None else self._failures + 1
            return trouble

    def _pause_after(self, trouble: Fault | None) -> float:
        if isinstance(trouble, TransientFault):
            return self._backoff.after(self._failures, self._random)
        if trouble is not None:
            return self._backoff.slow(self._random)
        return 0.0 if len(self._retention) else IDLE_PAUSE_S

    def _valid(self, taken: Sequence[Held]) -> dict[int, dict[str, Any]]:
        """By key, encoded; what CloudWatch would refuse is lost here, under its own reason."""
        now = self._clock()
        entries = {}
        for held in taken:
            wrong = fault_of(held.datum, now)
            if wrong is None:
                entries[held.key] = encode(held.datum, self._settings.storage_resolution_s)
            else:
                self._retention.lost((held.key,), f"invalid.{wrong}")
        return entries

    def _deliver(self, entries: dict[int, dict[str, Any]], beat: Beat, stop: threading.Event) -> Fault | None:
        """Send all, halving what is refused until the bad datum stands alone. What was not sent is put back."""
        pieces = list(batches(entries.items(), MAX_DATUMS, MAX_BODY_BYTES))[::-1]
        while pieces and not stop.is_set():
            piece = pieces.pop()
            error = self._put([entries[key] for key in piece])
            beat()
            if error is None:
                self._retention.delivered(piece)
            elif not refuses_datum(error):
                self._retention.put_back(key for left in (piece, *pieces) for key in left)
                return fault(error, "PutMetricData")
            elif len(piece) == 1:
                self._retention.lost(piece, "refused")
            else:
                middle = len(piece) // 2
                pieces += [piece[middle:], piece[:middle]]
        self._retention.put_back(key for left in pieces for key in left)
        return None

    def _put(self, entries: list[dict[str, Any]]) -> Any:
        """The error, or None."""
        try:
            self._client().put_metric_data(Namespace=self._settings.namespace, MetricData=entries)
        except AWS_ERRORS as error:
            why = reason(error)
            self._telemetry.count(f"{ERRORS}.{why}")
            self._say(why, str(error))
            return error
        self._say(None, "")
        return None

    def _say(self, failing: str | None, text: str) -> None:
        """Only when it changes."""
        if failing == self._failing:
            return
        self._failing = failing
        if failing is None:
            log.event(logging.INFO, "cloudwatch.recovered", retained=len(self._retention))
        else:
            log.event(logging.WARNING, "cloudwatch.failing", why=failing, error=text, retained=len(self._retention))


def _pause(seconds: float, beat: Beat, stop: threading.Event) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop.wait(min(left, 1.0)):
        beat()


def _nobody() -> None:
    """Nobody watches the last flush: it has a deadline."""
