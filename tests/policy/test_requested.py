"""What people and alarms ask for: it outranks or stands beside the policies, and passes every guard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Outcome, Reason, Resize, Result, Terminate
from agent.domain.observation import Observation, Pause, Requested
from agent.domain.prices import UnitPrices
from agent.domain.requests import BY_HAND, Fate, Request, Source
from agent.policy.consider import consider
from agent.policy.cooldown import cooled_down
from agent.policy.guards import GUARDS
from agent.policy.history import record
from agent.policy.reasons import Why
from agent.policy.requested import answers
from agent.settings import Settings
from tests.policy.build import IN, NOW, OUT, cluster, fleet, history, observation, reading, settings, signal
from tests.policy.strategies import any_settings, observations


def request(**changed: Any) -> Request:
    facts: dict[str, Any] = {
        "id": "r-1",
        "source": Source.HAND,
        "name": "alice",
        "why": "a big join",
        "asked_at": NOW - 5,
        "expires_at": NOW + 175,
        "cooldown_s": 900.0,
    }
    if not {"units", "percent", "to_units"} & changed.keys():
        facts["units"] = 5
    return Request(**{**facts, **changed})


def alarm(**changed: Any) -> Request:
    return request(**{"source": Source.ALARM, "name": "heap", "cooldown_s": 300.0, **changed})


def decided(*requests: Request, told: Settings | None = None, **changed: Any) -> Decision:
    return consider(observation(requests=requests, **changed), told or settings(), GUARDS).decision


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.because]


@pytest.mark.parametrize(("leads_since", "acts"), [(None, True), (NOW - 6, True), (NOW - 5, False), (NOW - 1, False)])
def test_what_an_alarm_asked_for_before_a_failover_is_not_done_by_the_next_primary(
    leads_since: float | None, acts: bool
) -> None:
    past = history(started_at=NOW - 4000, leads_since=leads_since)
    seen = reading(peers=0 if leads_since is None else 2)
    decision = decided(alarm(units=5), history=past, reading=seen)
    assert isinstance(decision, Resize) is acts
    if not acts:
        assert Why.COOLDOWN in codes(decision)


SCALES_IN: dict[str, Any] = {"signals": {"Free": signal(90)}, "history": history(breaching_since={"in": NOW - 400})}
SCALES_OUT: dict[str, Any] = {"signals": {"Free": signal(5)}, "history": history(breaching_since={"out": NOW - 400})}


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (request(units=5), 15),
        (request(units=-3), 7),
        (request(to_units=12), 12),
        (request(percent=-15), 8),
        (request(units=50), 20),
        (request(to_units=0), 0),
        (alarm(percent=1), 11),
    ],
)
def test_a_request_moves_the_target(asked: Request, target: int) -> None:
    decision = decided(asked)
    assert isinstance(decision, Resize)
    assert (decision.current, decision.target, decision.request) == (10, target, "r-1")
    assert decision.because[0].code == Why.REQUESTED


@pytest.mark.parametrize("asked", [request(units=2), request(units=-1), request(to_units=9)])
@pytest.mark.parametrize("seen", [SCALES_IN, SCALES_OUT])
def test_what_a_person_asks_for_comes_before_the_rules(asked: Request, seen: dict[str, Any]) -> None:
    decision = decided(asked, **seen)
    assert isinstance(decision, Resize)
    assert decision.rule == BY_HAND
    assert Why.OVERRULED in codes(decision), "what the rule wanted instead is told"


def test_an_alarm_is_one_rule_among_the_others() -> None:
    """The greatest scale out wins, and a rule that grows wins over an alarm that shrinks."""
    assert decided(alarm(units=2), **SCALES_OUT) == decided(alarm(units=2), **SCALES_OUT)
    larger, smaller = decided(alarm(units=7), **SCALES_OUT), decided(alarm(units=2), **SCALES_OUT)
    assert isinstance(larger, Resize)
    assert isinstance(smaller, Resize)
    assert (larger.target, smaller.target) == (17, 15)
    shrinks = decided(alarm(units=-2), **SCALES_OUT)
    assert isinstance(shrinks, Resize)
    assert shrinks.target == 15


def test_a_request_keeps_an_idle_cluster_from_its_end() -> None:
    ripe = history(idle_since=NOW - 9000, notified_of=NOW - 9000, notified_at=NOW - 900)
    assert isinstance(decided(history=ripe), Terminate)
    assert isinstance(decided(request(), history=ripe), Resize)
    assert isinstance(decided(alarm(), history=ripe), Resize)


def test_a_request_that_a_guard_withholds_leaves_everything_as_without_it() -> None:
    """The maximum is reached: the rule scales in all the same."""
    asked = request(units=5)
    full: dict[str, Any] = {**SCALES_IN, "fleet": fleet(20), "reading": reading(hosts=20)}
    with_it, without = decided(asked, **full), decided(**full)
    assert isinstance(with_it, Resize)
    assert isinstance(without, Resize)
    assert with_it.target == without.target == 17


HELD = [
    ({"cluster": cluster(foreign_scaler="managed scaling policy")}, Why.FOREIGN_SCALER),
    ({"cluster": None}, Why.CLUSTER_UNKNOWN),
    ({"cluster": cluster(state="TERMINATING")}, Why.ENDING),
    ({"reading": reading(leader=False)}, Why.NOT_LEADER),
    ({"fleet": None}, Why.FLEET_UNKNOWN),
    ({"fleet": fleet(10, provisioned=4, state="RESIZING")}, Why.NOT_SETTLED),
    ({"paused": Pause(until=NOW + 60, why="by bob")}, Why.PAUSED),
    ({"history": history(refused_at=NOW - 10)}, Why.REFUSED),
    ({"fleet": fleet(20), "reading": reading(hosts=20)}, Why.MAXIMUM),
]


@pytest.mark.parametrize("asked", [request(), request(force=True), alarm()], ids=["hand", "force", "alarm"])
@pytest.mark.parametrize(("seen", "code"), HELD, ids=[str(code) for _, code in HELD])
def test_every_guard_holds_a_request_and_the_answer_names_it(asked: Request, seen: dict[str, Any], code: Why) -> None:
    found = consider(observation(requests=(asked,), **seen), settings(idle={"enabled": False}), GUARDS)
    assert isinstance(found.decision, Hold)
    (answer,) = answers(found.observation, found.requests, found.decision, Result(Outcome.NONE))
    assert answer.fate is Fate.WAITING
    assert answer.because[-1].code == code


def test_a_person_may_grow_the_fleet_without_the_cluster_manager_but_not_shrink_it() -> None:
    assert isinstance(decided(request(units=2), reading=None), Resize)
    shrinks = decided(request(units=-2), reading=None)
    assert isinstance(shrinks, Hold)
    assert Why.BLIND in codes(shrinks)


def test_the_cap_in_money_holds_for_requests() -> None:
    told = settings(fleet={"max_usd_per_hour": 1.2})
    prices = UnitPrices(at=NOW, on_demand=0.5, spot=0.1)
    decision = decided(request(units=9), told=told, prices=prices)
    assert isinstance(decision, Resize)
    assert decision.target == 12
    assert Why.MONEY_CAP in codes(decision)


COOLING = history(resized_at={"out": NOW - 100}, scaled_out_at=NOW - 100)


def test_a_request_waits_for_a_cooldown_and_force_skips_only_that() -> None:
    held = decided(request(), history=COOLING)
    assert isinstance(held, Hold)
    assert Why.COOLDOWN in codes(held)
    assert isinstance(decided(request(force=True), history=COOLING), Resize)
    paused = decided(request(force=True), history=COOLING, paused=Pause(until=NOW + 60, why="by bob"))
    assert Why.PAUSED in codes(paused)


def test_an_alarm_has_a_cooldown_of_its_own_which_a_fresh_start_counts_as_begun() -> None:
    lately = history(resized_at={"alarm heap": NOW - 299})
    assert Why.COOLDOWN in codes(decided(alarm(), history=lately))
    assert isinstance(decided(alarm(), history=history(resized_at={"alarm heap": NOW - 300})), Resize)
    assert isinstance(decided(alarm(name="other"), history=lately), Resize)
    assert Why.COOLDOWN in codes(decided(alarm(), history=history(started_at=NOW - 299)))


def after(asked: Request, **seen: Any) -> Requested | None:
    """What the history remembers once the request has been applied."""
    found = consider(observation(requests=(asked,), **seen), settings(), GUARDS)
    assert isinstance(found.decision, Resize)
    done = record(found.observation.history, found.decision, Result(Outcome.APPLIED), found.observation)
    return done.requested


@pytest.mark.parametrize("kind", ["threshold", "demand", "dataproc"])
@pytest.mark.parametrize(("later", "acts"), [(899.0, False), (901.0, True)])
def test_no_policy_undoes_a_request_before_its_time(kind: str, later: float, acts: bool) -> None:
    """Whatever the policy: the guard is asked about its wish to go the other way."""
    remembered = after(request())
    assert remembered is not None
    told = settings(policy={"kind": kind})
    moment = NOW + later
    seen = observation(
        at=moment,
        fleet=fleet(15, at=moment),
        cluster=cluster(at=moment),
        reading=reading(hosts=15, at=moment),
        history=history(requested=remembered),
    )
    wish = Resize(15, 12, (Reason("x", "x"),), rule="in" if kind == "threshold" else kind)
    assert isinstance(cooled_down(seen, wish, told), Resize) is acts
    back = Resize(15, 12, (Reason("x", "x"),), rule=BY_HAND, request="r-2")
    assert isinstance(cooled_down(replace(seen, requests=(request(id="r-2", units=-3),)), back, told), Resize)


def test_an_order_that_a_person_gave_is_not_cancelled_for_want_of_demand() -> None:
    """Five units are to come, and nothing waits: without the request they are cancelled after a minute."""
    short = history(
        resize_sent_at=NOW - 100,
        unsettled_since=NOW - 90,
        shortage=replace(history().shortage, short_since=NOW - 90, undemanded_since=NOW - 90),
    )
    seen: dict[str, Any] = {
        "fleet": fleet(15, provisioned=10, state="RESIZING"),
        "reading": reading(containers_pending=0, memory_pending_mb=0.0),
    }
    without = decided(history=short, **seen)
    assert isinstance(without, Resize)
    assert without.target == 10
    remembered = Requested(at=NOW - 100, until=NOW + 800, scales_out=True, by="alice")
    assert isinstance(decided(history=replace(short, requested=remembered), **seen), Hold)


def test_the_target_that_is_there_already_settles_a_request_once_the_fleet_was_read_since() -> None:
    asked = request(to_units=10)
    for read_at, fate in ((NOW, Fate.MET), (NOW - 100, Fate.WAITING)):
        found = consider(observation(requests=(asked,), fleet=fleet(10, at=read_at)), settings(), GUARDS)
        (answer,) = answers(found.observation, found.requests, found.decision, Result(Outcome.NONE))
        assert answer.fate is fate


def test_the_answer_is_what_became_of_the_call() -> None:
    found = consider(observation(requests=(request(units=50), alarm(id="r-2", units=1))), settings(), GUARDS)
    hand, other = answers(found.observation, found.requests, found.decision, Result(Outcome.APPLIED))
    assert (hand.id, hand.fate, hand.target) == ("r-1", Fate.APPLIED, 20)
    assert [reason.code for reason in hand.because] == [Why.REQUESTED, Why.MAXIMUM]
    assert (other.id, other.fate, other.because[-1].code) == ("r-2", Fate.WAITING, Why.OVERRULED)


requests = st.lists(
    st.builds(
        lambda source, size, asked, lasts, force, number: request(
            id=f"r-{number}", source=source, asked_at=NOW - asked, expires_at=NOW + lasts, force=force, **size
        ),
        st.sampled_from(Source),
        st.one_of(
            st.builds(lambda n: {"units": n}, st.integers(-40, 40).filter(bool)),
            st.builds(lambda n: {"percent": n}, st.floats(-200, 500, allow_nan=False).filter(lambda n: abs(n) > 0.1)),
            st.builds(lambda n: {"to_units": n}, st.integers(0, 60)),
        ),
        st.floats(0, 300),
        st.floats(0.1, 300),
        st.booleans(),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=3,
).map(tuple)


@effort(max_examples=400)
@given(observations, any_settings, requests)
def test_no_request_passes_the_limits(seen: Observation, told: Settings, asked: tuple[Request, ...]) -> None:
    decision = consider(replace(seen, requests=asked), told, GUARDS).decision
    if isinstance(decision, Resize) and decision.request is not None:
        if decision.scales_out:
            assert decision.target <= told.fleet.max_capacity_units
        else:
            assert decision.target >= told.fleet.min_capacity_units


@effort(max_examples=400)
@given(observations, any_settings, requests, st.sampled_from(["paused", "foreign", "standby", "ending", "unseen"]))
def test_no_request_passes_what_keeps_the_agent_from_acting(
    seen: Observation, told: Settings, asked: tuple[Request, ...], what: str
) -> None:
    before = replace(seen, requests=asked)
    calm = cluster() if seen.cluster is None else seen.cluster
    held = {
        "paused": replace(before, paused=Pause(until=NOW + 10, why="by bob")),
        "foreign": replace(before, cluster=replace(calm, foreign_scaler="managed scaling policy")),
        "standby": replace(before, reading=replace(before.reading or reading(), leader=False)),
        "ending": replace(before, cluster=replace(calm, state="TERMINATING")),
        "unseen": replace(before, cluster=None),
    }[what]
    assert not isinstance(consider(held, told, GUARDS).decision, Resize)


@effort(max_examples=300)
@given(observations, any_settings, requests, st.floats(0.01, 10))
def test_no_request_passes_the_cap_in_money(
    seen: Observation, told: Settings, asked: tuple[Request, ...], cap: float
) -> None:
    capped = told.model_copy(update={"fleet": told.fleet.model_copy(update={"max_usd_per_hour": cap})})
    prices = UnitPrices(at=NOW, on_demand=0.3, spot=0.1)
    priced = replace(seen, requests=asked, prices=prices)
    decision = consider(priced, capped, GUARDS).decision
    if isinstance(decision, Resize) and decision.request is not None and decision.scales_out:
        assert seen.fleet is not None
        spot = decision.target - seen.fleet.target_on_demand
        assert spot * 0.1 + seen.fleet.target_on_demand * 0.3 <= cap + 1e-6


@effort(max_examples=400)
@given(observations, any_settings, requests)
def test_with_requests_that_have_expired_the_decision_is_that_without(
    seen: Observation, told: Settings, asked: tuple[Request, ...]
) -> None:
    over = tuple(replace(each, expires_at=NOW - 0.0) for each in asked)
    found, without = consider(replace(seen, requests=over), told, GUARDS), consider(seen, told, GUARDS)
    assert (found.decision, found.wanted, found.proposals) == (without.decision, without.wanted, without.proposals)
    assert found.requests == ()


@effort(max_examples=300)
@given(observations, any_settings, requests)
def test_a_scale_in_that_is_asked_for_needs_the_same_views_as_any_other(
    seen: Observation, told: Settings, asked: tuple[Request, ...]
) -> None:
    decision = consider(replace(seen, requests=asked, reading=None), told, GUARDS).decision
    assert not (isinstance(decision, Resize) and not decision.scales_out)


def test_the_properties_are_about_something() -> None:
    calm = observation(requests=(request(units=1),))
    assert isinstance(consider(calm, settings(rules=[IN, OUT]), GUARDS).decision, Resize)
