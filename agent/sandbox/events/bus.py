"""The default bus: events of AWS's services, given to moto's rules and so to the queues that are their targets."""

from __future__ import annotations

import copy
import logging
import threading
import uuid
from collections.abc import Iterable
from typing import Any

from moto.events.models import events_backends

from agent.domain.ports import Clock
from agent.sandbox.events.event import Event
from agent.sandbox.events.road import Road, RoadFaults

log = logging.getLogger(__name__)


class Bus:
    """Safe to use from every thread. What is published is delivered by the next `tick`, or later by its faults."""

    def __init__(
        self, region: str, account: str, clock: Clock, faults: RoadFaults, moto_lock: threading.RLock | None = None
    ) -> None:
        """`moto_lock` is held while moto's rules are walked: whoever changes them holds it, too."""
        self._region = region
        self._account = account
        self._clock = clock
        self._road: Road[Event] = Road(faults)
        self._lock = threading.Lock()
        self._moto_lock = moto_lock or threading.RLock()

    def publish(self, events: Iterable[Event]) -> None:
        with self._lock:
            self._road.send(events, self._clock())

    def tick(self) -> None:
        """Deliver what has arrived by now."""
        with self._lock:
            arrived = self._road.arrived(self._clock())
        for event in arrived:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        """Rule by rule: moto's own PutEvents heeds no DISABLED, and stops at the first target that it cannot serve."""
        body = event.body(str(uuid.uuid4()), self._region, self._account)
        # moto writes the time out itself, and would have one of its own for the ingestion
        message: Any = {**body, "time": event.at, "ingestion-time": event.at}
        with self._moto_lock:
            for rule in list(events_backends[self._account][self._region].event_buses["default"].rules.values()):
                if rule.state == "DISABLED":
                    continue
                try:
                    rule.send_to_targets(copy.deepcopy(message))
                except Exception:  # the boundary of this loop: a queue that is gone costs this delivery only
                    log.exception("an event could not be delivered", extra={"rule": rule.arn})
