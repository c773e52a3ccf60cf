from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Outcome, Reason, Resize, Result, Terminate
from agent.domain.observation import History
from agent.policy.history import MEMORY_DEATHS, advance, record
from tests.policy.build import NOW, app, evidence, fleet, history, observation, reading, settings, signal

GRACELESS = settings(idle={"grace_s": 0})


def fold(*turns: dict[str, Any], start: History | None = None, period: float = 10.0) -> History:
    """Turns a period apart, the last one at NOW; every view is of its turn unless told otherwise."""
    past = start or History(started_at=NOW - 1000)
    for number, told in enumerate(turns, 1 - len(turns)):
        at = NOW + number * period
        facts = {
            "at": at,
            "signals": {"Free": signal(50, at)},
            "reading": reading(at=at),
            "fleet": fleet(at=at),
            "evidence": evidence(at),
            **{name: make(at) if callable(make) else make for name, make in told.items()},
        }
        past = advance(observation(history=past, **facts), GRACELESS)
    return past


def low(at: float) -> dict[str, Any]:
    return {"Free": signal(10, at)}


def test_a_breach_is_counted_from_when_its_signal_was_true() -> None:
    late = fold({"signals": lambda at: low(at - 7)}, {"signals": low}, {"signals": low})
    assert late.breaching_since == {"out": NOW - 27}


@pytest.mark.parametrize(
    "breaking",
    [
        pytest.param({"signals": {}}, id="missing"),
        pytest.param({"signals": lambda at: low(at - 61)}, id="stale"),
        pytest.param({}, id="within bounds"),
    ],
)
def test_a_break_voids_the_count(breaking: dict[str, Any]) -> None:
    assert fold({"signals": low}, breaking).breaching_since == {}
    assert fold({"signals": low}, breaking, {"signals": low}).breaching_since == {"out": NOW}


@pytest.mark.parametrize(("gap", "since"), [(60, NOW - 60), (61, NOW)])
def test_a_gap_between_turns_voids_what_was_counted(gap: float, since: float) -> None:
    told = fold({"signals": low}, {"signals": low}, period=gap)
    assert told.breaching_since == {"out": since}
    assert told.idle_since == since


def test_a_clock_that_was_set_back_voids_and_delays_but_not_for_ever() -> None:
    ahead = History(
        started_at=NOW + 5000,
        observed_at=NOW + 9000,
        breaching_since={"out": NOW + 8000},
        resized_at={"out": NOW + 8500},
        scaled_out_at=NOW + 8500,
        resize_sent_at=NOW + 8500,
        idle_since=NOW + 8800,
        manager_answered_at=NOW + 6000,
    )
    told = fold({"signals": low}, start=ahead)
    assert told.breaching_since == {"out": NOW}
    assert told.idle_since is None
    assert told.resized_at == {"out": NOW}
    assert (told.started_at, told.scaled_out_at, told.resize_sent_at) == (NOW, NOW, NOW)


@pytest.mark.parametrize(
    "breaking",
    [
        pytest.param({"evidence": lambda at: evidence(at, steps=True)}, id="a step"),
        pytest.param({"evidence": lambda at: evidence(at, notebook=True)}, id="a further probe"),
        pytest.param({"evidence": lambda at: evidence(at - 500)}, id="stale evidence"),
        pytest.param({"evidence": lambda at: evidence(at)[:1]}, id="a required probe missing"),
        pytest.param({"reading": None}, id="no reading"),
        pytest.param({"reading": lambda at: reading(at=at - 121)}, id="an old reading"),
        pytest.param({"reading": lambda at: reading(at=at, applications=None)}, id="applications not told"),
        pytest.param({"reading": lambda at: reading(at=at, applications=(app("ACCEPTED"),))}, id="accepted"),
        pytest.param({"fleet": None}, id="no fleet"),
        pytest.param({"fleet": lambda at: fleet(at=at - 901)}, id="an old fleet"),
        pytest.param({"fleet": lambda at: fleet(10, 8, at=at)}, id="a scale out in flight"),
    ],
)
def test_idleness_begins_with_the_first_turn_in_which_nothing_speaks_against_it(breaking: dict[str, Any]) -> None:
    assert fold({}, {}, {}).idle_since == NOW - 20
    assert fold({}, breaking).idle_since is None
    assert fold({}, breaking, {}).idle_since == NOW


