"""Dry run changes nothing, and remembers."""

from __future__ import annotations

from agent.actuators.dry_run import KEPT, DryRun
from agent.domain.decisions import Outcome
from agent.domain.fleets import Collection, Fleet
from tests.actuators.hands import resize

FLEET = Fleet(
    at=0, id="if-1", collection=Collection.FLEET, state="RUNNING",
    target_on_demand=0, target_spot=2, provisioned_on_demand=0, provisioned_spot=2,
)  # fmt: skip


def test_what_was_asked_is_remembered_in_order() -> None:
    dry = DryRun()
    first, second = resize(2, 3), resize(2, 1)
    assert [dry.resize(FLEET, one).outcome for one in (first, second)] == [Outcome.DRY_RUN] * 2
    assert dry.terminate("idle", "idle").outcome is Outcome.DRY_RUN
    assert dry.resizes == (first, second)
    assert dry.terminations == ("idle",)


def test_the_memory_is_bounded() -> None:
    dry = DryRun()
    for number in range(KEPT + 5):
        dry.terminate(str(number), "idle")
    assert len(dry.terminations) == KEPT and dry.terminations[-1] == str(KEPT + 4)
