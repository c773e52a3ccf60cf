"""Datums between roll-up and delivery."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.sinks.retention import Held, Retention
from agent.telemetry import Telemetry
from tests.sinks.helpers import datum, settled

MAX_DATUMS, MAX_AGE_S = 7, 60.0


class RetentionMachine(RuleBasedStateMachine):
    """Whatever is done in whatever order: bounded, oldest first, every datum settled exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.telemetry = Telemetry()
        self.retention = Retention(MAX_DATUMS, MAX_AGE_S, self.telemetry)
        self.added = 0
        self.now = 0.0
        self.flying: list[Held] = []

    @rule(count=st.integers(0, 10))
    def add(self, count: int) -> None:
        self.retention.add([datum(at=0.0)] * count, self.now)
        self.added += count

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(0, 10))
    def take(self, count: int) -> None:
        taken = self.retention.take(count, self.now)
        assert [held.key for held in taken] == sorted(held.key for held in taken)
        assert all(self.now - held.since <= MAX_AGE_S for held in taken)
        self.flying += taken

    @rule(part=st.floats(0, 1), how=st.sampled_from(["delivered", "lost", "put_back"]))
    def settle(self, part: float, how: str) -> None:
        some, self.flying = (
            self.flying[: int(part * len(self.flying))],
            self.flying[int(part * len(self.flying)) :],
        )
        keys = [held.key for held in some]
        if how == "delivered":
            self.retention.delivered([*keys, *keys])
        elif how == "lost":
            self.retention.lost(keys, "refused")
        else:
            self.retention.put_back(keys)

    @invariant()
    def every_datum_is_held_or_settled(self) -> None:
        assert len(self.retention) + settled(self.telemetry) == self.added

    @invariant()
    def the_bound_holds(self) -> None:
        assert len(self.retention) <= MAX_DATUMS

    def teardown(self) -> None:
        self.retention.abandon()
        self.retention.delivered([held.key for held in self.flying])
        self.retention.add([datum(at=0.0)], self.now)
        assert len(self.retention) == 0
        assert settled(self.telemetry) == self.added + 1


TestRetention = RetentionMachine.TestCase
TestRetention.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_what_is_put_back_comes_before_what_came_later() -> None:
    retention = Retention(10, MAX_AGE_S, Telemetry())
    retention.add([datum("A"), datum("B"), datum("C")], 0.0)
    retention.put_back(held.key for held in retention.take(2, 0.0))
    assert [held.datum.name for held in retention.take(10, 0.0)] == ["A", "B", "C"]
