"""The desk where requests wait: each does its deed at most once, whatever comes twice, late or in the wrong order."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from agent.actions.hand import HandFile, by_hand
from agent.actions.inbox import MAX_WAITING, Inbox, OwnNames, Taken
from agent.actions.ledger import MAX_ENTRIES, Ledger
from agent.domain.alarm_notices import AlarmNotice, Refusal
from agent.domain.requests import Answer, Fate, Request, Source
from agent.settings_actions import ActionsSettings
from agent.telemetry import Telemetry
from agent.wire import alarm_notice
from tests.actions.notices import CLUSTER, NOW, TOPIC, alarm

HUGE = json.dumps({"v": 1, "done": {"a": 10**400}, "changes": {}})
ALARMS = [
    {"name": "heap", "adjustment_units": 5, "cooldown_s": 60},
    {"name": "heap", "state": "OK", "adjustment_units": -5},
    {"name": "load", "adjustment_percent": 20.0},
    {"name": "night", "to_units": 2},
]


class Desk:
    """An inbox over a stepping clock; `restarted` is the next agent's on the same files."""

    def __init__(self, folder: Path, at: float = NOW, alarms: Sequence[Mapping[str, Any]] = ALARMS) -> None:
        self.folder = folder
        self.now = at
        self.leads = True
        self.telemetry = Telemetry()
        self.settings = ActionsSettings.model_validate(
            {
                "topic_arn": TOPIC,
                "request_path": folder / "scale.json",
                "ledger_path": folder / "requests.json",
                "alarms": alarms,
            }
        )
        self.hand = HandFile(self.settings.request_path)
        self.names = OwnNames(CLUSTER, "nightly")
        self.inbox = self._inbox()

    def _inbox(self) -> Inbox:
        ledger = Ledger(self.settings.ledger_path, self.now)
        return Inbox(self.settings, self.names, ledger, self.hand, lambda: self.now, self.telemetry)

    def restarted(self) -> None:
        self.inbox = self._inbox()

    def offer(self, name: str = "heap", **changed: Any) -> Taken | Refusal:
        return self.inbox.offer(notice(name, **changed))

    def pending(self) -> tuple[Request, ...]:
        return self.inbox.pending(self.now)

    def done(self, id: str, fate: Fate = Fate.APPLIED) -> None:
        assert self.inbox.claim(id, self.now)
        self.inbox.answer([Answer(id=id, at=self.now, fate=fate, because=())])

    def count(self, name: str) -> int:
        return self.telemetry.counts().get(name, 0)


def notice(name: str = "heap", **changed: Any) -> AlarmNotice:
    found = alarm_notice.of_object(alarm(name, **{"at": NOW - 1, **changed}))
    assert isinstance(found, AlarmNotice)
    return found


def taken(offered: Taken | Refusal) -> Taken:
    assert isinstance(offered, Taken)
    return offered


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_alarm_becomes_a_request_of_the_size_in_the_settings(desk: Desk) -> None:
    for name in ("heap", "load", "night"):
        assert isinstance(desk.offer(name), Taken)
    heap, load, night = desk.pending()
    assert (heap.units, load.percent, night.to_units) == (5, 20.0, 2)
    assert (heap.source, heap.name, heap.cooldown_s) == (Source.ALARM, "heap", 60.0)
    assert (heap.asked_at, heap.expires_at) == (NOW - 1, NOW + 299)
    assert "Threshold Crossed" in heap.why


