"""`tidemark quote` as a user types it, against the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from tests.market.build import Rig
from tests.running import free_port
from tests.sandbox.emr_world import REGION, fleets

LONG_AGO = 1_700_000_000.0
A = f"{REGION}a"


@pytest.fixture(autouse=True)
def _nobodys_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS configuration of whoever runs the tests."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def market(rig: Rig) -> Rig:
    """Three types in one zone, at 0.2, 0.2 and 0.6 USD an hour. The verb's time is the real one."""
    for name, usd, on_demand in (("r6i.2xlarge", 0.2, 0.5), ("m5.4xlarge", 0.2, 0.8), ("c5.9xlarge", 0.6, 1.6)):
        rig.market.set_spot(name, A, (LONG_AGO, usd))
        rig.market.set_on_demand(name, on_demand)
    rig.world.clock.now = 1e10
    return rig


def quote(rig: Rig, *words: object) -> Result:
    given = ["quote", "--endpoint-url", rig.server.endpoint, *map(str, words)]
    return CliRunner().invoke(main, given, prog_name="tidemark")


def three(rig: Rig, *words: object) -> Result:
    types = [word for name in ("r6i.2xlarge", "m5.4xlarge", "c5.9xlarge") for word in ("--type", name)]
    return quote(rig, "--region", REGION, "--zone", A, *types, *words)


def data(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def order(done: Result) -> list[str]:
    return [row["instance_type"] for row in data(done)["rows"]]


def test_three_types_are_ranked_by_usable_memory(market: Rig) -> None:
    done = three(market)
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if A in line]
    assert [line[0] for line in lines] == ["m5.4xlarge", "r6i.2xlarge", "c5.9xlarge"]
    assert lines[0][2:] == ["64", "56", "4", "0.2000", "0.2000", "0.8000", "75", "%", "0.2000", "0.01053"]
    assert done.stderr == ""


def test_the_example_of_the_documentation_is_what_it_prints(market: Rig) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    shown = [line.rstrip() for line in three(market).stdout.splitlines()]
    rows = [line for line in shown if A in line]
    assert len(rows) == 3
    for line in rows:
        assert line in page
    assert "r6i.2xlarge" in next(
        line for line in three(market, "--executor-memory", "20g").stdout.splitlines() if A in line
    )


def test_the_same_for_a_program(market: Rig) -> None:
    found = data(three(market, "--json", "--executor-memory", "20480m", "--executor-overhead", "0.1"))
    assert found["executor"] == {"memory_mb": 20480, "cores": 4, "overhead": 0.1, "container_mb": 22528}
    assert (found["region"], found["emr_fee_percent"]) == (REGION, 25.0)
    best = found["rows"][0]
    assert (best["rank"], best["instance_type"], best["zone"], best["executors"]) == (1, "r6i.2xlarge", A, 2)
    assert best["usd_per_gb_hour"] == pytest.approx((0.2 + 0.125) / 44)


def test_the_types_are_those_of_the_cluster(market: Rig, tmp_path: Path) -> None:
    cluster = market.world.launch(Instances=fleets(spot=1))
    file = settings(tmp_path, cluster)
    assert set(order(quote(market, "--config", file, "--json"))) == {"r5.xlarge"}


def test_or_those_that_the_settings_would_add(market: Rig, tmp_path: Path) -> None:
    file = settings(tmp_path, "", '[[fleet.instance_types]]\ninstance_type = "r6i.2xlarge"\n')
    assert set(order(quote(market, "--config", file, "--zone", A, "--json"))) == {"r6i.2xlarge"}


def test_a_price_and_a_fee_of_the_settings_count(market: Rig, tmp_path: Path) -> None:
    prices = '[prices]\nemr_fee_percent = 10\n[prices.on_demand_usd_per_hour]\n"r6i.2xlarge" = 0.9\n'
    file = settings(tmp_path, "", prices)
    (row,) = data(quote(market, "--config", file, "--zone", A, "--type", "r6i.2xlarge", "--json"))["rows"]
    assert (row["on_demand"], row["fee"]) == (0.9, pytest.approx(0.09))
    assert market.server.market.calls("GetProducts") == 0


def test_without_any_types_it_says_how_to_name_them(market: Rig, tmp_path: Path) -> None:
    done = quote(market, "--region", REGION)
    assert (done.exit_code, "--type" in done.stderr) == (1, True)
    gone = quote(market, "--config", settings(tmp_path, "j-GONE"))
    assert (gone.exit_code, "j-GONE" in gone.stderr) == (1, True)


@pytest.mark.parametrize("right", ["DescribeSpotPriceHistory", "DescribeInstanceTypes"])
def test_a_right_that_is_missing_ends_it_with_the_statement_to_add(market: Rig, right: str) -> None:
    market.server.market.deny({right})
    done = three(market)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "TidemarkObservePrices" in done.stderr


def test_without_the_price_list_it_shows_what_it_knows_and_says_what_not(market: Rig) -> None:
    market.server.market.deny({"GetProducts"})
    done = three(market, "--json")
    assert all(row["usd_per_gb_hour"] is None and row["spot"] for row in data(done)["rows"])
    assert "TidemarkObservePrices" in done.stderr
    assert "prices.on_demand_usd_per_hour" in done.stderr
    assert three(market).stdout.count("unknown") == 12


def test_a_price_that_is_not_in_the_list_is_unknown_and_last(market: Rig) -> None:
    market.market.set_on_demand("m5.4xlarge", None)
    done = three(market, "--json")
    assert order(done) == ["r6i.2xlarge", "c5.9xlarge", "m5.4xlarge"]
    assert "m5.4xlarge" in done.stderr


def test_a_zone_without_a_price_is_shown_as_unknown(market: Rig) -> None:
    found = data(three(market, "--zone", "nowhere-1z", "--json"))["rows"]
    assert [row["spot"] for row in found if row["zone"] == "nowhere-1z"] == [None] * 3


def test_what_is_no_type_names_the_nearest(market: Rig) -> None:
    done = quote(market, "--region", REGION, "--type", "r6i.2xlagre")
    assert done.exit_code == 1
    assert "did you mean 'r6i.2xlarge'" in done.stderr


def test_without_credentials_it_says_so(market: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = three(market)
    assert (done.exit_code, "no AWS credentials" in done.stderr) == (1, True)


def test_without_a_region_it_says_which_option(market: Rig) -> None:
    done = quote(market, "--type", "r6i.2xlarge")
    assert (done.exit_code, "--region" in done.stderr) == (1, True)


def test_an_endpoint_that_does_not_answer_is_an_error_in_words(market: Rig) -> None:
    words = ["quote", "--region", REGION, "--type", "r6i.2xlarge", "--endpoint-url", f"http://127.0.0.1:{free_port()}"]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("size", ["8x", "0g", "g", "-1g", "8.5g"])
def test_a_size_that_is_none_is_wrong_use(market: Rig, size: str) -> None:
    assert three(market, "--executor-memory", size).exit_code == 2


def settings(folder: Path, cluster: str, more: str = "") -> Path:
    file = folder / "config.toml"
    head = f'[cluster]\nid = "{cluster}"\n[aws]\nregion = "{REGION}"\n[fleet]\nmax_capacity_units = 9\n'
    file.write_text(head + more)
    return file
