"""The demo tells the truth: with one part taken away it fails and names the stage that needs it."""

from __future__ import annotations

import html
import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from agent.sandbox.demo import plan as plans
from agent.sandbox.demo import runner
from agent.sandbox.demo.plan import Places, Plan
from agent.sandbox.demo.runner import Ending
from agent.settings import RestSettings, SourcesSettings, parse
from agent.settings_file import render

SOURCES = SourcesSettings(standalone=RestSettings(url="http://m", period_s=1.0), node_period_s=2.0)
STEPS = frozenset({"policy.rules.memory-low.adjustment_units", "policy.rules.memory-free.adjustment_units"})
LIMITS = frozenset({"fleet.max_capacity_units"})


def test_the_demos_settings_differ_from_the_defaults_only_in_places_times_steps_and_limits(tmp_path: Path) -> None:
    places = Places(
        cluster_id="j-1", region="eu-west-1", endpoint_url="http://e", listener_port=1, sources=SOURCES, folder=tmp_path
    )
    settings = plans.settings(Plan(), places)
    differing = {path for path, _, _ in plans.differences(settings)}
    times = {path for path in differing if path.endswith("_s")}
    assert differing - times == plans.PLACES | STEPS | LIMITS
    assert parse(render(settings)) == settings


@pytest.mark.spark
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("plan", "stage", "passed", "within_s"),
    [
        pytest.param(Plan(sink=False), "Spark's JVM metrics reach CloudWatch", 0, 40.0, id="no sink"),
        pytest.param(Plan(spot_supply=0), "spot capacity is provisioned", 3, 20.0, id="no spot"),
        pytest.param(Plan(job_ends=False, job_s=1), "the job ends", 5, 40.0, id="no end of the job"),
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
