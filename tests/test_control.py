"""The agent's turns over a stepping clock, against a cluster that behaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.domain.decisions import Hold, Outcome, Resize, Terminate
from agent.domain.faults import PermanentFault, TransientFault
from agent.domain.observation import Pause
from agent.domain.orders import Orders
from agent.domain.turns import Started, Turn
from agent.journal import Bad, Changed, read
from agent.policy.reasons import Why
from agent.replay import Replayed, replay
from tests.fakes.world import BEGINNING, World
from tests.policy.build import IN, OUT, settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def world(path: Path, *, idle: dict[str, Any] | None = None, **state: Any) -> World:
    """The watchdog is off unless its settings are given."""
    told = settings(idle={"enabled": False} if idle is None else idle)
    found = World(told, path, **state)
    found.units = [BEGINNING] * found.target
    return found


def codes(turn: Turn) -> list[str]:
    return [reason.code for reason in turn.decision.because]


QUICK_IDLE = {"after_s": 600, "grace_s": 60, "notice_s": 100, "steps_period_s": 300}


def test_memory_falls_and_five_units_are_asked_for_after_exactly_five_minutes(path: Path) -> None:
    cluster = world(path)
    agent = cluster.controller()
    cluster.run(agent, 1000)
    cluster.free_percent = 10.0
    cluster.run(agent, 400)
    assert cluster.acts() == [(1300.0, "resize 0 -> 5")]


def test_the_next_resize_waits_for_the_first_to_settle_and_for_the_cooldown(path: Path) -> None:
    """Units take 240 s to come; the cooldown is 300 s. With slower units the fleet is what is waited for."""
    cluster = world(path, free_percent=10.0)
    cluster.run(cluster.controller(), 1000)
    assert cluster.acts() == [(300.0, "resize 0 -> 5"), (600.0, "resize 5 -> 10"), (900.0, "resize 10 -> 15")]
    slow = world(path, free_percent=10.0, delay_s=500.0)
    turns = slow.run(slow.controller(), 900)
    assert slow.acts() == [(300.0, "resize 0 -> 5"), (800.0, "resize 5 -> 10")]
    assert Why.NOT_SETTLED in codes(turns[75])


def test_growth_ends_at_the_maximum_with_a_reason(path: Path) -> None:
    cluster = world(path, free_percent=10.0, target=18)
    turns = cluster.run(cluster.controller(), 1200)
    assert cluster.acts() == [(300.0, "resize 18 -> 20")]
    assert Why.MAXIMUM in codes(turns[-1])


def test_free_memory_scales_in_by_three_after_three_minutes_and_the_cooldown_of_a_fresh_start(path: Path) -> None:
    cluster = world(path, target=10)
    agent = cluster.controller()
    cluster.run(agent, 1000)
    cluster.free_percent = 90.0
    cluster.run(agent, 500)
    assert cluster.acts() == [(1180.0, "resize 10 -> 7"), (1480.0, "resize 7 -> 4")]


def test_a_restart_in_between_means_caution(path: Path) -> None:
    """The breach has lasted for 290 s when the agent is replaced; the new one waits for its own 300."""
    cluster = world(path)
    cluster.run(cluster.controller(), 1000)
    cluster.free_percent = 10.0
    cluster.run(cluster.controller(), 290)
    cluster.run(cluster.controller(), 500)
    assert cluster.acts() == [(1590.0, "resize 0 -> 5")]


def test_a_gap_in_the_turns_starts_the_count_anew(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    agent = cluster.controller()
    cluster.run(agent, 290)
    cluster.now += 100
    cluster.run(agent, 400)
    assert cluster.acts() == [(690.0, "resize 0 -> 5")]


def test_a_death_of_memory_holds_scale_in(path: Path) -> None:
    """The executor is gone, its memory is free: that is saturation, never relief."""
    cluster = world(path, target=10)
    agent = cluster.controller()
    cluster.run(agent, 1000)
    cluster.free_percent, cluster.deaths = 90.0, 1.0
    cluster.run(agent, 10)
    cluster.deaths = 0.0
    turns = cluster.run(agent, 400)
    assert cluster.acts() == [(1300.0, "resize 10 -> 7")]
    assert Why.MEMORY_DEATHS in codes(turns[20])


def test_a_cluster_manager_that_falls_silent_holds_scale_in(path: Path) -> None:
    cluster = world(path, target=10, free_percent=90.0)
    agent = cluster.controller()
    cluster.run(agent, 200)
    cluster.manager_answers = False
    cluster.run(agent, 600)
    assert cluster.acts() == []


def test_a_shortage_of_spot_does_not_hold_the_fleet_for_ever(path: Path) -> None:
    """Two of five units come; ten minutes after the fleet was first seen short EMR has given up. The target is led to
    what came, and three minutes later more is asked for."""
    cluster = world(path, free_percent=10.0, spot=2)
    turns = cluster.run(cluster.controller(), 1200)
    assert cluster.acts() == [(300.0, "resize 0 -> 5"), (920.0, "resize 5 -> 2"), (1100.0, "resize 2 -> 7")]
    assert Why.NOT_SETTLED in codes(turns[80])


def test_a_refusal_is_not_asked_again_at_once(path: Path) -> None:
    cluster = world(path, free_percent=10.0, refuses=True)
    turns = cluster.run(cluster.controller(), 430)
    assert [at for at, _ in cluster.acts()] == [300.0, 360.0, 420.0]
    assert turns[30].result.outcome is Outcome.REFUSED
    assert Why.REFUSED in codes(turns[31])


def test_a_foreign_scaler_makes_it_observe_only(path: Path) -> None:
    cluster = world(path, free_percent=10.0, foreign="managed scaling policy", idle=QUICK_IDLE)
    turns = cluster.run(cluster.controller(), 2000)
    assert cluster.acts() == []
    assert Why.FOREIGN_SCALER in codes(turns[-1])


def test_emr_is_described_rarely_and_more_often_only_while_a_resize_of_ours_is_in_flight(path: Path) -> None:
    """300 s at rest; 20 s in flight; each view once more just before acting."""
    cluster = world(path)
    agent = cluster.controller()
    cluster.run(agent, 3000)
    assert (cluster.count("read_fleet"), cluster.count("read_cluster")) == (10, 10)
    cluster.free_percent = 10.0
    cluster.run(agent, 310)
    cluster.calls.clear()
    cluster.run(agent, 240)
    assert cluster.count("read_fleet") == 12
    assert cluster.count("read_cluster") <= 1


def test_views_that_cannot_be_had_grow_old_and_hold(path: Path) -> None:
    cluster = world(path)
    agent = cluster.controller()
    cluster.run(agent, 1000)
    cluster.free_percent, cluster.fault = 10.0, TransientFault("throttled")
    turns = cluster.run(agent, 1500)
    assert cluster.acts() == []
    assert turns[31].result.detail == "EMR could not be asked just before acting"
    assert turns[31].result.outcome is Outcome.NONE
    assert isinstance(turns[-1].decision, Hold)
    assert Why.CLUSTER_UNKNOWN in codes(turns[-1])
    assert cluster.telemetry.counts()["EmrReadErrors"] > 10
    cluster.fault = None
    cluster.run(agent, 60)
    assert len(cluster.acts()) == 1


def test_what_is_denied_is_not_asked_for_often(path: Path) -> None:
    cluster = world(path, free_percent=10.0, fault=PermanentFault("denied"))
    cluster.run(cluster.controller(), 3000)
    assert cluster.count("read_fleet") == 10


def test_a_target_that_somebody_changed_meanwhile_is_what_a_resize_starts_from(path: Path) -> None:
    """The view is read afresh just before acting, and the decision is made again from it."""
    cluster = world(path, free_percent=10.0)
    agent = cluster.controller()
    cluster.run(agent, 290)
    cluster.target, cluster.units = 4, [BEGINNING] * 4
    (turn, *_) = cluster.run(agent, 20)
    turns = [turn, *_]
    assert cluster.acts() == [(300.0, "resize 4 -> 9")]
    acted = turns[1]
    assert isinstance(acted.decision, Resize)
    assert acted.decision.current == 4


def test_an_idle_cluster_gets_a_notice_a_second_look_and_its_end(path: Path) -> None:
    cluster = world(path, idle=QUICK_IDLE)
    turns = cluster.run(cluster.controller(), 1000)
    assert [at - BEGINNING for at, _ in cluster.notices] == [560.0]
    assert cluster.acts() == [(660.0, "terminate")]
    end = turns[66]
    assert isinstance(end.decision, Terminate)
    assert end.unconfirmed is not None
    assert [call for at, call in cluster.calls if at - BEGINNING == 660.0] == [
        "ask_manager",
        "read_cluster",
        "read_fleet",
        "steps",
        "terminate",
    ]
    assert Why.ENDING in codes(turns[-1])
    assert (BEGINNING + 680, "read_cluster") in cluster.calls, "whether it ends is looked at soon"


def test_steps_are_listed_only_when_all_else_is_idle_and_then_rarely(path: Path) -> None:
    cluster = world(path, idle={**QUICK_IDLE, "after_s": 3600}, applications=("app-1",))
    agent = cluster.controller()
    cluster.run(agent, 1000)
    assert cluster.count("steps") == 0
    cluster.applications = ()
    cluster.run(agent, 1200)
    assert cluster.count("steps") == 4
    assert agent.idle


@pytest.mark.parametrize("appears", ["application", "step", "silence", "protection"])
def test_what_appears_between_decision_and_call_saves_the_cluster(path: Path, appears: str) -> None:
    cluster = world(path, idle=QUICK_IDLE)

    def something() -> None:
        match appears:
            case "application":
                cluster.applications = ("app-1",)
            case "step":
                cluster.step = "s-1 PENDING"
            case "silence":
                cluster.manager_answers = False
                cluster.answered_at = cluster.now - 10
            case "protection":
                cluster.protected = True

    cluster.on_confirm = something
    turns = cluster.run(cluster.controller(), 670)
    assert cluster.acts() == []
    last = turns[-1]
    assert isinstance(last.unconfirmed, Terminate)
    if appears == "silence":
        assert last.result.detail == "the cluster manager could not be asked just before acting"
    else:
        assert isinstance(last.decision, Hold)


def test_work_that_arrives_between_decision_and_call_keeps_its_nodes(path: Path) -> None:
    cluster = world(path, target=10)
    agent = cluster.controller()
    cluster.run(agent, 1000)
    cluster.free_percent = 90.0

    def something() -> None:
        cluster.busy_hosts = 10

    cluster.on_confirm = something
    turns = cluster.run(agent, 300)
    assert cluster.acts() == []
    assert any(isinstance(turn.unconfirmed, Resize) and Why.RUNNING_WORK in codes(turn) for turn in turns)


def test_a_scale_in_needs_an_answer_of_this_moment(path: Path) -> None:
    cluster = world(path, target=10)
    agent = cluster.controller()
    cluster.run(agent, 1000)
    cluster.free_percent = 90.0

    def something() -> None:
        cluster.manager_answers = False
        cluster.answered_at = cluster.now - 10

    cluster.on_confirm = something
    turns = cluster.run(agent, 190)
    assert cluster.acts() == []
    assert turns[-1].result.detail == "the cluster manager could not be asked just before acting"


def test_an_application_starts_the_hour_anew(path: Path) -> None:
    cluster = world(path, idle=QUICK_IDLE)
    agent = cluster.controller()
    cluster.run(agent, 500)
    cluster.applications = ("app-1",)
    cluster.run(agent, 10)
    cluster.applications = ()
    cluster.run(agent, 1000)
    assert cluster.acts() == [(1110.0, "terminate")]


def test_a_protected_cluster_is_kept_and_the_reason_is_told(path: Path) -> None:
    cluster = world(path, idle=QUICK_IDLE, protected=True)
    agent = cluster.controller()
    turns = cluster.run(agent, 1000)
    assert cluster.acts() == []
    assert cluster.notices == [], "nobody is told of an end that does not come"
    assert codes(turns[-1])[:2] == [Why.IDLE, Why.PROTECTED]
    cluster.protected = False
    cluster.run(agent, 500)
    ended = cluster.acts()[0][0]
    noticed = cluster.notices[0][0] - BEGINNING
    assert ended == noticed + 100


def test_the_deadline_ends_a_busy_cluster_after_its_notice(path: Path) -> None:
    told = {"enabled": False, "terminate_after_s": 1000, "notice_s": 100}
    cluster = world(path, idle=told, applications=("app-1",))
    cluster.run(cluster.controller(), 1200)
    assert [at - BEGINNING for at, _ in cluster.notices] == [900.0]
    assert cluster.acts() == [(1000.0, "terminate")]


def test_a_claim_keeps_an_idle_cluster_and_its_end_comes_with_notice_once_it_is_released(path: Path) -> None:
    cluster = world(path, idle=QUICK_IDLE, orders=Orders(claim="job-7"))
    turns = cluster.run(controller := cluster.controller(), 2000)
    assert cluster.acts() == []
    assert Why.CLAIMED in codes(turns[-1])
    assert cluster.notices == []
    cluster.orders = Orders()
    cluster.run(controller, 300)
    assert cluster.acts() == [(2100.0, "terminate")]
    assert cluster.ends_without_table == [False], "a claim of this moment must still prevent it"


@pytest.mark.parametrize("silent_from", [0.0, 500.0])
def test_with_a_silent_table_an_idle_cluster_ends_after_twice_the_time(path: Path, silent_from: float) -> None:
    cluster = world(path, idle=QUICK_IDLE, orders=Orders(claim="job-7"))
    controller = cluster.controller()
    cluster.run(controller, silent_from)
    cluster.table_answers = False
    cluster.run(controller, 2000 - silent_from)
    assert cluster.acts() == [(60.0 + 2 * 600, "terminate")]
    assert cluster.ends_without_table == [True]


def test_a_deadline_of_the_table_holds_when_it_falls_silent_and_needs_it_no_more(path: Path) -> None:
    told = {"enabled": False, "notice_s": 100}
    cluster = world(path, idle=told, orders=Orders(terminate_at=BEGINNING + 5000), applications=("app-1",))
    controller = cluster.controller()
    cluster.run(controller, 60)
    cluster.table_answers = False
    cluster.run(controller, 6000)
    assert cluster.acts() == [(5000.0, "terminate")]
    assert cluster.ends_without_table == [True]


def test_what_orders_made_of_every_turn_is_decided_again_the_same(path: Path) -> None:
    cluster = world(path, idle=QUICK_IDLE, orders=Orders(claim="job-7"))
    controller = cluster.controller()
    cluster.run(controller, 900)
    cluster.orders = Orders(drain="retired")
    cluster.run(controller, 300)
    again = list(replay(path.read_text().splitlines(), cluster.settings))
    assert len(again) == 120 and cluster.ended
    for one in again:
        assert isinstance(one, Replayed)
        assert one.now.decision == one.recorded.decision
        assert one.now.observation == one.recorded.observation


def test_what_is_the_clusters_is_cleared_up_once_emr_has_taken_its_end_and_not_before(path: Path) -> None:
    told = {"enabled": False, "terminate_after_s": 1000, "notice_s": 100}
    cluster = world(path, idle=told)
    cluster.end_refused = True
    cluster.run(controller := cluster.controller(), 1030)
    assert (cluster.acts()[0], cluster.cleared) == ((1000.0, "terminate"), [])
    cluster.end_refused = False
    cluster.run(controller, 1000)
    assert cluster.ended
    assert cluster.cleared[0] == BEGINNING + cluster.acts()[-1][0]


def test_a_cluster_that_another_hand_ends_is_cleared_up_too(path: Path) -> None:
    cluster = world(path)
    cluster.run(controller := cluster.controller(), 60)
    assert cluster.cleared == []
    cluster.ended = True
    cluster.run(controller, 600)
    assert cluster.acts() == []
    assert cluster.cleared


def test_an_agent_that_begins_after_the_deadline_still_gives_notice(path: Path) -> None:
    cluster = world(path, idle={"enabled": False, "terminate_after_s": 1000, "notice_s": 100})
    cluster.now += 5000
    cluster.run(cluster.controller(), 300)
    assert cluster.acts() == [(5120.0, "terminate")], "two turns until the history is more than empty, then the notice"


def test_an_idle_cluster_shrinks_first_and_that_does_not_delay_its_end(path: Path) -> None:
    cluster = world(path, idle=QUICK_IDLE, free_percent=95.0, target=3)
    cluster.run(cluster.controller(), 1000)
    assert cluster.acts() == [(300.0, "resize 3 -> 0"), (660.0, "terminate")]


def test_a_pause_holds_resizes_until_it_is_over_and_the_breach_goes_on_counting(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    cluster.paused = Pause(until=BEGINNING + 1000, why="by the night shift")
    turns = cluster.run(cluster.controller(), 1100)
    assert cluster.acts() == [(1000.0, "resize 0 -> 5")]
    assert turns[40].decision.because[-1].text == "paused for another 600 s: by the night shift"


def test_other_settings_count_from_the_next_turn_on_and_a_changed_rule_begins_anew(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    agent = cluster.controller()
    cluster.run(agent, 200)
    other = settings(
        rules=[{**OUT, "adjustment_units": 2}, IN], fleet={"max_capacity_units": 1}, idle={"enabled": False}
    )
    agent.adopt(other, (cluster.isbusy,), cluster.now)
    cluster.run(agent, 400)
    assert cluster.acts() == [(500.0, "resize 0 -> 1")], "counted anew from 200 s on, and under the new maximum"
    again = list(read(path.read_text().splitlines()))
    assert not [line for line in again if isinstance(line, Bad)]
    assert sum(isinstance(line, Changed) for line in again) == 1


def test_a_rule_that_stays_as_it_was_keeps_its_count(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    agent = cluster.controller()
    cluster.run(agent, 200)
    agent.adopt(settings(idle={"enabled": False}, fleet={"max_capacity_units": 3}), (cluster.isbusy,), cluster.now)
    cluster.run(agent, 200)
    assert cluster.acts() == [(300.0, "resize 0 -> 3")]


class FullDisk:
    def changed(self, started: Started) -> None:
        raise OSError(28, f"No space left on device for the settings at {started.at}")

    def started(self, started: Started) -> None:
        raise OSError(28, f"No space left on device for the start at {started.at}")

    def turn(self, turn: Turn) -> None:
        raise OSError(28, f"No space left on device for the turn at {turn.observation.at}")


def test_a_full_disk_stops_nothing_and_is_counted(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    cluster.run(cluster.controller(FullDisk()), 400)
    assert cluster.acts() == [(300.0, "resize 0 -> 5")]
    assert cluster.telemetry.counts()["JournalErrors"] == 41


def test_resizes_that_emr_took_are_counted(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    cluster.run(cluster.controller(), 700)
    assert cluster.telemetry.counts()["ResizeActions"] == 2


def test_what_a_guard_withholds_is_counted_by_its_reason(path: Path) -> None:
    cluster = world(path, free_percent=10.0, foreign="managed scaling policy")
    cluster.run(cluster.controller(), 400)
    assert cluster.telemetry.counts()["DecisionsWithheld.foreign-scaler"] == 10


def test_a_target_that_a_guard_makes_gentler_is_counted_by_its_reason(path: Path) -> None:
    cluster = world(path, free_percent=10.0)
    cluster.settings = settings(fleet={"max_capacity_units": 3})
    cluster.run(cluster.controller(), 310)
    assert cluster.acts() == [(300.0, "resize 0 -> 3")]
    assert cluster.telemetry.counts()["DecisionsLimited.maximum"] == 1


def test_the_targets_of_shadows_are_those_of_the_last_turn(path: Path) -> None:
    """On this cluster nobody tells what waits: both hold, which is the present target."""
    cluster = world(path, target=3)
    cluster.settings = settings(idle={"enabled": False}, policy={"shadows": ["demand", "dataproc"]})
    agent = cluster.controller()
    assert agent.shadow_targets == {}
    cluster.run(agent, 20)
    assert agent.shadow_targets == {"demand": 3, "dataproc": 3}
