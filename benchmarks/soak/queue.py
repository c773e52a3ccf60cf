"""A queue as SQS's: at least once, in no order, again after the visibility time-out, and dead letters at last."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from benchmarks.soak.chance import Chance

VISIBILITY_S = 360.0
MAX_RECEIVES = 8
LATE_S = 600.0


@dataclass(order=True)
class Message:
    due: float
    number: int
    body: str = field(compare=False)
    id: str = field(compare=False)
    receives: int = field(default=0, compare=False)
    poison: bool = field(default=False, compare=False)


class SimulatedQueue:
    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._heap: list[Message] = []
        self._numbers = itertools.count()
        self.dead: list[Message] = []
        self.sent = self.delivered = self.lost = self.twice = 0

    def send(self, body: str, now: float, *, delay_s: float = 0.0) -> None:
        """What somebody sends to the queue itself: SQS loses nothing, and may deliver twice."""
        self._put(body, now + delay_s)
        if self._chance.happens(self._chance.rates.event_twice / 10):
            self._put(body, now + delay_s + self._chance.random.uniform(0, 30), again=True)

    def event(self, body: str, now: float) -> None:
        """What EventBridge brings of EMR: lost, twice and late by chance."""
        rates = self._chance.rates
        if self._chance.happens(rates.event_lost):
            self.lost += 1
            return
        for again in (False, True):
            if again and not self._chance.happens(rates.event_twice):
                return
            late = self._chance.happens(rates.event_late)
            self._put(body, now + (self._chance.random.uniform(0, LATE_S) if late else 0.0), again=again)

    def due(self, now: float) -> Message | None:
        """The next message to be delivered by now."""
        if not self._heap or self._heap[0].due > now:
            return None
        self.delivered += 1
        return heapq.heappop(self._heap)

    def failed(self, message: Message, now: float) -> None:
        message.receives += 1
        if message.receives >= MAX_RECEIVES:
            self.dead.append(message)
            return
        message.due = now + VISIBILITY_S
        heapq.heappush(self._heap, message)

    @property
    def next_due(self) -> float:
        return self._heap[0].due if self._heap else float("inf")

    def _put(self, body: str, due: float, *, again: bool = False) -> None:
        number = next(self._numbers)
        self.sent += 1
        self.twice += again
        heapq.heappush(self._heap, Message(due, number, body, f"m-{number}"))


def attributes(message: Message) -> dict[str, Any]:
    return {"message_id": message.id}
