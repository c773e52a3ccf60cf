"""What holds in every simulation, and a few whose course is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from agent.simulate.outcome import outcome
from agent.simulate.run import Ran, Simulation, run, run_static
from agent.simulate.workload import Workload
from agent.simulate.world import Faults, Shuffle, Span, World
from tests.simulate.small import KINDS, MOST, WORKLOADS, WORLDS, base, job, jobs_of, settings

EFFORT = effort(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""A failing simulation is not made smaller: each try is a whole simulation."""


def simulated(kind: str, workload: Workload, world: World) -> Ran:
    return run(kind, workload, world, settings(kind, **KINDS[kind]))


@EFFORT
@given(st.sampled_from(sorted(KINDS)), WORKLOADS, WORLDS)
def test_work_is_kept_capacity_is_limited_and_billed(kind: str, workload: Workload, world: World) -> None:
    ran = simulated(kind, workload, world)
    # every task ends well once, and again only when its output was lost
    assert ran.tasks_done == workload.task_count + ran.lost_outputs
    assert len(ran.completions) == len(workload.jobs)
    assert ran.busy_s >= workload.work_s - 1e-6
    if not ran.lost_outputs:
        assert ran.busy_s == pytest.approx(workload.work_s)
    # no job ends before its longest tasks could
    for found, took in zip(workload.jobs, ran.completions, strict=True):
        assert took >= math.fsum(max(stage.tasks) for stage in found.stages) - 1e-6
    # targets keep the limits, and work needs capacity that is billed
    assert 0 <= ran.lowest_target <= ran.highest_target <= MOST
    slots = world.slots_per_node * world.executor_cores
    assert ran.busy_s <= (ran.billed_s + world.core_nodes * ran.ended) * slots + 1e-6


@effort(EFFORT, max_examples=5)
@given(st.sampled_from(sorted(KINDS)), WORKLOADS, WORLDS)
def test_the_same_seed_gives_the_same_run(kind: str, workload: Workload, world: World) -> None:
    assert simulated(kind, workload, world) == simulated(kind, workload, world)


def test_a_job_that_fits_the_core_nodes_takes_its_start_and_its_task() -> None:
    """One second until dynamic allocation asks, three until the executor takes tasks, then 40 s of work."""
    ran = run_static("none", jobs_of(job("a", 0.0, (40.0,))), World(), base(), 0)
    assert ran.completions == (44.0,)
    assert ran.billed_s == 0


def test_requests_double_each_second_until_all_are_there() -> None:
    """1, 2 and 4 executors more in the first three seconds: the last of 7 tasks begins at 3 + 3 s."""
    ran = run_static("none", jobs_of(job("a", 0.0, (40.0,) * 7)), World(core_nodes=1), base(), 0)
    assert ran.completions == (46.0,)


def test_a_node_is_billed_from_its_launch_until_it_has_left() -> None:
    world = World(core_nodes=1, provisioning_spread_s=0.0)
    simulation = Simulation(jobs_of(job("a", 0.0, (1.0,))), world, base())
    simulation.capacity.resize(2)
    simulation.events.until(299.0)
    assert simulation.capacity.ready == 0
    simulation.events.until(301.0)
    assert simulation.capacity.ready == 2
    simulation.capacity.resize(0)
    simulation.events.until(1000.0)
    # launched at 75 s; from 301 s on it drains, and is gone a minute later
    assert simulation.capacity.billed_s(1000.0) == 2 * (361.0 - 75.0)


def test_a_draining_node_lets_its_tasks_end() -> None:
    world = World(core_nodes=0, provisioning_spread_s=0.0)
    simulation = Simulation(jobs_of(job("a", 0.0, (200.0,))), world, base())
    simulation.capacity.resize(1)
    simulation.events.until(310.0)
    assert simulation.scheduler.running == 1
    simulation.capacity.resize(0)
    simulation.events.until(400.0)
    assert simulation.scheduler.running == 1
    simulation.events.until(1000.0)
    assert simulation.scheduler.unfinished == 0
    assert simulation.scheduler.tally.killed_tasks == 0
    assert simulation.capacity.nodes == {}


