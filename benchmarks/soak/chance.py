"""What goes wrong, by chance from a seed: the process dies around a call, an answer is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.domain.faults import TransientFault

T = TypeVar("T")


class Died(BaseException):
    """The process is gone; no `except Exception` of the code under test sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares, from 0 to 1."""

    dies_before: float = 0.0001
    """Of all calls to a service."""
    dies_after: float = 0.0001
    answer_lost: float = 0.0002
    event_lost: float = 0.02
    event_twice: float = 0.05
    event_late: float = 0.2
    sweep_lost: float = 0.02
    schedule_lost: float = 0.02


class Chance:
    """`around` stands around every call to a service that the handler makes."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.rates = rates
        self.random = random.Random(seed)
        self.on = False
        """Whether what is called is called by the handler."""
        self.deaths = 0
        self.lost_answers = 0
        self.calls = 0

    def around(self, call: Callable[[], T]) -> T:
        if not self.on:
            return call()
        self.calls += 1
        if self.happens(self.rates.dies_before):
            self.deaths += 1
            raise Died
        answer = call()
        if self.happens(self.rates.dies_after):
            self.deaths += 1
            raise Died
        if self.happens(self.rates.answer_lost):
            self.lost_answers += 1
            raise TransientFault("the answer was lost")
        return answer

    def happens(self, share: float) -> bool:
        return self.random.random() < share


class Risky:
    """Any object whose methods are calls to a service."""

    def __init__(self, inner: Any, chance: Chance) -> None:
        self._inner = inner
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def called(*given: Any, **named: Any) -> Any:
            return self._chance.around(lambda: _whole(found(*given, **named)))

        return called


def _whole(answer: Any) -> Any:
    """An iterator's rows are fetched within the call."""
    return answer if not hasattr(answer, "__next__") else iter(list(answer))
