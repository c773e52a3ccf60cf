"""`tidemark cost` as an operator runs it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from tests.running import free_port
from tests.sandbox.emr_world import World, fleets, world

FLEET = '[fleet]\nmax_capacity_units = 10\ninstance_types = [{ instance_type = "r5.xlarge", weighted_capacity = 2 }]\n'
PRICED = FLEET + '[prices]\nemr_fee_percent = 25\non_demand_usd_per_hour = { "r5.xlarge" = 0.4 }\n'


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with world() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "tidemark.toml"
    made.write_text(PRICED)
    return made


def run(file: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["cost", "--config", str(file), *words])


def told(file: Path, *words: str) -> dict[str, Any]:
    result = run(file, "--json", *words)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def at(found: dict[str, Any], what: str) -> dict[str, Any]:
    one: dict[str, Any] = next(each for each in found["task_capacity"] if what in each["what"])
    return one


def test_on_demand_prices_of_the_settings_need_nobody_and_spot_stays_unknown(file: Path) -> None:
    found = told(file, "--target", "4")
    assert found["unit_usd_per_hour"] == {"on_demand": pytest.approx(0.25), "spot": None}
    assert at(found, "maximum")["usd_per_hour"] is None
    file.write_text(PRICED.replace("[prices]", "on_demand = true\n[prices]"))
    found = told(file, "--target", "4")
    assert at(found, "target")["usd_per_hour"] == pytest.approx(1.0)
    assert at(found, "maximum")["usd_per_hour"] == pytest.approx(2.5)


def test_the_table_says_what_is_unknown(file: Path) -> None:
    printed = run(file).stdout
    assert "unknown" in printed
    assert "naive: each executor for itself" in printed
    assert "us-east-1, 2026-11 (table costs)" in " ".join(printed.split())


def test_the_fleet_and_the_market_are_asked(it: World, file: Path) -> None:
    cluster = it.ready(Instances=fleets(weight=2, spot=6))
    it.clock.now = time.time()  # the verb's time is the real one
    found = told(file, "--ask", "--cluster-id", cluster, "--region", "eu-west-1", "--endpoint-url", it.server.endpoint)
    unit = found["unit_usd_per_hour"]["spot"]
    assert unit is not None
    target, most = at(found, "target"), at(found, "maximum")
    assert (target["on_demand"], target["spot"], target["usd_per_hour"]) == (0, 6, pytest.approx(6 * unit))
    assert (most["spot"], most["usd_per_hour"]) == (10, pytest.approx(10 * unit))


def test_what_cannot_be_asked_is_a_warning_and_unknown(it: World, file: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    file.write_text(PRICED + "[aws]\nmax_attempts = 1\n")
    result = run(file, "--ask", "--cluster-id", "j-1", "--region", "eu-west-1", "--endpoint-url", nowhere)
    assert result.exit_code == 0
    assert "warning" in result.stderr
    assert "unknown" in result.stdout


def test_a_price_and_a_target_that_are_given_go_first(file: Path) -> None:
    found = told(file, "--target", "3", "--unit-usd-per-hour", "0.5")
    assert at(found, "target")["usd_per_hour"] == 1.5
    assert at(found, "maximum")["usd_per_hour"] == 5.0


def test_prices_of_another_region_are_settings(file: Path) -> None:
    file.write_text(PRICED + '[costs]\nregion = "eu-central-1"\nmetric_tiers = [{ usd = 0.5 }]\nalarm_usd = 0.0\n')
    found = told(file, "--reasons", "0")
    assert found["prices_of"]["region"] == "eu-central-1"
    (metrics,) = (line for line in found["lines"] if line["what"].startswith("metrics"))
    assert metrics["usd"] == pytest.approx(metrics["an_hour"] * 0.5)


def test_wrong_use_is_refused(file: Path) -> None:
    assert run(file, "--hours-per-day", "25").exit_code == 2
    assert run(file, "--executors", "-1").exit_code == 2
