"""The rule of useful backlog, with figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Resize
from agent.domain.observation import MemoryBalance, Observation
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading, ContainerAsk
from agent.domain.stages import RemainingWork
from agent.policy import demand
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.policy.history import advance
from agent.policy.reasons import Why
from tests.policy.build import LONG_AGO, NOW, evidence, fleet, history, observation, settings

SLOT_MB = 1024.0
TOLD = {
    "thrift": 1.0,
    "min_saving_s": 1.0,
    "scale_out_share": 1.0,
    "scale_in_share": 0.5,
    "spare_units": 2,
    "provisioning_s": 300,
}


def node(number: int, used: int) -> ClusterNode:
    return ClusterNode(
        host=f"task-{number}",
        alive=True,
        draining=False,
        memory_total_mb=8 * SLOT_MB,
        memory_used_mb=used * SLOT_MB,
        containers=used,
        memory_available_mb=(8 - used) * SLOT_MB,
        cores_available=float(-used),
    )


def app(name: str, held: int, waits: int) -> Application:
    return Application(
        id=name,
        name=name,
        state="RUNNING",
        memory_used_mb=(held + 1) * SLOT_MB,
        containers=held + 1,
        asks=(ContainerAsk(memory_mb=SLOT_MB, cores=1.0, label="", count=waits),) if waits else (),
    )


def seen(
    used: tuple[int, ...],
    apps: tuple[Application, ...],
    work: dict[str, float] | None,
    *,
    target: int | None = None,
    free_mean: float = 100.0,
    **changed: Any,
) -> Observation:
    """Nodes of 8 slots each with so many in use; the fleet is as large unless a target is given."""
    waits = sum(ask.count for application in apps for ask in application.asks or ())
    past: dict[str, Any] = {"smoothed": {"free": free_mean, "pending": 0.0}, **changed}
    return observation(
        fleet=fleet(len(used) if target is None else target, len(used)),
        reading=ClusterReading(
            at=NOW,
            manager=ClusterManager.YARN,
            memory_total_mb=8 * SLOT_MB * len(used),
            memory_available_mb=(8 * len(used) - sum(used)) * SLOT_MB,
            memory_pending_mb=waits * SLOT_MB,
            containers_pending=waits,
            containers_reserved=0,
            nodes=tuple(node(number, held) for number, held in enumerate(used)),
            applications=apps,
        ),
        remaining=None if work is None else RemainingWork(at=NOW, by_app=work),
        history=history(**past),
    )


def said(of: Observation, **told: Any) -> Decision:
    (found,) = demand.decide(of, settings(policy={"kind": "demand", "demand": {**TOLD, **told}}))
    return found


FULL = (8, 8)


@pytest.mark.parametrize(
    ("of", "told", "change", "why"),
    [
        # one job on 16 slots with 40,000 container-seconds: after 300 s 40000 − 4800 = 35200 are left.
        # for itself √35200 = 187.6 slots, less 16 are 171.6; for all 35200 ÷ 300 = 117.3; 100 wait: 100 ÷ 8 = 12.5
        (seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}), {}, 13, Why.WORK_LEFT),
        # half of it: 6.25, so 7
        (seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}), {"scale_out_share": 0.5}, 7, Why.WORK_LEFT),
        # no more than is allowed at once
        (seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}), {"max_step_units": 4}, 4, Why.WORK_LEFT),
        # a slot must find work for three delays: 35200 ÷ 900 = 39.1 slots, 4.9 units
        (seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}), {"thrift": 3.0}, 5, Why.WORK_LEFT),
        # a slot must save 4 s: √(35200 ÷ 4) = 93.8, less 16 are 77.8 slots, 9.7 units
        (seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}), {"min_saving_s": 4.0}, 10, Why.WORK_LEFT),
        # 4,000 container-seconds on 16 slots are done in 250 s: before a node could come
        (seen(FULL, (app("a", 16, 80),), {"a": 4_000.0}), {}, 0, Why.WORK_SHORT),
        # with a delay of 100 s measured 4000 − 1600 = 2400 are left: √2400 − 16 = 33, 2400 ÷ 100 = 24 slots, 3 units
        (seen(FULL, (app("a", 16, 80),), {"a": 4_000.0}, provisioning_s=100.0), {}, 3, Why.WORK_LEFT),
        # the long job asks for nothing; what waits belongs to one that is short: 600 s on no slot, √600 = 24.5,
        # asked are 8, and 50,600 − 4,800 are enough for all: 8 ÷ 8 = 1
        (seen(FULL, (app("a", 16, 0), app("b", 0, 8)), {"a": 50_000.0, "b": 600.0}), {}, 1, Why.WORK_LEFT),
        # the same work, but on average 64 containers have waited for a delay's time: a quarter of them, 16 ÷ 8 = 2
        (
            seen(FULL, (app("a", 16, 80),), {"a": 4_000.0}, smoothed={"free": 0.0, "pending": 80.0, "lasting": 64.0}),
            {"lasting_share": 0.25},
            2,
            Why.WORK_LEFT,
        ),
        # 13 units are on their way already for the first case
        (seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}, target=15), {}, 0, Why.WORK_FITS),
        # 12 wait and 16 are free: they will have room in a moment
        (seen((8, 0, 0), (app("a", 8, 12),), {"a": 90_000.0}), {}, 0, Why.WORK_FITS),
        # 32 slots are free and none is asked for: 4 units, less 2 to spare, half of it: 1
        (seen((8, 0, 0, 0, 0), (app("a", 8, 0),), {"a": 900.0}), {}, -1, Why.SLOTS_FREE),
        # all of it at once
        (seen((8, 0, 0, 0, 0), (app("a", 8, 0),), {"a": 900.0}), {"scale_in_share": 1.0}, -2, Why.SLOTS_FREE),
        # they have been free for a moment only: on the mean 8 were
        (seen((8, 0, 0, 0, 0), (app("a", 8, 0),), {"a": 900.0}, free_mean=8.0), {}, 0, Why.NO_DEMAND),
        # what is free is not more than is to be kept
        (seen((8, 0, 0), (app("a", 8, 0),), {"a": 900.0}), {}, 0, Why.NO_DEMAND),
        # nothing runs at all: 4 nodes are free, 2 are kept, half of the rest goes
        (seen((0, 0, 0, 0), (), {}), {}, -1, Why.SLOTS_FREE),
    ],
)
def test_what_is_ordered_and_given_back(of: Observation, told: dict[str, Any], change: int, why: Why) -> None:
    found = said(of, **told)
    assert found.because[-1].code == why
    if change == 0:
        assert isinstance(found, Hold)
    else:
        assert isinstance(found, Resize)
        assert found.target - found.current == change
        assert found.rule == "demand"


def test_tasks_that_nothing_has_measured_last_as_long_as_tasks_did() -> None:
    """1,000 tasks at 40 s are the 40,000 container-seconds of the first case."""
    of = seen(FULL, (app("a", 16, 100),), {}, task_s=40.0)
    work = RemainingWork(at=NOW, by_app={}, unmeasured={"a": 1000.0})
    found = said(replace(of, remaining=work))
    assert isinstance(found, Resize)
    assert found.target - found.current == 13


@pytest.mark.parametrize(
    "remaining",
    [None, RemainingWork(at=NOW - 61, by_app={"a": 1.0}), RemainingWork(at=NOW, by_app={}, unmeasured={"a": 9.0})],
    ids=["unknown", "stale", "never measured"],
)
def test_without_known_work_the_pending_memory_formula_decides(remaining: RemainingWork | None) -> None:
    """On average 10 units of memory were pending: a fifth of them is added."""
    balance = MemoryBalance(began=NOW - 120, until=NOW, unit_seconds=1200.0)
    of = seen(FULL, (app("a", 16, 80),), None, balance=balance, work_unknown_since=NOW - 120)
    found = said(replace(of, remaining=remaining))
    assert isinstance(found, Resize)
    assert (found.target, found.rule, found.because[0].code) == (4, "demand", Why.MEMORY_PENDING)


def test_work_that_is_unknown_for_a_moment_orders_nothing_that_would_hold_up_the_order_it_is_worth() -> None:
    """A job of 1,000 tasks begins on a cluster that has waited for memory for long: until its first tasks have ended
    nobody knows how long they take."""
    told = settings(policy={"kind": "demand", "demand": TOLD}, idle={"enabled": False})
    balance = MemoryBalance(began=NOW - 120, until=NOW, unit_seconds=1200.0)
    of = seen(FULL, (app("a", 16, 100),), None, balance=balance, observed_at=NOW - 10)
    past, found = of.history, []
    for number in range(4):
        at = NOW + 10 * number
        assert of.fleet is not None and of.reading is not None and of.cluster is not None
        now = replace(
            of,
            at=at,
            history=past,
            fleet=replace(of.fleet, at=at),
            reading=replace(of.reading, at=at),
            cluster=replace(of.cluster, at=at),
            remaining=RemainingWork(at=at, by_app={"a": 40_000.0}) if number == 3 else None,
        )
        considered = consider(now, told, GUARDS)
        past = considered.observation.history
        found.append(considered.decision)
    assert [each.because[0].code for each in found] == [Why.AVERAGING] * 3 + [Why.WORK_LEFT]
    assert isinstance(found[-1], Resize) and found[-1].target == 2 + 13
    assert past.work_unknown_since is None


def test_how_long_work_has_been_unknown_is_counted_without_a_break() -> None:
    told = settings(policy={"kind": "demand"})
    known = seen(FULL, (app("a", 16, 80),), {"a": 9.0}, observed_at=NOW - 10)
    unknown = replace(known, remaining=None)
    first = advance(unknown, told)
    assert first.work_unknown_since == NOW
    assert advance(replace(unknown, at=NOW + 10, history=first), told).work_unknown_since == NOW
    assert advance(replace(unknown, at=NOW + 500, history=first), told).work_unknown_since == NOW + 500, "a gap"
    assert advance(replace(known, at=NOW + 10, history=first), told).work_unknown_since is None


def test_what_is_not_known_is_a_hold() -> None:
    of = seen(FULL, (app("a", 16, 80),), {"a": 90_000.0})
    assert of.reading is not None
    for changed, why in (
        ({"fleet": None}, Why.FLEET_UNKNOWN),
        ({"reading": None}, Why.BLIND),
        ({"reading": replace(of.reading, at=NOW - 61)}, Why.BLIND),
        ({"reading": replace(of.reading, nodes=None)}, Why.LOAD_UNKNOWN),
        ({"reading": replace(of.reading, applications=None)}, Why.LOAD_UNKNOWN),
        ({"reading": replace(of.reading, containers_pending=None)}, Why.LOAD_UNKNOWN),
    ):
        found = said(replace(of, **changed))
        assert isinstance(found, Hold)
        assert found.because[0].code == why


def test_the_whole_turn_grows_by_demand_and_a_shadow_says_what_it_would_have_done() -> None:
    of = seen(FULL, (app("a", 16, 100),), {"a": 40_000.0})
    told = settings(
        policy={"kind": "demand", "demand": TOLD, "shadows": ["threshold", "dataproc"]}, idle={"enabled": False}
    )
    found = consider(replace(of, evidence=evidence(steps=True), history=history(observed_at=NOW - 10)), told, GUARDS)
    assert isinstance(found.decision, Resize)
    assert (found.decision.current, found.decision.target) == (2, 15)
    assert [name for name, _ in found.shadows] == ["threshold", "dataproc"]
    assert all(isinstance(decision, Hold) for _, decision in found.shadows)
    assert {name for name, _ in found.proposals} == {"demand"}


def test_thresholds_hold_nothing_back_while_demand_scales() -> None:
    """Neither their cooldown after the agent's start nor the one after a scale out."""
    of = seen(FULL, (app("a", 16, 100),), {"a": 40_000.0}, started_at=NOW - 20, observed_at=NOW - 10)
    told = settings(policy={"kind": "demand", "demand": TOLD}, idle={"enabled": False})
    assert isinstance(consider(of, told, GUARDS).decision, Resize)
    assert LONG_AGO < NOW - 20


def test_work_of_next_to_nothing_orders_nothing() -> None:
    assert isinstance(said(seen(FULL, (app("a", 0, 10),), {"a": 1e-9})), Hold)