def test_an_interruption_kills_what_runs_and_the_task_runs_again() -> None:
    world = World(core_nodes=0, provisioning_spread_s=0.0, spot_cap=((0.0, 5), (320.0, 0), (500.0, 5)))
    simulation = Simulation(jobs_of(job("a", 0.0, (200.0,))), world, base())
    simulation.capacity.resize(1)
    simulation.events.until(5000.0)
    assert simulation.capacity.interrupted == 1
    assert simulation.scheduler.tally.killed_tasks == 1
    # it began 3 s after the node was ready, at 303 s, and was killed 120 s after the notice
    assert simulation.scheduler.tally.killed_s == 440.0 - 303.0
    assert simulation.scheduler.unfinished == 0


def test_a_node_that_goes_takes_shuffle_output_along() -> None:
    """The first stage has ended on the node; the second waits for it elsewhere when it is lost."""
    world = World(core_nodes=1, executor_memory_mb=54_272.0, provisioning_spread_s=0.0)
    work = jobs_of(job("a", 0.0, (600.0, 50.0), (600.0,), writes=True))
    simulation = Simulation(work, world, base())
    simulation.capacity.preset(1)
    simulation.events.until(300.0)
    simulation.capacity.resize(0)
    simulation.events.until(10_000.0)
    tally = simulation.scheduler.tally
    assert simulation.scheduler.unfinished == 0
    assert tally.lost_outputs in {0, 1}
    assert tally.done == 3 + tally.lost_outputs


def test_executors_with_shuffle_output_stay_until_their_job_ends_when_it_is_tracked() -> None:
    work = jobs_of(job("a", 0.0, (10.0,) * 8, (900.0,), writes=True))
    held = {}
    for shuffle in Shuffle:
        simulation = Simulation(work, World(core_nodes=1, shuffle=shuffle), base())
        simulation.events.until(600.0)
        held[shuffle] = simulation.scheduler.running
    assert held == {Shuffle.SERVICE: 1, Shuffle.TRACKING: 8}


def test_a_queue_that_is_full_keeps_applications_waiting_and_nothing_is_bought_for_them() -> None:
    work = jobs_of(*(job(f"a{number}", 0.0, (300.0,)) for number in range(20)))
    world = World(max_running_apps=1)
    for kind in KINDS:
        ran = run(kind, work, world, settings(kind, **KINDS[kind]))
        assert ran.nodes_launched == 0, kind


def test_without_remaining_work_demand_falls_back_to_pending_memory() -> None:
    work = jobs_of(job("a", 0.0, (60.0,) * 400))
    world = World(core_nodes=1, faults=Faults(work_factor=None))
    ran = run("demand", work, world, settings("demand"))
    assert ran.reasons["memory-pending"] > 0
    assert "work-left" not in ran.reasons


def test_while_metrics_are_stale_nothing_is_resized() -> None:
    work = jobs_of(job("a", 100.0, (60.0,) * 400))
    world = World(core_nodes=1, faults=Faults(stale=(Span(60.0, 1200.0),)))
    for kind in KINDS:
        ran = run(kind, work, world, settings(kind, **KINDS[kind]))
        assert all(point.target == 0 for point in ran.points if point.at < 1200.0), kind


def test_delay_is_against_the_run_with_all_capacity() -> None:
    work = jobs_of(job("a", 0.0, (40.0,) * 64))
    ideal, alone = (run_static("n", work, World(core_nodes=1), base(), nodes) for nodes in (12, 0))
    assert outcome(ideal, ideal).mean_delay_s == 0
    # 64 tasks on 8 slots are 8 rounds; the ideal has one or two
    assert outcome(alone, ideal).mean_delay_s > 200
