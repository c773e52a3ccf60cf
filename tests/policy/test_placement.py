"""What a resize means for each of several task groups, and which instances leave."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.fleets import Collection, Fleet, FleetNode, TaskGroup
from agent.domain.observation import Shortage
from agent.domain.readings import Application
from agent.journal import decision_from_json, decision_to_json, observation_from_json, observation_to_json
from agent.policy.guards import GUARDS, apply
from agent.policy.placement import GROUP_LIMIT, placed
from agent.policy.reasons import Why
from agent.policy.shrink import leaving_order
from tests.policy.build import NOW, fleet, history, node, observation, reading, settings


def task_group(
    name: str, target: int, there: int | None = None, state: str = "RUNNING", on_demand: bool = False
) -> TaskGroup:
    return TaskGroup(
        id=name, state=state, on_demand=on_demand, target=target, provisioned=target if there is None else there
    )


def groups(*several: TaskGroup) -> Fleet:
    """Each instance is up, and called by its group and number: host `a-0`, id `i-a-0`."""
    counted = [one.provisioned if one.stopped else one.target for one in several]
    members = tuple(
        FleetNode(hosts=(f"{one.id}-{number}",), units=1, id=f"i-{one.id}-{number}", group=one.id)
        for one in several
        for number in range(one.provisioned)
    )
    on_demand = sum(count for one, count in zip(several, counted, strict=True) if one.on_demand)
    return fleet(
        sum(counted),
        sum(one.provisioned for one in several),
        collection=Collection.GROUP,
        id=",".join(one.id for one in several),
        groups=several,
        nodes=members,
        target_on_demand=on_demand,
        target_spot=sum(counted) - on_demand,
    )


def resize(current: int, target: int) -> Resize:
    return Resize(current, target, (Reason(Why.BREACHED, "because"),), "out" if target > current else "in")


def told(decision: Decision) -> list[tuple[str, int, tuple[str, ...]]]:
    assert isinstance(decision, Resize), decision
    return [(one.id, one.target, one.leaving) for one in decision.groups]


def place(seen: Fleet, target: int, **more: object) -> Decision:
    return placed(observation(fleet=seen, **more), resize(seen.target, target), settings())


def test_growth_passes_over_groups_that_are_stopped_short_or_full() -> None:
    cheap, dear = task_group("a", 2), task_group("b", 1, on_demand=True)
    assert told(place(groups(cheap, dear), 5)) == [("a", 4, ())]
    lately = history(shortage=Shortage(began=NOW - 10, times=1, groups={"a": NOW - 10}))
    assert told(place(groups(cheap, dear), 5, history=lately)) == [("b", 3, ())]
    before = history(shortage=Shortage(began=NOW - 500, times=1, groups={"a": NOW - 500}))
    assert told(place(groups(cheap, dear), 5, history=before)) == [("a", 4, ())]
    for state in ("ARRESTED", "SUSPENDED", "RECONFIGURING", "PROVISIONING", "MEDITATING"):
        assert told(place(groups(replace(cheap, state=state), dear), 5)) == [("b", 3, ())]
    full = task_group("a", GROUP_LIMIT)
    assert told(place(groups(full, dear), GROUP_LIMIT + 3)) == [("b", 3, ())]


def test_growth_that_does_not_fit_into_one_group_takes_two_turns() -> None:
    seen = groups(task_group("a", GROUP_LIMIT - 2), task_group("b", 0))
    decision = place(seen, GROUP_LIMIT + 3)
    assert told(decision) == [("a", GROUP_LIMIT, ())] and decision.because[-1].code == Why.NO_GROUP


def test_without_a_group_that_takes_it_nothing_is_resized() -> None:
    seen = groups(task_group("a", 3, state="ARRESTED"), task_group("b", 2, state="RECONFIGURING"))
    for target in (2, 9):
        decision = place(seen, target)
        assert isinstance(decision, Hold) and decision.because[-1].code == Why.NO_GROUP


def test_a_stopped_group_keeps_what_it_holds() -> None:
    seen = groups(task_group("a", 3, state="ARRESTED"), task_group("b", 2))
    decision = place(seen, 1)
    assert isinstance(decision, Resize) and decision.target == 3
    assert told(decision) == [("b", 0, ("i-b-0", "i-b-1"))]


def test_groups_of_both_markets_are_one_capacity() -> None:
    """What holds work is of the one market, and what is idle of the other: that one goes, whichever is bought on."""
    seen = groups(task_group("dear", 4, on_demand=True), task_group("cheap", 3))
    hosts = [*(f"dear-{n}" for n in range(4)), *(f"cheap-{n}" for n in range(3))]
    nodes = tuple(node(host, 1024.0 if host.startswith("cheap") else 0.0) for host in hosts)
    for bought in (False, True):
        under = settings(rules=[], fleet={"on_demand": bought})
        less = Resize(7, 3, (Reason(Why.ABOVE_MAXIMUM, "less"),))
        decision = apply(GUARDS, observation(fleet=seen, reading=reading(nodes=nodes)), less, under)
        assert told(decision) == [("dear", 0, tuple(f"i-dear-{n}" for n in range(4)))]


def test_the_order_of_leaving() -> None:
    seen = groups(task_group("a", 3), task_group("b", 4))
    assert seen.nodes is not None
    coming = FleetNode(hosts=(), units=1, id="i-coming", group="a", running=False)
    seen = replace(seen, nodes=(*seen.nodes, coming))
    works = {"a-0", "b-1", "b-3"}
    nodes = tuple(node(f"{name}", 1024.0 if name in works else 0.0) for name in
                  ("a-0", "a-1", "a-2", "b-0", "b-1", "b-3"))  # fmt: skip
    driver = Application(id="x", name="x", state="RUNNING", memory_used_mb=0.0, master_host="B-1")
    known = reading(nodes=nodes, applications=(driver,))
    watched = observation(fleet=seen, reading=known, shuffle={"a-1": 9.0, "a-2": 3.0, "b-3": 5.0, "b-0": 99.0})
    order = [one.id for one in leaving_order(watched, seen)]
    # on its way, idle (last group first, then the least shuffle), with work or unknown (b-2), with a master
    assert order == ["i-coming", "i-b-0", "i-a-2", "i-a-1", "i-b-2", "i-b-3", "i-a-0", "i-b-1"]


def test_what_did_not_come_is_given_back_before_anything_that_is_there() -> None:
    seen = groups(task_group("a", 6, there=3), task_group("b", 4, there=2))
    assert told(place(seen, 8)) == [("b", 2, ())]
    assert told(place(seen, 5)) == [("a", 3, ()), ("b", 2, ())]


def test_instances_that_leave_already_are_not_counted_twice() -> None:
    """Four are up of which one drains: one fewer is two that go."""
    seen = groups(task_group("a", 3, there=4), task_group("b", 1))
    last_first = told(place(seen, 3, reading=reading(nodes=tuple(node(f"a-{n}") for n in range(4)))))
    assert last_first == [("a", 2, ("i-a-0", "i-a-1"))], "b-0 is not known to be idle"


def test_the_cap_in_money_looks_at_the_market_of_the_group_that_grows() -> None:
    seen = groups(task_group("a", 2, state="ARRESTED"), task_group("b", 1, on_demand=True))
    under = settings(rules=[], fleet={"max_usd_per_hour": 1.0})
    growth = Resize(3, 6, (Reason(Why.WORK_LEFT, "more"),))
    decision = apply(GUARDS, observation(fleet=seen), growth, under)
    assert isinstance(decision, Hold) and decision.because[-1].code == Why.PRICE_UNKNOWN
    assert "on demand" in decision.because[-1].text


STATES = st.sampled_from(["RUNNING", "RUNNING", "RESIZING", "ARRESTED", "SUSPENDED", "RECONFIGURING"])
SEVERAL = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), STATES, st.booleans()), min_size=1, max_size=4).map(
    lambda drawn: groups(*(task_group(f"g{n}", a, b, s, od) for n, (a, b, s, od) in enumerate(drawn)))
)


@given(SEVERAL, st.integers(0, 30), st.sets(st.integers(0, 5)))
def test_the_groups_together_get_what_was_decided_and_each_names_only_its_own(
    seen: Fleet, target: int, idle: set[int]
) -> None:
    if target == seen.target:
        return
    nodes = tuple(node(f"g{group}-{number}", 0.0 if number in idle else 1.0) for group in range(4) for number in idle)
    watched = observation(fleet=seen, reading=reading(nodes=nodes))
    decision = placed(watched, resize(seen.target, target), settings())
    if isinstance(decision, Hold):
        return
    assert isinstance(decision, Resize)
    before = {one.id: one for one in seen.groups}
    assert sum(one.target - before[one.id].target for one in decision.groups) == decision.target - decision.current
    assert all(before[one.id].usable and 0 <= one.target != before[one.id].target for one in decision.groups)
    assert decision.on_demand is not None and 0 <= decision.on_demand <= decision.target
    for one in decision.groups:
        members = [each.id for each in seen.nodes or () if each.group == one.id]
        assert set(one.leaving) <= set(members)
        assert len(one.leaving) == (0 if decision.scales_out else max(0, len(members) - one.target))
    assert placed(watched, decision, settings()) == decision, "once placed, it stays as it is"
    assert decision_from_json(decision_to_json(decision)) == decision
    assert observation_from_json(observation_to_json(watched)).fleet == seen