@pytest.mark.parametrize("name", ["heap", f"Tidemark {CLUSTER} heap", "Tidemark nightly heap"])
def test_an_alarm_of_tidemark_is_known_without_its_clusters_prefix(desk: Desk, name: str) -> None:
    assert isinstance(desk.offer(name), Taken)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"account": "999999999999"}, Refusal.OTHER_ACCOUNT),
        ({"region": "us-east-1"}, Refusal.OTHER_ACCOUNT),
        ({"dimensions": {"ClusterId": "j-OTHER"}}, Refusal.OTHER_CLUSTER),
        ({"dimensions": {"JobFlowId": "j-OTHER"}}, Refusal.OTHER_CLUSTER),
        ({"dimensions": {"ClusterName": "daily"}}, Refusal.OTHER_CLUSTER),
        ({"at": NOW - 301}, Refusal.LATE),
        ({"at": NOW + 61}, Refusal.AHEAD),
        ({"state": "INSUFFICIENT_DATA"}, Refusal.UNMAPPED),
        ({"name": "Tidemark j-OTHER heap"}, Refusal.UNMAPPED),
        ({"name": "unheard-of"}, Refusal.UNMAPPED),
    ],
)
def test_what_is_none_of_ours_is_counted_and_does_nothing(
    desk: Desk, changed: dict[str, Any], refusal: Refusal
) -> None:
    assert desk.offer(**changed) is refusal
    assert desk.pending() == ()
    assert desk.count(f"AlarmNoticesRefused.{refusal}") == 1


def test_copies_of_a_notice_are_one_request_while_it_waits_and_duplicates_afterwards(desk: Desk) -> None:
    first = desk.offer()
    assert isinstance(first, Taken)
    assert desk.offer() == first
    assert len(desk.pending()) == 1
    desk.done(first.id)
    assert desk.offer() is Refusal.DUPLICATE
    assert desk.pending() == ()


def test_a_request_that_was_done_is_not_done_again_after_a_restart(desk: Desk) -> None:
    first = desk.offer()
    assert isinstance(first, Taken)
    desk.pending()
    assert desk.inbox.claim(first.id, desk.now)
    # the agent dies between the call to EMR and all that follows
    desk.restarted()
    assert desk.offer() is Refusal.DUPLICATE
    assert desk.pending() == ()


def test_a_request_that_only_waited_is_taken_up_by_the_next_agent(desk: Desk) -> None:
    first = desk.offer()
    desk.restarted()
    assert desk.pending() == ()
    assert desk.offer() == first
    assert len(desk.pending()) == 1


def test_a_later_change_of_the_alarm_takes_the_place_of_the_earlier(desk: Desk) -> None:
    desk.offer(at=NOW - 10)
    desk.offer(state="OK", at=NOW - 5)
    (left,) = desk.pending()
    assert left.units == -5
    assert desk.count("RequestsSettled.superseded") == 1
    assert desk.offer(at=NOW - 10) is Refusal.DUPLICATE
    assert desk.offer(at=NOW - 7) is Refusal.OUT_OF_ORDER


def test_an_older_alarm_after_a_newer_ok_does_nothing_even_if_nothing_is_asked_for_at_ok(tmp_path: Path) -> None:
    desk = Desk(tmp_path, alarms=ALARMS[:1])
    assert desk.offer(state="OK", at=NOW - 1) is Refusal.UNMAPPED
    assert desk.offer(at=NOW - 5) is Refusal.OUT_OF_ORDER
    desk.restarted()
    assert desk.offer(at=NOW - 5) is Refusal.OUT_OF_ORDER


def test_what_is_withheld_for_too_long_is_dropped_and_not_tried_for_ever(desk: Desk) -> None:
    first = taken(desk.offer(at=NOW))
    desk.now += 299
    assert len(desk.pending()) == 1
    desk.now += 1
    assert desk.pending() == ()
    assert desk.count("RequestsSettled.expired") == 1
    assert not desk.inbox.claim(first.id, desk.now)
    assert desk.offer(at=NOW) is Refusal.DUPLICATE


def test_an_act_that_cannot_be_written_down_is_not_done(desk: Desk) -> None:
    first = taken(desk.offer())
    desk.pending()
    blocked = desk.settings.ledger_path
    blocked.unlink()
    blocked.mkdir()
    assert not desk.inbox.claim(first.id, desk.now)
    blocked.rmdir()
    assert desk.inbox.claim(first.id, desk.now)
    assert not desk.inbox.claim(first.id, desk.now), "once"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 2}', '{"v": 1, "done": [], "changes": {}}', "null", HUGE])
def test_a_ledger_that_nobody_can_read_means_that_nothing_older_is_done(desk: Desk, text: str) -> None:
    desk.settings.ledger_path.write_text(text)
    desk.restarted()
    assert desk.offer(at=NOW - 1) is Refusal.LATE
    assert isinstance(desk.offer(at=NOW + 1), Taken)