def test_steps_are_listed_rarely_and_stay_good_until_the_next_listing_is_overdue() -> None:
    assert fold({}, {"evidence": lambda at: (*evidence(at)[1:], *evidence(at - 420)[:1])}).idle_since == NOW - 10


def test_a_scale_in_of_ours_does_not_end_idleness() -> None:
    assert fold({}, {"fleet": lambda at: fleet(7, 10, at=at)}).idle_since == NOW - 10


def test_idleness_is_not_counted_within_the_grace_period() -> None:
    told = settings(idle={"grace_s": 30})
    past = History(started_at=NOW)
    found = []
    for at in (NOW, NOW + 10, NOW + 20, NOW + 30, NOW + 40):
        seen = observation(at=at, reading=reading(at=at), fleet=fleet(at=at), evidence=evidence(at), history=past)
        past = advance(seen, told)
        found.append(past.idle_since)
    assert found == [None, None, None, NOW + 30, NOW + 30]
    assert past.manager_answered_at == NOW


def test_the_grace_period_begins_with_the_first_answer_and_no_later_one_moves_it() -> None:
    assert fold({"reading": None}).manager_answered_at is None
    assert fold({"reading": None}, {}, {"reading": None}, {}).manager_answered_at == NOW - 20


def test_a_fleet_is_unsettled_since_the_first_view_that_said_so() -> None:
    short: dict[str, Any] = {"fleet": lambda at: fleet(10, 8, at=at)}
    assert fold({}, short, short).unsettled_since == NOW - 10
    assert fold(short, {}).unsettled_since is None


def test_a_death_of_memory_is_remembered() -> None:
    death = {"signals": lambda at: {MEMORY_DEATHS: signal(1, at)}}
    none = {"signals": lambda at: {MEMORY_DEATHS: signal(0, at)}}
    assert fold(death, none, {}).memory_death_at == NOW - 20
    assert fold(none).memory_death_at is None


GROW = Resize(10, 15, (Reason("x", "y"),), "out")
SHRINK = Resize(10, 7, (Reason("x", "y"),), "in")


@pytest.mark.parametrize(
    ("decision", "outcome", "changed"),
    [
        (
            GROW,
            Outcome.APPLIED,
            {
                "resized_at": {"out": NOW},
                "scaled_out_at": NOW,
                "resize_sent_at": NOW + 0.5,
                "growth_sent_at": NOW + 0.5,
            },
        ),
        (SHRINK, Outcome.APPLIED, {"resized_at": {"in": NOW}, "scaled_in_at": NOW, "resize_sent_at": NOW + 0.5}),
        (
            GROW,
            Outcome.FAILED,
            {
                "resized_at": {"out": NOW},
                "scaled_out_at": NOW,
                "resize_sent_at": NOW + 0.5,
                "growth_sent_at": NOW + 0.5,
                "refused_at": NOW,
            },
        ),
        (GROW, Outcome.DRY_RUN, {"resized_at": {"out": NOW}, "scaled_out_at": NOW}),
        (GROW, Outcome.REFUSED, {"refused_at": NOW}),
        (GROW, Outcome.NONE, {}),
        (Terminate(()), Outcome.APPLIED, {"terminate_sent_at": NOW}),
        (Terminate(()), Outcome.FAILED, {"terminate_sent_at": NOW}),
        (Terminate(()), Outcome.DRY_RUN, {"terminate_sent_at": NOW}),
        (Terminate(()), Outcome.REFUSED, {"refused_at": NOW}),
        (Hold(()), Outcome.NONE, {}),
    ],
)
def test_outcomes_are_remembered(decision: Decision, outcome: Outcome, changed: dict[str, Any]) -> None:
    """The fleet was read within the turn, half a second after its beginning: it knows nothing of the resize."""
    past = history()
    seen = observation(fleet=fleet(at=NOW + 0.5), history=past)
    assert record(past, decision, Result(outcome), seen) == replace(past, **changed)
