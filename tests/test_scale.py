"""`tidemark scale`: the real verb beside a real agent on the sandbox's fleet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.actions.hand import HandFile, by_hand
from agent.cli import main
from agent.domain.requests import Answer, Fate
from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from tests.running import CREDENTIALS, PATIENCE_S, RunningAgent, agent, wait_for
from tests.sandbox.emr_world import REGION, boto, fleets


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    delays = Delays(provision_s=0.2, bootstrap_s=0.2, decommission_s=0.2, terminate_s=0.2)
    with SandboxServer(quotas=NO_QUOTAS, region=REGION, delays=delays) as server:
        yield server.endpoint


def target(endpoint: str, cluster: str) -> int:
    found = boto("emr", endpoint).list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
    return int(next(each["TargetSpotCapacity"] for each in found if each["InstanceFleetType"] == "TASK"))


@contextmanager
def at_work(endpoint: str, folder: Path, **changed: str) -> Iterator[tuple[RunningAgent, str]]:
    """An agent beside a cluster with two task nodes; `changed` replaces texts of the settings."""
    emr = boto("emr", endpoint)
    cluster = emr.run_job_flow(
        Name="test", ReleaseLabel="emr-7.10.0", JobFlowRole="ec2", ServiceRole="emr", Instances=fleets(spot=2)
    )["JobFlowId"]
    wait_for(lambda: emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING", "the cluster")
    extra = f"""