def test_more_than_anybody_can_mean_is_refused(tmp_path: Path) -> None:
    many = [{"name": f"a{number}", "adjustment_units": 1} for number in range(MAX_WAITING + 1)]
    desk = Desk(tmp_path, alarms=many)
    said = [desk.offer(f"a{number}") for number in range(MAX_WAITING + 1)]
    assert said[-1] is Refusal.FULL
    assert len(desk.pending()) == MAX_WAITING


def test_other_settings_are_judged_by_at_once(desk: Desk) -> None:
    desk.inbox.adopt(desk.settings.model_copy(update={"alarms": ()}))
    assert desk.offer() is Refusal.UNMAPPED


# by hand


def settled(desk: Desk, request: Request) -> Fate | None:
    told = desk.hand.told(request.id)
    return None if told is None else told.fate


def ask(desk: Desk, **changed: Any) -> Request:
    request = by_hand(**{"name": "alice", "why": "", "at": desk.now, "lasts_s": 180.0, "cooldown_s": 9.0, **changed})
    assert desk.hand.ask(request) is None
    return request


def test_what_a_person_asks_for_is_taken_up_answered_and_removed(desk: Desk) -> None:
    request = ask(desk, units=-3)
    assert desk.pending() == (request,)
    waiting = Answer(id=request.id, at=desk.now, fate=Fate.WAITING, because=())
    desk.inbox.answer([waiting])
    assert desk.hand.told(request.id) == waiting
    assert desk.pending() == (request,)
    desk.done(request.id)
    told = desk.hand.told(request.id)
    assert told is not None
    assert told.fate is Fate.APPLIED
    assert desk.hand.waiting() is None
    assert desk.pending() == ()


def test_one_person_at_a_time(desk: Desk) -> None:
    first = ask(desk, units=-3)
    second = by_hand(name="bob", why="", at=desk.now, lasts_s=60.0, cooldown_s=0.0, units=1)
    assert desk.hand.ask(second) == first
    desk.now += 180
    assert desk.hand.ask(replace(second, asked_at=desk.now, expires_at=desk.now + 60)) is None


def test_what_is_taken_back_is_not_done(desk: Desk) -> None:
    request = ask(desk, units=-3)
    desk.pending()
    assert desk.hand.take_back(request.id)
    assert desk.pending() == ()
    assert not desk.inbox.claim(request.id, desk.now)


def test_an_answer_removes_no_other_request_than_its_own(desk: Desk) -> None:
    first = ask(desk, units=-3)
    desk.pending()
    assert desk.inbox.claim(first.id, desk.now)
    assert desk.hand.take_back(first.id)
    second = ask(desk, units=1)
    desk.inbox.answer([Answer(id=first.id, at=desk.now, fate=Fate.APPLIED, because=())])
    assert desk.pending() == (second,)


def test_a_request_by_hand_is_done_once_even_if_its_file_cannot_be_removed(desk: Desk) -> None:
    request = ask(desk, units=5)
    text = desk.settings.request_path.read_text()
    desk.pending()
    desk.done(request.id)
    desk.settings.request_path.write_text(text)
    assert desk.pending() == ()
    desk.restarted()
    assert desk.pending() == ()


def test_what_an_agent_was_stopped_in_is_answered_by_the_next_and_not_done_again(desk: Desk) -> None:
    request = ask(desk, units=5)
    desk.pending()
    assert desk.inbox.claim(request.id, desk.now)
    desk.restarted()
    assert desk.pending() == ()
    assert settled(desk, request) is Fate.FAILED
    assert desk.hand.waiting() is None


def test_what_may_have_been_done_by_hand_before_the_ledger_was_lost_is_not_done_again(desk: Desk) -> None:
    request = ask(desk, units=5)
    desk.pending()
    assert desk.inbox.claim(request.id, desk.now)
    desk.settings.ledger_path.write_text("{")
    desk.restarted()
    assert desk.pending() == ()
    assert settled(desk, request) is Fate.FAILED
    desk.now += 1
    assert desk.pending() == ()
    later = ask(desk, units=1)
    assert desk.pending() == (later,)


