"""Discrete events: a clock that only moves when something happens."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

Action = Callable[[Any], None]


class Events:
    """Actions in the order of their times; of equal times in the order in which they were planned."""

    __slots__ = ("_number", "_queue", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Action, Any]] = []
        self._number = 0

    def after(self, delay_s: float, action: Action, about: Any = None) -> None:
        """Plan `action(about)`. A negative delay is a bug."""
        assert delay_s >= 0, delay_s
        self._number += 1
        heapq.heappush(self._queue, (self.now + delay_s, self._number, action, about))

    def until(self, at: float) -> None:
        """Carry out all that is planned for times up to `at`; the clock then stands there."""
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= at:
            self.now, _, action, about = pop(queue)
            action(about)
        self.now = at
