"""What the page remembers between turns, each in a bound of its own: decisions, money, the last hours."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

from agent.domain.decisions import Decision, Hold, Outcome, Resize
from agent.domain.observation import Observation
from agent.domain.signals import Statistic
from agent.domain.turns import Turn
from agent.policy import reasons
from agent.policy.freshness import stale
from agent.policy.money import usd_per_hour
from agent.settings import Settings
from agent.status.state import Entry, Money, Reason, Said, Series

ACTIONS, HOLDS = 60, 40
"""Actions are rarer than holds and what one looks for later: they are kept longer."""
POINTS = 360
COARSEST_S = 60.0
"""Past so much between two points the oldest ones leave: six hours are seen."""


class Chronicle:
    """The last decisions."""

    def __init__(self) -> None:
        self._actions: deque[Entry] = deque(maxlen=ACTIONS)
        self._holds: deque[Entry] = deque(maxlen=HOLDS)
        self._last: Entry | None = None
        self.turns = 0

    def add(self, turn: Turn) -> Entry:
        """The entry that the turn belongs to: a new one, or the hold that goes on."""
        self.turns += 1
        entry = _entry(turn)
        if isinstance(turn.decision, Hold) and turn.result.outcome is Outcome.NONE:
            if self._last is not None and _same_hold(self._last, entry):
                entry = replace(entry, began=self._last.began, turns=self._last.turns + 1)
                self._holds.pop()
            self._holds.append(entry)
        else:
            self._actions.append(entry)
        self._last = entry
        return entry

    def entries(self) -> tuple[Entry, ...]:
        """The newest first."""
        return tuple(sorted((*self._actions, *self._holds), key=lambda entry: entry.until, reverse=True))


def said(decision: Decision) -> Said:
    because = tuple(Reason(code=str(one.code), text=one.text) for one in reasons.own(decision.because))
    if isinstance(decision, Resize):
        return Said(
            says="resize",
            current=decision.current,
            target=decision.target,
            on_demand=decision.on_demand,
            because=because,
        )
    says = "hold" if isinstance(decision, Hold) else "terminate"
    return Said(says=says, current=None, target=None, on_demand=None, because=because)


def _entry(turn: Turn) -> Entry:
    at = turn.observation.at
    return Entry(
        began=at,
        until=at,
        turns=1,
        decision=said(turn.decision),
        outcome=str(turn.result.outcome),
        detail=turn.result.detail,
    )


def _same_hold(one: Entry, other: Entry) -> bool:
    codes = [[reason.code for reason in entry.decision.because] for entry in (one, other)]
    return one.decision.says == "hold" and one.detail == other.detail and codes[0] == codes[1]


class Ledger:
    """Money, summed up turn by turn from what was there and what a unit cost."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._rate: float | None = None
        self._usd: float | None = None
        self._known_s = 0.0
        self._unknown_s = 0.0

    def add(self, seen: Observation, settings: Settings) -> Money:
        """The money so far. What was there in the last turn is taken to have been there until this one, unless
        turns are missing between."""
        if self._at is not None and (took := seen.at - self._at) > 0:
            gap = took > max(3 * settings.policy.turn_period_s, settings.policy.max_signal_age_s)
            if self._rate is None or gap:
                self._unknown_s += took
            else:
                self._usd = (self._usd or 0.0) + self._rate * took / 3600
                self._known_s += took
        self._at, self._rate = seen.at, usd_per_hour(seen, settings)
        prices = seen.prices
        return Money(
            usd=self._usd,
            known_s=self._known_s,
            unknown_s=self._unknown_s,
            usd_per_hour=self._rate,
            spot_unit_usd_per_hour=None if prices is None else prices.spot,
            on_demand_unit_usd_per_hour=None if prices is None else prices.on_demand,
            prices_at=None if prices is None else prices.at,
        )


Point = tuple[float, int | None, int | None, float | None, float | None]
"""Time, target, provisioned, available memory in percent, p90 of the executors' heap in percent."""


class Trail:
    """The last hours, thinned out as they grow: always at most POINTS, the newest always there."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._apart_s = 0.0

    def add(self, seen: Observation, settings: Settings) -> Series:
        """The series with this turn in it. A clock that was set back begins a new one."""
        if self._points and seen.at <= self._points[-1][0]:
            self._points.clear()
        if len(self._points) >= 2 and self._points[-1][0] - self._points[-2][0] < self._apart_s:
            self._points.pop()
        elif len(self._points) == POINTS and self._apart_s < COARSEST_S:
            self._thin()
        self._points.append(_point(seen, settings))
        at, target, provisioned, available, heap = zip(*self._points, strict=True)
        return Series(at=at, target=target, provisioned=provisioned, available_percent=available, heap_p90=heap)

    def _thin(self) -> None:
        kept = [point for number, point in enumerate(self._points) if number % 2 == 0]
        self._points = deque(kept, maxlen=POINTS)
        spans = [after[0] - before[0] for before, after in itertools.pairwise(kept)]
        # a little less than the usual span, so that turns which come a little early are not left out
        self._apart_s = min(COARSEST_S, 0.9 * sorted(spans)[len(spans) // 2])


def _point(seen: Observation, settings: Settings) -> Point:
    fleet = seen.fleet
    if fleet is not None and stale(fleet.at, seen.at, settings.fleet.max_age_s):
        fleet = None
    return (
        seen.at,
        None if fleet is None else fleet.target,
        None if fleet is None else fleet.provisioned,
        _fresh(seen, settings, "MemoryAvailablePercent", Statistic.AVERAGE),
        _fresh(seen, settings, "ExecutorHeapUsedPercent", Statistic.P90),
    )


def _fresh(seen: Observation, settings: Settings, name: str, statistic: Statistic) -> float | None:
    signal = seen.signals.get(name)
    if signal is None or stale(signal.at, seen.at, settings.policy.max_signal_age_s):
        return None
    return signal.values.get(statistic)
