"""The demo tells the truth: without one part it fails at the stage that needs it, and its figures are those of EMR."""

from __future__ import annotations

import html
import io
import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from rich.console import Console

from agent.cli import main
from agent.policy.reasons import Why
from agent.sandbox.demo import compared, figures, runner
from agent.sandbox.demo import plan as plans
from agent.sandbox.demo.figures import Figures
from agent.sandbox.demo.ground import standalone
from agent.sandbox.demo.plan import Places, Plan
from agent.sandbox.demo.runner import Ending
from agent.settings import parse
from agent.settings_file import render
from agent.settings_policy import PolicyKind
from agent.settings_sources import RestSettings, SourcesSettings
from tests.running import wait_for

SOURCES = SourcesSettings(standalone=RestSettings(url="http://m", period_s=1.0), node_period_s=2.0)
STEPS = frozenset({"policy.rules.memory-low.adjustment_units", "policy.rules.memory-free.adjustment_units"})
LIMITS = frozenset({"fleet.max_capacity_units", "policy.demand.spare_units"})
CHOICE = frozenset({"policy.shadows", "prices.watch"})


@pytest.mark.parametrize("kind", PolicyKind)
def test_the_demos_settings_differ_from_the_defaults_only_in_places_times_steps_and_limits(
    tmp_path: Path, kind: PolicyKind
) -> None:
    places = Places(
        cluster_id="j-1",
        region="eu-west-1",
        endpoint_url="http://e",
        listener_port=1,
        status_port=2,
        sources=SOURCES,
        folder=tmp_path,
    )
    settings = plans.settings(Plan(policy=kind), places)
    assert settings.policy.kind is kind
    assert {kind, *settings.policy.shadows} == set(PolicyKind)
    differing = {path for path, _, _ in plans.differences(settings)}
    times = {path for path in differing if path.endswith("_s")}
    chosen = CHOICE if kind is PolicyKind.THRESHOLD else CHOICE | {"policy.kind"}
    assert differing - times == plans.PLACES | STEPS | LIMITS | chosen
    assert parse(render(settings)) == settings


# --- figures


def at(seconds: float) -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=seconds)


def instance(launched: float, ended: float | None, kind: str = "r6i.xlarge") -> dict[str, Any]:
    timeline = {"CreationDateTime": at(launched)} | ({} if ended is None else {"EndDateTime": at(ended)})
    return {"InstanceType": kind, "Status": {"State": "RUNNING", "Timeline": timeline}}


def test_worker_seconds_are_units_times_the_life_of_each_instance() -> None:
    """1 unit for 60 s, 4 units for 10 s, 1 unit since 30 s, asked at 100 s."""
    instances = [instance(0, 60), instance(10, 20, "r6i.4xlarge"), instance(70, None)]
    units = {"r6i.xlarge": 1, "r6i.4xlarge": 4}
    assert figures.worker_seconds(instances, units, at(100)) == 60 + 40 + 30
    assert figures.still_there(instances) == 1
    assert figures.worker_seconds([], units, at(100)) == 0


def test_a_job_takes_from_its_steps_start_to_its_end() -> None:
    timeline = {"CreationDateTime": at(0), "StartDateTime": at(5)}
    assert figures.job_seconds({"Status": {"Timeline": timeline}}) is None
    assert figures.job_seconds({"Status": {"Timeline": {**timeline, "EndDateTime": at(47.5)}}}) == 42.5
    assert figures.job_seconds({"Status": {"State": "PENDING"}}) is None


THRESHOLD = Figures(policy="threshold", cluster="standalone", job_s=100.0, worker_s=200.0, workers=2)
DEMAND = Figures(policy="demand", cluster="standalone", job_s=90.0, worker_s=210.0, workers=2, still_there=1)


def test_the_verdict_says_both_differences_with_their_signs() -> None:
    said = figures.verdict(DEMAND, THRESHOLD)
    assert "ended 10 % sooner than with threshold (10.0 s)" in said
    assert "took 5 % more worker-seconds (10.0)" in said
    said = figures.verdict(THRESHOLD, DEMAND)
    assert "11 % later" in said and "5 % fewer" in said
    assert "cannot be compared" in figures.verdict(replace(DEMAND, job_s=None), THRESHOLD)


