"""The plan of a pool, in the cases that matter one by one, and what holds in all of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle.acts import Act, Claim, End, Wish
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.pools import launch_id_of, plan
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, LaunchRow, SlotRow
from agent.lifecycle.store import Store
from agent.lifecycle.words import EndReason, JobState, LaunchState, Phase, State
from agent.settings_lifecycle import LifecycleSettings
from tests.lifecycle.pool_rows import NOW, cluster, job, launch, pool, slot

SETTINGS = LifecycleSettings()
LONG_AGO = NOW - 10_000


def planned(
    profile: ClusterProfile,
    clusters: Sequence[ClusterRow] = (),
    jobs: Sequence[JobRow] = (),
    launches: Sequence[LaunchRow] = (),
    slots: Sequence[SlotRow] = (),
) -> tuple[Act, ...]:
    return plan(profile, clusters, launches, jobs, slots, NOW, SETTINGS)


def claims(acts: Sequence[Act]) -> list[tuple[str, str]]:
    return [(act.job_id, act.cluster_id) for act in acts if isinstance(act, Claim)]


def places(acts: Sequence[Act]) -> list[int | None]:
    return [act.launch.slot for act in acts if isinstance(act, Wish)]


def ended(acts: Sequence[Act]) -> list[str]:
    return [act.cluster_id for act in acts if isinstance(act, End) and act.reason is EndReason.SURPLUS]


def test_the_most_urgent_job_gets_the_cluster_then_the_one_that_waits_longest() -> None:
    jobs = [job("late", 500, NOW - 5), job("low", 100, NOW - 900), job("early", 500, NOW - 50), job("high", 900)]
    two = [cluster("c1", idle_since=NOW - 90), cluster("c2", idle_since=NOW - 30)]
    assert claims(planned(pool(maximum=2), two, jobs, slots=[slot(1), slot(2)])) == [("high", "c2"), ("early", "c1")]


def test_without_a_free_cluster_one_is_launched_for_each_job_in_the_lowest_places() -> None:
    acts = planned(pool(maximum=4), [cluster("c", Phase.CLAIMED)], [job("a"), job("b")], slots=[slot(2)])
    assert (claims(acts), places(acts)) == ([], [1, 3])
    wish = next(act for act in acts if isinstance(act, Wish))
    assert (wish.launch.pool, wish.launch.state, wish.launch.open) == (True, LaunchState.ASKED, "LAUNCH")
    assert wish.launch.id == launch_id_of("etl", 1, NOW) == f"etl-1-{int(NOW * 1000):x}"


def test_what_is_coming_is_not_launched_a_second_time() -> None:
    jobs = [job("a"), job("b")]
    asked = [launch("l-1", 1), launch("l-2", 2, LaunchState.LAUNCHED, claimed_at=NOW - 60)]
    assert planned(pool(), (), jobs, asked, [slot(1), slot(2)]) == ()
    starting = [cluster("c2", Phase.LAUNCHING, launch_id="l-2")]
    assert planned(pool(), starting, jobs, asked, [slot(1), slot(2)]) == ()
    unseen = [cluster("c1", Phase.LAUNCHING), *starting]
    assert planned(pool(), unseen, jobs, (), [slot(1), slot(2)]) == ()


def test_a_launch_whose_cluster_is_never_seen_is_not_waited_for_without_end() -> None:
    lost = launch("l-1", 1, LaunchState.LAUNCHED, claimed_at=NOW - 5000)
    assert places(planned(pool(), (), [job("a")], [lost], [slot(1)])) == [2]
    ending = cluster("c1", Phase.ENDING, launch_id="l-1")
    fresh = launch("l-1", 1, LaunchState.LAUNCHED, claimed_at=NOW - 60)
    assert places(planned(pool(), [ending], [job("a")], [fresh], [slot(1)])) == [2]


def test_at_the_maximum_jobs_wait() -> None:
    busy = [cluster("c1", Phase.CLAIMED), cluster("c2", Phase.CLAIMED)]
    assert planned(pool(maximum=2), busy, [job("a")], slots=[slot(1), slot(2)]) == ()


def test_the_minimum_is_kept_without_any_job() -> None:
    assert places(planned(pool(minimum=3), [cluster("c")], slots=[slot(1)])) == [2, 3]
    assert places(planned(pool(minimum=3), [cluster("c")], [job("a")], slots=[slot(1)])) == [2, 3]


def test_of_a_vast_pool_only_the_places_that_are_wanted_are_looked_at() -> None:
    assert places(planned(pool(minimum=2, maximum=10**15), slots=[slot(1)])) == [2, 3]


def test_what_is_free_for_too_long_beyond_the_minimum_is_ended_the_longest_first() -> None:
    rows = [cluster(f"c{n}", idle_since=NOW - 1000 * n) for n in range(1, 4)]
    slots = [slot(n) for n in range(1, 4)]
    assert ended(planned(pool(minimum=1), rows, slots=slots)) == ["c3", "c2"]
    assert ended(planned(pool(minimum=3), rows, slots=slots)) == []
    assert ended(planned(pool(minimum=1, idle_s=1500), rows, slots=slots)) == ["c3", "c2"]
    assert ended(planned(pool(minimum=0, idle_s=2500), rows, slots=slots)) == ["c3"]
    busy = [cluster("c9", Phase.CLAIMED), *rows]
    assert ended(planned(pool(minimum=1), busy, slots=slots)) == ["c3", "c2", "c1"]


def test_a_cluster_whose_idleness_nobody_knows_is_no_surplus() -> None:
    assert planned(pool(), [cluster("c", idle_since=None)], slots=[slot(1)]) == ()


def test_a_cluster_for_which_a_job_waits_is_no_surplus() -> None:
    acts = planned(pool(), [cluster("c", idle_since=LONG_AGO)], [job("a")], slots=[slot(1)])
    assert acts == (Claim(job_id="a", cluster_id="c"),)


def test_a_lowered_maximum_ends_what_is_free_at_once_and_gives_no_more_out() -> None:
    rows = [cluster("c1", Phase.CLAIMED), cluster("c2"), cluster("c3")]
    slots = [slot(n) for n in (3, 4, 5)]
    acts = planned(pool(maximum=1), rows, [job("a")], slots=slots)
    assert (claims(acts), places(acts), ended(acts)) == ([], [], ["c2", "c3"])
    closed = planned(pool(maximum=0), rows, [job("a")], slots=slots)
    assert (claims(closed), places(closed), ended(closed)) == ([], [], ["c2", "c3"])


@pytest.mark.parametrize(
    "row",
    [
        cluster("c", heartbeat_at=NOW - 301),
        cluster("c", terminate_at=NOW),
        cluster("c", drain="retired"),
        cluster("c", state=State.ZERO_CORE),
        cluster("c", state=State.TERMINATING),
        cluster("c", claim="another"),
        cluster("c", end_reason=EndReason.BY_HAND),
        cluster("c", Phase.ENDING),
        cluster("c", Phase.ENDED),
        cluster("c", Phase.LAUNCHING),
    ],
    ids=["silent", "late", "drains", "no core", "ending", "taken", "to end", "we end it", "ended", "not ready"],
)
def test_a_cluster_that_no_job_can_have(row: ClusterRow) -> None:
    assert claims(planned(pool(maximum=1), [row], [job("a")], slots=[slot(1)])) == []


def test_a_cluster_without_an_agent_has_no_heartbeat_and_can_be_had() -> None:
    assert claims(planned(pool(), [cluster("c", heartbeat_at=None)], [job("a")], slots=[slot(1)])) == [("a", "c")]


def test_for_a_job_that_has_waited_too_long_nothing_is_launched() -> None:
    late = job("a", queued_at=NOW - 100, max_wait_s=99.0)
    assert planned(pool(), (), [late]) == ()


PHASES = st.sampled_from([Phase.LAUNCHING, Phase.IDLE, Phase.IDLE, Phase.CLAIMED, Phase.ENDING])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[ClusterProfile, list[ClusterRow], list[LaunchRow], list[JobRow], list[SlotRow]]:
    """Each cluster has a launch and a place, though not all rows of all of them are seen."""
    maximum = draw(st.integers(0, 5))
    profile = pool(minimum=draw(st.integers(0, maximum)), maximum=maximum)
    numbers = draw(st.lists(st.integers(1, 7), unique=True, max_size=7))
    clusters, launches, slots = [], [], []
    for number in numbers:
        name = f"l-{number}"
        phase = draw(st.none() | PHASES)
        if phase is not None:
            since = draw(st.sampled_from([None, LONG_AGO, NOW - 5])) if phase is Phase.IDLE else None
            beat = draw(st.sampled_from([None, LONG_AGO, NOW - 5]))
            row = cluster(f"c-{number}", phase, launch_id=name, slot=number, idle_since=since, heartbeat_at=beat)
            clusters.append(row)
        state = LaunchState.LAUNCHED if phase is not None else draw(st.sampled_from(list(LaunchState)[:3]))
        if phase is None or draw(st.booleans()):
            launches.append(launch(name, number, state, claimed_at=draw(st.sampled_from([None, LONG_AGO, NOW - 5]))))
        slots.append(slot(number, name))
    ages = st.floats(1, 90_000, allow_nan=False)
    jobs = [
        job(f"j-{n}", draw(st.integers(0, 999)), NOW - draw(ages), queued_at=NOW - draw(ages))
        for n in range(draw(st.integers(0, 8)))
    ]
    return profile, clusters, launches, draw(st.permutations(jobs)), slots


@given(worlds())
def test_what_holds_for_every_plan(
    world: tuple[ClusterProfile, list[ClusterRow], list[LaunchRow], list[JobRow], list[SlotRow]],
) -> None:
    profile, clusters, launches, jobs, slots = world
    acts = planned(profile, clusters, jobs, launches, slots)
    by_id, by_job = {one.id: one for one in clusters}, {one.id: one for one in jobs}
    claimed, wished, ends = claims(acts), places(acts), ended(acts)
    assert len(acts) == len(claimed) + len(wished) + len(ends)

    touched = [cluster_id for _, cluster_id in claimed] + ends
    assert len(set(touched)) == len(touched), "a cluster is in one act at most"
    assert len({job_id for job_id, _ in claimed}) == len(claimed)
    assert len(set(wished)) == len(wished)

    for cluster_id in touched:
        row = by_id[cluster_id]
        assert (row.phase, row.claim, row.end_reason) == (Phase.IDLE, None, None)
    assert all(by_id[c].heartbeat_at != LONG_AGO for _, c in claimed)

    ranks = [by_job[job_id].rank or "" for job_id, _ in claimed]
    others = [one.rank or "" for one in jobs if one.id not in dict(claimed) and one.max_wait_s > NOW - one.queued_at]
    assert ranks == sorted(ranks)
    assert not ranks or not others or ranks[-1] < min(others), "a less urgent one never passes"

    places_taken = {one.number for one in slots}
    assert not places_taken & {number or 0 for number in wished}
    assert all(number is not None and 1 <= number <= profile.maximum for number in wished)
    assert not wished or len(places_taken) + len(wished) <= profile.maximum

    at_work = sum(one.phase is Phase.CLAIMED for one in clusters)
    ready = at_work + sum(one.phase is Phase.IDLE for one in clusters)
    assert at_work + len(claimed) <= max(at_work, profile.maximum)
    assert ready - len(ends) >= min(ready, profile.minimum)

    if others and at_work + len(claimed) < profile.maximum:
        fresh = {one.id for one in clusters if one.phase is Phase.IDLE and one.heartbeat_at != LONG_AGO}
        assert fresh <= set(dict(claimed).values()), "no job waits beside a cluster that it could have"


@given(worlds())
def test_the_minimum_is_wished_for_as_far_as_there_are_places(
    world: tuple[ClusterProfile, list[ClusterRow], list[LaunchRow], list[JobRow], list[SlotRow]],
) -> None:
    profile, clusters, launches, _, slots = world
    wished = places(planned(profile, clusters, (), launches, slots))
    live = {one.launch_id for one in clusters if one.phase is not Phase.ENDING}
    known = {one.launch_id for one in clusters}
    coming = {
        one.id
        for one in launches
        if one.state in {LaunchState.ASKED, LaunchState.CLAIMED} or (one.id not in known and one.claimed_at != LONG_AGO)
    }
    room = max(0, profile.maximum - len(slots))
    assert len(wished) == max(0, min(room, profile.minimum - len(live | coming)))


def test_of_two_planners_one_gets_the_place() -> None:
    store = Store(MemoryTable())
    same = [act.launch for act in planned(pool(minimum=1)) if isinstance(act, Wish)]
    later = plan(pool(minimum=1), (), (), (), (), NOW + 0.5, SETTINGS)
    other = [act.launch for act in later if isinstance(act, Wish)]
    assert (same[0].slot, same[0].id) != (other[0].slot, other[0].id)
    assert [store.ask_launch(one) for one in (*same, *same, *other)] == [True, False, False]
    assert [one.launch_id for one in store.slots("etl")] == [same[0].id]


def test_a_job_that_ran_is_claimed_by_nobody() -> None:
    done = job("a").model_copy(update={"state": JobState.RUNNING})
    assert planned(pool(), [cluster("c")], [done], slots=[slot(1)]) == ()


def test_the_place_of_a_launch_that_failed_rests_until_the_sweep() -> None:
    store = Store(MemoryTable())
    for number, state in ((1, LaunchState.FAILED), (2, LaunchState.ENDED)):
        row = launch(f"l-{number}", number)
        assert store.ask_launch(row)
        assert store.close_launch(row, state, NOW, "why") is not None
    left = list(store.slots("etl"))
    assert [one.number for one in left] == [1]
    assert places(planned(pool(maximum=1), (), [job("a")], slots=left)) == []
    assert store.free_slot(left[0])
