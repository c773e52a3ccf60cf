"""Where workloads come from: SWIM traces, journals, shapes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from agent.domain.decisions import Outcome, Result
from agent.domain.turns import Turn
from agent.journal import Journal
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.simulate import recorded, swim
from agent.simulate.run import Simulation
from agent.simulate.shapes import SHAPES, spot_caps
from agent.simulate.workload import TaskShape, cut
from agent.simulate.world import World
from tests.simulate.small import base, job, jobs_of, settings

TRACE = "job0\t10\t10\t4000\t0\t0\njob1\t4000\t3990\t1000\t2000\t1000\n\njob2\t20\t0\t0\t0\t2000\n"


def test_a_trace_is_scaled_to_the_busy_slots_that_are_asked_for() -> None:
    """10,000 bytes over a day on two slots: 17.28 slot-seconds a byte."""
    alike = swim.SwimScale(mean_slots=2.0, shape=TaskShape(mean_s=100.0, spread=0.0))
    found = swim.scaled("day", swim.read(TRACE.splitlines()), alike)
    assert [one.id for one in found.jobs] == ["job0", "job2", "job1"]
    assert found.horizon_s == 86_400
    assert found.work_s == pytest.approx(2 * 86_400)
    by_id = {one.id: one for one in found.jobs}
    assert by_id["job0"].work_s == pytest.approx(4000 * 17.28)
    assert [len(stage.tasks) for stage in by_id["job1"].stages] == [173, 518]
    assert [stage.writes_shuffle for stage in by_id["job1"].stages] == [True, False]
    assert len(by_id["job2"].stages) == 1, "without a shuffle the map stage writes the output"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("job0\t1\t1\t5\n", "line 1 has 4 columns, not 6"),
        ("job0\t1\t1\t5\t6\t7\njob1\tx\t1\t5\t6\t7\n", "line 2: could not convert"),
        ("job0\t1\t1\t-5\t6\t7\n", "line 1: a negative time or size"),
    ],
)
def test_what_is_no_trace_says_where_and_why(text: str, why: str) -> None:
    with pytest.raises(swim.NotSwim, match=why):
        swim.read(text.splitlines())


def test_an_empty_trace_is_refused() -> None:
    with pytest.raises(ValueError, match="no job"):
        swim.scaled("empty", (), swim.SwimScale())


def test_work_is_cut_into_tasks_of_about_the_mean() -> None:
    tasks = cut(4000.0, TaskShape(mean_s=40.0), Random(1))
    assert len(tasks) == 100
    assert sum(tasks) == pytest.approx(4000.0, rel=0.15)
    assert cut(0.0, TaskShape(spread=0.0), Random(1)) == (2.0,), "the least that a task takes"


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_the_same_for_the_same_seed(name: str) -> None:
    assert SHAPES[name].workload(name, 3) == SHAPES[name].workload(name, 3)
    assert SHAPES[name].workload(name, 3) != SHAPES[name].workload(name, 4)


def test_the_spot_market_gives_no_more_than_the_most() -> None:
    caps = spot_caps(1, 86_400, 10)
    assert {cap for _, cap in caps} <= set(range(11))
    assert 0 in {cap for _, cap in caps}


def test_a_journal_gives_back_the_work_that_its_containers_did(tmp_path: Path) -> None:
    """Written by the real journal from a simulation, read as a workload: container time is task time and idle time."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, 10**9)
    work = jobs_of(job("a", 0.0, (100.0,) * 40), job("b", 600.0, (50.0,) * 10), horizon_s=1800.0)
    simulation = Simulation(work, World(core_nodes=1), settings("demand"))
    for at in range(0, 1800, 30):
        simulation.events.until(float(at))
        seen, decision, result = simulation.turn()
        said = consider(seen, base(), GUARDS)
        journal.turn(
            Turn(
                observation=seen,
                proposals=said.proposals,
                wanted=said.wanted,
                decision=decision,
                notice=None,
                unconfirmed=None,
                result=result if result.outcome is Outcome.APPLIED else Result(Outcome.NONE),
            )
        )
    with path.open(encoding="utf-8") as lines:
        found = recorded.from_journal("journal", lines, TaskShape(spread=0.0))
    assert [one.submitted for one in found.jobs] == [0.0, 600.0]
    assert work.work_s <= found.work_s <= 1.8 * work.work_s


def test_a_journal_without_work_is_refused() -> None:
    with pytest.raises(ValueError, match="no job"):
        recorded.from_journal("empty", [])
