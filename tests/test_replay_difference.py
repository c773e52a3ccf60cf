"""What other decisions come to: sums worked out by hand, and what must always hold of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.domain.decisions import Decision, Hold, Outcome, Reason, Resize, Result, Terminate
from agent.domain.prices import UnitPrices
from agent.domain.turns import Turn
from agent.replay_difference import NOTHING, Difference, Standing, Terms, advance
from agent.replay_report import Report
from tests.fakes.world import World
from tests.policy.build import IN, NOW, OUT, fleet, observation, settings
from tests.test_replay import QUICK, day, rising

BECAUSE = (Reason("test", "as told"),)
HOLD = Hold(BECAUSE)
TOLD = settings()
"""Turns 10 s apart, spot, signals at most 60 s old: a gap is longer than 60 s."""
TERMS = Terms(TOLD)
Decided = list[tuple[Turn, Decision]]


def to(target: int, current: int = 10) -> Resize:
    return Resize(current, target, BECAUSE, rule="out")


def turn(at: float, decision: Decision = HOLD, target: int = 10, **changed: Any) -> Turn:
    outcome = changed.pop("outcome", Outcome.NONE if isinstance(decision, Hold) else Outcome.APPLIED)
    seen = observation(at=NOW + at, fleet=fleet(target), **changed)
    return Turn(
        observation=seen,
        proposals=(),
        wanted=decision,
        decision=decision,
        notice=None,
        unconfirmed=None,
        result=Result(outcome),
    )


def fold(
    turns: Sequence[tuple[Turn, Decision]], terms: Terms = TERMS, standing: Standing = NOTHING
) -> tuple[Standing, Difference]:
    total = Difference()
    for one, other in turns:
        standing, gone = advance(standing, one, other, terms)
        total += gone
    return standing, total


def unit_seconds(*turns: tuple[Turn, Decision]) -> float:
    return fold(turns)[1].unit_h * 3600


def test_five_more_for_forty_seconds() -> None:
    same = (turn(0), HOLD)
    assert unit_seconds(same, (turn(10), to(15)), (turn(30), HOLD), (turn(50), HOLD)) == pytest.approx(5 * 40)


def test_five_less_while_the_recorded_scale_out_stands() -> None:
    """The fleet is seen with the recorded target later on: that is no change by others."""
    after = ((turn(20, target=10), HOLD), (turn(30, target=15), HOLD), (turn(60, target=15), HOLD))
    assert unit_seconds((turn(10, to(15)), HOLD), *after) == pytest.approx(-5 * 50)


def test_said_again_it_is_not_added_up() -> None:
    assert unit_seconds(*((turn(at), to(15)) for at in (0, 10, 20, 30))) == pytest.approx(5 * 30)


def test_the_same_act_of_both_ends_it() -> None:
    assert unit_seconds((turn(0), to(12)), (turn(10, to(15)), to(15)), (turn(40), HOLD)) == pytest.approx(2 * 10)


def test_a_target_that_neither_led_to_ends_it() -> None:
    assert unit_seconds((turn(0), to(12)), (turn(10, target=7), HOLD), (turn(40, target=7), HOLD)) == pytest.approx(20)


def test_across_a_gap_nothing_is_known() -> None:
    assert unit_seconds((turn(0), to(12)), (turn(60), HOLD), (turn(121), HOLD), (turn(130), HOLD)) == pytest.approx(120)


def test_what_emr_refused_changed_nothing() -> None:
    refused = turn(0, to(15), outcome=Outcome.REFUSED)
    assert unit_seconds((refused, HOLD), (turn(20), HOLD)) == 0
    assert unit_seconds((refused, to(12)), (turn(20), HOLD)) == pytest.approx(2 * 20)


def test_an_end_gives_everything_back() -> None:
    assert unit_seconds((turn(0), Terminate(BECAUSE)), (turn(30), HOLD)) == pytest.approx(-10 * 30)


def prices(at: float = 0, spot: float | None = 0.36, on_demand: float | None = 0.9) -> UnitPrices:
    return UnitPrices(at=NOW + at, spot=spot, on_demand=on_demand)


def test_money_is_at_the_price_of_the_time_on_the_market_that_is_bought_on() -> None:
    """4 units for 20 s at 0.36 and for 30 s at 0.72 USD an hour."""
    turns: Decided = [
        (turn(0, prices=prices()), to(14)),
        (turn(20, prices=prices(20, spot=0.72)), to(14)),
        (turn(50), HOLD),
    ]
    assert fold(turns)[1].money == pytest.approx((4 * 20 * 0.36 + 4 * 30 * 0.72) / 3600)
    on_demand = Terms(settings(fleet={"on_demand": True}))
    assert fold(turns, on_demand)[1].money == pytest.approx(4 * 50 * 0.9 / 3600)


def test_what_moves_to_the_other_market_costs_although_no_unit_more_is_there() -> None:
    moved = (turn(0, to(12), prices=prices()), replace(to(12), on_demand=2))
    _, found = fold([moved, (turn(10), HOLD)])
    assert found.money == pytest.approx(2 * 10 * (0.9 - 0.36) / 3600)
    assert (found.more_unit_h, found.less_unit_h) == (0, 0)
    turns: Decided = [(turn(0, to(12), prices=prices()), replace(to(13), on_demand=3)), (turn(50), HOLD)]
    _, found = fold(turns)
    assert found.unit_h == pytest.approx(50 / 3600)
    assert found.money == pytest.approx((3 * 0.9 - 2 * 0.36) * 50 / 3600)


@pytest.mark.parametrize(
    "known", [None, prices(spot=None), prices(at=-20_000)], ids=["nobody asked", "unknown", "of long ago"]
)
def test_an_unknown_price_leaves_the_money_unknown(known: UnitPrices | None) -> None:
    turns: Decided = [(turn(0, prices=known), to(14)), (turn(10, prices=prices()), to(14)), (turn(20), HOLD)]
    found = fold(turns)[1]
    assert found.money is None
    assert found.unpriced_unit_h == pytest.approx(4 * 10 / 3600)
    assert found.usd == pytest.approx(4 * 10 * 0.36 / 3600)
    assert fold(turns, Terms(TOLD, 1.8))[1].money == pytest.approx(4 * 20 * 1.8 / 3600)


DECISIONS = st.one_of(
    st.just(HOLD),
    st.integers(0, 20).filter(lambda target: target != 10).map(to),
    st.just(Terminate(BECAUSE)),
)
TURNS = st.builds(
    lambda gaps, made: [
        (turn(sum(gaps[: number + 1]), decision, prices=prices(spot=price)), other)
        for number, (decision, other, price) in enumerate(made)
    ],
    st.lists(st.floats(0, 90), min_size=12, max_size=12),
    st.lists(st.tuples(DECISIONS, DECISIONS, st.sampled_from([None, 0.1, 0.7])), min_size=1, max_size=12),
)


@given(TURNS)
def test_the_same_decisions_come_to_nothing(turns: Decided) -> None:
    assert fold([(one, one.decision) for one, _ in turns]) == (Standing(turns[-1][0]), Difference())


def close(one: Difference, other: Difference) -> bool:
    figures = ("more_unit_h", "less_unit_h", "usd", "unpriced_unit_h")
    return all(getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9) for name in figures)


@given(TURNS, st.integers(0, 12))
def test_the_sum_is_that_of_its_parts(turns: Decided, cut: int) -> None:
    """Carried on, at any turn; and begun anew, where nothing stands."""
    _, whole = fold(turns)
    standing, first = fold(turns[:cut])
    assert close(first + fold(turns[cut:], standing=standing)[1], whole)
    if standing.units == standing.on_demand == 0:
        assert close(first + fold(turns[cut:])[1], whole)


# --- a journal that an agent wrote


@pytest.mark.parametrize(
    ("changed", "unit_seconds"),
    [
        pytest.param({**OUT, "bound": 20}, 5 * 190, id="5 units from 1,300 s to the last turn at 1,490 s"),
        pytest.param({**OUT, "bound": 20, "for_s": 100}, 5 * 390, id="and from 1,100 s on"),
        pytest.param(OUT, 0, id="the same"),
    ],
)
def test_the_sum_of_a_recorded_journal(tmp_path: Path, changed: dict[str, Any], unit_seconds: float) -> None:
    world = rising(tmp_path / "journal.jsonl", settings(idle={"enabled": False}))
    lines = world.path.read_text(encoding="utf-8").splitlines()
    found = Report.of(lines, settings(rules=[changed, IN]), 0.72).now.difference
    assert found.unit_h == pytest.approx(unit_seconds / 3600)
    assert found.money == pytest.approx(unit_seconds / 3600 * 0.72)


def test_a_day_under_its_own_settings_comes_to_nothing_and_under_others_to_less(tmp_path: Path) -> None:
    told = settings(idle=QUICK)
    lines = day(tmp_path / "journal.jsonl", told).path.read_text(encoding="utf-8").splitlines()
    assert Report.of(lines, told).now.difference == Difference()
    smaller = settings(idle=QUICK, rules=[{**OUT, "adjustment_units": 1}, IN])
    assert Report.of(lines, smaller).now.difference.unit_h < 0


def test_a_shadow_is_weighed_like_any_other(tmp_path: Path) -> None:
    """5 units were ordered at 300 s and the pending-memory formula, which is told of no pending memory, holds."""
    told = settings(idle={"enabled": False}, policy={"shadows": ["dataproc"]})
    world = World(told, tmp_path / "journal.jsonl", free_percent=10.0)
    world.run(world.controller(), 360)
    report = Report.of(world.path.read_text(encoding="utf-8").splitlines(), told)
    (shadow,) = report.shadows
    assert (shadow.name, shadow.differing) == ("dataproc", 1)
    assert shadow.difference.unit_h == pytest.approx(-5 * 50 / 3600)
    assert report.now.difference == Difference()


def test_a_shadow_is_not_asked_whether_the_cluster_ends(tmp_path: Path) -> None:
    told = settings(idle={"after_s": 100, "grace_s": 60, "notice_s": 30}, policy={"shadows": ["demand"]})
    world = World(told, tmp_path / "journal.jsonl")
    world.run(world.controller(), 400)
    report = Report.of(world.path.read_text(encoding="utf-8").splitlines(), told)
    assert any(isinstance(turn.recorded.decision, Terminate) for turn in report.turns)
    assert [shadow.differing for shadow in report.shadows] == [0]


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["replay", *map(str, arguments)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_verb_tells_the_sum_to_people_and_programs(tmp_path: Path) -> None:
    """In the recorded journal the rule breached for 6 s. With 2 s it orders 2 units 3.9987 s (4 turns) sooner."""
    journal = Path(__file__).parent / "data" / "journal" / "demo.jsonl"
    told, other = journal.with_name("demo.toml").read_text(encoding="utf-8"), tmp_path / "other.toml"
    assert told.count("for_s = 6.0") == 1
    other.write_text(told.replace("for_s = 6.0", "for_s = 2.0"), encoding="utf-8")
    text = run(journal, "--config", other, "--shadows", "--unit-usd-per-hour", 0.9)
    assert "104 turns, 4 would differ" in text
    assert "+0.0022 capacity-unit-hours, +0.002 USD" in text
    assert "no shadow policies" in text
    assert "no forecast" in text
    assert "money unknown: no price for 0.0022 of them" in run(journal, "--config", other)
    data = json.loads(run(journal, "--config", other, "--json"))
    assert (data["turns"], len(data["shown"]), data["difference"]["differing"]) == (104, 4, 4)
    assert data["difference"]["unit_hours"] == pytest.approx(2 * 3.9986554 / 3600)
    assert data["difference"]["usd"] is None
    assert data["shown"][0]["now"]["target"] == 2
    priced = json.loads(run(journal, "--config", other, "--json", "--unit-usd-per-hour", 0.9))
    assert priced["difference"]["usd"] == pytest.approx(2 * 3.9986554 / 3600 * 0.9)
