"""Generated shapes under faults of the world: demand beside the threshold rule, on a small cluster."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from agent.simulate.compare import CONTENDERS, Contender, settings_for
from agent.simulate.outcome import Outcome, outcome
from agent.simulate.run import run, run_static
from agent.simulate.shapes import SHAPES, spot_caps
from agent.simulate.world import Faults, Span, World
from tests.simulate.small import base

MOST = 20
THRESHOLD, DEMAND = CONTENDERS[0], CONTENDERS[-1]
STALE = (Span(1800, 2400), Span(5400, 6000))
WORLDS = {
    "calm": World(),
    "four times the work": World(faults=Faults(work_factor=4.0)),
    "a quarter of the work": World(faults=Faults(work_factor=0.25)),
    "nodes in 180 s": World(provisioning_s=180.0),
    "nodes in 600 s": World(provisioning_s=600.0, provisioning_spread_s=60.0),
    "spot comes and goes": World(spot_cap=spot_caps(3, 4 * 3600, MOST)),
    "stale metrics": World(faults=Faults(stale=STALE)),
    "throttled API": World(faults=Faults(throttled_share=0.3)),
}


def played(contender: Contender, shape: str, world: World) -> Outcome:
    work = SHAPES[shape].workload(shape)
    inside = SHAPES[shape].world(world)
    limits = base(MOST, resize_timeout_minutes=20)
    settings = settings_for(contender.policy, limits, inside.turn_period_s)
    ran = run(contender.name, work, inside, settings)
    ideal = run_static("ideal", work, replace(inside, spot_cap=()), limits, MOST)
    assert 0 <= ran.lowest_target <= ran.highest_target <= MOST
    assert ran.tasks_done == work.task_count + ran.lost_outputs
    return outcome(ran, ideal)


@pytest.mark.parametrize("world", WORLDS)
def test_on_the_square_wave_demand_is_neither_dearer_nor_slower_whatever_is_wrong(world: str) -> None:
    # which calls are refused is luck: one that is, at the beginning of a wave, costs more than the rules differ by
    seeds = (1, 2, 3) if WORLDS[world].faults.throttled_share else (1,)
    worlds = [replace(WORLDS[world], seed=seed) for seed in seeds]
    ours, theirs = ([played(contender, "square", one) for one in worlds] for contender in (DEMAND, THRESHOLD))
    assert fmean(each.node_hours for each in ours) <= 1.1 * fmean(each.node_hours for each in theirs)
    assert fmean(each.mean_delay_s for each in ours) <= 1.1 * fmean(each.mean_delay_s for each in theirs)


@pytest.mark.parametrize("world", WORLDS)
def test_for_jobs_of_seconds_demand_is_cheaper_and_slower_by_two_seconds_at_most(world: str) -> None:
    ours, theirs = (played(contender, "short", WORLDS[world]) for contender in (DEMAND, THRESHOLD))
    assert ours.node_hours <= theirs.node_hours
    assert ours.mean_delay_s <= theirs.mean_delay_s + 2.0


@pytest.mark.parametrize("world", WORLDS)
def test_one_long_job_ends_sooner_with_demand_at_a_price(world: str) -> None:
    """It asks for more than a threshold's five steps: cost is traded for delay, so only delay is held."""
    ours, theirs = (played(contender, "long", WORLDS[world]) for contender in (DEMAND, THRESHOLD))
    assert ours.mean_delay_s <= theirs.mean_delay_s
    assert ours.node_hours <= 3 * theirs.node_hours


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_nobody_buys_nodes_for_applications_that_the_queue_holds(contender: Contender) -> None:
    assert played(contender, "waiting", World()).nodes_launched == 0
