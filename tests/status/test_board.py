"""What is served between turns: pages that a fault leaves as they were, and whether the agent is well."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from agent.loops import LoopState
from agent.status.board import STANDS_S, Board
from agent.status.making import Held
from agent.telemetry import Telemetry
from tests.policy import build
from tests.status.states import ME, NOW, held, turn


class Set:
    """A board whose clock and loops a test turns."""

    def __init__(self) -> None:
        self.now = NOW
        self.loops = [LoopState("turn", 0.5, 120.0, False), LoopState("listener", 0.1, 5.0, False)]
        self.telemetry = Telemetry()
        self.board = Board(build.settings(), ME, lambda: self.now, self.telemetry, lambda: tuple(self.loops))

    def take(self, table: Held | None = None, **observed: Any) -> None:
        self.board.take(turn(**observed), held() if table is None else table, build.settings())

    def health(self) -> tuple[int, list[str]]:
        self.board.check()
        page = self.board.pages()["/healthz"]
        return page.status, json.loads(page.body)["why"]


def test_before_the_first_turn_there_is_a_page_and_no_state() -> None:
    given = Set()
    found = {path: page.status for path, page in given.board.pages().items()}
    assert found == {"/": 200, "/state.json": 503, "/metrics": 503, "/healthz": 503}
    assert given.health() == (503, ["no turn yet"])


def test_after_a_turn_all_of_them_are_of_it() -> None:
    given = Set()
    given.take()
    assert {page.status for path, page in given.board.pages().items() if path != "/healthz"} == {200}
    assert given.health() == (200, [])


def test_the_same_turn_has_the_same_etag_and_another_one_another() -> None:
    one, other = Set(), Set()
    one.take()
    other.take()
    assert one.board.pages()["/"].etag == other.board.pages()["/"].etag
    other.take(at=NOW + 10)
    assert one.board.pages()["/"].etag != other.board.pages()["/"].etag


def test_what_cannot_be_made_is_counted_and_the_last_pages_stay() -> None:
    given = Set()
    given.take()
    before = given.board.pages()["/"]
    nothing: Any = object()
    broken = replace(held().snapshot, instances=(nothing,))
    for _ in range(3):
        given.take(Held(snapshot=broken, rollup={}))
    assert given.board.pages()["/"] == before
    assert given.telemetry.counts() == {"StatusErrors.page": 3}
    given.take(at=NOW + 10)
    assert given.board.pages()["/"] != before


def test_a_page_that_is_made_no_more_is_not_well() -> None:
    given = Set()
    given.take()
    given.now = NOW + STANDS_S + 1
    assert given.health() == (503, [f"the last turn that was shown was {STANDS_S + 1:.0f} s ago"])


def test_a_loop_that_stands_or_has_failed_is_not_well_long_before_it_ends_the_process() -> None:
    given = Set()
    given.take()
    given.loops[0] = LoopState("turn", STANDS_S + 1, 120.0, False)
    given.loops[1] = LoopState("listener", 0.1, 5.0, True)
    assert given.health() == (
        503,
        ["the loop listener has failed", f"the loop turn has not come round for {STANDS_S + 1:.0f} s"],
    )


def test_blind_is_not_well() -> None:
    given = Set()
    given.take(reading=None)
    assert given.health() == (503, ["blind: the cluster manager has not answered yet"])