def test_a_clock_that_is_set_back_makes_no_wish_last_longer(desk: Desk) -> None:
    alarm_, by_hand_ = taken(desk.offer(at=NOW)), ask(desk, units=5)
    assert len(desk.pending()) == 2
    desk.now -= 3600
    assert desk.pending() == ()
    assert settled(desk, by_hand_) is Fate.EXPIRED
    desk.now += 3605
    assert not desk.inbox.claim(alarm_.id, desk.now)
    assert desk.pending() == ()


def test_a_wish_from_a_time_that_has_not_come_is_answered_and_bars_nobody(desk: Desk) -> None:
    ahead = ask(desk, units=5, at=NOW + 3600)
    assert desk.pending() == ()
    assert settled(desk, ahead) is Fate.EXPIRED
    ask(desk, units=5, at=NOW + 3600)
    now = ask(desk, units=1)
    assert desk.pending() == (now,)


def test_of_many_that_are_done_the_last_is_remembered_also_by_a_clock_that_was_set_back(desk: Desk) -> None:
    times = {f"a{number}": NOW + 1 + number for number in range(MAX_ENTRIES)}
    desk.settings.ledger_path.write_text(json.dumps({"v": 1, "done": times, "changes": {}}))
    desk.restarted()
    first = taken(desk.offer())
    desk.pending()
    assert desk.inbox.claim(first.id, desk.now)
    desk.restarted()
    assert desk.offer() is Refusal.DUPLICATE


@pytest.mark.parametrize(
    "changed",
    [
        {"units": None},
        {"to_units": 3},
        {"source": "alarm"},
        {"units": 10**9},
        {"units": 10**400},
        {"asked_at": 10**400},
        {"units": None, "to_units": -1},
        {"expires_at": NOW + 4000},
        {"expires_at": NOW - 1},
        {"asked_at": "nan"},
        {"cooldown_s": 1e9},
        {"units": "many"},
        {"why": "x" * 1000},
        {"id": None},
    ],
)
def test_a_file_that_says_something_else_is_no_request(desk: Desk, changed: dict[str, Any]) -> None:
    ask(desk, units=5)
    written = json.loads(desk.settings.request_path.read_text())
    desk.settings.request_path.write_text(json.dumps({**written, **changed}))
    assert desk.pending() == ()
    assert isinstance(desk.hand.waiting(), str)


def test_a_pipe_in_the_place_of_the_file_keeps_nobody_waiting(desk: Desk) -> None:
    os.mkfifo(desk.settings.request_path)
    assert desk.pending() == ()


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"null", b"{" * 70_000, b"7"])
def test_a_file_that_is_none_does_no_harm(desk: Desk, data: bytes) -> None:
    desk.settings.request_path.write_bytes(data)
    assert desk.pending() == ()


# whatever happens

events = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.sampled_from(["ALARM", "OK"]), st.integers(0, 40)),
        st.tuples(st.just("act"), st.sampled_from(list(Fate)), st.integers(0, 3)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.integers(1, 200)),
    ),
    max_size=30,
)


@effort(max_examples=150)
@given(events)
def test_no_change_of_an_alarm_does_its_deed_twice(tmp_path_factory: pytest.TempPathFactory, told: list[Any]) -> None:
    """And none after a later one has been seen, in whatever order they come and the agent is restarted."""
    desk, acted, newest = Desk(tmp_path_factory.mktemp("desk")), list[str](), 0.0
    for what, how, number in told:
        if what == "offer":
            at = NOW - number
            if isinstance(desk.offer(state=how, at=at), Taken):
                assert at >= newest
                newest = at
        elif what == "act":
            waiting = desk.pending()
            assert len(waiting) <= 1, "one alarm, one wish"
            for request in waiting[: 1 if how.settled else 0]:
                if desk.inbox.claim(request.id, desk.now):
                    acted.append(request.id)
                    desk.inbox.answer([Answer(id=request.id, at=desk.now, fate=how, because=())] if number else [])
        elif what == "restart":
            desk.restarted()
        else:
            desk.now += number
    assert len(acted) == len(set(acted))
