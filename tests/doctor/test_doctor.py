"""The whole doctor as a user calls it, beside a running agent and a sandbox of EMR."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from tests.running import CREDENTIALS, RunningAgent, agent, wait_for
from tests.sandbox.emr_world import REGION, boto, fleets

QUICK = Delays(provision_s=0.05, bootstrap_s=0.05, decommission_s=0.05, terminate_s=0.05)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(delays=QUICK, quotas=NO_QUOTAS, region=REGION) as made:
        yield made


@pytest.fixture(scope="module")
def cluster(server: SandboxServer) -> str:
    emr = boto("emr", server.endpoint)
    launched = emr.run_job_flow(
        Name="doctored", ReleaseLabel="emr-7.14.0", JobFlowRole="ec2", ServiceRole="emr", Instances=fleets(spot=2)
    )["JobFlowId"]
    wait_for(lambda: emr.describe_cluster(ClusterId=launched)["Cluster"]["Status"]["State"] == "WAITING", "it is ready")
    return str(launched)


@pytest.fixture(scope="module")
def running(server: SandboxServer, cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    aws = f'[aws]\nregion = "{REGION}"\nendpoint_url = "{server.endpoint}"\n'
    folder = tmp_path_factory.mktemp("agent")
    with agent(folder, aws, lambda text: text.replace("j-TEST", cluster)) as made:
        wait_for((made.folder / "journal.jsonl").exists, "a first turn")
        yield made


def doctor(running: RunningAgent, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Its exit code and its findings by name."""
    command = [sys.executable, "-m", "agent", "doctor", "--json", "--config", str(running.folder / "tidemark.toml")]
    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **CREDENTIALS}
    )
    found = json.loads(done.stdout)
    assert found["ok"] is (done.returncode == 0), done.stdout
    return done.returncode, {check["check"]: check for check in found["checks"]}


def test_beside_a_healthy_agent_nothing_fails(running: RunningAgent) -> None:
    code, found = doctor(running)
    bad = {name: check for name, check in found.items() if check["status"] == "fail"}
    assert (code, bad) == (0, {})
    well = {name for name, check in found.items() if check["status"] == "ok"}
    assert {
        "agent process", "last turn", "settings", "state folder", "credentials", "clock", "cluster", "task capacity",
        "auto-termination", "endpoint elasticmapreduce", "endpoint monitoring", "right cloudwatch:PutMetricData",
        "right elasticmapreduce:ListSteps", "right elasticmapreduce:ModifyInstanceFleet",
    } <= well  # fmt: skip


def test_under_a_cap_in_money_the_rights_and_endpoints_of_prices_are_looked_at(
    running: RunningAgent, tmp_path: Path
) -> None:
    text = (running.folder / "tidemark.toml").read_text()
    capped = tmp_path / "capped.toml"
    capped.write_text(text.replace("max_capacity_units", "max_usd_per_hour = 9.0\nmax_capacity_units"))
    names = {
        "endpoint ec2", "endpoint pricing.api",
        "right ec2:DescribeSpotPriceHistory", "right ec2:DescribeInstanceTypes", "right pricing:GetProducts",
    }  # fmt: skip
    _, found = doctor(running, "--config", str(capped))
    assert {found[name]["status"] for name in names} == {"ok"}
    _, without = doctor(running)
    assert {without[name]["status"] for name in names & without.keys()} == {"skip"}
    capped.write_text(capped.read_text().replace("http://127.0.0.1", "http://nobody.invalid"))
    _, cut_off = doctor(running, "--config", str(capped))
    assert cut_off["endpoint pricing.api"]["status"] == "warn"
    assert "prices.on_demand_usd_per_hour" in cut_off["endpoint pricing.api"]["advice"]


def test_it_changes_nothing(running: RunningAgent, server: SandboxServer, cluster: str) -> None:
    emr = boto("emr", server.endpoint)
    before = emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"], emr.describe_cluster(ClusterId=cluster)
    files = {path for path in running.folder.rglob("*") if not path.name.startswith("journal")}
    doctor(running)
    after = emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"], emr.describe_cluster(ClusterId=cluster)
    assert before[0] == after[0]
    assert before[1]["Cluster"] == after[1]["Cluster"]
    assert {path for path in running.folder.rglob("*") if not path.name.startswith("journal")} == files


def test_rights_that_are_missing_fail_by_name_and_say_which_statement(
    running: RunningAgent, server: SandboxServer
) -> None:
    server.api.deny({"ListInstances", "ModifyInstanceFleet"})
    try:
        code, found = doctor(running)
    finally:
        server.api.deny(())
    assert code == 1
    for operation, sid in (("ListInstances", "TidemarkObserve"), ("ModifyInstanceFleet", "TidemarkResize")):
        check = found[f"right elasticmapreduce:{operation}"]
        assert (check["status"], sid in check["advice"]) == ("fail", True)
    assert found["task capacity"]["status"] == "fail"
    assert found["right elasticmapreduce:ListSteps"]["status"] == "ok"


def test_another_scaler_on_the_cluster_fails(running: RunningAgent, server: SandboxServer, cluster: str) -> None:
    emr = boto("emr", server.endpoint)
    limits = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9}
    emr.put_managed_scaling_policy(ClusterId=cluster, ManagedScalingPolicy={"ComputeLimits": limits})
    emr.put_auto_termination_policy(ClusterId=cluster, AutoTerminationPolicy={"IdleTimeout": 3600})
    try:
        _, found = doctor(running)
    finally:
        emr.remove_managed_scaling_policy(ClusterId=cluster)
        emr.remove_auto_termination_policy(ClusterId=cluster)
    assert (found["cluster"]["status"], "managed scaling" in found["cluster"]["seen"]) == ("fail", True)
    assert (found["auto-termination"]["status"], "3600" in found["auto-termination"]["seen"]) == ("warn", True)


def test_the_table_says_the_same_for_people(running: RunningAgent) -> None:
    command = [sys.executable, "-m", "agent", "doctor", "--config", str(running.folder / "tidemark.toml")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **CREDENTIALS},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "right elasticmapreduce:ModifyInstanceFleet" in done.stdout
    assert " ok" in done.stdout.splitlines()[-1]


def test_where_nothing_answers_every_check_still_has_its_finding(tmp_path: Path) -> None:
    """As in a private subnet without endpoints: connections are taken here, and then nothing comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "silent.toml").write_text(
            f'[cluster]\nid = "j-1ABC"\n[aws]\nregion = "{REGION}"\nendpoint_url = "{url}"\n'
            f'[fleet]\nmax_capacity_units = 4\n[sources.yarn]\nurl = "{url}"\n'
        )
        command = [sys.executable, "-m", "agent", "doctor", "--json", "--config", str(tmp_path / "silent.toml")]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **CREDENTIALS}
        )
    assert done.returncode == 1
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["cluster"]["status"] == found["resource manager"]["status"] == "fail"
    assert found["right elasticmapreduce:ListSteps"]["status"] == "warn"
    assert not [check for check in found.values() if "the check itself failed" in check["advice"]]


def test_an_aws_profile_that_does_not_exist_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "any.toml").write_text("[fleet]\nmax_capacity_units = 4\n")
    command = [sys.executable, "-m", "agent", "doctor", "--json", "--config", str(tmp_path / "any.toml")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "AWS_PROFILE": "nobody"}
    )
    assert done.returncode == 1
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert (found["credentials"]["status"], "nobody" in found["credentials"]["seen"]) == ("fail", True), done.stderr
    assert "AWS_PROFILE" in found["credentials"]["advice"]
