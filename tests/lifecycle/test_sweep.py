"""What the sweep finds although nobody told of it, in which order, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from agent.lifecycle.acts import (
    Act,
    Adopt,
    Ask,
    Close,
    End,
    Finish,
    Free,
    Launch,
    Note,
    Plan,
    Release,
    Remark,
    Requeue,
    Run,
    StillRuns,
    TryAgain,
)
from agent.lifecycle.known import View
from agent.lifecycle.ladder import TABLE_TAG
from agent.lifecycle.ports import Listed
from agent.lifecycle.rows import SlotRow, slot_key, slots_of
from agent.lifecycle.sweep import MOST_QUESTIONS, of_answer, of_listed, of_twin, sweep
from agent.lifecycle.words import EndReason, JobState, LaunchState, Phase, State
from tests.lifecycle.core_rows import (
    ETL,
    NOW,
    POOL,
    SETTINGS,
    answer,
    cluster,
    job,
    known,
    launch,
    of_pool,
    owner,
    profile,
)


def view(**more: Any) -> View:
    return View(**{"profiles": (profile(),), **more})


def swept(now: float = NOW, **more: Any) -> tuple[Act, ...]:
    return sweep(view(**more), now, SETTINGS)


def reasons(acts: tuple[Act, ...]) -> list[EndReason]:
    return [act.reason for act in acts if isinstance(act, End)]


def test_where_all_is_well_nothing_is_done() -> None:
    assert swept(clusters=(cluster(),), launches=(launch(),)) == ()
    assert swept() == ()


# ends


def test_a_deadline_that_has_passed() -> None:
    late, later = cluster(terminate_at=NOW), cluster(terminate_at=NOW + 1)
    assert reasons(swept(clusters=(late,), launches=(launch(),))) == [EndReason.TERMINATE_AFTER]
    assert swept(clusters=(later,), launches=(launch(),)) == ()


def test_an_end_that_was_decided_and_not_done_is_done_again() -> None:
    marked: dict[str, Any] = {
        "end_reason": EndReason.OWNER_DONE,
        "end_why": "done",
        "phase": Phase.ENDING,
        "terminate_at": NOW - 9,
    }
    (end,) = swept(clusters=(cluster(end_at=NOW - 300, **marked),), launches=(launch(),))
    assert end == End(cluster_id="j-1", reason=EndReason.OWNER_DONE, why="done")
    assert swept(clusters=(cluster(end_at=NOW - 5, **marked),), launches=(launch(),)) == ()
    terminating = cluster(state=State.TERMINATING, end_at=NOW - 300, **marked)
    assert swept(clusters=(terminating,), launches=(launch(),)) == ()


def test_of_an_end_that_takes_long_emr_is_asked() -> None:
    row = cluster(state=State.TERMINATING, seen_at=NOW - 301, asked_at=NOW - 301, end_reason=EndReason.IDLE)
    assert swept(clusters=(row,)) == (Ask(cluster_id="j-1"),)


def test_an_owner_that_is_gone_ends_what_was_asked_for_before() -> None:
    assert reasons(swept(clusters=(cluster(),), launches=(launch(),), owners=(owner(),))) == [EndReason.OWNER_GONE]
    before = owner(at=NOW - 2000)
    assert swept(clusters=(cluster(),), launches=(launch(),), owners=(before,)) == ()
    by_alias = launch(owner="df-1", alias="me"), cluster(owner="df-1", alias="me")
    assert reasons(swept(clusters=(by_alias[1],), launches=(by_alias[0],), owners=(owner(),))) == [EndReason.OWNER_GONE]


def test_an_owner_that_is_gone_ends_no_pool() -> None:
    assert swept(clusters=(of_pool(owner="me"),), launches=(launch(pool=True),), owners=(owner(),)) == ()


def test_twins_and_orphans_by_their_rows() -> None:
    both = (cluster(), cluster("j-2", created_at=NOW - 950))
    acts = swept(clusters=both, launches=(launch(),))
    assert [(act.cluster_id, act.reason) for act in acts if isinstance(act, End)] == [("j-2", EndReason.TWIN)]
    acts = swept(clusters=(cluster(),), launches=(launch(state=LaunchState.CANCELLED),))
    assert reasons(acts) == [EndReason.ORPHAN]
    assert swept(clusters=(cluster(),), launches=()) == (), "a launch that is not in sight is not known, never gone"


def test_a_cluster_whose_row_is_there_and_whose_launch_waits_is_its() -> None:
    (adopt, go_on) = swept(clusters=(cluster(),), launches=(launch(state=LaunchState.ASKED),))
    assert isinstance(adopt, Adopt) and isinstance(go_on, Launch)


# launches


def test_a_launch_that_was_left_behind_goes_on() -> None:
    left = launch(state=LaunchState.CLAIMED, claimed_at=NOW - 181)
    assert swept(launches=(launch(state=LaunchState.ASKED),)) == (Launch(launch_id="w"),)
    assert swept(launches=(left,)) == (Launch(launch_id="w"),)
    assert swept(launches=(launch(state=LaunchState.CLAIMED),)) == ()


@pytest.mark.parametrize("more", [{"owners": (owner(),)}, {}], ids=["owner", "deadline"])
def test_a_launch_that_nobody_wants_any_more_is_closed(more: dict[str, Any]) -> None:
    for state in (LaunchState.ASKED, LaunchState.CLAIMED):
        acts = swept(launches=(launch(state=state, terminate_at=None if more else NOW - 1),), **more)
        assert [(type(act), getattr(act, "state", None)) for act in acts] == [(Close, LaunchState.CANCELLED)]


def test_a_launch_whose_cluster_has_ended_goes_on_from_there() -> None:
    lost = cluster(state=State.TERMINATED_WITH_ERRORS, reason_code="INSTANCE_FLEET_TIMEOUT", ready_at=None, subnet="a")
    (again,) = swept(clusters=(lost,), launches=(launch(),))
    assert isinstance(again, TryAgain) and again.failed_subnet == "a"
    done = cluster(state=State.TERMINATED, reason_code="ALL_STEPS_COMPLETED")
    (close,) = swept(clusters=(done,), launches=(launch(),))
    assert isinstance(close, Close) and close.state is LaunchState.ENDED
    last = launch(attempt=3), lost.model_copy(update={"attempt": 3})
    (close,) = swept(clusters=(last[1],), launches=(last[0],))
    assert isinstance(close, Close) and close.state is LaunchState.FAILED


def test_a_place_of_a_pool_whose_launch_has_ended_is_free() -> None:
    slot = SlotRow(key=slot_key(POOL, 0), profile=POOL, number=0, launch_id="w", taken_at=NOW - 9, open=slots_of(POOL))
    closed = launch(state=LaunchState.ENDED, pool=True)
    assert swept(slots=(slot,), launches=(closed,)) == (Free(profile=POOL, number=0, launch_id="w"),)
    assert swept(slots=(slot,), launches=(launch(pool=True),), clusters=(of_pool(),)) == ()
    assert swept(slots=(slot,)) == ()


def test_every_pool_is_looked_at_last() -> None:
    pools = (profile("a", maximum=1), profile(), profile("b", maximum=2))
    acts = swept(profiles=pools, launches=(launch(state=LaunchState.ASKED),))
    assert acts == (Launch(launch_id="w"), Plan(profile="a"), Plan(profile="b"))


# jobs


def test_a_job_that_has_waited_too_long_fails_and_says_how_long() -> None:
    (finish,) = swept(jobs=(job(state=JobState.QUEUED, max_wait_s=799.0),))
    assert isinstance(finish, Finish) and finish.state is JobState.FAILED
    assert "800 s" in finish.why
    assert swept(jobs=(job(state=JobState.QUEUED, max_wait_s=801.0),)) == ()


def test_a_job_on_a_cluster_that_has_ended_goes_back() -> None:
    gone = of_pool(state=State.TERMINATED_WITH_ERRORS, reason_code="INSTANCE_FAILURE", claim="n")
    (requeue,) = swept(clusters=(gone,), jobs=(job(state=JobState.CLAIMED),))
    assert isinstance(requeue, Requeue)
    (look, requeue) = swept(clusters=(gone,), jobs=(job(),))
    assert look == Run(job_id="n")
    assert isinstance(requeue, Requeue)


def test_a_job_whose_cluster_is_somebody_elses_goes_back() -> None:
    (requeue,) = swept(clusters=(of_pool(claim="m"),), jobs=(job(),))
    assert isinstance(requeue, Requeue) and "job m" in requeue.why


def test_a_claim_that_was_made_between_two_looks_is_not_undone() -> None:
    just_now: dict[str, Any] = {"claimed_at": NOW - 3}
    assert swept(clusters=(of_pool(),), jobs=(job(state=JobState.CLAIMED, **just_now),)) == ()
    assert swept(clusters=(of_pool(claim="n", **just_now),), jobs=(job(state=JobState.QUEUED),)) == ()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SUCCEEDED, JobState.CANCELLED])
def test_a_cluster_whose_job_is_elsewhere_or_has_ended_is_released(state: JobState) -> None:
    row = job(state=state, open="JOB" if state is JobState.QUEUED else None)
    assert swept(clusters=(of_pool(claim="n"),), jobs=(row,)) == (Release(cluster_id="j-1", job_id="n"),)
    assert swept(clusters=(of_pool(claim="n"),)) == ()


def test_a_job_that_was_given_a_cluster_and_no_step_gets_one() -> None:
    row = of_pool(claim="n")
    assert swept(clusters=(row,), jobs=(job(state=JobState.CLAIMED),)) == (Run(job_id="n"),)
    assert swept(clusters=(row,), jobs=(job(state=JobState.CLAIMED, claimed_at=NOW - 60),)) == ()


def test_a_step_that_nobody_tells_of_is_looked_up() -> None:
    old = job(claimed_at=NOW - 2000, started_at=NOW - 1900)
    idle, busy, silent = of_pool(claim="n", apps=0), of_pool(claim="n", apps=2), of_pool(claim="n", heartbeat_at=None)
    running: dict[str, Any] = {"state": State.RUNNING}
    assert swept(clusters=(of_pool(claim="n", apps=0, **running),), jobs=(old,)) == (Run(job_id="n"),)
    assert swept(clusters=(of_pool(claim="n", apps=2, **running),), jobs=(old,)) == ()
    assert Run(job_id="n") in swept(clusters=(of_pool(claim="n", heartbeat_at=None, **running),), jobs=(old,))
    # EMR calls a cluster WAITING when no step runs
    for row in (idle, busy, silent):
        assert Run(job_id="n") in swept(clusters=(row.model_copy(update={"state_at": NOW - 200}),), jobs=(old,))
    fresh = job(claimed_at=NOW - 400, started_at=NOW - 390)
    assert swept(clusters=(of_pool(claim="n", apps=0, **running),), jobs=(fresh,)) == ()


def test_a_job_of_an_owner_that_is_gone_is_cancelled() -> None:
    (finish,) = swept(jobs=(job(state=JobState.QUEUED),), owners=(owner(),))
    assert isinstance(finish, Finish) and finish.state is JobState.CANCELLED
    assert swept(jobs=(job(state=JobState.QUEUED),), owners=(owner(EndReason.OWNER_DONE),)) == ()


def test_an_execution_hears_that_its_job_waits_or_runs_as_long_as_its_cluster_is_heard_of() -> None:
    told: dict[str, Any] = {"task_token": "t"}
    still = StillRuns(job_id="n")
    assert swept(jobs=(job(state=JobState.QUEUED, **told),)) == (still,)
    assert swept(clusters=(of_pool(claim="n", apps=1),), jobs=(job(**told),)) == (still,)
    silent = of_pool(claim="n", heartbeat_at=NOW - 301)
    assert still not in swept(clusters=(silent,), jobs=(job(**told),))
    assert swept(clusters=(of_pool(claim="n", heartbeat_at=None),), jobs=(job(**told),)) == (still,)
    assert still not in swept(clusters=(of_pool(claim="n", heartbeat_at=None, seen_at=NOW - 601),), jobs=(job(**told),))


def test_an_execution_that_was_not_told_of_the_end_is_told() -> None:
    ended = job(state=JobState.SUCCEEDED, task_token="t", attempt=1)
    assert swept(jobs=(ended,)) == (Finish(job_id="n", attempt=1, state=JobState.SUCCEEDED, why=""),)
    assert swept(jobs=(ended.model_copy(update={"open": None}),)) == ()


# questions


def asked(row: Any, **more: Any) -> list[tuple[str, bool]]:
    return [(act.cluster_id, act.fleets) for act in swept(clusters=(row,), **more) if isinstance(act, Ask)]


def test_what_nobody_has_confirmed_is_asked() -> None:
    assert asked(cluster(seen_at=NOW - 600, asked_at=NOW - 600)) == [("j-1", False)]
    assert asked(cluster(seen_at=NOW - 599, asked_at=NOW - 900)) == []
    assert asked(cluster(seen_at=NOW - 900, asked_at=NOW - 10)) == []


def test_of_a_heartbeat_that_is_lost_the_nodes_are_asked_for() -> None:
    assert asked(cluster(heartbeat_at=NOW - 301, asked_at=NOW - 301)) == [("j-1", True)]
    assert asked(cluster(heartbeat_at=NOW - 301, asked_at=NOW - 100)) == []
    assert asked(cluster(state=State.STARTING, heartbeat_at=NOW - 301, asked_at=NOW - 301)) == []


def test_a_cluster_without_an_agent_is_asked_for_rarely() -> None:
    assert asked(cluster(heartbeat_at=None, asked_at=NOW - 600)) == [("j-1", True)]
    assert asked(cluster(heartbeat_at=None, asked_at=NOW - 599, seen_at=NOW - 599)) == []


def test_a_launch_that_takes_too_long_is_asked_for_and_not_ended() -> None:
    row = cluster(state=State.STARTING, created_at=NOW - 1201, asked_at=NOW - 61, seen_at=NOW - 61)
    assert swept(clusters=(row,), launches=(launch(),)) == (Ask(cluster_id="j-1"),)
    patient = (profile(launch_timeout_s=1300.0),)
    assert swept(clusters=(row,), launches=(launch(),), profiles=patient) == ()


def test_who_waited_longest_is_asked_for_first_and_what_may_be_lost_before_what_is_stale() -> None:
    stale = [cluster(f"j-{n}", launch_id=None, seen_at=0, asked_at=NOW - 1000 - n) for n in range(5)]
    silent = cluster("j-9", launch_id=None, heartbeat_at=NOW - 400, asked_at=NOW - 350)
    acts = swept(clusters=(*stale, silent))
    assert [act.cluster_id for act in acts if isinstance(act, Ask)] == ["j-9", "j-4", "j-3", "j-2", "j-1", "j-0"]


def test_questions_are_bounded_and_everybodys_turn_comes() -> None:
    rows = {f"j-{n}": cluster(f"j-{n}", launch_id=None, seen_at=0, asked_at=0) for n in range(3 * MOST_QUESTIONS - 10)}
    asked_for: set[str] = set()
    for turn in range(3):
        now = NOW + 300 * turn
        acts = sweep(view(clusters=tuple(rows.values())), now, SETTINGS)
        questions = [act.cluster_id for act in acts if isinstance(act, Ask)]
        assert len(questions) <= MOST_QUESTIONS
        asked_for |= set(questions)
        rows |= {
            one: rows[one].model_copy(update={"seen_at": now, "asked_at": now, "heartbeat_at": now})
            for one in questions
        }
    assert asked_for == set(rows)


def test_ends_that_do_not_succeed_take_turns() -> None:
    rows = tuple(
        cluster(f"j-{n}", launch_id=None, end_reason=EndReason.IDLE, end_at=NOW - 900, phase=Phase.ENDING)
        for n in range(5)
    )
    firsts = {
        next(act.cluster_id for act in swept(NOW + 60 * turn, clusters=rows) if isinstance(act, End))
        for turn in range(5)
    }
    assert firsts == {row.id for row in rows}


def test_ends_come_before_questions_and_what_needs_only_the_table_in_between() -> None:
    acts = swept(
        clusters=(
            cluster("j-5", launch_id=None, seen_at=0, asked_at=0),
            cluster("j-6", launch_id=None, terminate_at=NOW),
            of_pool(claim="m"),
        ),
        launches=(launch("x", LaunchState.ASKED),),
        jobs=(job(state=JobState.QUEUED, max_wait_s=1.0), job("m", state=JobState.CLAIMED)),
    )
    order = [type(act).__name__ for act in acts]
    assert order == ["End", "Finish", "Launch", "Run", "Ask"]


# answers


def answered(row: Any, told: Any, **more: Any) -> tuple[Act, ...]:
    return of_answer(row, told, known(cluster=row, **more), NOW, SETTINGS)


def test_an_end_that_no_event_told_of_has_all_that_follows() -> None:
    row = cluster(state=State.STARTING)
    told = answer(State.TERMINATED_WITH_ERRORS, code="VALIDATION_ERROR/insufficient capacity", subnet="subnet-b")
    note, again = answered(row, told)
    assert note == Note(
        cluster_id="j-1",
        state=State.TERMINATED_WITH_ERRORS,
        at=NOW - 1,
        code="VALIDATION_ERROR/insufficient capacity",
        subnet="subnet-b",
    )
    assert isinstance(again, TryAgain) and again.failed_subnet == "subnet-b"


def test_emrs_word_on_whether_it_was_ready_counts_where_its_event_was_lost() -> None:
    told = answer(State.TERMINATED_WITH_ERRORS, code="INSTANCE_FAILURE", ready_at=NOW - 300)
    note, close = answered(cluster(state=State.STARTING), told)
    assert isinstance(note, Note) and note.ready_at == NOW - 300
    assert isinstance(close, Close) and close.state is LaunchState.ENDED


def test_a_launch_that_takes_too_long_ends() -> None:
    row = cluster(state=State.STARTING)
    assert reasons(answered(row, answer(State.STARTING, created_at=NOW - 1201))) == [EndReason.LAUNCH_TIMEOUT]
    assert reasons(answered(row, answer(State.BOOTSTRAPPING, created_at=NOW - 1199))) == []
    assert reasons(answered(row, answer(State.STARTING, created_at=NOW - 1201), launch=None)) == []
    assert reasons(answered(row, answer(State.RUNNING, created_at=NOW - 1201))) == []


SILENT: dict[str, Any] = {"heartbeat_at": NOW - 400}


def test_a_silent_cluster_without_its_primary_node_ends_at_once() -> None:
    acts = answered(cluster(**SILENT), answer(masters=0, cores=2))
    assert isinstance(acts[0], Note) and acts[0].state is State.ZERO_MASTER
    assert reasons(acts) == [EndReason.ZERO_MASTER]


def test_without_core_nodes_it_ends_when_emr_says_so_twice() -> None:
    """EMR may be replacing what spot has taken."""
    first = answered(cluster(**SILENT), answer(masters=1, cores=0))
    assert first == (Note(cluster_id="j-1", state=State.ZERO_CORE, at=NOW - 1, subnet="subnet-a"),)
    zero = cluster(state=State.ZERO_CORE, **SILENT)
    soon = zero.model_copy(update={"state_at": NOW - 299})
    assert answered(soon, answer(masters=1, cores=0)) == ()
    late = zero.model_copy(update={"state_at": NOW - 300})
    assert reasons(answered(late, answer(masters=1, cores=0))) == [EndReason.ZERO_CORE]
    back = answered(late, answer(masters=1, cores=2))
    assert isinstance(back[0], Note) and back[0].state is State.WAITING
    assert reasons(back) == []


def test_a_cluster_without_an_agent_has_one_witness_for_its_primary_too() -> None:
    row = cluster(heartbeat_at=None)
    assert reasons(answered(row, answer(masters=0))) == []
    row = cluster(state=State.ZERO_MASTER, heartbeat_at=None, state_at=NOW - 300)
    assert reasons(answered(row, answer(masters=0))) == [EndReason.ZERO_MASTER]


def test_with_a_fresh_heartbeat_the_agent_decides() -> None:
    agrees = answered(cluster(core_nodes=0, state_at=NOW - 900), answer(masters=1, cores=0))
    assert [type(act) for act in agrees] == [Note]
    for told in (answer(masters=0, cores=2), answer(masters=1, cores=0)):
        note, remark = answered(cluster(core_nodes=2), told)
        assert isinstance(note, Note) and note.state is State.WAITING
        assert isinstance(remark, Remark) and remark.what == "contradiction"


def test_a_cluster_without_a_core_fleet_lacks_none() -> None:
    assert reasons(answered(cluster(state=State.ZERO_CORE, state_at=0.0, **SILENT), answer(masters=1))) == []


def test_a_dead_agent_alone_ends_nobodys_work() -> None:
    for row in (cluster(heartbeat_at=NOW - 99999), of_pool(claim="n", heartbeat_at=NOW - 99999)):
        acts = answered(row, answer(masters=1, cores=2), launch=None)
        assert reasons(acts) == []
        assert any(isinstance(act, Remark) and act.what == "agent-silent" for act in acts)


def test_a_free_cluster_of_a_pool_with_a_dead_agent_is_of_no_use() -> None:
    told = answer(masters=1, cores=2)
    assert reasons(answered(of_pool(heartbeat_at=NOW - 600), told)) == [EndReason.HEARTBEAT_LOST]
    assert reasons(answered(of_pool(heartbeat_at=NOW - 599), told)) == []
    assert reasons(answered(of_pool(heartbeat_at=NOW - 9999), answer())) == [], "its nodes were not looked at"


def test_an_answer_about_states_leaves_what_is_known_of_the_nodes() -> None:
    assert answered(cluster(state=State.ZERO_CORE, state_at=0.0), answer()) == ()


def test_a_cluster_that_ends_is_only_noted() -> None:
    row = cluster(end_reason=EndReason.IDLE, **SILENT)
    assert [type(act) for act in answered(row, answer(masters=0))] == [Note]
    assert [type(act) for act in answered(cluster(), answer(State.TERMINATING, masters=0))] == [Note]


def test_a_step_that_somebody_cancelled_ends_its_job() -> None:
    row = of_pool(claim="n", failed_step="s-1")
    acts = answered(row, answer(), job=job(), launch=None)
    assert [act.state for act in acts if isinstance(act, Finish)] == [JobState.CANCELLED]
    dying = answered(row, answer(State.TERMINATING), job=job(), launch=None)
    assert [type(act) for act in dying] == [Note], "its end took the step along"
    other = answered(row, answer(), job=job(step_id="s-2"), launch=None)
    assert not any(isinstance(act, Finish) for act in other)


def test_a_cluster_of_a_pool_that_turns_out_ready_is_planned_with() -> None:
    row = of_pool(state=State.STARTING, phase=Phase.LAUNCHING)
    assert answered(row, answer(), launch=None)[-1] == Plan(profile=POOL)


def test_a_cluster_that_bears_another_tables_tag_is_left_alone() -> None:
    row = cluster(terminate_at=NOW - 9)
    (remark,) = answered(row, answer(State.TERMINATED, code="INSTANCE_FAILURE", tags={TABLE_TAG: "other"}))
    assert isinstance(remark, Remark) and remark.what == "foreign-cluster"
    assert [type(act) for act in answered(row, answer(tags={TABLE_TAG: "tidemark"}))] == [Note]


# twins and orphans by name


def listed(cluster_id: str, name: str = "etl w.1", created_at: float = NOW - 900, **more: Any) -> Listed:
    return Listed(cluster_id=cluster_id, name=name, created_at=created_at, **{"state": State.RUNNING, **more})


def of_list(*found: Listed, **more: Any) -> tuple[Act, ...]:
    return of_listed(found, view(**more), NOW - 86400, NOW - 2, NOW, SETTINGS)


def test_of_two_that_nobody_has_written_down_the_older_is_adopted_first() -> None:
    acts = of_list(
        listed("j-2", created_at=NOW - 60),
        listed("j-1", created_at=NOW - 70),
        launches=(launch(state=LaunchState.CLAIMED),),
    )
    assert [act.cluster_id for act in acts if isinstance(act, Adopt)] == ["j-1", "j-2"]
    younger = cluster("j-2")
    assert reasons(of_twin(younger, launch(cluster_id="j-1"))) == [EndReason.TWIN]
    assert of_twin(cluster("j-1"), launch(cluster_id="j-1")) == ()


def test_the_one_that_is_written_down_stays_although_it_is_younger() -> None:
    older = cluster("j-0", created_at=NOW - 5000)
    assert reasons(of_twin(older, launch(cluster_id="j-1"))) == [EndReason.TWIN]


def test_a_cluster_of_a_closed_launch_is_left_to_who_asked_for_it_for_a_while() -> None:
    closed = (launch(state=LaunchState.CANCELLED),)
    assert of_list(listed("j-1", created_at=NOW - 899), launches=closed) == ()
    (adopt,) = of_list(listed("j-1", created_at=NOW - 900), launches=closed)
    assert isinstance(adopt, Adopt)
    assert reasons(of_twin(cluster(), closed[0])) == [EndReason.ORPHAN]


def test_names_without_a_launch_of_ours_are_left_alone() -> None:
    assert of_list(listed("j-1", "etl w.1"), listed("j-2", "my cluster")) == ()


def test_the_list_tells_states_and_what_it_does_not_name_is_asked_for() -> None:
    rows = (cluster("j-1", state=State.RUNNING), cluster("j-2"), cluster("j-3", created_at=NOW - 90000))
    acts = of_list(listed("j-1", state=State.WAITING), clusters=rows)
    assert acts == (Note(cluster_id="j-1", state=State.WAITING, at=NOW - 2), Ask(cluster_id="j-2"))


def test_the_list_says_nothing_of_what_it_confirms_or_cannot_know() -> None:
    assert of_list(listed("j-1"), clusters=(cluster(),)) == ()
    assert of_list(listed("j-1"), clusters=(cluster(state=State.ZERO_CORE),)) == ()
    assert of_list(listed("j-1"), clusters=(cluster(seen_at=NOW - 300),)) != ()
    assert of_list(clusters=(cluster(seen_at=NOW - 1),)) == (), "it was made after the list"


# blind


@pytest.mark.parametrize("heartbeat_at", [None, NOW - 99999.0, NOW])
def test_without_an_answer_of_emr_nothing_ends_as_lost(heartbeat_at: float | None) -> None:
    for state in State:
        row = cluster(state=state, heartbeat_at=heartbeat_at, seen_at=0.0, asked_at=0.0, created_at=0.0, core_nodes=0)
        for of in (row, row.model_copy(update={"pool": True, "phase": Phase.IDLE, "profile": POOL})):
            assert reasons(swept(clusters=(of,), launches=(launch(),))) == [], state


def test_profiles_that_are_gone_cost_nothing_but_retries() -> None:
    lost = cluster(state=State.TERMINATED_WITH_ERRORS, reason_code="INSTANCE_FLEET_TIMEOUT", ready_at=None)
    (close,) = swept(clusters=(lost,), launches=(launch(),), profiles=())
    assert isinstance(close, Close) and close.state is LaunchState.FAILED
    assert launch().profile == ETL
