"""Events, one by one: which acts they lead to, and why not others."""

from __future__ import annotations

from typing import Any

import pytest

from agent.lifecycle.acts import (
    Act,
    Adopt,
    Ask,
    Began,
    Close,
    End,
    Finish,
    Launch,
    Note,
    NoteOwner,
    NoteStep,
    Plan,
    Remark,
    Requeue,
    Submit,
    TryAgain,
    Wish,
)
from agent.lifecycle.decide import on_event
from agent.lifecycle.events import (
    CapacityMissing,
    ClusterChanged,
    DeadlineCame,
    EndAsked,
    Event,
    FleetChanged,
    JobCancelled,
    JobSubmitted,
    LaunchAsked,
    ObjectCreated,
    OwnerEnded,
    StepChanged,
)
from agent.lifecycle.known import Known
from agent.lifecycle.rows import JobProfile, StepSpec, Trigger, job_profile_key
from agent.lifecycle.words import EndReason, JobState, LaunchState, Retry, State
from tests.lifecycle.core_rows import (
    ETL,
    NOW,
    POOL,
    SETTINGS,
    cluster,
    job,
    known,
    launch,
    of_pool,
    owner,
    profile,
)


def acts_of(event: Event, known: Known) -> tuple[Act, ...]:
    return on_event(event, known, NOW, SETTINGS)


def kinds(acts: tuple[Act, ...]) -> list[str]:
    return [type(act).__name__ for act in acts]


def changed(state: State, code: str | None = None, **more: Any) -> ClusterChanged:
    given: dict[str, Any] = {"cluster_id": "j-1", "name": "etl w.1", "at": NOW - 5, "message": ""}
    return ClusterChanged(state=state, code=code, **{**given, **more})


# clusters


def test_a_state_is_noted() -> None:
    acts = acts_of(changed(State.RUNNING), known())
    assert acts == (Note(cluster_id="j-1", state=State.RUNNING, at=NOW - 5),)


@pytest.mark.parametrize("state", [State.RUNNING, State.WAITING])
def test_a_cluster_of_a_pool_that_is_ready_is_planned_with(state: State) -> None:
    acts = acts_of(changed(state), known(cluster=of_pool(), profile=profile(POOL, maximum=2)))
    assert acts[-1] == Plan(profile=POOL)


def test_the_end_of_a_cluster_that_was_ready_closes_its_launch() -> None:
    acts = acts_of(changed(State.TERMINATED, "ALL_STEPS_COMPLETED"), known())
    assert kinds(acts) == ["Note", "Close"]
    assert isinstance(acts[1], Close)
    assert (acts[1].attempt, acts[1].state) == (1, LaunchState.ENDED)


def test_of_a_cluster_that_was_never_ready_emr_is_asked_before_its_end_is_noted() -> None:
    """The event tells neither the subnet, nor whether capacity was missing, nor whether it was ready after all."""
    row = cluster(state=State.STARTING)
    for code in ("INSTANCE_FLEET_TIMEOUT", "VALIDATION_ERROR", "INTERNAL_ERROR", "USER_REQUEST"):
        assert acts_of(changed(State.TERMINATED_WITH_ERRORS, code), known(cluster=row)) == (Ask(cluster_id="j-1"),)


