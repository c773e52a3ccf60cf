"""Answers to a spot market that does not fill: what is sent and when, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Outcome, Reason, Resize, Result
from agent.domain.fleets import Collection
from agent.domain.observation import Observation, Shortage
from agent.domain.readings import Application, ContainerAsk
from agent.policy import shortage
from agent.policy.arbiter import choose
from agent.policy.guards import GUARDS, apply
from agent.policy.history import advance, record
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import SHORTAGE
from tests.fakes.world import World
from tests.policy.build import NOW, fleet, history, node, observation, reading, settings, signal

DEMAND = {"kind": "demand"}
TIMEOUT_S = 600.0


def told(on_demand_percent: float = 0.0, **changed: Any) -> Settings:
    return settings(policy={**DEMAND, "shortage": {"on_demand_percent": on_demand_percent}, **changed})


def waiting(containers: int, hosts: int) -> Any:
    """`containers` of 1,024 MB wait; each node has 4,096 MB, all of it given out."""
    application = Application(
        id="app-1",
        name="app-1",
        state="RUNNING",
        memory_used_mb=4096.0 * hosts,
        containers=4 * hosts + 1,
        asks=(ContainerAsk(memory_mb=1024.0, cores=None, label="", count=containers),) if containers else (),
    )
    nodes = tuple(replace(node(f"task-{n}", used_mb=4096.0), containers=4) for n in range(hosts))
    return reading(
        nodes=nodes, applications=(application,), containers_pending=containers, memory_pending_mb=1024.0 * containers
    )


def short(target: int, there: int, containers: int, for_s: float, **changed: Any) -> Observation:
    """Of `target` units `there` are, and it has been so for that long."""
    memory = Shortage(short_since=NOW - for_s, undemanded_since=changed.pop("undemanded_since", None))
    past = history(resize_sent_at=NOW - for_s - 5, shortage=replace(memory, **changed.pop("memory", {})))
    facts = {"fleet": fleet(target, there, state="RESIZING"), "reading": waiting(containers, there), "history": past}
    return observation(**{**facts, **changed})


def guarded(seen: Observation, asked: Settings) -> Decision:
    (said,) = shortage.decide(seen, asked)
    return apply(GUARDS, seen, said, asked)


# --- what EMR has given up


@pytest.mark.parametrize(
    ("percent", "containers", "target", "on_demand"),
    [
        (0, 100, 4, 0),  # spot only: to what came
        (50, 100, 7, 3),  # six have not come and all are of use: three on demand
        (50, 8, 5, 1),  # eight containers fill two units
        (50, 0, 4, 0),
        (100, 100, 9, 5),  # all six on demand would be the target that it has: one less
        (10, 100, 5, 1),  # rounded up
    ],
)
def test_after_emrs_time_the_target_is_what_came_and_the_share_on_demand(
    percent: float, containers: int, target: int, on_demand: int
) -> None:
    decision = guarded(short(10, 4, containers, TIMEOUT_S), told(percent))
    assert isinstance(decision, Resize)
    assert (decision.current, decision.target, decision.on_demand) == (10, target, on_demand)
    assert decision.because[0].code == Why.SPOT_SHORTAGE


def test_before_emrs_time_it_waits() -> None:
    assert shortage.decide(short(10, 4, 100, TIMEOUT_S - 1), told()) == ()


def test_who_buys_on_demand_anyway_moves_nothing() -> None:
    asked = settings(policy={**DEMAND, "shortage": {"on_demand_percent": 50}}, fleet={"on_demand": True})
    decision = guarded(short(10, 4, 100, TIMEOUT_S), asked)
    assert isinstance(decision, Resize) and decision.target == 4


def test_a_group_has_one_market_and_no_share() -> None:
    groups = fleet(10, 4, state="RESIZING", collection=Collection.GROUP)
    decision = guarded(short(10, 4, 100, TIMEOUT_S, fleet=groups), told(50))
    assert isinstance(decision, Resize)
    assert (decision.target, decision.on_demand) == (4, 0)


@pytest.mark.parametrize("state", ["RECONFIGURING", "SUSPENDED", "PROVISIONING", "MEDITATING"])
def test_no_other_state_gets_any_change(state: str) -> None:
    assert shortage.decide(short(10, 4, 0, 5000, fleet=fleet(10, 4, state=state)), told()) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"fleet": None},
        {"reading": None},
        {"fleet": fleet(10, 10)},
        {"fleet": fleet(10, 12)},
        {"fleet": fleet(0, 0, id=None, state="ABSENT")},
        {"history": history(resize_sent_at=NOW, shortage=Shortage(short_since=NOW - 5000))},
    ],
)
def test_on_any_doubt_it_says_nothing(changed: dict[str, Any]) -> None:
    assert shortage.decide(short(10, 4, 0, 5000, **changed), told()) == ()


def test_an_old_reading_is_no_reading() -> None:
    seen = short(10, 4, 0, TIMEOUT_S)
    assert shortage.decide(replace(seen, reading=replace(seen.reading, at=NOW - 100)), told()) == ()  # type: ignore[type-var]


# --- what nobody needs any more


@pytest.mark.parametrize(
    ("containers", "target"),
    [(0, 4), (4, 5), (5, 6), (23, None), (24, None)],
)
def test_what_has_not_been_of_use_for_a_minute_is_cancelled(containers: int, target: int | None) -> None:
    """Six units are to come; a unit holds four containers."""
    said = shortage.decide(short(10, 4, containers, 100, undemanded_since=NOW - 60), told())
    if target is None:
        assert said == ()
    else:
        (decision,) = said
        assert isinstance(decision, Resize)
        assert (decision.target, decision.on_demand) == (target, 0)
        assert decision.because[0].code == Why.DEMAND_GONE


def test_it_is_not_cancelled_before() -> None:
    assert shortage.decide(short(10, 4, 0, 100, undemanded_since=NOW - 59), told()) == ()


def test_a_threshold_that_still_breaches_is_use_whatever_waits() -> None:
    """Headroom is a need of its own; without its signal nobody knows."""
    asked = settings()
    for signals in ({"Free": signal(5.0)}, {}):
        seen = short(10, 4, 0, 100, undemanded_since=NOW - 60, signals=signals)
        assert shortage.decide(seen, asked) == ()
    calm = short(10, 4, 0, 100, undemanded_since=NOW - 60, signals={"Free": signal(50.0)})
    assert len(shortage.decide(calm, asked)) == 1


def test_the_minimum_is_use() -> None:
    asked = settings(policy=DEMAND, fleet={"min_capacity_units": 7})
    (decision,) = shortage.decide(short(10, 4, 0, 100, undemanded_since=NOW - 60), asked)
    assert isinstance(decision, Resize) and decision.target == 7


def test_no_answer_takes_away_what_is_there() -> None:
    """With every veto on a scale in standing, an answer passes all the same, and stays above what is there."""
    seen = short(10, 4, 0, 100, undemanded_since=NOW - 60)
    past = replace(seen.history, memory_death_at=NOW, capacity_arrived_at=NOW, scaled_out_at=NOW)
    signals = {"HdfsTotalLoadPerDataNode": signal(999), "ExecutorGcTimePercent": signal(99)}
    decision = guarded(replace(seen, history=past, signals=signals), told())
    assert isinstance(decision, Resize) and decision.target == 4


def test_what_replaces_lost_capacity_is_not_cancelled_at_once() -> None:
    seen = short(10, 4, 0, 100, undemanded_since=NOW - 60)
    for lost_at, said in ((NOW - 299, 0), (NOW - 300, 1)):
        lost = replace(seen, history=replace(seen.history, capacity_lost_at=lost_at))
        assert len(shortage.decide(lost, told())) == said


def test_it_is_told_before_a_rule_that_wants_more() -> None:
    (answer,) = shortage.decide(short(10, 4, 100, TIMEOUT_S), told())
    more = Resize(10, 15, (Reason(Why.BREACHED, "more"),), "out")
    chosen = choose([more, answer])
    assert isinstance(chosen, Resize) and chosen.rule == SHORTAGE and chosen.on_demand == 0


# --- what is remembered


def answered(seen: Observation, decision: Decision) -> Observation:
    return replace(seen, history=record(seen.history, decision, Result(Outcome.APPLIED), seen))


def test_growth_on_spot_waits_twice_as_long_after_each_shortage_in_a_row() -> None:
    asked, waits = told(), []
    memory: dict[str, Any] = {}
    for _ in range(7):
        seen = short(10, 4, 100, TIMEOUT_S, memory=memory)
        after = answered(seen, guarded(seen, asked)).history.shortage
        until = shortage.remembered_until(after, asked)
        assert until is not None
        waits.append(until - NOW)
        memory = {"times": after.times}
    assert waits == [180, 360, 720, 1440, 2880, 3600, 3600]


@pytest.mark.parametrize(("percent", "target", "on_demand"), [(0, None, None), (40, 14, 4), (100, 20, 10)])
def test_meanwhile_growth_is_bought_on_demand_by_its_share_or_not_at_all(
    percent: float, target: int | None, on_demand: int | None
) -> None:
    seen = observation(
        fleet=fleet(10), reading=waiting(400, 10), history=history(shortage=Shortage(began=NOW - 179, times=1))
    )
    growth = Resize(10, 20, (Reason(Why.WORK_LEFT, "more"),), "demand")
    decision = apply(GUARDS, seen, growth, told(percent))
    if target is None:
        assert isinstance(decision, Hold) and decision.because[-1].code == Why.SPOT_SHORTAGE
    else:
        assert isinstance(decision, Resize)
        assert (decision.target, decision.on_demand) == (target, on_demand)
    over = replace(seen, history=history(shortage=Shortage(began=NOW - 180, times=1)))
    assert apply(GUARDS, over, growth, told(percent)) == growth


def test_who_buys_on_demand_anyway_is_not_kept_from_it() -> None:
    seen = observation(fleet=fleet(10), history=history(shortage=Shortage(began=NOW, times=1)))
    growth = Resize(10, 12, (Reason(Why.WORK_LEFT, "more"),), "demand")
    assert apply(GUARDS, seen, growth, settings(policy=DEMAND, fleet={"on_demand": True})) == growth


def test_a_filled_order_ends_the_memory_once_its_time_is_over() -> None:
    past = history(provisioned=4, shortage=Shortage(began=NOW - 500, times=2))
    assert advance(observation(fleet=fleet(6), history=past), told()).shortage == Shortage()
    early = replace(past, shortage=Shortage(began=NOW - 100, times=2))
    assert advance(observation(fleet=fleet(6), history=early), told()).shortage.times == 2


def test_since_when_it_is_short_and_since_when_that_is_no_use() -> None:
    asked = told()
    first = advance(short(10, 4, 0, 0, history=history()), asked).shortage
    assert (first.short_since, first.undemanded_since) == (NOW, NOW)
    needed = advance(short(10, 4, 100, 0, history=history(shortage=first)), asked).shortage
    assert (needed.short_since, needed.undemanded_since) == (NOW, None)
    there = advance(observation(fleet=fleet(10), history=history(shortage=first)), asked).shortage
    assert (there.short_since, there.undemanded_since) == (None, None)


# --- the part that was moved to on-demand capacity


def test_what_was_moved_is_counted_and_goes_first() -> None:
    asked = told(50)
    seen = short(10, 4, 100, TIMEOUT_S)
    moved = answered(seen, guarded(seen, asked)).history.shortage
    assert moved.moved_units == 3
    mixed = fleet(7, target_on_demand=3, target_spot=4, provisioned_on_demand=3, provisioned_spot=4)
    idle = replace(reading(hosts=7), containers_pending=0)
    later = observation(fleet=mixed, reading=idle, history=history(shortage=moved))
    two = apply(GUARDS, later, Resize(7, 5, (Reason(Why.SLOTS_FREE, "less"),), "demand"), asked)
    assert isinstance(two, Resize) and (two.target, two.on_demand) == (5, 1)
    five = apply(GUARDS, later, Resize(7, 2, (Reason(Why.SLOTS_FREE, "less"),), "demand"), asked)
    assert isinstance(five, Resize) and (five.target, five.on_demand) == (2, 0)
    assert record(later.history, two, Result(Outcome.APPLIED), later).shortage.moved_units == 1


def test_on_demand_capacity_that_was_there_before_is_left_alone() -> None:
    own = fleet(7, target_on_demand=3, target_spot=4, provisioned_on_demand=3, provisioned_spot=4)
    less = Resize(7, 5, (Reason(Why.SLOTS_FREE, "less"),), "demand")
    seen = observation(fleet=own, reading=replace(reading(hosts=7), containers_pending=0))
    assert apply(GUARDS, seen, less, told(50)) == less


# --- as a whole


def test_over_hours_of_shortage_the_target_never_stays_above_what_there_is(tmp_path: Path) -> None:
    """Two units are all that the market has; each order is answered, and each wait is twice as long."""
    asked = settings(idle={"enabled": False})
    cluster = World(asked, tmp_path / "journal.jsonl", free_percent=10.0, spot=2)
    turns = cluster.run(cluster.controller(), 9000)
    acts = cluster.acts()
    assert [said for _, said in acts[:4]] == ["resize 0 -> 5", "resize 5 -> 2", "resize 2 -> 7", "resize 7 -> 2"]
    given_up = [at for at, said in acts if said.endswith("-> 2")]
    again = [at for at, said in acts if said.startswith("resize 2 ->")]
    assert [at - before for before, at in zip(given_up, again, strict=True)] == [180, 360, 720, 1440, 2880]
    assert max(turn.observation.fleet.shortfall for turn in turns if turn.observation.fleet) == 5
