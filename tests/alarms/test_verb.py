"""`tidemark alarms` as an operator runs it, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.alarms.cloudwatch import described
from agent.cli import main
from tests.alarms.told import PERSON, TOPIC
from tests.running import free_port
from tests.sandbox.emr_world import World, boto, world

FLEET = "[fleet]\nmax_capacity_units = 9\n"
NAMED = FLEET + f'[cluster]\nname = "nightly"\n[alarms]\ntopic_arns = ["{TOPIC}"]\nperson_topic_arns = ["{PERSON}"]\n'
ALL = 9


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def it() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "tidemark.toml"
    made.write_text(NAMED)
    return made


def run(file: Path, endpoint: str, *words: str, cluster: str = "j-1") -> Result:
    where = ["--config", str(file), "--region", "eu-west-1", "--endpoint-url", endpoint]
    where += ["--cluster-id", cluster] if cluster else []
    return CliRunner().invoke(main, ["alarms", *words, *where])


def names(it: World) -> set[str]:
    return {one.name for one in described(boto("cloudwatch", it.server.endpoint))}


def test_put_list_and_delete(it: World, file: Path) -> None:
    endpoint = it.server.endpoint
    first = run(file, endpoint, "put")
    assert (first.exit_code, len(names(it))) == (0, ALL)
    assert f"{ALL} created, 0 changed" in first.stdout
    second = run(file, endpoint, "put")
    assert f"nothing to do: {ALL} alarms are as the settings ask" in second.stdout
    assert second.stderr == ""
    listed = json.loads(run(file, endpoint, "list", "--json").stdout)
    assert {one["name"] for one in listed} == names(it)
    assert all(one["in_settings"] and one["state"] == "INSUFFICIENT_DATA" for one in listed)
    deleted = run(file, endpoint, "delete")
    assert deleted.stdout == "deleted Tidemark j-1 heartbeat-missing\n"
    assert "1 of 9 that the settings ask for are not there" in run(file, endpoint, "list").stdout
    everything = json.loads(run(file, endpoint, "delete", "--all", "--json").stdout)
    assert (len(everything["deleted"]), names(it)) == (ALL - 1, set())
    assert "there are none to delete" in run(file, endpoint, "delete", "--all").stdout


def test_a_dry_run_sends_nothing_and_prints_what_it_would(it: World, file: Path) -> None:
    printed = json.loads(run(file, it.server.endpoint, "put", "--dry-run", "--json").stdout)
    assert {one["step"] for one in printed["alarms"]} == {"create"}
    assert {one["request"]["AlarmName"] for one in printed["alarms"]} == {one["name"] for one in printed["alarms"]}
    assert f"{ALL} would be created" in run(file, it.server.endpoint, "put", "--dry-run").stdout
    assert names(it) == set()
    run(file, it.server.endpoint, "put")
    assert "would delete Tidemark j-1 heartbeat-missing" in run(file, it.server.endpoint, "delete", "--dry-run").stdout
    assert len(names(it)) == ALL


def test_what_the_settings_no_longer_ask_for_is_named_and_pruned(it: World, file: Path) -> None:
    run(file, it.server.endpoint, "put")
    file.write_text(NAMED + "heap_high = { enabled = false }\n")
    named = run(file, it.server.endpoint, "put")
    assert "1 of ours are not in the settings; --prune deletes them" in named.stderr
    assert "Tidemark nightly heap-high" in names(it)
    pruned = run(file, it.server.endpoint, "put", "--prune")
    assert (pruned.exit_code, "deleted" in pruned.stderr) == (0, True)
    assert "Tidemark nightly heap-high" not in names(it)


def test_somebody_elses_alarm_fails_the_verb_and_nothing_else(it: World, file: Path) -> None:
    boto("cloudwatch", it.server.endpoint).put_metric_alarm(
        AlarmName="Tidemark nightly heap-high",
        MetricName="M",
        Namespace="N",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
    )
    done = run(file, it.server.endpoint, "put")
    assert (done.exit_code, len(names(it))) == (1, ALL)
    assert "is somebody else's" in done.stderr
    assert "Tidemark nightly heap-high" not in run(file, it.server.endpoint, "delete", "--all").stdout


def test_faults_are_said_before_anything_is_sent(it: World, file: Path) -> None:
    file.write_text(
        NAMED + '[[alarms.own]]\nname = "a"\nmetric = "Hartbeat"\ncomparison = ">"\nbound = 1\nfor_s = 9e9\n'
    )
    done = run(file, it.server.endpoint, "put")
    assert (done.exit_code, names(it)) == (2, set())
    assert "did you mean 'Heartbeat'?" in done.stderr
    assert "looks back" in done.stderr


def test_without_a_cluster_only_what_outlives_one_is_put(it: World, file: Path) -> None:
    done = run(file, it.server.endpoint, "put", cluster="")
    assert "no cluster is named" in done.stderr
    assert {one.partition(" ")[2].partition(" ")[0] for one in names(it)} == {"nightly"}
    nothing = run(file, it.server.endpoint, "delete", cluster="")
    assert (nothing.exit_code, "no cluster is named" in nothing.stderr) == (2, True)
    file.write_text(FLEET)
    nobody = run(file, it.server.endpoint, "put", cluster="")
    assert (nobody.exit_code, "nothing says which cluster" in nobody.stderr) == (2, True)


def test_nobody_to_tell_and_nothing_to_watch_are_warnings(it: World, file: Path) -> None:
    file.write_text(FLEET + "[sinks.cloudwatch]\nenabled = false\n")
    done = run(file, it.server.endpoint, "put")
    assert done.exit_code == 0
    assert "alarms.topic_arns is empty" in done.stderr
    assert "no data will reach" in done.stderr


def test_what_cannot_be_reached_is_said(file: Path) -> None:
    file.write_text(NAMED + "[aws]\nmax_attempts = 1\n")
    for verb in ("put", "list", "delete"):
        done = run(file, f"http://127.0.0.1:{free_port()}", verb)
        assert (done.exit_code, "DescribeAlarms" in done.stderr) == (1, True)
