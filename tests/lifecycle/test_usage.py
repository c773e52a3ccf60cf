"""The usage report and the system monitor, over rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle.monitor import Monitor, monitor
from agent.lifecycle.rows import ClusterRow, JobRow
from agent.lifecycle.usage import Times, Usage, usage
from agent.lifecycle.words import EndReason, JobState, LaunchState, Phase, State
from agent.settings_lifecycle import LifecycleSettings
from tests.lifecycle.pool_rows import NOW, cluster, job, launch, pool

HOUR = 3600.0
SETTINGS = LifecycleSettings()


def used(clusters: list[ClusterRow] | None = None, jobs: list[JobRow] | None = None) -> Usage:
    return usage(clusters or [], [], jobs or [], NOW - 24 * HOUR, NOW)


def watched(**rows: object) -> Monitor:
    given: dict[str, object] = {"clusters": [], "launches": [], "jobs": [], "profiles": [pool(minimum=1)], **rows}
    return monitor(**given, now=NOW, settings=SETTINGS)  # type: ignore[arg-type]


def test_hours_of_a_cluster_are_those_within_the_time() -> None:
    rows = [
        cluster("before", Phase.ENDED, created_at=NOW - 90 * HOUR, ended_at=NOW - 80 * HOUR),
        cluster("into", Phase.ENDED, created_at=NOW - 30 * HOUR, ended_at=NOW - 22 * HOUR, reason_code="USER_REQUEST"),
        cluster("now", Phase.CLAIMED, created_at=NOW - 3 * HOUR),
    ]
    (found,) = used(rows).clusters
    assert (found.profile, found.clusters) == ("etl", 2)
    assert found.hours == pytest.approx(2 + 3)
    assert found.ended == {"USER_REQUEST": 1}


def test_units_are_counted_for_the_part_of_a_life_that_is_within_the_time() -> None:
    half = cluster(
        "half",
        Phase.ENDED,
        created_at=NOW - 26 * HOUR,
        ended_at=NOW - 22 * HOUR,
        end_reason=EndReason.SURPLUS,
        spot_unit_s=40 * HOUR,
        on_demand_unit_s=8 * HOUR,
    )
    (found,) = used([half, cluster("silent", created_at=NOW - HOUR)]).clusters
    assert found.spot_unit_hours == pytest.approx(20)
    assert found.on_demand_unit_hours == pytest.approx(4)
    assert (found.counted, found.clusters, found.ended) == (1, 2, {"surplus": 1})


def test_times_of_jobs_are_by_profile_and_priority_the_most_urgent_first() -> None:
    done = {"attempt": 1, "cluster_id": "j-1", "claimed_at": NOW - 905}
    jobs = [
        job("a", 900, NOW - 1000, waited_s=95.0).model_copy(
            update={**done, "state": JobState.SUCCEEDED, "started_at": NOW - 900, "ended_at": NOW - 300}
        ),
        job("b", 900, NOW - 800).model_copy(
            update={**done, "state": JobState.FAILED, "started_at": NOW - 500, "ended_at": NOW - 100, "waited_s": 290.0,
                    "attempt": 2}
        ),
        job("c", 900),
        job("d", 5, state=JobState.RUNNING, cluster_id="j-1", claimed_at=NOW - HOUR),
        job("old", 5, state=JobState.SUCCEEDED, ended_at=NOW - 25 * HOUR),
        job("bad", 900, state=JobState.REJECTED, ended_at=NOW - 5),
    ]  # fmt: skip
    report = used([cluster("j-1", Phase.CLAIMED, created_at=NOW - 2 * HOUR)], jobs)
    urgent, other = report.jobs
    assert (urgent.profile, urgent.priority, other.priority) == ("sessions", 900, 5)
    assert urgent.ended == {"FAILED": 1, "REJECTED": 1, "SUCCEEDED": 1}
    assert (urgent.waiting, urgent.running, urgent.again) == (1, 0, 1)
    assert (urgent.wait.count, urgent.wait.p50, urgent.wait.longest) == (2, 95, 290)
    assert (urgent.start.p50, urgent.start.longest) == (100, 300)
    assert (urgent.run.p50, urgent.run.longest) == (400, 600)
    assert (urgent.cycle.p50, urgent.cycle.longest) == (700, 700)
    assert (other.ended, other.running, other.run.count) == ({}, 1, 0)
    assert report.clusters[0].claimed_hours == pytest.approx((605 + 805 + 3600) / HOUR)


def test_launches_are_counted_by_the_attempt_that_got_a_cluster() -> None:
    rows = [
        launch("l-1", 1, LaunchState.LAUNCHED),
        launch("l-2", 2, LaunchState.ENDED, attempt=3),
        launch("l-3", 3, LaunchState.FAILED, attempt=3),
        launch("l-4", 4),
        launch("l-5", 5, created_at=NOW - 25 * HOUR),
    ]
    (found,) = usage([], rows, [], NOW - 24 * HOUR, NOW).launches
    assert (found.launches, found.by_attempt, found.failed, found.under_way) == (4, {1: 1, 3: 1}, 1, 1)


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_percentile_is_one_that_was_measured(seconds: list[float]) -> None:
    found = Times.of(seconds)
    assert {found.p50, found.p90, found.p99, found.longest} <= set(seconds)
    assert sum(one <= (found.p50 or 0) for one in seconds) >= len(seconds) / 2
    assert (found.count, found.longest) == (len(seconds), max(seconds))
    assert Times.of([]) == Times(0, None, None, None, None)


def test_a_pool_is_shown_against_its_limits() -> None:
    found = watched(
        clusters=[
            cluster("a"),
            cluster("b", Phase.CLAIMED),
            cluster("c", Phase.LAUNCHING, launch_id="l-1", created_at=NOW - 60),
        ],
        launches=[launch("l-1", 1), launch("l-2", 2), launch("l-9", 9, LaunchState.ENDED)],
        jobs=[job("j", queued_at=NOW - 40), job("k", state=JobState.RUNNING)],
        profiles=[pool(minimum=1, maximum=4), pool(maximum=0)],
    )
    (state,) = found.pools
    assert (state.free, state.claimed, state.coming, state.waiting, state.longest_wait_s) == (1, 1, 2, 1, 40)
    assert (found.phases, found.jobs) == ({"CLAIMED": 1, "IDLE": 1, "LAUNCHING": 1}, {"QUEUED": 1, "RUNNING": 1})
    assert (found.launches, found.heard, found.silent, found.troubles) == (2, 2, (), ())


def test_what_is_wrong_is_told() -> None:
    rows = [
        cluster("quiet", heartbeat_at=NOW - 400),
        cluster("late", terminate_at=NOW - 5000),
        cluster("kept", Phase.ENDING, end_reason=EndReason.IDLE, end_at=NOW - 3000, state=State.WAITING),
        cluster("slow", Phase.LAUNCHING, created_at=NOW - 4000),
    ]
    told = watched(clusters=rows, jobs=[job("j", queued_at=NOW - 40, max_wait_s=30.0)], dead_letters=2).troubles
    words = ("dead letters", "late should", "kept is to end", "slow has been", "quiet was last heard", "longer than")
    assert len(told) == len(words)
    assert all(word in text for word, text in zip(words, told, strict=True))
    empty = watched(jobs=[job("j")]).troubles
    assert empty == ("pool etl has 0 of 1 clusters", "1 jobs wait for pool etl, and no cluster is there or coming")
