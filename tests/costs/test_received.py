"""What `tidemark cost` says and what CloudWatch receives in an hour are the same, however many executors there are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.settings import parse
from tests.costs.hour import pass_an_hour
from tests.sandbox.emr_world import World, world

PLAIN = "[fleet]\nmax_capacity_units = 9\n[listener]\nreport_period_s = 60.0\n"
RARELY = PLAIN.replace("60.0", "300.0") + "[sinks.cloudwatch]\nperiod_s = 300.0\n"
"""The same hour in fewer periods: the machine that tests run on may be slow."""
MANY_NAMES = RARELY + "[cluster]\napp_dimensions = 30\n"
EVERY_KIND = RARELY + '[cluster]\nname = "nightly"\napp_dimensions = 2\n[policy]\nshadows = ["demand", "dataproc"]\n'


@pytest.fixture
def it() -> Iterator[World]:
    with world() as made:
        yield made


def told(tmp_path: Path, text: str, **options: int) -> dict[str, Any]:
    """The verb's answer, for programs."""
    file = tmp_path / "tidemark.toml"
    file.write_text(text)
    given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    result = CliRunner().invoke(main, ["cost", "--config", str(file), "--json", *given])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


Names = frozenset[str]
REASON = frozenset({"ClusterId", "Reason"})


def in_an_hour(bill: dict[str, Any]) -> tuple[dict[Names, float], float]:
    """Metrics by the names of their dimensions, and requests."""
    metrics = {
        frozenset(re.findall(r"\w+", line["what"].partition("{")[2])): line["an_hour"]
        for line in bill["lines"]
        if line["what"].startswith("metrics")
    }
    return metrics, next(line["an_hour"] for line in bill["lines"] if line["what"] == "PutMetricData")


@pytest.mark.parametrize(
    ("text", "applications", "executors"),
    [(PLAIN, 1, 10), (PLAIN, 1, 1_000), (EVERY_KIND, 4, 10), (EVERY_KIND, 4, 1_000), (MANY_NAMES, 40, 40)],
    ids=["10 executors", "1000 executors", "10 of every kind", "1000 of every kind", "more than a request holds"],
)
def test_the_bill_is_what_was_received(it: World, tmp_path: Path, text: str, applications: int, executors: int) -> None:
    hour = pass_an_hour(it, parse(text), executors=executors, applications=applications)
    received = Counter(frozenset(name for name, _ in metric.dimensions) for metric in hour.metrics)
    bill = told(tmp_path, text, executors=executors, applications=applications, reasons=received[REASON])
    metrics, requests = in_an_hour(bill)
    assert received == metrics
    assert hour.requests == {"PutMetricData": requests}


def test_a_thousand_executors_are_as_many_metrics_as_ten(tmp_path: Path) -> None:
    few, many = (told(tmp_path, EVERY_KIND, executors=executors) for executors in (10, 1_000))
    assert in_an_hour(few)[0] == in_an_hour(many)[0]
    assert many["naive_usd_a_month"] > 50 * many["usd_a_month"]


def test_the_example_in_operating_is_what_the_verb_prints(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    example = page.split("$ tidemark cost")[1].split("```")[0].splitlines()[2:]
    file = tmp_path / "tidemark.toml"
    file.write_text("[fleet]\nmax_capacity_units = 9\n")
    given = ["--executors", "1000", "--applications", "5"]
    result = CliRunner().invoke(main, ["cost", "--config", str(file), *given])
    printed = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert {" ".join(line.split()) for line in example} <= printed
