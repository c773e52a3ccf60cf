"""What the lifecycle's table wants: ends, deadlines, claims; and what becomes of a cluster whose table is silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Resize, Terminate
from agent.domain.observation import Evidence, Observation, Pause
from agent.domain.orders import Orders
from agent.policy import deadline
from agent.policy.consider import Considered, consider
from agent.policy.ending import ends_at
from agent.policy.guards import GUARDS
from agent.policy.reasons import Why
from tests.policy.build import NOW, app, cluster, evidence, history, observation, reading, settings, signal
from tests.policy.strategies import any_settings, observations

IDLE = {"after_s": 3600, "notice_s": 300}
LOST_S = 300.0
"""`lifecycle.heartbeat_lost_s`, as it comes."""


def orders(age: float | None = 10.0, **changed: Any) -> Orders:
    return Orders(heard_at=None if age is None else NOW - age, **changed)


def idle(lasted: float = 4000.0, **changed: Any) -> Observation:
    """Idle for so long, and its notice has had its time."""
    since = NOW - lasted
    told = history(idle_since=since, notified_of=since, notified_at=NOW - 300)
    return observation(history=told, **changed)


def judge(seen: Observation, **changed: Any) -> Considered:
    return consider(seen, settings(idle={**IDLE, **changed}), GUARDS)


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.because]


def test_a_claimed_cluster_is_not_ended_for_want_of_work() -> None:
    found = judge(idle(orders=orders(claim="job-7")))
    assert isinstance(found.decision, Hold)
    assert found.withheld is not None and found.withheld.code == Why.CLAIMED and "job-7" in found.withheld.text
    assert isinstance(judge(idle(orders=orders())).decision, Terminate)


def test_no_notice_goes_out_of_an_end_that_a_claim_prevents() -> None:
    seen = observation(history=history(idle_since=NOW - 3600), orders=orders(claim="job-7"))
    assert judge(seen).notice is None
    assert judge(observation(history=history(idle_since=NOW - 3600), orders=orders())).notice is not None


@pytest.mark.parametrize("age", [None, LOST_S + 1, -LOST_S - 1], ids=["never heard", "old", "of the future"])
@pytest.mark.parametrize(("lasted", "ends"), [(4000.0, False), (7199.0, False), (7200.0, True)])
def test_without_the_tables_word_idleness_takes_twice_as_long(age: float | None, lasted: float, ends: bool) -> None:
    """Also when the last word was of a claim: a table that is gone would keep the cluster for ever."""
    found = judge(idle(lasted, orders=orders(age, claim="job-7")))
    assert isinstance(found.decision, Terminate) is ends
    assert ends_at(found.observation, settings(idle=IDLE)) == pytest.approx(NOW - lasted + 7200)


def test_without_the_tables_word_an_application_that_counts_as_unused_keeps_the_cluster() -> None:
    since = NOW - 9000
    rest = Evidence(probe="rest", busy=False, detail="no task and no job", at=NOW, of=("application_1",))
    facts: dict[str, Any] = {
        "history": history(
            idle_since=since, notified_of=since, notified_at=NOW - 300, unused_since={"application_1": NOW - 50_000}
        ),
        "evidence": (*evidence(), rest),
        "reading": reading(applications=(replace(app(), containers=1),), containers_pending=0),
    }
    changed = {"unused_application_after_s": 600}
    assert isinstance(judge(observation(**facts, orders=orders()), **changed).decision, Terminate)
    found = judge(observation(**facts, orders=orders(None)), **changed)
    assert isinstance(found.decision, Hold)
    assert found.withheld is not None and found.withheld.code == Why.ORDERS_UNKNOWN


def test_a_cluster_that_is_to_drain_ends_as_soon_as_it_is_idle() -> None:
    seen = observation(
        history=history(idle_since=NOW, notified_of=NOW, notified_at=NOW - 300), orders=orders(drain="retired")
    )
    found = judge(seen)
    assert isinstance(found.decision, Terminate) and "retired" in found.decision.because[0].text
    busy = observation(orders=orders(drain="retired"), reading=reading(applications=(app(),)))
    assert isinstance(judge(busy).decision, Hold)


BUSY: dict[str, Any] = {"reading": reading(applications=(app(),)), "evidence": evidence(steps=True)}
ENDED: dict[str, Any] = {"end_reason": "owner-done", "end_why": "the pipeline has ended"}


def test_an_end_that_is_ordered_asks_nobody_and_needs_no_notice() -> None:
    found = judge(observation(**BUSY, orders=orders(**ENDED), paused=Pause(until=NOW + 60, why="no")))
    assert isinstance(found.decision, Terminate)
    assert found.decision.because[0].code == Why.ORDERED
    assert "owner-done" in found.decision.because[0].text and "the pipeline has ended" in found.decision.because[0].text


def test_protection_is_respected_and_old_orders_are_none() -> None:
    protected = judge(observation(**BUSY, orders=orders(**ENDED), cluster=cluster(termination_protected=True)))
    assert isinstance(protected.decision, Hold) and Why.PROTECTED in codes(protected.decision)
    old = judge(observation(**BUSY, orders=orders(LOST_S + 1, **ENDED)))
    assert isinstance(old.decision, Hold) and Why.ORDERED not in codes(old.decision)


def test_an_order_comes_before_growth() -> None:
    short = reading(applications=(app(),))
    told = history(breaching_since={"out": NOW - 400})
    seen = observation(signals={"Free": signal(5.0)}, reading=short, history=told, orders=orders(**ENDED))
    assert isinstance(judge(seen).decision, Terminate)
    assert isinstance(judge(observation(signals={"Free": signal(5.0)}, reading=short, history=told)).decision, Resize)


@pytest.mark.parametrize(
    ("by_settings", "by_tag", "by_table", "due"),
    [
        (7200.0, None, None, 7200.0),
        (7200.0, 100.0, None, 100.0),
        (7200.0, 100.0, 50.0, 50.0),
        (60.0, 100.0, 70.0, 60.0),
        (None, None, 70.0, 70.0),
        (None, 80.0, None, 80.0),
    ],
)
def test_the_earliest_of_all_deadlines_counts(
    by_settings: float | None, by_tag: float | None, by_table: float | None, due: float
) -> None:
    """In seconds from now, of a cluster that has just been made. The table's holds however old the word is."""
    seen = observation(
        cluster=cluster(created_at=NOW, terminate_at=None if by_tag is None else NOW + by_tag),
        orders=orders(9999.0, terminate_at=None if by_table is None else NOW + by_table),
    )
    told = settings(idle={"enabled": False, "terminate_after_s": by_settings, "notice_s": 0})
    assert ends_at(seen, told) == NOW + due
    (said,) = deadline.decide(seen, told)
    assert said.because[0].code == Why.DEADLINE_AHEAD


def test_a_deadline_of_the_table_ends_a_busy_and_claimed_cluster_after_its_notice() -> None:
    seen = observation(**BUSY, orders=orders(terminate_at=NOW - 1, claim="job-7"))
    first = judge(seen)
    assert first.notice is not None and isinstance(first.decision, Hold)
    told = history(notified_of=NOW - 1, notified_at=NOW - 300)
    second = judge(observation(**BUSY, orders=orders(terminate_at=NOW - 1, claim="job-7"), history=told))
    assert isinstance(second.decision, Terminate) and "table" in second.decision.because[0].text


@given(observations, any_settings, st.sampled_from([None, 10.0, 200.0, 301.0]))
def test_nothing_ends_for_want_of_work_while_a_fresh_word_says_claimed(seen: Observation, told: Any, age: Any) -> None:
    found = consider(replace(seen, orders=orders(age, claim="job-7")), told, GUARDS)
    fresh = age is not None and age <= LOST_S
    if fresh and isinstance(found.decision, Terminate):
        assert {Why.DEADLINE, Why.ORDERED, Why.ZERO_CORE} & set(codes(found.decision))