@pytest.mark.parametrize(
    ("retry", "attempts", "attempt", "tries"),
    [
        (Retry.START, 3, 1, False),
        (Retry.LOST, 3, 1, True),
        (Retry.LOST, 3, 2, True),
        (Retry.LOST, 3, 3, False),
        (Retry.NEVER, 3, 1, False),
    ],
)
def test_one_that_was_ready_and_is_lost_is_tried_again_only_if_its_steps_may_run_twice(
    retry: Retry, attempts: int, attempt: int, tries: bool
) -> None:
    about = known(
        cluster=cluster(attempt=attempt, subnet="subnet-b"),
        launch=launch(attempt=attempt),
        profile=profile(retry=retry, attempts=attempts),
    )
    acts = acts_of(changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE"), about)
    assert any(isinstance(act, TryAgain) for act in acts) is tries
    if tries:
        assert acts[1] == TryAgain(
            launch_id="w", attempt=attempt, why="EMR ended it: INSTANCE_FAILURE", failed_subnet="subnet-b"
        )


def test_the_launchs_own_word_on_retries_counts_before_the_profiles() -> None:
    about = known(launch=launch(retry=Retry.LOST), profile=profile(retry=Retry.NEVER))
    acts = acts_of(changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE"), about)
    assert isinstance(acts[1], TryAgain)


@pytest.mark.parametrize(
    "reason", [EndReason.OWNER_DONE, EndReason.OWNER_GONE, EndReason.TERMINATE_AFTER, EndReason.BY_HAND]
)
def test_a_lost_cluster_that_was_to_end_anyway_is_not_launched_again(reason: EndReason) -> None:
    about = known(cluster=cluster(end_reason=reason), profile=profile(retry=Retry.LOST))
    acts = acts_of(changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE"), about)
    assert kinds(acts) == ["Note", "Close"]


def test_a_launch_whose_own_deadline_has_passed_is_not_tried_again() -> None:
    about = known(launch=launch(terminate_at=NOW - 1), profile=profile(retry=Retry.LOST))
    assert kinds(acts_of(changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE"), about)) == ["Note", "Close"]


def test_the_second_delivery_of_an_end_does_what_the_first_left_undone() -> None:
    row = cluster(state=State.TERMINATED, reason_code="ALL_STEPS_COMPLETED")
    acts = acts_of(changed(State.TERMINATED, "ALL_STEPS_COMPLETED"), known(cluster=row))
    assert kinds(acts) == ["Close"]
    assert acts_of(changed(State.TERMINATED), known(cluster=row, launch=launch(state=LaunchState.ENDED))) == ()


def test_the_end_of_an_earlier_attempts_cluster_does_not_touch_the_present_one() -> None:
    about = known(launch=launch(attempt=2, cluster_id="j-2"))
    assert kinds(acts_of(changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE"), about)) == ["Note"]


def test_a_job_whose_cluster_is_lost_goes_back_into_the_queue() -> None:
    about = known(cluster=of_pool(claim="n"), launch=launch(pool=True), job=job())
    acts = acts_of(changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE"), about)
    assert kinds(acts) == ["Note", "Run", "Requeue", "Close", "Plan"], "its step is looked up first"
    assert isinstance(acts[2], Requeue) and acts[2].attempt == 1
    assert "INSTANCE_FAILURE" in acts[2].why


@pytest.mark.parametrize(
    ("code", "failed", "state"),
    [
        ("ALL_STEPS_COMPLETED", None, JobState.SUCCEEDED),
        ("ALL_STEPS_COMPLETED", "s-1", JobState.FAILED),
        ("ALL_STEPS_COMPLETED", "s-0", JobState.SUCCEEDED),
        ("STEP_FAILURE", None, JobState.FAILED),
        ("STEP_FAILURE", "s-1", JobState.FAILED),
        ("STEP_FAILURE", "s-0", None),
        ("USER_REQUEST", None, None),
    ],
)
def test_the_code_of_an_end_may_tell_the_end_of_the_job(code: str, failed: str | None, state: JobState | None) -> None:
    about = known(cluster=of_pool(claim="n", failed_step=failed), launch=None, job=job())
    acts = acts_of(changed(State.TERMINATED, code), about)
    (moved,) = (act for act in acts if isinstance(act, Requeue | Finish))
    assert isinstance(moved, Requeue if state is None else Finish)
    assert not isinstance(moved, Finish) or moved.state is state


def test_a_job_without_a_step_is_queued_again_whatever_the_code() -> None:
    about = known(cluster=of_pool(claim="n"), launch=None, job=job(state=JobState.CLAIMED))
    assert kinds(acts_of(changed(State.TERMINATED, "ALL_STEPS_COMPLETED"), about)) == ["Note", "Requeue", "Plan"]


def test_the_job_of_another_cluster_is_not_touched() -> None:
    about = known(cluster=of_pool(claim="n"), launch=None, job=job(cluster_id="j-7"))
    assert kinds(acts_of(changed(State.TERMINATED, "USER_REQUEST"), about)) == ["Note", "Plan"]


# clusters that are not in the table


def test_a_stranger_with_the_name_of_our_launch_is_adopted() -> None:
    acts = acts_of(changed(State.STARTING), Known(launch=launch(state=LaunchState.CLAIMED)))
    adopt = Adopt(cluster_id="j-1", name="etl w.1", launch_id="w", attempt=1, at=NOW - 5)
    assert acts == (adopt, Note(cluster_id="j-1", state=State.STARTING, at=NOW - 5))


def test_one_that_has_ended_already_is_adopted_if_its_launch_waits_for_it() -> None:
    event = changed(State.TERMINATED_WITH_ERRORS, "INSTANCE_FLEET_TIMEOUT")
    assert kinds(acts_of(event, Known(launch=launch(state=LaunchState.CLAIMED)))) == ["Adopt", "Ask"]
    assert acts_of(event, Known(launch=launch(cluster_id="j-2"))) == ()
    assert acts_of(event, Known(launch=launch(state=LaunchState.ASKED, attempt=2))) == ()


@pytest.mark.parametrize("name", ["etl", "etl w", "etl w.0", "etl w.x", "", "nightly 2026.31"])
def test_other_names_are_none_of_our_business(name: str) -> None:
    assert acts_of(changed(State.STARTING, name=name), Known(launch=launch(state=LaunchState.CLAIMED))) == ()


def test_a_name_whose_launch_is_not_in_the_table_is_another_tables() -> None:
    assert acts_of(changed(State.STARTING), Known()) == ()


def test_a_second_cluster_of_the_launch_ends() -> None:
    about = known(cluster=cluster("j-2"), launch=launch(cluster_id="j-1"))
    acts = acts_of(changed(State.RUNNING, cluster_id="j-2"), about)
    assert kinds(acts) == ["Note", "End"]
    assert isinstance(acts[1], End) and acts[1].reason is EndReason.TWIN


def test_a_cluster_whose_launch_was_cancelled_ends() -> None:
    acts = acts_of(changed(State.RUNNING), known(launch=launch(state=LaunchState.CANCELLED, why="owner gone")))
    assert isinstance(acts[1], End) and acts[1].reason is EndReason.ORPHAN
    assert "owner gone" in acts[1].why


# steps


def stepped(state: str, name: str = "n.1", step_id: str = "s-1") -> StepChanged:
    return StepChanged(cluster_id="j-1", step_id=step_id, name=name, state=state, at=NOW - 5)


def test_a_jobs_step_from_its_beginning_to_its_end() -> None:
    about = known(cluster=of_pool(claim="n"), job=job())
    assert acts_of(stepped("PENDING"), about) == ()
    assert acts_of(stepped("RUNNING"), about) == (Began(job_id="n", attempt=1, at=NOW - 5),)
    finish = Finish(job_id="n", attempt=1, state=JobState.SUCCEEDED, why="")
    assert acts_of(stepped("COMPLETED"), about) == (finish,)
    failed = acts_of(stepped("FAILED"), about)
    assert failed[0] == NoteStep(cluster_id="j-1", step_id="s-1")
    assert isinstance(failed[1], Finish) and failed[1].state is JobState.FAILED
    assert not any(isinstance(act, End) for act in failed), "a pool's cluster outlives a job that fails"


@pytest.mark.parametrize("state", ["CANCELLED", "INTERRUPTED"])
def test_of_a_step_that_was_cancelled_emr_is_asked_whether_its_cluster_lives_on(state: str) -> None:
    about = known(cluster=of_pool(claim="n"), job=job())
    assert acts_of(stepped(state), about) == (NoteStep(cluster_id="j-1", step_id="s-1"), Ask(cluster_id="j-1"))


def test_the_step_of_another_tables_job_of_the_same_name_is_not_ours() -> None:
    lost = job(state=JobState.QUEUED, attempt=1)
    assert acts_of(stepped("COMPLETED"), known(cluster=None, job=lost)) == ()
    assert kinds(acts_of(stepped("COMPLETED"), known(cluster=of_pool(), job=lost))) == ["Finish"], "ours, told late"


def test_steps_of_other_attempts_and_other_names_are_not_the_jobs() -> None:
    about = known(cluster=of_pool(claim="n"), job=job(attempt=2))
    assert acts_of(stepped("COMPLETED"), about) == ()
    assert acts_of(stepped("COMPLETED", name="setup"), about) == ()
    assert acts_of(stepped("FAILED"), about) == (NoteStep(cluster_id="j-1", step_id="s-1"),)


def test_a_job_that_was_queued_again_need_not_run_if_its_step_was_completed() -> None:
    about = known(cluster=of_pool(state=State.TERMINATED), job=job(state=JobState.QUEUED, attempt=1))
    assert kinds(acts_of(stepped("COMPLETED"), about)) == ["Finish"]


def test_a_job_that_has_ended_ends_once() -> None:
    about = known(job=job(state=JobState.CANCELLED, attempt=1))
    assert acts_of(stepped("COMPLETED"), about) == ()


def test_a_step_of_an_owned_cluster_is_kept_in_mind_for_its_outcome() -> None:
    assert acts_of(stepped("FAILED", name="count"), known()) == (NoteStep(cluster_id="j-1", step_id="s-1"),)
    assert acts_of(stepped("COMPLETED", name="count"), known()) == ()


# fleets


def fleet(role: str = "CORE", provisioned: int | None = 0) -> FleetChanged:
    return FleetChanged(cluster_id="j-1", role=role, state="RUNNING", at=NOW - 5, provisioned=provisioned)


def test_of_a_fleet_with_nothing_in_it_emr_is_asked() -> None:
    assert acts_of(fleet(), known()) == (Ask(cluster_id="j-1", fleets=True),)
    assert acts_of(fleet("MASTER"), known()) == (Ask(cluster_id="j-1", fleets=True),)
    assert acts_of(fleet("TASK"), known()) == ()
    assert acts_of(fleet(provisioned=None), known()) == ()
    assert acts_of(fleet(provisioned=4), known()) == ()
    assert acts_of(fleet(), known(cluster=cluster(state=State.STARTING))) == ()
    assert acts_of(fleet(), known(cluster=cluster(end_reason=EndReason.IDLE))) == ()


def test_missing_capacity_is_remarked_and_ends_nothing() -> None:
    event = CapacityMissing(cluster_id="j-1", role="CORE", code="Spot Provisioning timeout", at=NOW)
    assert acts_of(event, known()) == (
        Remark(what="capacity-missing", of="j-1", why="CORE: Spot Provisioning timeout"),
    )
    assert acts_of(event, Known()) == ()


# owners


def ended(reason: EndReason = EndReason.OWNER_DONE, at: float = NOW - 5) -> OwnerEnded:
    return OwnerEnded(owner="me", reason=reason, at=at, why="it said so")


def test_an_owner_has_not_ended_in_a_time_to_come() -> None:
    (mark,) = acts_of(ended(at=NOW + 86400), Known())
    assert isinstance(mark, NoteOwner) and mark.at == NOW, "or what is asked for until then would not be launched"


def test_all_that_an_owner_has_ends_with_it_and_the_mark_comes_first() -> None:
    waits = launch("x", LaunchState.CLAIMED, attempt=2)
    acts = acts_of(ended(), Known(clusters=(cluster(),), launches=(launch(), waits)))
    assert acts == (
        NoteOwner(owner="me", reason=EndReason.OWNER_DONE, at=NOW - 5, why="it said so"),
        End(cluster_id="j-1", reason=EndReason.OWNER_DONE, why="it said so"),
        Close(launch_id="x", attempt=2, state=LaunchState.CANCELLED, why="it said so"),
    )


def test_an_owner_of_nothing_leaves_its_mark() -> None:
    assert kinds(acts_of(ended(), Known())) == ["NoteOwner"]


def test_a_cluster_that_only_its_launch_knows_yet_ends_too() -> None:
    assert kinds(acts_of(ended(), Known(launches=(launch(),)))) == ["NoteOwner", "End"]


def test_what_has_ended_and_what_is_a_pools_is_left_alone() -> None:
    gone = cluster(state=State.TERMINATED)
    pools = of_pool("j-2", owner="me")
    closed = launch("y", LaunchState.CANCELLED)
    about = Known(clusters=(gone, pools), launches=(launch(), closed))
    assert kinds(acts_of(ended(), about)) == ["NoteOwner"]


def test_an_end_of_before_does_not_end_the_next_life() -> None:
    """A pipeline that runs every night has one name, and its message of yesterday may come today."""
    late = ended(at=NOW - 2000)
    acts = acts_of(late, Known(clusters=(cluster(),), launches=(launch(), launch("x", LaunchState.ASKED))))
    assert kinds(acts) == ["NoteOwner"]


def test_the_second_attempts_cluster_is_of_the_first_wish() -> None:
    second = cluster("j-2", attempt=2, created_at=NOW - 3)
    asked_before = launch(attempt=2, cluster_id="j-2")
    acts = acts_of(ended(at=NOW - 5), Known(clusters=(second,), launches=(asked_before,)))
    assert acts[1] == End(cluster_id="j-2", reason=EndReason.OWNER_DONE, why="it said so")


@pytest.mark.parametrize(
    ("reason", "cancelled"),
    [(EndReason.OWNER_DONE, False), (EndReason.OWNER_FAILED, True), (EndReason.OWNER_GONE, True)],
)
def test_jobs_of_an_owner_that_failed_are_cancelled(reason: EndReason, cancelled: bool) -> None:
    jobs = (job(), job("q", JobState.QUEUED), job("f", JobState.FAILED), job("z", JobState.QUEUED, created_at=NOW))
    acts = acts_of(ended(reason), Known(jobs=jobs))
    assert [act.job_id for act in acts if isinstance(act, Finish)] == (["n", "q"] if cancelled else [])


# wishes


def wished(**more: Any) -> LaunchAsked:
    return LaunchAsked(**{"id": "w", "profile": ETL, "owner": "me", "at": NOW - 5, **more})


def test_a_wish_is_written_down_with_all_it_asks_for() -> None:
    steps = (StepSpec(Name="count", HadoopJarStep={"Jar": "command-runner.jar"}),)
    event = wished(alias="group", steps=steps, terminate_at=NOW + 60, retry=Retry.LOST)
    (act,) = acts_of(event, Known(profile=profile()))
    assert isinstance(act, Wish)
    row = act.launch
    assert (row.id, row.owner, row.alias, row.profile, row.steps) == ("w", "me", "group", ETL, steps)
    assert (row.state, row.open, row.created_at, row.attempt) == (LaunchState.ASKED, "LAUNCH", NOW - 5, 1)
    assert (row.terminate_at, row.retry, row.pool, row.why) == (NOW + 60, Retry.LOST, False, None)


def test_the_second_delivery_goes_on_with_the_launch() -> None:
    for state in (LaunchState.ASKED, LaunchState.CLAIMED):
        assert acts_of(wished(), Known(launch=launch(state=state))) == (Launch(launch_id="w"),)
    for state in (LaunchState.LAUNCHED, LaunchState.ENDED, LaunchState.FAILED, LaunchState.CANCELLED):
        assert acts_of(wished(), Known(launch=launch(state=state), profile=profile())) == ()


@pytest.mark.parametrize(
    ("event", "about", "state", "says"),
    [
        (wished(profile="elt"), Known(profiles=(profile(),)), LaunchState.FAILED, "nearest: 'etl'"),
        (wished(), Known(profile=profile(maximum=2)), LaunchState.FAILED, "submit a job"),
        (wished(), Known(profile=profile(), owners=(owner(at=NOW - 1),)), LaunchState.CANCELLED, "owner-gone"),
        (wished(terminate_at=NOW - 1), Known(profile=profile()), LaunchState.CANCELLED, "before now"),
    ],
)
def test_a_wish_that_cannot_be_met_is_written_down_with_the_reason(
    event: LaunchAsked, about: Known, state: LaunchState, says: str
) -> None:
    (act,) = acts_of(event, about)
    assert isinstance(act, Wish)
    assert (act.launch.state, act.launch.open) == (state, None)
    assert act.launch.why is not None and says in act.launch.why


def test_an_owner_that_ended_before_the_wish_may_have_a_next_life() -> None:
    (act,) = acts_of(wished(), Known(profile=profile(), owners=(owner(at=NOW - 50),)))
    assert isinstance(act, Wish) and act.launch.state is LaunchState.ASKED


TRIGGER = Trigger(bucket="landing", prefix="clicks/", suffix="/_SUCCESS")


def objected(name: str, bucket: str = "landing", version: str = "1") -> ObjectCreated:
    return ObjectCreated(bucket=bucket, name=name, version=version, at=NOW - 5)


def test_an_object_launches_every_profile_whose_trigger_it_meets() -> None:
    profiles = (profile("a", triggers=(TRIGGER,)), profile("b", triggers=(TRIGGER,)), profile("c"))
    acts = acts_of(objected("clicks/1/_SUCCESS"), Known(profiles=profiles))
    rows = [act.launch for act in acts if isinstance(act, Wish)]
    assert [row.profile for row in rows] == ["a", "b"]
    assert len({row.id for row in rows}) == 2
    assert {row.owner for row in rows} == {"s3://landing/clicks/1/_SUCCESS"}


@pytest.mark.parametrize(
    ("name", "bucket"),
    [
        ("clicks/1/part-0", "landing"),
        ("views/1/_SUCCESS", "landing"),
        ("clicks/1/_SUCCESS", "other"),
        ("clicks/_SUCCESS", "landing"),
    ],
)
def test_other_objects_launch_nothing(name: str, bucket: str) -> None:
    assert acts_of(objected(name, bucket), Known(profiles=(profile(triggers=(TRIGGER,)),))) == ()


def test_one_write_of_an_object_is_one_wish_and_another_write_is_another() -> None:
    about = Known(profiles=(profile(triggers=(TRIGGER,)),))
    (first,), (again,) = (acts_of(objected("clicks/1/_SUCCESS"), about) for _ in range(2))
    (other,) = acts_of(objected("clicks/1/_SUCCESS", version="2"), about)
    assert first == again
    assert isinstance(first, Wish) and isinstance(other, Wish)
    assert first.launch.id != other.launch.id


# deadlines and ends by hand


@pytest.mark.parametrize(("present", "ends"), [(NOW - 1, True), (NOW, True), (NOW + 60, False), (None, False)], ids=str)
def test_a_deadline_ends_the_cluster_only_if_it_still_is_one(present: float | None, ends: bool) -> None:
    event = DeadlineCame(cluster_id="j-1", terminate_at=NOW - 1)
    acts = acts_of(event, known(cluster=cluster(terminate_at=present)))
    assert [act.reason for act in acts if isinstance(act, End)] == ([EndReason.TERMINATE_AFTER] if ends else [])


def test_a_deadline_of_a_cluster_that_has_ended_or_is_unknown_is_nothing() -> None:
    event = DeadlineCame(cluster_id="j-1", terminate_at=NOW - 1)
    assert acts_of(event, Known()) == ()
    assert acts_of(event, Known(cluster=cluster(state=State.TERMINATED, terminate_at=NOW - 1))) == ()


def test_somebody_ends_a_cluster_by_hand() -> None:
    event = EndAsked(cluster_id="j-1", why="not needed")
    assert acts_of(event, known()) == (End(cluster_id="j-1", reason=EndReason.BY_HAND, why="not needed"),)
    assert acts_of(event, Known(cluster=cluster(state=State.TERMINATED))) == ()


# jobs


def kind_of_job() -> JobProfile:
    step = {"Jar": "command-runner.jar"}
    return JobProfile(
        key=job_profile_key("daily"), type="spark", size="small", priority=500, cluster_profile=POOL, step=step
    )


def submission(**more: Any) -> JobSubmitted:
    return JobSubmitted(**{"id": "n", "profile": "daily", "owner": "me", "at": NOW - 5, **more})


def test_a_job_is_written_down_queued_or_rejected() -> None:
    (queued,) = acts_of(submission(), Known(job_profile=kind_of_job(), profile=profile(POOL, maximum=2)))
    (rejected,) = acts_of(submission(), Known())
    assert isinstance(queued, Submit) and queued.job.state is JobState.QUEUED
    assert isinstance(rejected, Submit) and rejected.job.state is JobState.REJECTED


def test_a_job_of_an_owner_that_is_gone_is_not_run() -> None:
    about = Known(job_profile=kind_of_job(), profile=profile(POOL, maximum=2), owners=(owner(at=NOW),))
    (act,) = acts_of(submission(), about)
    assert isinstance(act, Submit)
    assert (act.job.state, act.job.queue, act.job.rank, act.job.open) == (JobState.CANCELLED, None, None, None)
    (waited_for,) = acts_of(submission(task_token="t"), about)
    assert isinstance(waited_for, Submit) and waited_for.job.open == "JOB"


def test_the_second_submission_goes_on_with_the_job() -> None:
    row = job(state=JobState.QUEUED)
    assert acts_of(submission(), Known(job=row)) == (Submit(job=row),)


def test_a_job_is_cancelled_wherever_it_is() -> None:
    for state in (JobState.QUEUED, JobState.CLAIMED, JobState.RUNNING):
        (act,) = acts_of(JobCancelled(id="n", why="no"), Known(job=job(state=state)))
        assert isinstance(act, Finish) and (act.state, act.why) == (JobState.CANCELLED, "no")


def test_a_job_that_is_cancelled_before_it_is_heard_of_is_there_already_when_it_comes() -> None:
    (act,) = acts_of(JobCancelled(id="n"), Known())
    assert isinstance(act, Submit)
    assert (act.job.id, act.job.state, act.job.open) == ("n", JobState.CANCELLED, None)
    assert acts_of(submission(), Known(job=act.job)) == (Submit(job=act.job),)
