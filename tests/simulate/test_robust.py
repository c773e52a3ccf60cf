"""Generated shapes under faults of the world: demand beside the threshold rule, on a small cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean

import pytest

from agent.simulate.compare import CONTENDERS, Contender, settings_for
from agent.simulate.outcome import Outcome, outcome
from agent.simulate.run import Ran, run, run_static
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


LATE = {"nodes in 600 s": 1.75, "throttled API": 1.25}
"""Of the threshold rule's delay on a steady ramp, where orders take longest."""


def played(contender: Contender, shape: str, world: World) -> Outcome:
    work = SHAPES[shape].workload(shape)
    inside = SHAPES[shape].world(world)
    limits = base(MOST, resize_timeout_minutes=20)
    settings = settings_for(contender.policy, limits, inside.turn_period_s)
    ran = run(contender.name, work, inside, settings)
    assert 0 <= ran.lowest_target <= ran.highest_target <= MOST
    assert ran.tasks_done == work.task_count + ran.lost_outputs
    return outcome(ran, ideal(shape))


@cache
def ideal(shape: str) -> Ran:
    """With all capacity at all times nothing that is wrong in these worlds matters."""
    return run_static("ideal", SHAPES[shape].workload(shape), SHAPES[shape].world(World()), base(MOST), MOST)


@dataclass(frozen=True)
class Mean:
    node_hours: float
    mean_delay_s: float


def beside(shape: str, world: str) -> tuple[Mean, Mean]:
    """Demand and the threshold rule.

    Which calls are refused is luck: one that is, at the beginning of a wave, costs more than the rules differ by. So
    several draws count together.
    """
    seeds = (1, 2, 3) if WORLDS[world].faults.throttled_share else (1,)
    ours, theirs = (
        [played(contender, shape, replace(WORLDS[world], seed=seed)) for seed in seeds]
        for contender in (DEMAND, THRESHOLD)
    )
    return _mean(ours), _mean(theirs)


def _mean(found: Sequence[Outcome]) -> Mean:
    return Mean(fmean(one.node_hours for one in found), fmean(one.mean_delay_s for one in found))


@pytest.mark.parametrize("world", WORLDS)
def test_on_the_square_wave_demand_is_neither_dearer_nor_slower_whatever_is_wrong(world: str) -> None:
    ours, theirs = beside("square", world)
    assert ours.node_hours <= 1.1 * theirs.node_hours
    assert ours.mean_delay_s <= 1.1 * theirs.mean_delay_s


@pytest.mark.parametrize("world", WORLDS)
def test_while_load_grows_demand_is_cheaper_and_slower_only_where_orders_come_late(world: str) -> None:
    """It orders what waits, not what will: on a steady ramp it is late by the time that an order takes."""
    ours, theirs = beside("ramp", world)
    assert ours.node_hours <= theirs.node_hours
    assert ours.mean_delay_s <= LATE.get(world, 1.1) * theirs.mean_delay_s


@pytest.mark.parametrize("world", WORLDS)
def test_for_jobs_of_seconds_demand_costs_far_less_and_is_slower_by_two_seconds_at_most(world: str) -> None:
    """No node could come in time for any of them: what a policy keeps ready is all that helps, and is for nothing."""
    ours, theirs = beside("short", world)
    assert ours.node_hours <= 0.7 * theirs.node_hours
    assert ours.mean_delay_s <= theirs.mean_delay_s + 2.0


@pytest.mark.parametrize("world", WORLDS)
def test_one_long_job_ends_sooner_with_demand_at_a_price(world: str) -> None:
    """It orders at once what a threshold's steps of five come to: sooner, with more starts and ends to pay."""
    ours, theirs = beside("long", world)
    assert ours.mean_delay_s <= theirs.mean_delay_s
    assert ours.node_hours <= 2 * theirs.node_hours


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_nobody_buys_nodes_for_applications_that_the_queue_holds(contender: Contender) -> None:
    assert played(contender, "waiting", World()).nodes_launched == 0
