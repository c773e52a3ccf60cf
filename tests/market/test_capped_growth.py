"""A running agent under `fleet.max_usd_per_hour`: it grows as far as the cap pays, and not at all on a guess."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from tests.running import RunningAgent, agent, free_port, wait_for
from tests.sandbox.emr_world import REGION, boto, fleets

TYPE, ZONE = "r5.xlarge", f"{REGION}a"
LONG_AGO = 1_700_000_000.0
SPOT, ON_DEMAND, FEE_PERCENT = 0.10, 0.40, 25
UNIT = SPOT + ON_DEMAND * FEE_PERCENT / 100
QUICK = Delays(provision_s=0.1, bootstrap_s=0.1, decommission_s=0.1)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(region=REGION, quotas=NO_QUOTAS, delays=QUICK) as running:
        running.market.market.set_spot(TYPE, ZONE, (LONG_AGO, SPOT))
        running.market.market.set_spot(TYPE, f"{REGION}b", (LONG_AGO, 9.0))
        running.market.market.set_on_demand(TYPE, ON_DEMAND)
        yield running


def launch(server: SandboxServer) -> str:
    emr = boto("emr", server.endpoint)
    answer = emr.run_job_flow(
        Name="test", ReleaseLabel="emr-7.10.0", JobFlowRole="ec2", ServiceRole="emr", Instances=fleets(spot=1)
    )
    return str(answer["JobFlowId"])


def settings(server: SandboxServer, cluster: str, cap: float, **prices: Any) -> tuple[str, Any]:
    """Further tables, and the edit that names cluster and cap. The rule wants three more units whatever happens."""
    table = "\n".join(f"{name} = {value}" for name, value in prices.items())
    extra = f"""
[aws]
region = "{REGION}"
endpoint_url = "{server.endpoint}"
[prices]
emr_fee_percent = {FEE_PERCENT}
{table}
[[policy.rules]]
name = "always"
signal = "Heartbeat"
statistic = "Maximum"
comparison = ">"
bound = 0
for_s = 0
adjustment_units = 3
cooldown_s = 0.1
"""

    def edit(text: str) -> str:
        limits = f"max_capacity_units = 50\nmax_usd_per_hour = {cap}\npoll_period_s = 0.5\nsettle_poll_period_s = 0.2"
        return text.replace("max_capacity_units = 4", limits).replace("j-TEST", cluster)

    return extra, edit


def target(server: SandboxServer, cluster: str) -> int:
    listed = boto("emr", server.endpoint).list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
    return next(int(one["TargetSpotCapacity"]) for one in listed if one["InstanceFleetType"] == "TASK")


def turns(running: RunningAgent) -> list[dict[str, Any]]:
    journal = running.folder / "journal.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [turn for turn in map(json.loads, lines) if turn["kind"] == "turn"]


def withheld(running: RunningAgent, code: str, least: int) -> bool:
    """Whether at least so many turns held for that reason."""
    held = [turn for turn in turns(running) if turn["decision"]["says"] == "hold"]
    return sum(any(why[0] == code for why in turn["decision"]["because"]) for turn in held) >= least


def test_growth_ends_at_what_the_cap_pays_for(server: SandboxServer, tmp_path: Path) -> None:
    cluster = launch(server)
    extra, edit = settings(server, cluster, cap=4.5 * UNIT)
    with agent(tmp_path, extra, edit) as running:
        wait_for(lambda: withheld(running, "money-cap", 3), running.log)
        assert target(server, cluster) == 4
        seen = turns(running)[-1]["observation"]["prices"]
        assert seen["spot"] == pytest.approx(UNIT)
        assert seen["on_demand"] == pytest.approx(ON_DEMAND * (1 + FEE_PERCENT / 100))
        assert running.stop() == 0


def test_an_unknown_price_buys_nothing(server: SandboxServer, tmp_path: Path) -> None:
    server.market.market.set_on_demand(TYPE, None)
    cluster = launch(server)
    extra, edit = settings(server, cluster, cap=1000.0)
    with agent(tmp_path, extra, edit) as running:
        wait_for(lambda: server.market.calls("GetProducts") > 0, running.log)
        wait_for(lambda: withheld(running, "price-unknown", 5), running.log)
        assert target(server, cluster) == 1
        assert running.stop() == 0
    assert server.api.calls("ModifyInstanceFleet") == ()


def test_a_price_of_the_settings_is_not_asked_for(server: SandboxServer, tmp_path: Path) -> None:
    server.market.deny({"GetProducts"})
    cluster = launch(server)
    extra, edit = settings(server, cluster, cap=4.5 * UNIT, on_demand_usd_per_hour=f'{{"{TYPE}" = {ON_DEMAND}}}')
    with agent(tmp_path, extra, edit) as running:
        wait_for(lambda: withheld(running, "money-cap", 1), running.log)
        assert target(server, cluster) == 4
    assert server.market.calls("GetProducts") == 0


def test_a_right_that_is_missing_is_named_and_the_rest_goes_on(server: SandboxServer, tmp_path: Path) -> None:
    server.market.deny({"DescribeSpotPriceHistory"})
    cluster = launch(server)
    extra, edit = settings(server, cluster, cap=1000.0)
    with agent(tmp_path, extra, edit) as running:
        wait_for(lambda: withheld(running, "price-unknown", 3), running.log)
        wait_for(lambda: "TidemarkObservePrices" in running.log(), running.log)
        assert "prices.unknown" in running.log()
        assert any(turn["observation"]["missing"] for turn in turns(running))
        assert target(server, cluster) == 1


def test_without_a_cap_nobody_asks_what_anything_costs(server: SandboxServer, tmp_path: Path) -> None:
    cluster = launch(server)
    extra, edit = settings(server, cluster, cap=1.0)
    with agent(tmp_path, extra, lambda text: edit(text).replace("max_usd_per_hour = 1.0\n", "")) as running:
        wait_for(lambda: target(server, cluster) >= 7, running.log)
    assert server.market.calls("DescribeSpotPriceHistory") == server.market.calls("GetProducts") == 0


def test_where_nothing_answers_the_agent_holds_and_lives(server: SandboxServer, tmp_path: Path) -> None:
    extra, edit = settings(server, "j-NOBODY", cap=1.0)
    extra = extra.replace(server.endpoint, f"http://127.0.0.1:{free_port()}")
    with agent(tmp_path, extra, edit) as running:
        wait_for(lambda: "prices.unknown" in running.log(), running.log)
        assert {turn["decision"]["says"] for turn in turns(running)} <= {"hold"}
        assert running.stop() == 0


def test_prices_that_are_only_watched_are_told_and_limit_nothing(server: SandboxServer, tmp_path: Path) -> None:
    cluster = launch(server)
    extra, edit = settings(server, cluster, cap=1.0, watch="true")
    with agent(tmp_path, extra, lambda text: edit(text).replace("max_usd_per_hour = 1.0\n", "")) as running:
        wait_for(lambda: target(server, cluster) >= 7, running.log)
        wait_for(lambda: (turns(running)[-1]["observation"]["prices"] or {}).get("spot"), running.log)
        assert turns(running)[-1]["observation"]["prices"]["spot"] == pytest.approx(UNIT)