def test_figures_are_read_from_an_earlier_report_and_their_absence_is_told(tmp_path: Path) -> None:
    figures.save(DEMAND, tmp_path)
    assert figures.read(tmp_path) == DEMAND
    (tmp_path / figures.FILE).write_text('{"policy": "demand"}')
    with pytest.raises(ValueError, match="not as it should be"):
        figures.read(tmp_path)
    done = CliRunner().invoke(main, ["demo", "--policy", "demand", "--against", str(tmp_path / "..")])
    assert done.exit_code == 1
    assert "is it a report of the demo?" in done.output


@pytest.mark.parametrize("wrong", [["--compare"], ["--policy", "demand", "--compare", "--without", "sink"]])
def test_what_cannot_be_compared_is_a_usage_error(wrong: list[str]) -> None:
    done = CliRunner().invoke(main, ["demo", *wrong])
    assert done.exit_code == 2
    assert "--compare" in done.output


@pytest.mark.spark
@pytest.mark.story
@pytest.mark.timeout(600)
def test_with_the_demand_policy_every_stage_is_seen_and_the_figures_are_those_of_emr(tmp_path: Path) -> None:
    """What another policy makes of the job is a matter of the machine; that the page has both is not."""
    told = io.StringIO()
    plan = Plan(policy=PolicyKind.DEMAND, patience_s=200.0, ends_cluster=False, job_tail_s=12.0)
    console = Console(file=told, width=200)
    ending = compared.run(plan, tmp_path / "demo", console, standalone, compare=False, beside=THRESHOLD)
    assert ending.missing is None, told.getvalue()
    run = ending.figures
    assert run.policy == "demand" and run.still_there == 0
    assert run.job_s is not None and run.job_s > plan.job_tail_s
    assert 1 <= run.workers <= run.worker_s
    page = html.unescape(ending.page.read_text(encoding="utf-8"))
    for text in (f"{run.job_s:.1f}", f"{run.worker_s:.1f}", "100.0", "200.0", figures.verdict(run, THRESHOLD)):
        assert text in page
    assert f"{run.worker_s:.1f}" in told.getvalue()
    lines = (tmp_path / "demo" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    turns = [found for found in map(json.loads, lines) if found["kind"] == "turn"]
    grew = [
        found["decision"] for found in turns if found["decision"]["says"] == "resize" and found["decision"]["target"]
    ]
    assert {code for code, _ in grew[0]["because"]} & {Why.WORK_LEFT, Why.MEMORY_PENDING}
    seen = [found["observation"] for found in turns]
    assert any((one["remaining"] or {}).get("by_app") for one in seen), "the work that is left was told"
    pending = [(one["reading"] or {}).get("containers_pending") for one in seen]
    assert max(count or 0 for count in pending) > 0, "a standalone master's wants come from the drivers"


@pytest.mark.spark
@pytest.mark.story
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("plan", "stage", "passed", "within_s"),
    [
        pytest.param(Plan(sink=False), "Spark's JVM metrics reach CloudWatch", 0, 40.0, id="no sink"),
        pytest.param(Plan(spot_supply=0), "spot capacity is provisioned", 3, 20.0, id="no spot"),
        pytest.param(Plan(job_ends=False), "the job ends", 5, 40.0, id="no end of the job"),
    ],
)
def test_without_one_part_the_demo_fails_and_names_the_stage(
    tmp_path: Path, plan: Plan, stage: str, passed: int, within_s: float
) -> None:
    """Only the stage that cannot be seen is given up soon, yet later than it usually comes; the others may take as
    long as this machine needs."""
    told = io.StringIO()
    plan = replace(plan, patience_s=150.0, within_s={stage: within_s})
    ending: Ending = runner.run(plan, tmp_path / "demo", Console(file=told, width=200))
    assert ending.missing is not None, told.getvalue()
    assert ending.missing.name == stage, told.getvalue()
    assert len(ending.passed) == passed
    assert f"not observed: {stage}" in told.getvalue()
    assert stage in html.unescape(ending.page.read_text(encoding="utf-8"))


@pytest.mark.spark
@pytest.mark.story
def test_nothing_is_left_of_a_demo_that_is_told_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "agent", "demo", "--folder", str(folder)]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert demo.stdout is not None
    told = next((line for line in demo.stdout if "its status page" in line), None)
    assert told is not None, "the demo begins"
    wait_for((folder / "journal.jsonl").exists, "the agent has taken a turn", 60)
    demo.send_signal(signal.SIGTERM)
    rest, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1 and "interrupted" in rest
    left = [
        found.info for found in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(found.info["cmdline"] or ())
    ]
    assert not left
