"""What is served: bytes that are made once a turn and only handed out on a request."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent import log
from agent.domain.ports import Clock
from agent.domain.turns import Turn
from agent.loops import LoopState
from agent.policy.freshness import blindness
from agent.settings import Settings
from agent.status import making, page, written
from agent.status.keeping import Chronicle, Ledger, Trail
from agent.status.making import Held, Kept, Self
from agent.status.state import Loop
from agent.telemetry import Telemetry

HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
ERRORS = "StatusErrors"
STANDS_S = 30.0
"""A loop that has not come round for so long stands still, long before its own limit ends the process."""
NO_TURN = "no turn yet"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, whole."""

    status: int
    type: str
    body: bytes
    etag: str

    @classmethod
    def of(cls, status: int, type: str, body: bytes) -> Page:
        return cls(status, type, body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


class Board:
    """The pages as of the last turn. The turn's thread calls `take`, the server's thread `check`, everybody `pages`.

    Nothing here may stop a turn: what cannot be made is logged, counted as `StatusErrors.page`, and the pages stay as
    they were.
    """

    def __init__(
        self,
        settings: Settings,
        me: Self,
        clock: Clock,
        telemetry: Telemetry,
        loops: Callable[[], tuple[LoopState, ...]],
    ) -> None:
        self._settings = settings
        self._me = me
        self._clock = clock
        self._telemetry = telemetry
        self._loops = loops
        self._chronicle, self._ledger, self._trail = Chronicle(), Ledger(), Trail()
        self._turned_at: float | None = None
        self._blind: str | None = None
        self._failing = False
        name = settings.cluster.name or me.cluster_id
        absent = json.dumps({"error": NO_TURN}).encode()
        self._made: Mapping[str, Page] = {
            "/": Page.of(
                200, HTML, page.waiting(name, "The agent has begun; its first turn is not over yet.").encode()
            ),
            "/state.json": Page.of(503, JSON, absent),
            "/metrics": Page.of(503, TEXT, NO_TURN.encode()),
        }
        self._health = _health([NO_TURN])

    def pages(self) -> Mapping[str, Page]:
        """By path."""
        return {**self._made, "/healthz": self._health}

    def take(self, turn: Turn, held: Held | None, settings: Settings) -> None:
        """Make the pages of this turn. Never raises."""
        self._settings = settings
        try:
            self._made = self._make(turn, held, settings)
            self._blind = blindness(turn.observation, settings.policy.max_signal_age_s)
            self._turned_at = turn.observation.at
            self._failing = False
        except Exception:
            # a page about the agent is not worth the agent
            self._telemetry.count(f"{ERRORS}.page")
            if not self._failing:
                log.event(logging.ERROR, "status.cannot_make", exc_info=True)
            self._failing = True

    def check(self) -> None:
        """Look whether the agent is well, for `/healthz`."""
        self._health = _health(self._faults())

    def _make(self, turn: Turn, held: Held | None, settings: Settings) -> Mapping[str, Page]:
        seen = turn.observation
        now = self._chronicle.add(turn)
        kept = Kept(
            turns=self._chronicle.turns,
            now=now,
            decisions=self._chronicle.entries(),
            money=self._ledger.add(seen, settings),
            series=self._trail.add(seen, settings),
        )
        loops = tuple(
            Loop(name=each.name, silent_s=round(each.silent_s, 1), limit_s=each.limit_s, failed=each.failed)
            for each in self._loops()
        )
        state = making.state(turn, held, kept, loops, settings, self._me)
        counts = {} if held is None else held.snapshot.counts
        return {
            "/": Page.of(200, HTML, page.document(state).encode()),
            "/state.json": Page.of(200, JSON, written.as_json(state)),
            "/metrics": Page.of(200, written.METRICS_TYPE, written.as_metrics(state, counts)),
        }

    def _faults(self) -> list[str]:
        faults = [f"the loop {each.name} has failed" for each in self._loops() if each.failed]
        faults += [
            f"the loop {each.name} has not come round for {each.silent_s:.0f} s"
            for each in self._loops()
            if not each.failed and each.silent_s > STANDS_S
        ]
        if self._turned_at is None:
            return [*faults, NO_TURN]
        silent_s = self._clock() - self._turned_at
        if abs(silent_s) > max(STANDS_S, 3 * self._settings.policy.turn_period_s):
            faults.append(f"the last turn that was shown was {silent_s:.0f} s ago")
        if self._blind is not None:
            faults.append(f"blind: {self._blind}")
        return faults


def _health(faults: list[str]) -> Page:
    body = json.dumps({"healthy": not faults, "why": faults}).encode() + b"\n"
    return Page.of(503 if faults else 200, JSON, body)
