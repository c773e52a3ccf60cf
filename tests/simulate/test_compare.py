"""Contenders side by side: bounds, the table, the page, the verb."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.simulate.bounds import clairvoyant, elastic, plan
from agent.simulate.compare import FACTORS, compare
from agent.simulate.outcome import outcome
from agent.simulate.run import Point, Ran, run, run_plan, run_static
from agent.simulate.world import World
from tests.simulate.small import base, job, jobs_of, settings

KEYS = ("scale_up_factor", "scale_down_factor")
STEP_S = 100.0


def ran(running: list[int]) -> Ran:
    points = tuple(Point(at * STEP_S, 9, 9, 0, held) for at, held in enumerate(running))
    return Ran(
        name="all", ended=0, billed_s=0, completions=(), resizes=0, nodes_launched=0, wasted_births=0, wasted_s=0,
        killed_s=0, killed_tasks=0, lost_outputs=0, interrupted=0, tasks_done=0, busy_s=0, highest_target=0,
        lowest_target=0, points=points, reasons={},
    )  # fmt: skip


WORLD = World(core_nodes=1, launch_s=100.0, provisioning_s=300.0, leave_s=50.0, turn_period_s=STEP_S)
"""Eight slots a node; a start and an end cost 250 s."""


@pytest.mark.parametrize(
    ("running", "hours"),
    [
        ([8, 8, 8], 0),  # the core node has room for all
        ([8, 16, 8], 100 + 250),  # one node for one step, started once
        ([16, 8, 16], 300 + 250),  # 100 s of idling are cheaper than another start
        ([16, 8, 8, 8, 16], 200 + 2 * 250),  # 300 s of idling are not
        ([16, 24, 16], 300 + 100 + 2 * 250),  # the second node by itself
    ],
)
def test_the_clairvoyant_keeps_a_node_as_long_as_that_is_cheaper_than_another_start(
    running: list[int], hours: float
) -> None:
    assert clairvoyant(ran(running), WORLD).node_hours * 3600 == pytest.approx(hours)


@pytest.mark.parametrize("price", [None, 2.0, 5.0])
@pytest.mark.parametrize("running", [[8, 8], [16, 8, 16], [16, 8, 8, 8, 16], [16, 24, 16], [8, 40, 8, 24, 8, 8, 8, 17]])
def test_the_clairvoyants_plan_costs_what_it_says(running: list[int], price: float | None) -> None:
    used, cost = ran(running), 0.0
    nodes = plan(used, WORLD, price)
    for before, now, point in zip((0, *nodes), nodes, used.points, strict=False):
        unmet = max(0.0, -(-(point.running - 8) // 8) - now)
        assert unmet == 0 or price is not None
        cost += now * STEP_S + max(0, now - before) * 250.0 + unmet * STEP_S * (price or 0.0)
    assert clairvoyant(used, WORLD, price).node_hours * 3600 == pytest.approx(cost)


def test_a_plan_is_carried_out_in_time() -> None:
    """Two nodes from 600 s on: they were ordered as long before as nodes take, and work begins there at once."""
    work = jobs_of(job("a", 660.0, (30.0,) * 24), horizon_s=1200.0)
    world = World(core_nodes=1, provisioning_spread_s=0.0)
    planned = run_plan("plan", work, world, base(), [0] * 20 + [2] * 6)
    at_once = run_static("all", work, world, base(), 12)
    assert planned.completions == pytest.approx(at_once.completions, abs=2.0)
    assert planned.nodes_launched == 2


def test_with_a_price_on_waiting_a_short_need_is_left_unmet() -> None:
    assert clairvoyant(ran([8, 16, 8]), WORLD, 2.0).node_hours * 3600 == pytest.approx(200)
    assert clairvoyant(ran([8, 16, 8]), WORLD, 5.0).node_hours * 3600 == pytest.approx(350)


def test_instant_elasticity_pays_for_what_is_used() -> None:
    assert elastic(ran([8, 17, 24]), WORLD).node_hours * 3600 == pytest.approx(100 * (2 + 2))


def test_the_verb_compares_every_policy_and_leaves_a_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["simulate", "--shape", "long", "--max-units", "6", "--report", str(page)])
    assert done.exit_code == 0, done.output
    for name in ("threshold +5/−3", "dataproc default", "dataproc tuned", "demand", "always", "clairvoyant"):
        assert name in done.output
    text = page.read_text(encoding="utf-8")
    assert "Cost and delay" in text
    assert 'src="http' not in text


def test_the_tuned_formula_is_the_cheapest_that_is_no_slower_than_the_default() -> None:
    bursts = (job(f"j{at}", at * 900.0, (60.0,) * 300) for at in range(4))
    work = jobs_of(*bursts, horizon_s=4500.0)
    found = compare(work, World(), base(20))
    outcomes = {entry.name: entry.outcome for entry in found.entries}
    (tuned,) = (name for name in outcomes if name.startswith("dataproc tuned "))
    default = outcomes["dataproc default"]
    assert outcomes[tuned].mean_delay_s <= default.mean_delay_s
    up, down = (float(factor) for factor in tuned.split()[-1].split("/"))
    for factors in (*FACTORS, (1.0, 1.0)):
        ran = run("x", work, World(), settings("dataproc", 20, dataproc=dict(zip(KEYS, factors, strict=True))))
        tried = outcome(ran, found.sizes[0].ran)
        if factors == (up, down):
            assert tried == outcomes[tuned]
        assert tried.mean_delay_s > default.mean_delay_s or tried.node_hours >= outcomes[tuned].node_hours


def test_a_recorded_spot_market_by_path_limits_every_policy(tmp_path: Path) -> None:
    market = tmp_path / "market.csv"
    hours = {}
    for units in (0, 6):
        market.write_text(f"time_s,available_units\n0,{units}\n", encoding="utf-8")
        asked = ["simulate", "--shape", "long", "--max-units", "6", "--spot-series", str(market)]
        done = CliRunner().invoke(main, asked)
        assert done.exit_code == 0, done.output
        rows = [re.split(r"\s{2,}", line.strip()) for line in done.output.splitlines()]
        hours[units] = [float(cells[1]) for cells in rows if cells[0] in {"threshold +5/−3", "demand"}]
    assert hours[0] == [0.0, 0.0], "no node was ever given"
    assert min(hours[6]) > 0


def test_a_trace_by_path_and_settings_of_ones_own(tmp_path: Path) -> None:
    trace, config = tmp_path / "day.tsv", tmp_path / "own.toml"
    trace.write_text("job0\t10\t10\t4000\t0\t0\njob1\t400\t390\t1000\t2000\t1000\n", encoding="utf-8")
    config.write_text("[fleet]\nmax_capacity_units = 4\n[policy]\nkind = 'demand'\n", encoding="utf-8")
    asked = ["simulate", str(trace), "--config", str(config), "--mean-slots", "0.5"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert "these settings" in done.output


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ([], "give either a TRACE or a --shape"),
        (["--shape", "ram"], "did you mean 'ramp'"),
        (["/no/such/trace"], "No such file"),
        (["--shape", "ramp", "--spot-series", "/no/such/market"], "No such file"),
        (["--shape", "ramp", "--spot-series", __file__], "line 1 names"),
    ],
)
def test_what_cannot_be_simulated_says_why(asked: list[str], why: str) -> None:
    done = CliRunner().invoke(main, ["simulate", *asked])
    assert done.exit_code == 1
    assert why in done.output
