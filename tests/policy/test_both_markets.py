"""What several answers together must not do: to the other market, to the limits, to one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.fleets import FleetNode, TaskGroup
from agent.domain.observation import Observation, Shortage
from agent.domain.prices import UnitPrices
from agent.domain.rights import Capability, MissingRight
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.policy.money import markets
from agent.policy.reasons import Why
from agent.policy.shortage import takes_away
from agent.policy.work import moved_back_first, of_market_bought
from agent.settings import Settings
from agent.settings_policy import SHORTAGE
from tests.fakes.world import World
from tests.policy.build import IN, NOW, OUT, fleet, history, observation, reading, settings, signal

AWAKE = {"enabled": False}


def decided(seen: Observation, told: Settings) -> Decision:
    return consider(seen, told, GUARDS).decision


def of_markets(on_demand: int, spot: int, there: tuple[int, int] | None = None, **changed: Any) -> Any:
    provisioned = (on_demand, spot) if there is None else there
    facts = {
        "target_on_demand": on_demand,
        "target_spot": spot,
        "provisioned_on_demand": provisioned[0],
        "provisioned_spot": provisioned[1],
    }
    return fleet(on_demand + spot, sum(provisioned), **{**facts, **changed})


@pytest.mark.parametrize("percent", [50, 100])
@pytest.mark.parametrize("highest", [11, 15, 20, 40])
def test_growth_on_demand_that_the_maximum_cuts_takes_nothing_from_spot(percent: int, highest: int) -> None:
    told = settings(
        rules=[{**OUT, "for_s": 0, "adjustment_units": 20}, IN],
        fleet={"max_capacity_units": highest},
        policy={"shortage": {"on_demand_percent": percent}},
        idle=AWAKE,
    )
    short = history(breaching_since={"out": NOW - 400}, shortage=Shortage(began=NOW - 10, times=1))
    decision = decided(observation(signals={"Free": signal(5)}, fleet=fleet(10), history=short), told)
    assert isinstance(decision, Resize) and decision.on_demand is not None
    assert decision.target == min(highest, 10 + 20 * percent // 100)
    assert decision.target - decision.on_demand == 10


@pytest.mark.parametrize(
    ("target", "there", "left"),
    [
        ((5, 10), (0, 10), (0, 10)),
        ((5, 10), (3, 10), (3, 10)),
        ((2, 13), (2, 10), (2, 10)),
        ((5, 12), (3, 10), (3, 10)),
    ],
)
def test_a_cancelled_order_takes_from_neither_market_what_is_there(
    target: tuple[int, int], there: tuple[int, int], left: tuple[int, int]
) -> None:
    told = settings(fleet={"max_capacity_units": 30}, policy={"kind": "demand"}, idle=AWAKE)
    gone = Shortage(began=NOW - 200, times=1, short_since=NOW - 200, undemanded_since=NOW - 100, moved_units=target[0])
    hosts = tuple(f"task-{number}" for number in range(sum(there)))
    decision = decided(
        observation(
            fleet=of_markets(*target, there, state="RESIZING"),
            reading=reading(hosts, containers_pending=0, memory_pending_mb=0.0),
            history=history(resize_sent_at=NOW - 200, shortage=gone),
        ),
        told,
    )
    assert isinstance(decision, Resize) and decision.on_demand is not None
    assert decision.because[0].code == Why.DEMAND_GONE
    assert (decision.on_demand, decision.target - decision.on_demand) == left


def test_no_more_is_moved_back_than_the_minimum_lets_go() -> None:
    told = settings(rules=[{**IN, "adjustment_units": -8}], fleet={"min_capacity_units": 8}, idle=AWAKE)
    past = history(breaching_since={"in": NOW - 400}, shortage=Shortage(moved_units=6))
    decision = decided(observation(signals={"Free": signal(90)}, fleet=of_markets(6, 4), history=past), told)
    assert isinstance(decision, Resize)
    assert (decision.target, decision.on_demand) == (8, 4)


def test_a_minimum_that_spot_does_not_fill_is_given_up_and_asked_for_again(tmp_path: Path) -> None:
    told = settings(fleet={"min_capacity_units": 5}, idle=AWAKE)
    cluster = World(told, tmp_path / "journal.jsonl", spot=2)
    agent = cluster.controller()
    cluster.run(agent, 7200)
    targets = [int(call.split()[-1]) for _, call in cluster.acts()]
    assert targets[:4] == [5, 2, 5, 2]
    assert set(targets) == {5, 2}
    waits = [at for at, call in cluster.acts() if call == "resize 2 -> 5"]
    assert all(later - before > 600 for before, later in pairwise(waits))
    cluster.spot = 100
    cluster.run(agent, 7200)
    assert cluster.target == len(cluster.units) == 5


def test_a_cluster_below_its_minimum_still_ends_when_it_is_idle(tmp_path: Path) -> None:
    told = settings(fleet={"min_capacity_units": 5}, idle={"after_s": 3600, "grace_s": 60})
    cluster = World(told, tmp_path / "journal.jsonl", spot=2)
    cluster.run(cluster.controller(), 9000)
    assert cluster.ended


def test_an_answer_that_is_withheld_keeps_no_idle_cluster_alive() -> None:
    denied = MissingRight(
        capability=Capability.RESIZE,
        operation="ModifyInstanceFleet",
        action="elasticmapreduce:ModifyInstanceFleet",
        sid="TidemarkResizeTaskCapacity",
        since=NOW - 10,
        retry_at=NOW + 300,
    )
    seen = observation(
        fleet=fleet(10, 4),
        reading=reading(hosts=4, containers_pending=0),
        missing=(denied,),
        history=history(
            shortage=Shortage(short_since=NOW - 9000),
            unsettled_since=NOW - 9000,
            idle_since=NOW - 8000,
            notified_of=NOW - 8000,
            notified_at=NOW - 1000,
        ),
    )
    found = consider(seen, settings(), GUARDS)
    assert isinstance(found.decision, Terminate)
    assert found.withheld is not None and found.withheld.code == Why.RIGHT_MISSING


@pytest.mark.parametrize("free", [5.0, 50.0])
def test_a_maximum_that_was_lowered_holds_however_much_is_asked_for(free: float) -> None:
    told = settings(fleet={"max_capacity_units": 20}, idle=AWAKE)
    past = history(breaching_since={"out": NOW - 400})
    seen = observation(signals={"Free": signal(free)}, fleet=fleet(40), reading=reading(("task-3",), 40), history=past)
    decision = decided(seen, told)
    assert isinstance(decision, Resize)
    assert (decision.current, decision.target) == (40, 20)


def test_what_withheld_an_end_is_told_and_not_what_stood_beside_it() -> None:
    past = history(idle_since=NOW - 8000)
    seen = observation(history=past)
    found = consider(seen, settings(), GUARDS)
    assert isinstance(found.decision, Hold)
    assert found.withheld is not None and found.withheld.code == Why.NOTICE_RUNNING


def turns(seen: Observation, told: Settings, times: int, look: Callable[[Observation], Observation]) -> list[Decision]:
    """Ten seconds apart, every view as fresh as its turn; nothing that is decided is carried out."""
    found, past = [], seen.history
    for number in range(times):
        at = NOW + 10 * number
        assert seen.fleet is not None and seen.cluster is not None and seen.reading is not None
        now = replace(
            seen,
            at=at,
            history=past,
            fleet=replace(seen.fleet, at=at),
            cluster=replace(seen.cluster, at=at),
            reading=replace(seen.reading, at=at),
            signals={name: replace(one, at=at) for name, one in seen.signals.items()},
        )
        considered = consider(look(now), told, GUARDS)
        past = considered.observation.history
        found.append(considered.decision)
    return found


def test_spot_that_takes_a_node_every_few_minutes_holds_the_cluster_for_no_longer_than_a_veto() -> None:
    def losing(seen: Observation) -> Observation:
        """The first of ten is another one every 250 s; EMR has replaced it by the next view."""
        first = int((seen.at - NOW) // 250)
        ids = [f"i-0-{first}", *(f"i-{number}" for number in range(1, 10))]
        nodes = tuple(FleetNode(hosts=(f"task-{n}",), units=1, id=id) for n, id in enumerate(ids))
        return replace(seen, fleet=fleet(10, at=seen.at, nodes=nodes))

    told = settings(rules=[{**IN, "for_s": 300}], idle=AWAKE)
    found = turns(observation(signals={"Free": signal(90)}), told, 250, losing)
    acted = [10 * number for number, decision in enumerate(found) if isinstance(decision, Resize)]
    assert acted[0] == 250 + 1800


DEAR = TaskGroup(id="g", state="RUNNING", on_demand=True, target=5, provisioned=5)


def less(target: int, rule: str = "in", current: int = 10) -> Resize:
    return Resize(current, target, (Reason(Why.BREACHED, "less"),), rule)


@pytest.mark.parametrize(
    ("seen", "decision", "takes"),
    [
        (fleet(10, 6), less(8), False),  # four are still to come
        (fleet(10, 6), less(6), False),
        (fleet(10, 6), less(5), True),
        (fleet(10), less(9), True),
        (fleet(10), less(12), False),
        (None, less(9), True),
        (fleet(10, 6), Hold(()), False),
        # of each market two are to come: more than that is there
        (of_markets(5, 5, (3, 3)), less(8), False),
        (of_markets(5, 5, (3, 3)), less(7), True),
        (of_markets(5, 5, (5, 2)), less(9), True),
        (of_markets(5, 5, (2, 5)), less(9), True),
        (of_markets(5, 5, (4, 2)), less(9), False),
        (of_markets(5, 5, (4, 2)), less(8), True),
        # an answer to a shortage says itself what stays on each
        (of_markets(5, 5, (5, 2)), less(7, SHORTAGE), False),
        (of_markets(5, 5, (5, 2)), less(6, SHORTAGE), True),
        # and of groups those that did not come go first
        (of_markets(5, 5, (5, 2), groups=(DEAR,)), less(7), False),
    ],
)
def test_only_what_is_there_can_be_taken_away(seen: Any, decision: Decision, takes: bool) -> None:
    assert takes_away(observation(fleet=seen), decision) is takes


@pytest.mark.parametrize("kind", ["dataproc", "demand"])
def test_a_fleet_that_emr_has_left_beside_its_target_is_scaled_on(kind: str) -> None:
    """After an hour of draining EMR is done, met or not."""
    full = reading(hosts=8, memory_pending_mb=50_000.0, memory_available_mb=0.0, containers_pending=20)
    seen = observation(fleet=fleet(5, 8), reading=full, history=history(unsettled_since=NOW - 3600 + 100))
    found = turns(seen, settings(policy={"kind": kind}, idle=AWAKE), 40, lambda now: now)
    assert not any(isinstance(decision, Resize) for decision in found[:10])
    grown = [decision for decision in found if isinstance(decision, Resize)]
    assert grown and all(decision.scales_out for decision in grown)


def mixed(on_demand: int, spot: int, *, told: bool = True) -> Any:
    """The first nodes are those on demand."""
    nodes = tuple(
        FleetNode(hosts=(f"task-{number}",), units=1, on_demand=number < on_demand if told else None)
        for number in range(on_demand + spot)
    )
    return of_markets(on_demand, spot, nodes=nodes)


@pytest.mark.parametrize(
    ("busy", "told", "moved", "left"),
    [
        # what is on demand was there before: all that goes is spot
        ((5, 6, 7, 8, 9), True, 0, None),
        ((5, 6, 7, 8, 9), False, 0, None),
        ((5, 6), True, 0, (5, 2)),
        ((0, 1, 2, 3, 4), True, 0, (5, 0)),
        # what was moved goes first
        ((5, 6, 7, 8, 9), True, 5, (0, 5)),
        ((0, 1, 2, 3, 4), True, 5, (5, 0)),
        ((0, 1), True, 3, (2, 3)),
        ((0, 1, 5, 6, 7), True, 4, (2, 3)),
        ((), False, 0, (5, 0)),
    ],
)
def test_each_market_keeps_the_nodes_that_hold_work(
    busy: tuple[int, ...], told: bool, moved: int, left: tuple[int, int] | None
) -> None:
    asked = settings(rules=[{**IN, "adjustment_units": -5}], idle=AWAKE)
    fleet = mixed(5, 5, told=told)
    past = history(breaching_since={"in": NOW - 400}, shortage=Shortage(moved_units=moved))
    held = reading(tuple(f"task-{number}" for number in busy))
    decision = decided(observation(signals={"Free": signal(90)}, fleet=fleet, reading=held, history=past), asked)
    if left is None:
        assert isinstance(decision, Hold) and decision.because[-1].code == Why.RUNNING_WORK
    else:
        assert isinstance(decision, Resize)
        assert markets(decision, fleet, asked) == left


@pytest.mark.parametrize(("busy", "left"), [((5, 6, 7, 8, 9), (0, 5)), ((0, 1), (2, 5)), ((0, 1, 2, 3, 4), None)])
def test_who_buys_on_demand_keeps_the_on_demand_nodes_that_hold_work(
    busy: tuple[int, ...], left: tuple[int, int] | None
) -> None:
    asked = settings(rules=[{**IN, "adjustment_units": -5}], fleet={"on_demand": True}, idle=AWAKE)
    held = reading(tuple(f"task-{number}" for number in busy))
    past = history(breaching_since={"in": NOW - 400})
    seen = observation(signals={"Free": signal(90)}, fleet=mixed(5, 5), reading=held, history=past)
    decision = decided(seen, asked)
    if left is None:
        assert isinstance(decision, Hold) and decision.because[-1].code == Why.RUNNING_WORK
    else:
        assert isinstance(decision, Resize) and markets(decision, mixed(5, 5), asked) == left


def test_what_just_fits_is_not_called_limited() -> None:
    asked = settings(rules=[{**IN, "adjustment_units": -3}], idle=AWAKE)
    past = history(breaching_since={"in": NOW - 400})
    seen = observation(
        signals={"Free": signal(90)}, fleet=mixed(5, 5), reading=reading(("task-5", "task-6")), history=past
    )
    found = consider(seen, asked, GUARDS)
    assert isinstance(found.decision, Resize) and found.decision.target == 7
    assert found.limited == ()


@pytest.mark.parametrize(
    ("markets_now", "moved", "asked", "left"),
    [
        ((5, 5), 0, -3, (5, 2)),
        ((5, 5), 0, -5, (5, 0)),
        ((5, 5), 0, -8, (5, 0)),
        ((5, 0), 0, -1, None),
        ((5, 2), 3, -6, (2, 0)),
        ((0, 4), 0, -4, (0, 0)),
    ],
)
def test_a_scale_in_never_asks_for_less_than_the_fixed_on_demand_part(
    markets_now: tuple[int, int], moved: int, asked: int, left: tuple[int, int] | None
) -> None:
    told = settings(rules=[{**IN, "adjustment_units": asked}], idle=AWAKE)
    fleet = mixed(*markets_now)
    past = history(breaching_since={"in": NOW - 400}, shortage=Shortage(moved_units=moved))
    found = consider(observation(signals={"Free": signal(90)}, fleet=fleet, history=past), told, GUARDS)
    if left is None:
        assert isinstance(found.decision, Hold) and found.decision.because[-1].code == Why.OTHER_MARKET
        assert found.withheld == found.decision.because[-1]
    else:
        assert isinstance(found.decision, Resize)
        assert markets(found.decision, fleet, told) == left
        assert found.decision.target == sum(left), "what is decided is what the actuator sends"
        cut = found.decision.target > sum(markets_now) + asked
        assert [reason.code for reason in found.limited] == ([Why.OTHER_MARKET] if cut else [])


def test_who_buys_on_demand_keeps_a_fixed_spot_part() -> None:
    told = settings(rules=[{**IN, "adjustment_units": -8}], fleet={"on_demand": True}, idle=AWAKE)
    past = history(breaching_since={"in": NOW - 400})
    seen = observation(signals={"Free": signal(90)}, fleet=mixed(5, 4), history=past)
    decision = decided(seen, told)
    assert isinstance(decision, Resize) and decision.target == 4
    assert markets(decision, mixed(5, 4), told) == (0, 4)


def test_where_it_is_not_known_what_holds_work_all_that_was_moved_stays() -> None:
    """An order is made smaller, of a fleet whose instances were not listed."""
    order = of_markets(5, 5, (5, 0), nodes=None)
    past = history(shortage=Shortage(moved_units=3))
    less = Resize(10, 1, (Reason(Why.BREACHED, "less"),), "in")
    decision = of_market_bought(observation(fleet=order, history=past), less, settings())
    assert isinstance(decision, Resize) and decision.target == 5
    assert moved_back_first(observation(fleet=order, history=past), decision, settings()) == decision


def test_a_maximum_below_the_fixed_part_holds_quietly_and_hides_nothing_else() -> None:
    told = settings(fleet={"max_capacity_units": 3}, idle=AWAKE)
    found = consider(observation(fleet=mixed(5, 0)), told, GUARDS)
    assert isinstance(found.decision, Hold)
    assert found.withheld is not None and found.withheld.code == Why.OTHER_MARKET


def test_what_a_guard_makes_gentler_is_told_with_its_reason() -> None:
    told = settings(rules=[{**OUT, "for_s": 0, "adjustment_units": 15}], idle=AWAKE)
    past = history(breaching_since={"out": NOW - 400})
    found = consider(observation(signals={"Free": signal(5)}, history=past), told, GUARDS)
    assert isinstance(found.decision, Resize) and found.decision.target == 20
    assert [reason.code for reason in found.limited] == [Why.MAXIMUM] and found.withheld is None
    whole = settings(rules=[{**OUT, "for_s": 0, "adjustment_units": 5}], idle=AWAKE)
    assert consider(observation(signals={"Free": signal(5)}, history=past), whole, GUARDS).limited == ()
    assert consider(observation(), whole, GUARDS).limited == (), "a hold is no limit"


UNITS = st.integers(0, 12)


@given(
    targets=st.tuples(UNITS, UNITS),
    missing=st.tuples(UNITS, UNITS),
    step=st.integers(1, 30),
    percent=st.sampled_from([0, 30, 50, 100]),
    limits=st.tuples(UNITS, st.integers(0, 30)),
    cap=st.none() | st.floats(0.5, 40),
    remembered=st.booleans(),
    short_s=st.sampled_from([0.0, 100.0, 700.0]),
)
def test_growth_and_answers_to_a_shortage_take_from_neither_market_what_is_there(
    targets: tuple[int, int],
    missing: tuple[int, int],
    step: int,
    percent: int,
    limits: tuple[int, int],
    cap: float | None,
    remembered: bool,
    short_s: float,
) -> None:
    told = settings(
        rules=[{**OUT, "for_s": 0, "adjustment_units": step}, IN],
        fleet={
            "min_capacity_units": limits[0],
            "max_capacity_units": limits[0] + limits[1] + 1,
            **({} if cap is None else {"max_usd_per_hour": cap}),
        },
        policy={"shortage": {"on_demand_percent": percent}},
        idle=AWAKE,
    )
    there = (max(0, targets[0] - missing[0]), max(0, targets[1] - missing[1]))
    now = of_markets(*targets, there)
    past = Shortage(
        began=NOW - 10 if remembered else None, times=int(remembered), short_since=NOW - short_s, moved_units=targets[0]
    )
    seen = observation(
        signals={"Free": signal(5)},
        fleet=now,
        reading=reading(hosts=sum(there), containers_pending=9, memory_pending_mb=9000.0),
        prices=UnitPrices(at=NOW, spot=0.4, on_demand=1.0),
        history=history(breaching_since={"out": NOW - 400}, unsettled_since=NOW - short_s, shortage=past),
    )
    decision = decided(seen, told)
    if not isinstance(decision, Resize) or decision.because[0].code == Why.ABOVE_MAXIMUM:
        return
    after = markets(decision, now, told)
    assert sum(after) == decision.target
    if decision.scales_out:
        assert after[0] >= targets[0] and after[1] >= targets[1]
        assert decision.target <= told.fleet.max_capacity_units
        assert cap is None or after[0] * 1.0 + after[1] * 0.4 <= cap + 1e-6
    else:
        assert decision.rule == SHORTAGE
        assert after[0] >= there[0] and after[1] >= there[1]


def test_what_is_to_come_on_demand_does_not_make_up_for_busy_spot_nodes() -> None:
    asked = settings(rules=[IN], fleet={"resize_timeout_minutes": 60}, idle=AWAKE)
    seen = observation(
        signals={"Free": signal(90)},
        fleet=of_markets(3, 7, (0, 7)),
        reading=reading(tuple(f"task-{number}" for number in range(7)), hosts=7),
        history=history(breaching_since={"in": NOW - 400}, unsettled_since=NOW - 4000),
    )
    decision = decided(seen, asked)
    assert isinstance(decision, Hold) and decision.because[-1].code == Why.RUNNING_WORK