[aws]
region = "{REGION}"
endpoint_url = "{endpoint}"
[sinks.cloudwatch]
enabled = false
[idle]
enabled = false
[actions]
request_path = "{folder / "scale.json"}"
ledger_path = "{folder / "requests.json"}"
"""

    def edit(text: str) -> str:
        text = text.replace('"j-TEST"', f'"{cluster}"').replace("[policy]", '[policy]\npause_path = "PAUSE"')
        text = text.replace("PAUSE", str(folder / "pause.json"))
        for old, new in changed.items():
            assert old in text
            text = text.replace(old, new)
        return text

    with agent(folder, extra, edit) as running:
        yield running, cluster


def scale(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent", "scale", *arguments, "--config", str(folder / "tidemark.toml")]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE_S, env={**os.environ, **CREDENTIALS}
    )


def test_a_change_is_applied_within_the_limits_and_stands_in_the_journal(endpoint: str, tmp_path: Path) -> None:
    with at_work(endpoint, tmp_path) as (running, cluster):
        done = scale(tmp_path, "+9", "--why", "the month's end")
        assert done.returncode == 0, done.stdout + done.stderr + running.log()
        assert "applied to 4 units" in done.stdout
        assert "the month's end" in done.stdout
        assert "exceed the limit 4" in done.stdout
        assert target(endpoint, cluster) == 4
        # the answer comes after the journal's line
        whole, _, _ = (tmp_path / "journal.jsonl").read_text().rpartition("\n")
        turns = [json.loads(line) for line in whole.splitlines() if line]
        (acted,) = (turn for turn in turns if turn["kind"] == "turn" and turn["outcome"] == "applied")
        assert acted["decision"]["rule"] == "by hand"
        assert [answer["fate"] for answer in acted["requests"]] == ["applied"]
        assert "request.settled" in running.log()

        again = scale(tmp_path, "--to", "4")
        assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr


def test_what_a_guard_withholds_is_told_turn_by_turn_and_dropped(endpoint: str, tmp_path: Path) -> None:
    """Nobody knows what runs on the nodes, for no cluster manager answers: nothing is taken away."""
    with at_work(endpoint, tmp_path) as (_, cluster):
        done = scale(tmp_path, "-1", "--expires", "3s", "--force")
        assert done.returncode == 1, done.stdout
        assert "waiting: " in done.stdout
        assert "the cluster manager has not answered" in done.stdout
        assert "dropped" in done.stderr
        assert target(endpoint, cluster) == 2
        assert not (tmp_path / "scale.json").exists()


def test_a_pause_holds_a_request_until_it_is_over(endpoint: str, tmp_path: Path) -> None:
    with at_work(endpoint, tmp_path) as (running, cluster):
        (tmp_path / "pause.json").write_text(json.dumps({"until": time.time() + 6, "why": "by bob"}))
        done = scale(tmp_path, "+1", "--json")
        assert done.returncode == 0, done.stdout + done.stderr + running.log()
        told = json.loads(done.stdout)
        assert (told["fate"], told["target"]) == ("applied", 3)
        assert target(endpoint, cluster) == 3


def test_a_dry_run_is_said_and_changes_nothing(endpoint: str, tmp_path: Path) -> None:
    with at_work(endpoint, tmp_path, **{"[fleet]": '[fleet]\nactuator = "dry_run"'}) as (_, cluster):
        done = scale(tmp_path, "+1")
        assert done.returncode == 1
        assert "dry run" in done.stderr
        assert target(endpoint, cluster) == 2


# without an agent


def invoke(folder: Path, *arguments: str) -> Result:
    file = folder / "tidemark.toml"
    file.write_text(f'[fleet]\nmax_capacity_units = 4\n[actions]\nrequest_path = "{folder / "scale.json"}"\n')
    return CliRunner().invoke(main, ["scale", *arguments, "--config", str(file)])


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [(["-3"], "units", -3), (["+5"], "units", 5), (["−2"], "units", -2), (["--to", "0"], "to_units", 0)],
)
def test_it_leaves_a_file_that_the_agent_reads(tmp_path: Path, arguments: list[str], field: str, value: int) -> None:
    done = invoke(tmp_path, *arguments, "--no-wait", "--force")
    assert done.exit_code == 0, done.output
    found: Any = HandFile(tmp_path / "scale.json").waiting()
    assert (getattr(found, field), found.force) == (value, True)
    assert (tmp_path / "scale.json").stat().st_mode & 0o777 == 0o644
    again = invoke(tmp_path, *arguments, "--no-wait")
    assert again.exit_code == 1
    assert "asked for a resize already" in again.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "+5 or -3"),
        (["5"], "write --to 5"),
        (["+0"], "by nothing"),
        (["more"], "is no change"),
        (["--frce", "+1"], "is no change"),
        (["+1", "--to", "3"], "either a change"),
        (["--to", "-1"], "range"),
        (["+1", "--expires", "2h"], "an hour at most"),
        (["+1", "--expires", "soon"], "is no duration"),
        (["+999999999"], "is no change"),
    ],
)
def test_what_is_no_wish_is_said_and_nothing_is_asked_for(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = invoke(tmp_path, *arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "scale.json").exists()


def test_a_folder_that_is_not_ours_is_said(tmp_path: Path) -> None:
    (tmp_path / "scale.json").mkdir()
    done = invoke(tmp_path, "+1", "--no-wait")
    assert done.exit_code == 1
    assert "cannot be written" in done.output


def test_an_agent_that_does_not_run_is_said_soon_and_what_is_interrupted_is_taken_back(tmp_path: Path) -> None:
    left = tmp_path / "scale.json"
    text = f'[fleet]\nmax_capacity_units = 4\n[policy]\nturn_period_s = 0.1\n[actions]\nrequest_path = "{left}"\n'
    (tmp_path / "tidemark.toml").write_text(text)
    command = [sys.executable, "-m", "agent", "scale", "+1", "--config", str(tmp_path / "tidemark.toml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as verb:
        assert verb.stderr is not None
        try:
            assert "does it run?" in verb.stderr.readline()
            assert left.exists()
            verb.send_signal(signal.SIGINT)
            assert "taken back" in verb.stderr.read()
            assert verb.wait(PATIENCE_S) == 1
        finally:
            verb.kill()
    assert not left.exists()


def test_an_answer_to_another_request_is_none(tmp_path: Path) -> None:
    file = HandFile(tmp_path / "scale.json")
    request = by_hand(name="alice", why="", at=time.time(), lasts_s=60.0, cooldown_s=0.0, units=1)
    assert file.ask(request) is None
    file.tell(Answer(id="other", at=time.time(), fate=Fate.APPLIED, because=()))
    assert file.told(request.id) is None
