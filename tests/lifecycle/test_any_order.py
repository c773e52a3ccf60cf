"""Events that come in any order, twice or never, clusters that are lost, launchers that die: in the end all is well.

The core, its conductor and the store are the real ones; EMR is small, and as unreliable as hypothesis likes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.lifecycle.events import (
    Event,
    JobCancelled,
    JobSubmitted,
    LaunchAsked,
    OwnerEnded,
)
from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.rows import JobProfile, job_profile_key
from agent.lifecycle.words import EndReason, JobState, LaunchState, Retry, State
from tests.lifecycle.core_rows import ETL, NOW, POOL, profile
from tests.lifecycle.small_emr import SmallEmr, Step

MAXIMUM = 2
CODES = ("INSTANCE_FAILURE", "INSTANCE_FLEET_TIMEOUT", "INTERNAL_ERROR", "VALIDATION_ERROR", "BOOTSTRAP_FAILURE")
CLOSED = (LaunchState.ENDED, LaunchState.FAILED, LaunchState.CANCELLED)
DONE, GONE = EndReason.OWNER_DONE, EndReason.OWNER_GONE


def world(retry: Retry = Retry.START) -> SmallEmr:
    emr = SmallEmr()
    emr.store.put_profile(profile(ETL, retry=retry))
    emr.store.put_profile(profile(POOL, maximum=MAXIMUM, idle_s=600.0))
    step = {"Jar": "command-runner.jar"}
    kind = JobProfile(
        key=job_profile_key("daily"),
        type="spark",
        size="small",
        priority=500,
        cluster_profile=POOL,
        step=step,
        attempts=5,
    )
    emr.store.put_profile(kind)
    return emr


def launches(number: int, at: float) -> LaunchAsked:
    return LaunchAsked(id=f"w{number}", profile=ETL, owner=f"o{number % 2}", at=at)


def submits(number: int, at: float) -> JobSubmitted:
    return JobSubmitted(id=f"n{number}", profile="daily", owner=f"p{number % 2}", at=at, task_token=f"t{number}")


def calm_down(emr: SmallEmr) -> None:
    """From now on nothing is lost, neither messages nor clusters, for two hours of sweeps."""
    for _ in range(24):
        emr.now += 300.0
        told, emr.told = emr.told, []
        for event in told:
            emr.hear(event)
        emr.sweep()
        emr.goes_well()
    told, emr.told = emr.told, []
    for event in told:
        emr.hear(event)
    emr.sweep()


def all_is_well(emr: SmallEmr) -> None:
    store = emr.store
    assert emr.living() == [], "every owned cluster is done, and the pool is idle"
    assert list(store.open_clusters()) == []
    assert list(store.open_launches()) == []
    assert list(store.open_jobs()) == []
    assert list(store.slots(POOL)) == []
    for cluster in emr.clusters.values():
        row = store.cluster(cluster.id)
        bears = attempt_in(cluster.name)
        launch = None if bears is None else store.launch(bears[0])
        assert launch is not None and launch.state in CLOSED
        # one that ends by itself before its time as an orphan is over need not be known
        assert (row is not None and row.ended) or launch.state is LaunchState.CANCELLED
    names = [one.name for one in emr.clusters.values()]
    assert len(names) == len(set(names)), "an attempt was launched twice"


def jobs_are_well(emr: SmallEmr, submitted: set[str]) -> None:
    completed = {step.name for one in emr.clusters.values() for step in one.steps if step.state == "COMPLETED"}
    for job_id in submitted:
        row = emr.store.job(job_id)
        assert row is not None and row.ended, "a job was lost"
        ran = any(name.rpartition(".")[0] == job_id for name in completed)
        assert row.state is not JobState.SUCCEEDED or ran
        if f"{job_id}.{row.attempt}" in completed:
            assert row.state in (JobState.SUCCEEDED, JobState.CANCELLED), "a job that is done was not believed"
        assert emr.counted[f"job ended {job_id}"] <= 1


Deed = Callable[[SmallEmr, Any], None]


def deliver(emr: SmallEmr, draw: Any) -> None:
    if emr.told:
        emr.hear(emr.told.pop(draw(st.integers(0, len(emr.told) - 1))))


def deliver_and_keep(emr: SmallEmr, draw: Any) -> None:
    if emr.told:
        emr.hear(emr.told[draw(st.integers(0, len(emr.told) - 1))])


def lose(emr: SmallEmr, draw: Any) -> None:
    """Of EMR's own: the others' messages are safe in the queue."""
    lossy = [one for one in emr.told if hasattr(one, "cluster_id")]
    if lossy:
        emr.told.remove(draw(st.sampled_from(lossy)))


def sweep(emr: SmallEmr, _: Any) -> None:
    emr.sweep()


def time_goes_by(emr: SmallEmr, draw: Any) -> None:
    emr.now += draw(st.sampled_from([0.3, 10.0, 200.0, 400.0, 1300.0]))


def goes_well(emr: SmallEmr, _: Any) -> None:
    emr.goes_well()


def cluster_is_lost(emr: SmallEmr, draw: Any) -> None:
    if emr.living():
        emr.change(draw(st.sampled_from(emr.living())), State.TERMINATED_WITH_ERRORS, draw(st.sampled_from(CODES)))


def core_is_lost(emr: SmallEmr, draw: Any) -> None:
    if emr.living():
        draw(st.sampled_from(emr.living())).cores = 0


def step_fails(emr: SmallEmr, draw: Any) -> None:
    running = [(one, step) for one in emr.living() for step in one.steps if step.state == "RUNNING"]
    if running:
        cluster, step = draw(st.sampled_from(running))
        emr.step(cluster, step, draw(st.sampled_from(["FAILED", "CANCELLED"])))


def watcher_looks(emr: SmallEmr, draw: Any) -> None:
    """Whoever waits for a cluster writes down what EMR tells him, and does nothing about it."""
    if emr.clusters:
        one = draw(st.sampled_from(list(emr.clusters.values())))
        emr.store.saw_state(one.id, one.state, emr.now, emr.now, one.code)


def launcher_dies(emr: SmallEmr, _: Any) -> None:
    emr.dies_before_writing = True


def tick(emr: SmallEmr, draw: Any) -> None:
    """All goes on, and what is told of it arrives, arrives twice, is late or is lost."""
    emr.now += 100.0
    emr.goes_well()
    told, emr.told = emr.told, []
    for event in told:
        fate = draw(st.sampled_from(["comes", "comes", "comes twice", "is late", "is lost"]))
        if fate == "is late" or (fate == "is lost" and not hasattr(event, "cluster_id")):
            emr.told.append(event)
        elif fate != "is lost":
            for _ in range(2 if fate == "comes twice" else 1):
                emr.hear(event)


NUMBERS = st.integers(0, 3)


def asks(emr: SmallEmr, draw: Any) -> None:
    emr.told.append(launches(draw(NUMBERS), emr.now))


def submits_one(emr: SmallEmr, draw: Any) -> None:
    emr.told.append(submits(draw(NUMBERS), emr.now))


def owner_ends(emr: SmallEmr, draw: Any) -> None:
    owner, reason = draw(st.sampled_from(["o0", "o1", "p0"])), draw(st.sampled_from([DONE, GONE]))
    emr.told.append(OwnerEnded(owner=owner, reason=reason, at=emr.now))


def cancels(emr: SmallEmr, draw: Any) -> None:
    emr.told.append(JobCancelled(id=f"n{draw(NUMBERS)}"))


DEEDS: tuple[Deed, ...] = (
    asks,
    submits_one,
    *[tick] * 8,
    deliver,
    goes_well,
    deliver_and_keep,
    time_goes_by,
    sweep,
    lose,
    cluster_is_lost,
    owner_ends,
    cancels,
    step_fails,
    launcher_dies,
    watcher_looks,
    core_is_lost,
)


@settings(max_examples=150)
@given(st.data(), st.sampled_from([Retry.START, Retry.LOST]))
def test_whatever_happens_all_is_well_in_the_end(data: st.DataObject, retry: Retry) -> None:
    emr = world(retry)
    deeds = (asks, submits_one, tick, *data.draw(st.lists(st.sampled_from(DEEDS), min_size=5, max_size=40)))
    submitted: set[str] = set()
    for deed in deeds:
        deed(emr, data.draw)
        submitted |= {one.id for one in emr.told if isinstance(one, JobSubmitted)}
        assert len([one for one in emr.living() if one.pool]) <= MAXIMUM
    calm_down(emr)
    all_is_well(emr)
    jobs_are_well(emr, submitted)


# the same events in another order


def replayed(events: list[Event], order: list[int], world_of: Callable[[], SmallEmr]) -> dict[str, Any]:
    """What the table has after these, in this order, of clusters whose story is over. Whatever is launched because of
    them is let run well."""
    emr = world_of()
    had = list(emr.clusters)
    for place in order:
        emr.hear(events[place])
    calm_down(emr)
    all_is_well(emr)
    rows: dict[str, Any] = {}
    for key in ("w0", "w1"):
        launch = emr.store.launch(key)
        rows[key] = launch and (launch.state, launch.attempt)
    # a job that was to run again may have got the pool a cluster that it did not need
    for key in had:
        row = emr.store.cluster(key)
        rows[key] = row and (row.state, row.reason_code, row.end_reason, row.failed_step)
    job = emr.store.job("n0")
    rows["n0"] = job and job.state
    return rows


def told_by(emr: SmallEmr) -> list[Event]:
    told, emr.told = emr.told, []
    return told


def a_launch_that_is_lost() -> tuple[Callable[[], SmallEmr], list[Event]]:
    def world_of() -> SmallEmr:
        emr = world()
        emr.hear(launches(0, NOW - 60))
        emr.now += 100
        emr.change(emr.clusters["j-0"], State.TERMINATED_WITH_ERRORS, "INSTANCE_FLEET_TIMEOUT")
        return emr

    emr = world_of()
    return lambda: _quiet(world_of()), [launches(0, NOW - 60), *told_by(emr)]


def a_cluster_with_a_step_that_failed() -> tuple[Callable[[], SmallEmr], list[Event]]:
    def world_of() -> SmallEmr:
        emr = world()
        emr.hear(launches(0, NOW - 60))
        cluster = emr.clusters["j-0"]
        cluster.steps.append(_step("count"))
        for _ in range(2):
            emr.now += 100
            emr.goes_well()
        emr.step(cluster, cluster.steps[0], "FAILED")
        emr.change(cluster, State.TERMINATED, "ALL_STEPS_COMPLETED")
        return emr

    emr = world_of()
    return lambda: _quiet(world_of()), told_by(emr)


def a_job_that_is_done_before_its_cluster_is_lost() -> tuple[Callable[[], SmallEmr], list[Event]]:
    def world_of() -> SmallEmr:
        emr = world()
        emr.hear(submits(0, NOW - 60))
        for _ in range(3):
            emr.now += 100
            emr.goes_well()
            if emr.clusters["j-0"].state is State.RUNNING and not emr.clusters["j-0"].steps:
                # the pool hears of its cluster, and gives it to the job
                emr.hear(emr.told[-1])
        emr.goes_well()
        assert emr.clusters["j-0"].steps[0].state == "COMPLETED"
        emr.change(emr.clusters["j-0"], State.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE")
        return emr

    emr = world_of()
    return lambda: _quiet(world_of()), [submits(0, NOW - 60), *told_by(emr)]


def _step(name: str) -> Step:
    return Step("s-0", name)


def _quiet(emr: SmallEmr) -> SmallEmr:
    """The events are those of the list; none is delivered by itself."""
    emr.told.clear()
    return emr


STORIES = (a_launch_that_is_lost, a_cluster_with_a_step_that_failed, a_job_that_is_done_before_its_cluster_is_lost)


@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
@settings(max_examples=60)
@given(data=st.data())
def test_the_same_events_in_any_order_end_in_the_same_rows(story: Any, data: st.DataObject) -> None:
    world_of, events = story()
    straight = list(range(len(events)))
    shuffled = data.draw(st.permutations(straight))
    doubled = data.draw(st.lists(st.sampled_from(straight), max_size=4))
    assert replayed(events, shuffled + doubled, world_of) == replayed(events, straight, world_of)


@given(st.permutations(range(4)), st.sampled_from([DONE, GONE, EndReason.OWNER_FAILED]))
def test_an_owner_that_ends_while_its_launch_runs_leaves_no_orphan(order: list[int], reason: EndReason) -> None:
    """The wish, its second delivery, the owner's end and EMR's first word of the cluster."""
    emr = world()
    asked = launches(0, NOW - 2)
    events: list[Event] = [asked, asked, OwnerEnded(owner="o0", reason=reason, at=NOW - 1)]
    for place in order:
        if place < 3:
            emr.hear(events[place])
        else:
            for event in told_by(emr):
                emr.hear(event)
    emr.sweep()
    assert emr.living() == []
    calm_down(emr)
    all_is_well(emr)
    assert len(emr.clusters) <= 1


def test_what_an_owner_asks_for_in_its_next_life_is_launched() -> None:
    emr = world()
    emr.hear(launches(0, NOW - 100))
    emr.hear(OwnerEnded(owner="o0", reason=DONE, at=NOW - 50))
    emr.hear(launches(2, NOW - 10))
    emr.hear(OwnerEnded(owner="o0", reason=DONE, at=NOW - 50))
    emr.sweep()
    assert [one.name for one in emr.living()] == ["etl w2.1"]


def test_an_end_is_believed_although_an_answer_of_the_same_second_is_newer() -> None:
    """Times of events have whole seconds."""
    emr = world()
    emr.hear(launches(0, NOW))
    emr.now += 100.2
    emr.change(emr.clusters["j-0"], State.RUNNING)
    told_by(emr)
    emr.store.saw_state("j-0", State.RUNNING, emr.now + 0.5, emr.now + 0.5)
    emr.now += 0.6
    emr.change(emr.clusters["j-0"], State.TERMINATED, "ALL_STEPS_COMPLETED")
    for event in told_by(emr):
        emr.hear(event)
    row, launch = emr.store.cluster("j-0"), emr.store.launch("w0")
    assert row is not None and row.state is State.TERMINATED
    assert launch is not None and launch.state is LaunchState.ENDED
