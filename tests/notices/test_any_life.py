"""Whatever turns come in whatever order: the limits hold, each end is told, and nothing that is remembered grows."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from agent.domain.decisions import Outcome, Terminate
from agent.domain.notices import NoticeKind, Told
from agent.domain.turns import Turn
from agent.notices.conditions import Conditions, conditions
from agent.notices.limits import ALWAYS, HOUR_S
from agent.settings_notices import NoticeSettings
from tests.notices.build import Heard, a_life
from tests.policy.build import NOW, settings

LIFE = a_life()
STREAMS = st.lists(st.tuples(st.sampled_from(range(len(LIFE))), st.floats(1, 1800)), max_size=80)
"""Which turn comes next, and after how long."""


def turns(stream: list[tuple[int, float]]) -> list[Turn]:
    at, found = NOW, []
    for number, wait in stream:
        at += wait
        found.append(replace(LIFE[number], observation=replace(LIFE[number].observation, at=at)))
    return found


@given(STREAMS, st.integers(1, 4), st.floats(0, 3000))
@effort(max_examples=60, deadline=None)
def test_the_limits_hold_and_every_end_is_told(stream: list[tuple[int, float]], limit: int, interval_s: float) -> None:
    told = settings().model_copy(
        update={"notices": NoticeSettings(max_per_hour=limit, min_interval_s=interval_s, kinds=None)}
    )
    heard = Heard(told, Told(started_at=NOW))
    lived = turns(stream)
    for turn in lived:
        heard.desk.look(turn)
    times = [one.at for one in heard.messages if NoticeKind(one.attributes["kind"]) not in ALWAYS]
    assert all(sum(begin <= at < begin + HOUR_S for at in times) <= limit for begin in times)
    ends = {outcome: [turn.observation.at for turn in lived if isinstance(turn.decision, Terminate)
                      and turn.result.outcome is outcome] for outcome in Outcome}  # fmt: skip
    heard_of = {kind: [one.at for one in heard.messages if one.attributes["kind"] == kind] for kind in NoticeKind}
    assert heard_of[NoticeKind.ENDED] == ends[Outcome.APPLIED]
    assert heard_of[NoticeKind.END_FAILED][:1] == ends[Outcome.REFUSED][:1]
    assert all(any(0 <= at - then < HOUR_S for then in heard_of[NoticeKind.END_FAILED]) for at in ends[Outcome.REFUSED])
    announced = [turn.observation.at for turn in lived if turn.notice is not None]
    assert [one.at for one in heard.messages if one.attributes["kind"] == "ending"] == announced
    assert all(len(one.subject) < 100 and one.subject.isascii() and one.text for one in heard.messages)
    assert all(json.loads(one.json)["kind"] == one.attributes["kind"] for one in heard.messages)


@given(STREAMS)
@effort(max_examples=40, deadline=None)
def test_what_is_known_of_conditions_is_bounded(stream: list[tuple[int, float]]) -> None:
    known, told = Conditions(), settings()
    for turn in turns(stream):
        known, _ = conditions(known, turn, told)
        assert set(known.refusals) <= {"out", "in", "end"}
        assert set(known.missing) <= {right.operation for right in turn.observation.missing}


def test_a_life_has_an_end_that_was_taken_and_one_that_was_not() -> None:
    outcomes = {turn.result.outcome for turn in LIFE if isinstance(turn.decision, Terminate)}
    assert outcomes == {Outcome.APPLIED, Outcome.REFUSED}
