"""Every guard: what it lets pass, what it softens, and the reason that it adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.fleets import FleetNode
from agent.domain.observation import History, Observation, Pause
from agent.domain.rights import Capability, MissingRight
from agent.policy.guards import GUARDS, apply, history_begun
from agent.policy.reasons import Why
from tests.policy.build import (
    IN,
    NOW,
    OUT,
    app,
    cluster,
    evidence,
    fleet,
    history,
    node,
    observation,
    reading,
    settings,
    signal,
)

WANT = (Reason(Why.BREACHED, "asked for"),)
GROW = Resize(10, 15, WANT, "out")
SHRINK = Resize(10, 7, WANT, "in")
TO_MINIMUM = Resize(10, 12, WANT)
IDLE_END = Terminate((Reason(Why.IDLE, "idle"),))
DEADLINE_END = Terminate((Reason(Why.DEADLINE, "deadline"),))
EVERY = (GROW, SHRINK, IDLE_END, DEADLINE_END)


def seen(**changed: Any) -> Observation:
    """All guards let everything pass here."""
    return observation(**{"history": noticed(), **changed})


def noticed(**changed: Any) -> History:
    return history(**{"idle_since": NOW - 9000, "notified_of": NOW - 9000, "notified_at": NOW - 300, **changed})


def guarded(at: Observation, decision: Decision, **changed: Any) -> Decision:
    return apply(GUARDS, at, decision, settings(idle={"terminate_after_s": 50_000}, **changed))


def why(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.because][1:]


@pytest.mark.parametrize("decision", [*EVERY, TO_MINIMUM, Hold(WANT)])
def test_with_nothing_in_the_way_every_decision_stands(decision: Decision) -> None:
    assert guarded(seen(), decision) == decision


def denied(capability: Capability, retry_at: float = NOW + 1) -> MissingRight:
    return MissingRight(
        capability=capability, operation="Do", action="emr:Do", sid="Sid", since=NOW - 9, retry_at=retry_at
    )


HELD: list[tuple[str, dict[str, Any], tuple[Decision, ...], Why]] = [
    ("no cluster view", {"cluster": None}, EVERY, Why.CLUSTER_UNKNOWN),
    ("old cluster view", {"cluster": cluster(at=NOW - 901)}, EVERY, Why.CLUSTER_UNKNOWN),
    ("cluster view from a later clock", {"cluster": cluster(at=NOW + 901)}, EVERY, Why.CLUSTER_UNKNOWN),
    ("managed scaling", {"cluster": cluster(foreign_scaler="managed scaling policy")}, EVERY, Why.FOREIGN_SCALER),
    ("a standby's node", {"reading": reading(leader=False)}, EVERY, Why.NOT_LEADER),
    ("a standby's node, lately", {"reading": reading(leader=False, at=NOW - 900)}, EVERY, Why.NOT_LEADER),
    ("terminating", {"cluster": cluster(state="TERMINATING")}, EVERY, Why.ENDING),
    ("terminated", {"cluster": cluster(state="TERMINATED_WITH_ERRORS")}, EVERY, Why.ENDING),
    ("end asked for", {"history": history(idle_since=NOW - 9000, terminate_sent_at=NOW - 599)}, EVERY, Why.ENDING),
    ("still starting", {"cluster": cluster(state="BOOTSTRAPPING")}, (GROW, SHRINK), Why.NOT_RESIZABLE),
    ("no fleet view", {"fleet": None}, (GROW, SHRINK), Why.FLEET_UNKNOWN),
    ("no fleet view", {"fleet": None}, (IDLE_END,), Why.NOT_IDLE),
    ("old fleet view", {"fleet": fleet(at=NOW - 901)}, (GROW, SHRINK), Why.FLEET_UNKNOWN),
    ("old fleet view", {"fleet": fleet(at=NOW - 901)}, (IDLE_END,), Why.NOT_IDLE),
    ("another target", {"fleet": fleet(11)}, (GROW, SHRINK), Why.FLEET_CHANGED),
    ("suspended", {"fleet": fleet(state="SUSPENDED")}, (GROW, SHRINK), Why.FLEET_STATE),
    ("reconfiguring", {"fleet": fleet(state="RECONFIGURING")}, (GROW, SHRINK), Why.FLEET_STATE),
    ("a state unknown to us", {"fleet": fleet(state="MEDITATING")}, (GROW, SHRINK), Why.FLEET_STATE),
    ("units missing", {"fleet": fleet(10, 8)}, (GROW, SHRINK), Why.NOT_SETTLED),
    ("units missing", {"fleet": fleet(10, 8)}, (IDLE_END,), Why.NOT_IDLE),
    ("too many units", {"fleet": fleet(10, 12)}, (GROW, SHRINK, IDLE_END), Why.NOT_SETTLED),
    ("resizing", {"fleet": fleet(state="RESIZING")}, (GROW, SHRINK), Why.NOT_SETTLED),
    (
        "a drain in its hour",
        {"fleet": fleet(10, 12, state="RESIZING"), "history": history(unsettled_since=NOW - 3599)},
        (GROW, SHRINK),
        Why.NOT_SETTLED,
    ),
    (
        "a drain that has just begun, though the state says nothing yet",
        {"fleet": fleet(10, 12), "history": history(unsettled_since=NOW - 9000, resize_sent_at=NOW - 119)},
        (GROW, SHRINK),
        Why.NOT_SETTLED,
    ),
    (
        "a state that was read just after the resize",
        {"fleet": fleet(10, 12, at=NOW - 200), "history": history(resize_sent_at=NOW - 319)},
        (GROW, SHRINK),
        Why.NOT_SETTLED,
    ),
    (
        "fleet read before our resize",
        {"history": history(idle_since=NOW - 9000, resize_sent_at=NOW, scaled_in_at=NOW)},
        (IDLE_END, GROW),
        Why.NOT_SETTLED,
    ),
    ("paused", {"paused": Pause(until=NOW + 1, why="by hand")}, (GROW, SHRINK, IDLE_END), Why.PAUSED),
    ("no right to resize", {"missing": (denied(Capability.RESIZE),)}, (GROW, SHRINK), Why.RIGHT_MISSING),
    ("no right to end", {"missing": (denied(Capability.TERMINATE),)}, (IDLE_END, DEADLINE_END), Why.RIGHT_MISSING),
    ("refused", {"history": history(idle_since=NOW - 9000, refused_at=NOW - 59)}, EVERY, Why.REFUSED),
    ("no signal", {"signals": {}}, (GROW, SHRINK), Why.SIGNAL_MISSING),
    ("stale signal", {"signals": {"Free": signal(1, NOW - 61)}}, (GROW, SHRINK), Why.SIGNAL_STALE),
    ("no reading", {"reading": None}, (SHRINK, TO_MINIMUM, IDLE_END, DEADLINE_END), Why.BLIND),
    ("old reading", {"reading": reading(at=NOW - 61)}, (SHRINK, TO_MINIMUM, IDLE_END, DEADLINE_END), Why.BLIND),
    ("just begun", {"history": history(started_at=NOW - 10)}, (SHRINK, IDLE_END, DEADLINE_END), Why.EMPTY_HISTORY),
    ("a death of memory", {"history": history(memory_death_at=NOW - 299)}, (SHRINK,), Why.MEMORY_DEATHS),
    ("own cooldown", {"history": history(resized_at={"out": NOW - 299})}, (GROW,), Why.COOLDOWN),
    ("own cooldown", {"history": history(resized_at={"in": NOW - 299})}, (SHRINK,), Why.COOLDOWN),
    ("fresh capacity", {"history": history(scaled_out_at=NOW - 299)}, (SHRINK,), Why.COOLDOWN),
    ("restart", {"history": history(started_at=NOW - 299)}, (GROW, SHRINK), Why.COOLDOWN),
    ("nodes not told", {"reading": reading(nodes=None)}, (SHRINK,), Why.WORK_UNKNOWN),
    ("instances not listed", {"fleet": fleet(nodes=None)}, (SHRINK,), Why.WORK_UNKNOWN),
    ("hosts by other names", {"reading": reading(nodes=(node("ip-10"),))}, (SHRINK,), Why.RUNNING_WORK),
    ("protected", {"cluster": cluster(termination_protected=True)}, (IDLE_END, DEADLINE_END), Why.PROTECTED),
    ("an application", {"reading": reading(applications=(app("ACCEPTED"),))}, (IDLE_END,), Why.NOT_IDLE),
    ("a step", {"evidence": evidence(steps=True)}, (IDLE_END,), Why.NOT_IDLE),
    ("no probe", {"evidence": ()}, (IDLE_END,), Why.NOT_IDLE),
    ("stale evidence", {"evidence": evidence(NOW - 421)}, (IDLE_END,), Why.NOT_IDLE),
    ("idleness not counted", {"history": history()}, (IDLE_END,), Why.EMPTY_HISTORY),
    ("notice running", {"history": noticed(notified_at=NOW - 299)}, (IDLE_END, DEADLINE_END), Why.NOTICE_RUNNING),
    ("notice of another end", {"history": noticed(notified_of=5.0)}, (IDLE_END, DEADLINE_END), Why.NOTICE_RUNNING),
    ("no notice", {"history": history()}, (DEADLINE_END,), Why.NOTICE_RUNNING),
]


@pytest.mark.parametrize(
    ("changed", "decision", "code"),
    [
        pytest.param(
            changed, decision, code, id=f"{name}: {decision.because[0].text} {type(decision).__name__} {number}"
        )
        for name, changed, decisions, code in HELD
        for number, decision in enumerate(decisions)
    ],
)
def test_it_is_held_for_that_reason_and_no_other(changed: dict[str, Any], decision: Decision, code: Why) -> None:
    held = guarded(seen(**changed), decision)
    assert isinstance(held, Hold)
    assert held.because[: len(decision.because)] == decision.because
    assert why(held) == [code]


@pytest.mark.parametrize("changed", [pytest.param(changed, id=name) for name, changed, _, _ in HELD])
def test_a_hold_stays_as_it_is_whatever_is_in_the_way(changed: dict[str, Any]) -> None:
    assert guarded(seen(**changed), Hold(WANT)) == Hold(WANT)


PASSED: list[tuple[str, dict[str, Any], Decision]] = [
    ("view just young enough", {"cluster": cluster(at=NOW - 900), "fleet": fleet(at=NOW - 900)}, GROW),
    ("no right to end", {"missing": (denied(Capability.TERMINATE),)}, GROW),
    ("no right to resize", {"missing": (denied(Capability.RESIZE),)}, IDLE_END),
    ("no right to list steps", {"missing": (denied(Capability.STEPS),)}, GROW),
    ("a denied view that is young enough", {"missing": (denied(Capability.OBSERVE),)}, GROW),
    ("time to try the right again", {"missing": (denied(Capability.RESIZE, NOW),)}, GROW),
    ("end asked for long ago", {"history": noticed(terminate_sent_at=NOW - 600)}, IDLE_END),
    ("bootstrapping for too long", {"cluster": cluster(state="BOOTSTRAPPING")}, DEADLINE_END),
    ("no task fleet yet", {"fleet": fleet(0, id=None, state="")}, Resize(0, 5, WANT, "out")),
    ("overshoot by weight", {"fleet": fleet(10, 11, largest_unit=2)}, GROW),
    ("a shortage that EMR gave up", {"fleet": fleet(10, 8), "history": history(unsettled_since=NOW - 600)}, GROW),
    (
        "a drain that EMR gave up",
        {"fleet": fleet(10, 12, state="RESIZING"), "history": history(unsettled_since=NOW - 3600)},
        GROW,
    ),
    ("a drain in a fleet at rest", {"fleet": fleet(10, 12), "history": history(unsettled_since=NOW - 120)}, GROW),
    (
        "a drain in a fleet at rest since our resize",
        {"fleet": fleet(10, 12), "history": history(unsettled_since=NOW - 9000, resize_sent_at=NOW - 120)},
        GROW,
    ),
    ("a fleet read after our resize", {"history": history(resize_sent_at=NOW - 0.1)}, GROW),
    ("refused long ago", {"history": history(refused_at=NOW - 60)}, GROW),
    ("blind, but with its own signal", {"reading": None}, GROW),
    ("a death of memory hinders no growth", {"history": history(memory_death_at=NOW)}, GROW),
    ("a death long ago", {"history": history(memory_death_at=NOW - 300)}, SHRINK),
    ("cooldown over", {"history": history(resized_at={"out": NOW - 300}, scaled_out_at=NOW - 300)}, GROW),
    ("cooldown of the other direction", {"history": history(resized_at={"in": NOW}, scaled_in_at=NOW)}, GROW),
    ("what the minimum asked for bars no rule", {"history": history(scaled_out_at=NOW - 10)}, GROW),
    ("an idle protected cluster may grow", {"cluster": cluster(termination_protected=True)}, GROW),
    ("a deadline asks nobody", {"reading": reading(applications=(app(),)), "evidence": ()}, DEADLINE_END),
    ("a pause that is over", {"paused": Pause(until=NOW, why="by hand")}, SHRINK),
    ("a pause keeps off no deadline", {"paused": Pause(until=NOW + 900, why="by hand")}, DEADLINE_END),
    ("a deadline waits for no resize", {"fleet": fleet(10, 12)}, DEADLINE_END),
    ("work on other nodes", {"reading": reading(("task-0", "task-1"))}, SHRINK),
    ("host names in another case", {"reading": reading(nodes=tuple(node(f"TASK-{n}") for n in range(10)))}, SHRINK),
]


@pytest.mark.parametrize(
    ("changed", "decision"), [pytest.param(changed, decision, id=name) for name, changed, decision in PASSED]
)
def test_it_stands(changed: dict[str, Any], decision: Decision) -> None:
    assert guarded(seen(**changed), decision) == decision


def test_what_has_just_begun_may_grow() -> None:
    """A policy without cooldowns orders at once; nothing is given back."""
    begun = seen(history=history(started_at=NOW))
    assert history_begun(begun, GROW, settings()) == GROW
    assert why(history_begun(begun, SHRINK, settings())) == [Why.EMPTY_HISTORY]


def test_a_rule_that_is_no_longer_in_the_settings_asks_for_nothing() -> None:
    assert why(guarded(seen(), Resize(10, 15, WANT, "gone"))) == [Why.UNKNOWN_RULE]


def test_another_rules_cooldown_bars_the_same_direction() -> None:
    rules = [OUT, {**OUT, "name": "urgent", "cooldown_s": 900}, IN]
    told = seen(history=history(resized_at={"urgent": NOW - 600}))
    assert why(guarded(told, GROW, rules=rules)) == [Why.COOLDOWN]
    assert guarded(seen(history=history(started_at=NOW - 600)), GROW, rules=rules) == GROW, "after a restart, its own"


def test_after_a_restart_a_scale_in_waits_for_the_longest_cooldown_of_its_direction() -> None:
    rules = [OUT, IN, {**IN, "name": "slow", "cooldown_s": 900}]
    assert why(guarded(seen(history=history(started_at=NOW - 899)), SHRINK, rules=rules)) == [Why.COOLDOWN]
    assert guarded(seen(history=history(started_at=NOW - 900)), SHRINK, rules=rules) == SHRINK


@pytest.mark.parametrize(
    ("busy", "target"),
    [
        ((), 7),
        (("task-0",) * 1, 7),
        (tuple(f"task-{n}" for n in range(7)), 7),
        (tuple(f"task-{n}" for n in range(8)), 8),
    ],
)
def test_a_scale_in_stops_at_what_running_work_holds(busy: tuple[str, ...], target: int) -> None:
    told = guarded(seen(reading=reading(busy)), SHRINK)
    assert isinstance(told, Resize)
    assert told.target == target
    assert why(told) == ([] if target == 7 else [Why.RUNNING_WORK])


def test_with_work_everywhere_nothing_is_scaled_in() -> None:
    told = guarded(seen(reading=reading(tuple(f"task-{n}" for n in range(10)))), SHRINK)
    assert why(told) == [Why.RUNNING_WORK]
    assert isinstance(told, Hold)


def test_a_node_with_an_application_master_alone_is_held() -> None:
    """A master is a container like another: its node is not one of those that may go."""
    masters = tuple(replace(node(f"task-{n}"), containers=1, memory_used_mb=1408.0) for n in range(8))
    told = guarded(seen(reading=reading(nodes=(*masters, node("task-8"), node("task-9")))), SHRINK)
    assert isinstance(told, Resize) and told.target == 8
    assert why(told) == [Why.RUNNING_WORK]


def test_a_node_holds_its_weight() -> None:
    big = fleet(10, nodes=(FleetNode(hosts=("10.0.0.1", "task-0"), units=8), FleetNode(hosts=("task-1",), units=2)))
    told = guarded(seen(fleet=big, reading=reading(("task-0",))), SHRINK)
    assert isinstance(told, Resize)
    assert told.target == 8


@pytest.mark.parametrize(
    ("present", "decision", "limits", "target", "codes"),
    [
        (10, GROW, (0, 15), 15, []),
        (10, GROW, (0, 14), 14, [Why.MAXIMUM]),
        (10, GROW, (0, 10), None, [Why.MAXIMUM]),
        (10, GROW, (0, 9), None, [Why.MAXIMUM]),
        (10, SHRINK, (7, 20), 7, []),
        (10, SHRINK, (8, 20), 8, [Why.MINIMUM]),
        (10, SHRINK, (10, 20), None, [Why.MINIMUM]),
        (10, SHRINK, (12, 20), None, [Why.MINIMUM]),
        (10, SHRINK, (0, 5), 7, []),
        (10, GROW, (17, 20), 15, []),
    ],
)
def test_limits_stop_a_resize_and_never_turn_it_round(
    present: int, decision: Resize, limits: tuple[int, int], target: int | None, codes: list[Why]
) -> None:
    """Outside already: a resize that leads back towards the limits passes, one that leads away holds."""
    bounds = {"min_capacity_units": limits[0], "max_capacity_units": limits[1]}
    told = guarded(seen(fleet=fleet(present)), decision, fleet=bounds)
    assert (told.target if isinstance(told, Resize) else None) == target
    assert why(told) == codes


def test_reasons_accumulate() -> None:
    told = seen(reading=reading(tuple(f"task-{n}" for n in range(8))))
    held = guarded(told, SHRINK, fleet={"min_capacity_units": 9})
    assert isinstance(held, Resize)
    assert held.target == 9
    assert why(held) == [Why.RUNNING_WORK, Why.MINIMUM]


@pytest.mark.parametrize("changed", [{"cluster": None}, {"cluster": cluster(at=NOW - 901)}, {"fleet": None}])
def test_a_view_that_is_not_there_for_want_of_a_right_says_which_statement_gives_it(changed: dict[str, Any]) -> None:
    other = replace(denied(Capability.NOTIFY), sid="Other")
    held = guarded(seen(**changed, missing=(denied(Capability.OBSERVE), other)), GROW)
    assert "emr:Do is denied: add the statement Sid" in held.because[-1].text
    assert held.because[-1].text.count("denied") == 1
