"""The default bus: events of AWS's services, given to moto's rules and so to the queues that are their targets."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable

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
        entry = {
            "Time": event.at,
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": json.dumps(event.detail),
            "Resources": list(event.resources),
        }
        try:
            with self._moto_lock:
                events_backends[self._account][self._region].put_events([entry])
        except Exception:  # the boundary of this loop: a target that moto cannot serve costs this event only
            log.exception("an event could not be delivered", extra={"detail_type": event.detail_type})
