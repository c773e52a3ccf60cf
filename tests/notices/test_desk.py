"""What is told of a cluster's life, turn by turn, against a cluster that behaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain.decisions import Outcome, Reason, Result, Terminate
from agent.domain.notices import Message, NoticeKind, Told
from agent.domain.observation import Interruption, Shortage
from agent.notices.advice import ADVICE, BY_DESIGN
from agent.policy.reasons import Why
from tests.fakes.world import World
from tests.notices.build import OUT_BY_FIVE, RIGHT, Heard, a_turn
from tests.policy.build import NOW, history, observation, reading, settings, signal

QUICK_IDLE = {"after_s": 600, "grace_s": 60, "notice_s": 100, "steps_period_s": 300}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def world(path: Path, *, notices: dict[str, Any] | None = None, **more: Any) -> tuple[World, Heard]:
    told = settings(idle=more.pop("idle", {"enabled": False}), fleet=more.pop("fleet", None))
    told = told.model_copy(
        update={"notices": told.notices.model_validate({"min_interval_s": 0, "max_per_hour": 1000, **(notices or {})})}
    )
    it = World(told, path, **more)
    it.units = [it.now] * it.target
    return it, Heard(told)


def live(it: World, heard: Heard, seconds: float, agent: Any = None) -> Any:
    agent = agent or it.controller()
    for turn in it.run(agent, seconds):
        heard.desk.look(turn)
    return agent


def test_a_resize_is_told_with_its_reasons(path: Path) -> None:
    it, heard = world(path, free_percent=10.0)
    live(it, heard, 400)
    assert heard.kinds() == ["resized"]
    told = heard.messages[0]
    assert told.subject == "Tidemark: test is scaled out: task capacity 0 -> 5 units"
    assert "Free Average 10 < 15" in told.text and "Cluster: j-1 (test)" in told.text
    assert json.loads(told.json)["facts"]["to_units"] == 5
    assert told.attributes == {"kind": "resized", "severity": "info", "cluster_id": "j-1", "cluster_name": "test"}


def test_a_resize_that_emr_refuses_is_told_with_what_emr_said(path: Path) -> None:
    it, heard = world(path, free_percent=10.0, refuses=True)
    live(it, heard, 320)
    assert heard.kinds() == ["resize-failed"]
    assert "EMR refused it" in heard.messages[0].text and "no" in json.loads(heard.messages[0].json)["facts"]["detail"]


def test_a_refusal_that_lasts_is_told_once_with_what_to_do(path: Path) -> None:
    it, heard = world(path, free_percent=10.0, target=20, notices={"refusal_after_s": 600})
    live(it, heard, 300 + 600 - 10)
    assert heard.kinds() == []
    live(it, heard, 600 + 3 * 3600)
    assert heard.kinds() == ["refusal-lasting"], "once while it lasts; what a new agent counts begins anew"
    text = heard.messages[0].text
    assert "maximum" in text and "fleet.max_capacity_units" in text


def test_a_cluster_at_its_minimum_is_no_refusal(path: Path) -> None:
    it, heard = world(path, free_percent=90.0, target=0, notices={"refusal_after_s": 60})
    live(it, heard, 3600)
    assert heard.kinds() == []


def test_a_spot_shortage_is_told_when_it_begins_and_when_it_ends(path: Path) -> None:
    it, heard = world(path, free_percent=10.0, spot=2)
    agent = live(it, heard, 1500)
    assert "shortage-began" in heard.kinds()
    it.spot = 1000
    live(it, heard, 3600, agent)
    kinds = [kind for kind in heard.kinds() if kind.startswith("shortage")]
    assert kinds == ["shortage-began", "shortage-ended"]
    began = next(one for one in heard.messages if one.attributes["kind"] == "shortage-began")
    assert "2 units are there" in began.text and "on_demand_percent" in began.text


def test_the_end_is_announced_and_told_whatever_the_limits(path: Path) -> None:
    it, heard = world(path, idle=QUICK_IDLE, notices={"max_per_hour": 1, "min_interval_s": 100_000, "kinds": []})
    live(it, heard, 2000)
    assert heard.kinds() == ["ending", "ended"]
    assert "in 100 s" in heard.messages[0].subject
    assert heard.messages[0].severity == "critical"


def test_an_end_that_is_announced_and_does_not_come_is_called_off(path: Path) -> None:
    it, heard = world(path, idle=QUICK_IDLE)
    agent = it.controller()
    while "ending" not in heard.kinds():
        live(it, heard, 10, agent)
    it.applications = ("RUNNING",)
    live(it, heard, 300, agent)
    assert heard.kinds() == ["ending", "ending-called-off"]


def test_a_cluster_manager_that_is_silent_for_long_is_told_and_its_return_too(path: Path) -> None:
    it, heard = world(path)
    agent = live(it, heard, 300)
    it.manager_answers = False
    live(it, heard, 640, agent)
    assert heard.kinds() == []
    live(it, heard, 60, agent)
    assert heard.kinds() == ["blind"]
    it.manager_answers = True
    live(it, heard, 60, agent)
    assert heard.kinds() == ["blind", "sight-back"]


def test_a_missing_right_is_told_once_and_its_return_too() -> None:
    heard = Heard(settings())
    for missing in ((), (RIGHT,), (RIGHT,), ()):
        heard.desk.look(a_turn(observation=observation(missing=missing)))
    assert heard.kinds() == ["right-missing", "right-back"]
    assert "add the statement TidemarkResizeTaskCapacity" in heard.messages[0].text


def test_lost_metrics_are_told_once_until_it_has_been_quiet() -> None:
    heard = Heard(settings())
    for after_s in (0, 60, 120, 1000):
        at = NOW + after_s
        heard.desk.look(
            a_turn(observation=observation(at=at, reading=reading(at=at), signals={"DatumsLost": signal(7.0, at)}))
        )
    assert heard.kinds() == ["metrics-lost", "metrics-lost"]
    assert "DatumsLost 7" in heard.messages[0].subject


def test_the_primarys_interruption_is_told_once_and_so_is_what_follows_on_a_recommendation() -> None:
    heard = Heard(settings())
    for action in ("rebalance", "rebalance", "terminate", "terminate"):
        told = Interruption(seen_at=NOW, action=action, at=NOW + 120)
        heard.desk.look(a_turn(observation=observation(interruption=told)))
    assert heard.kinds() == ["primary-interrupted"] * 2
    assert "may lose" in heard.messages[0].subject and "in 120 s (terminate)" in heard.messages[1].subject


def hours(heard: Heard, seconds: float = 7200, **turn: Any) -> None:
    """The same turn again and again for so long."""
    seen = turn.pop("seen", {})
    for number in range(int(seconds / 60) + 1):
        at = NOW + 60 * number
        heard.desk.look(a_turn(observation=observation(**{"at": at, "reading": reading(at=at), **seen}), **turn))


HELD: dict[str, Any] = {"wanted": OUT_BY_FIVE, "withheld": Reason(Why.MAXIMUM, "at most 5 units")}


def test_an_agent_beside_a_resource_manager_that_does_not_lead_tells_nothing_of_the_cluster() -> None:
    heard, leads = Heard(settings()), Heard(settings())
    hours(heard, seen={"reading": reading(leader=False)}, **HELD)
    assert heard.messages == []
    hours(leads, **HELD)
    assert leads.kinds() == ["refusal-lasting"], "so that the above can fail"


@pytest.mark.parametrize("code", sorted(BY_DESIGN))
def test_what_is_meant_to_last_is_no_refusal(code: str) -> None:
    heard = Heard(settings())
    hours(heard, wanted=OUT_BY_FIVE, withheld=Reason(code, "as it should be"))
    assert heard.messages == []


def test_a_shortage_is_told_once_the_fleet_is_known() -> None:
    heard = Heard(settings())
    short = history(shortage=Shortage(began=NOW, times=1))
    heard.desk.look(a_turn(observation=observation(fleet=None, history=short)))
    assert heard.messages == []
    heard.desk.look(a_turn(observation=observation(history=short)))
    assert heard.kinds() == ["shortage-began"]


@pytest.mark.parametrize(("sent_at", "told"), [(None, ["ending", "ending-called-off"]), (NOW + 50, ["ending"])])
def test_an_end_that_was_asked_for_is_not_called_off(sent_at: float | None, told: list[str]) -> None:
    heard = Heard(settings())
    idle = history(idle_since=NOW, notified_of=NOW, notified_at=NOW)
    heard.desk.look(a_turn(observation=observation(history=idle), notice=Reason(Why.IDLE, "idle for an hour")))
    busy = history(idle_since=None, notified_of=NOW, notified_at=NOW, terminate_sent_at=sent_at)
    heard.desk.look(a_turn(observation=observation(at=NOW + 60, history=busy)))
    assert heard.kinds() == told


def test_restarts_in_a_row_are_told_within_the_limits() -> None:
    told, sent = Told(), list[Message]()
    for number in range(200):
        heard = Heard(settings(), told)
        heard.desk.began(NOW + 20.0 * number)
        told, sent = heard.told, sent + heard.messages
    assert [one.attributes["kind"] for one in sent] == ["agent-restarted"] * len(sent)
    assert 10 < len(sent) <= 14, "one each five minutes, twelve an hour, and not the first beginning"
    assert "x agent-restarted" in sent[1].text


def test_what_was_not_told_is_summed_up_in_the_next_one() -> None:
    heard = Heard(settings())
    right_gone, right_back = observation(missing=(RIGHT,)), observation()
    for seen in (right_gone, right_back, right_gone, right_back):
        heard.desk.look(a_turn(observation=seen))
    assert heard.kinds() == ["right-missing", "right-back"]
    told = Interruption(seen_at=NOW, action="terminate", at=NOW + 120)
    heard.desk.look(a_turn(observation=observation(interruption=told)))
    assert json.loads(heard.messages[-1].json)["suppressed"] == {"right-missing": 1, "right-back": 1}
    assert heard.telemetry.counts()["NoticesSuppressed.right-missing"] == 1


def test_only_the_kinds_that_are_asked_for_are_told_besides_the_end(path: Path) -> None:
    it, heard = world(path, free_percent=10.0, notices={"kinds": ["shortage-began"]})
    live(it, heard, 400)
    assert heard.kinds() == []


def test_the_older_setting_of_the_topic_still_gets_what_it_always_got(path: Path) -> None:
    from agent.notices.limits import ALWAYS
    from agent.notices.route import route

    older = settings(idle={"notice_topic_arn": "arn:aws:sns:eu-west-1:123456789012:older"})
    assert route(older).topic == "arn:aws:sns:eu-west-1:123456789012:older"
    assert route(older).kinds == ALWAYS
    both = older.model_copy(
        update={"notices": older.notices.model_copy(update={"topic_arn": "arn:aws:sns:eu-west-1:123456789012:new"})}
    )
    assert route(both).topic == "arn:aws:sns:eu-west-1:123456789012:new"
    assert route(both).kinds == frozenset(NoticeKind)


def test_the_advice_is_for_reasons_that_exist() -> None:
    assert set(ADVICE) <= set(Why) and not set(ADVICE) & BY_DESIGN


def test_a_clock_that_was_set_back_by_a_day_silences_nobody_for_a_day() -> None:
    tomorrow = NOW + 86_400
    told = Told(
        started_at=tomorrow,
        sent=tuple(tomorrow + number for number in range(12)),
        last={NoticeKind.RIGHT_MISSING: tomorrow},
    )
    heard = Heard(settings(), told)
    for minute in range(70):
        seen = observation(at=NOW + 60 * minute, missing=(RIGHT,) if minute % 10 else ())
        heard.desk.look(a_turn(observation=seen))
    assert "right-missing" in heard.kinds()


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.FAILED])
def test_an_end_that_fails_again_and_again_is_told_at_once_and_then_once_an_hour(path: Path, outcome: Outcome) -> None:
    it, heard = world(path, idle=QUICK_IDLE)
    it.end_refused = True
    for turn in it.run(it.controller(), 3 * 3600):
        if isinstance(turn.decision, Terminate):
            turn = replace(turn, result=Result(outcome, "denied"))
        heard.desk.look(turn)
    failed = [one for one in heard.messages if one.attributes["kind"] == "end-failed"]
    assert 3 <= len(failed) <= 4 and failed[0].at < NOW + 700
    assert json.loads(failed[1].json)["suppressed"]["end-failed"] > 20
    assert ("not known" in failed[0].subject) is (outcome is Outcome.FAILED)


def test_a_resize_whose_fate_is_not_known_is_not_called_undone() -> None:
    heard = Heard(settings())
    heard.desk.look(a_turn(wanted=OUT_BY_FIVE, decision=OUT_BY_FIVE, result=Result(Outcome.FAILED, "timed out")))
    assert heard.messages[0].subject == "Tidemark: test may be resized from 5 to 10 units or not: no clear answer"
    assert "timed out" in heard.messages[0].text


def test_a_refusal_that_comes_again_after_an_hour_has_not_lasted_an_hour() -> None:
    heard = Heard(settings())
    held = {"wanted": OUT_BY_FIVE, "withheld": Reason(Why.MAXIMUM, "at most 5 units")}
    for minute in (0, 1, 2, 61, 62, 63):
        at = NOW + 60 * minute
        heard.desk.look(a_turn(observation=observation(at=at, reading=reading(at=at)), **held))
    assert heard.messages == []


def test_the_first_beginning_is_nothing_to_tell() -> None:
    heard = Heard(settings())
    heard.desk.began(NOW)
    assert heard.messages == [] and heard.told.started_at == NOW
    heard.desk.began(NOW + 1000)
    assert heard.kinds() == ["agent-restarted"]


def test_another_reason_begins_to_last_anew() -> None:
    heard = Heard(settings())
    for minute in range(120):
        at, code = NOW + 60 * minute, Why.MAXIMUM if minute // 20 % 2 else Why.QUEUE_LIMITED
        seen = observation(at=at, reading=reading(at=at))
        heard.desk.look(a_turn(observation=seen, wanted=OUT_BY_FIVE, withheld=Reason(code, "for twenty minutes")))
    assert heard.messages == []


def test_a_clock_that_was_set_back_hides_no_loss() -> None:
    heard = Heard(settings())
    for at in (NOW + 86_400, NOW):
        seen = observation(at=at, reading=reading(at=at), signals={"DatumsLost": signal(7.0, at)})
        heard.desk.look(a_turn(observation=seen))
    hours(heard, 700, seen={"signals": {"DatumsLost": signal(7.0, NOW)}})
    assert heard.kinds() == ["metrics-lost"], "the second within five minutes is counted"
    assert heard.told.suppressed == {NoticeKind.METRICS_LOST: 1}


def test_a_clock_that_was_set_back_hides_no_blindness() -> None:
    heard = Heard(settings())
    heard.desk.look(a_turn(observation=observation(at=NOW + 86_400, reading=None)))
    hours(heard, 1200, seen={"reading": None})
    assert heard.kinds() == ["blind"]
